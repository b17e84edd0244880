"""Recordings of Codex, played to its adapter: see `playback`.

The recorder asked for less than the adapter does; what was not recorded is answered as a
Codex without anything to tell would.
"""

from __future__ import annotations

import json
from typing import Any

from codecast_agent.clis.contract import Answer, Prompt
from codecast_agent.protocol import events

from .hosts import Json, RecordingHost
from .playback import RECORDINGS, _Player

CLASSES = {"never": "auto", "untrusted": "ask", "on-request": "ask"}
UNRECORDED: dict[str, Json] = {
    "account/read": {"account": None, "requiresOpenaiAuth": False},
    "model/list": {"data": []},
    "skills/list": {"data": []},
    "thread/turns/list": {"data": []},
    "thread/backgroundTerminals/list": {"data": []},
}
DECISIONS = {
    "accept": "allow_once",
    "acceptForSession": "allow_session",
    "decline": "reject_once",
    "cancel": "reject_stop",
}


def play_codex(name: str) -> RecordingHost:
    """The host after the recording `codex/NAME` has been played."""
    lines = (RECORDINGS / "codex" / f"{name}.jsonl").read_text().splitlines()
    return CodexPlayer("codex", "ask").play([json.loads(line) for line in lines])


class CodexPlayer(_Player):
    answered = 0  # what was sent, up to here

    def start(self, argv: list[str], rest: list[Json]) -> None:
        self.answered = len(self.host.sent)
        super().start(argv, rest)

    def native(self, argv: list[str], rest: list[Json]) -> str | None:
        for line in rest:
            if "argv" in line:
                break
            message = line.get("msg", {})
            if message.get("method") == "thread/start":
                self.mode = CLASSES.get(message["params"].get("approvalPolicy"), "ask")
            if message.get("method") == "thread/resume":
                return str(message["params"]["threadId"])
        return None

    def to(self, message: Json) -> None:
        method, params = message.get("method"), message.get("params") or {}
        if params.get("approvalPolicy") and method != "thread/start":
            before = len(self.host.sent)
            self.adapter.set_mode(CLASSES[params["approvalPolicy"]])
            for sent in self.host.sent[before:] if method == "turn/start" else ():
                self.used.add(sent["id"])  # what the recorder gave with the turn
                self.adapter.line(json.dumps({"id": sent["id"], "result": {}}).encode())
        if method == "turn/start":
            for _, call in list(self.host.timers):  # one that waits for a command to end
                call()
            blocks = [events.text(part["text"]) for part in params["input"]]
            prompt = Prompt(self.prompt_id(), blocks)
            (self.adapter.steer if self.host.turn_open else self.adapter.prompt)(prompt)
        elif method == "turn/steer":
            if self.host.turn_open:
                blocks = [events.text(part["text"]) for part in params["input"]]
                id = params.get("clientUserMessageId") or self.prompt_id()
                self.adapter.steer(Prompt(id, blocks))
        elif method == "turn/interrupt":
            self.adapter.interrupt()
        elif method == "thread/settings/update" and params.get("model"):
            self.adapter.set_model(params["model"])
        elif method is None:
            self.respond(message)
        for sent in self.host.sent[self.begun :]:
            id = sent.get("id")
            if method in UNRECORDED:
                break  # answered already
            if method and sent.get("method") == method and id is not None and id not in self.used:
                self.ids[message["id"]] = id
                self.used.add(id)
                break
        self.reply()

    def respond(self, message: Json) -> None:
        result = message.get("result", {})
        if "answers" in result:
            said = {id: given["answers"] for id, given in result["answers"].items()}
            answer = Answer(answers=said) if said else Answer(declined=True)
        else:
            answer = Answer(option=DECISIONS[result["decision"]])
        self.answer(message["id"], answer)

    def hear(self, message: Json) -> None:
        if "method" not in message:
            if message.get("id") not in self.ids:
                return
            message["id"] = self.ids[message["id"]]
        before = len(self.host.events)
        super().hear(message)
        for event in self.host.events[before:]:
            if event["type"] == "request_opened":
                self.requests[message["id"]] = event["request"]
        self.reply()

    def reply(self) -> None:
        """Answer what the recorder never asked."""
        while self.answered < len(self.host.sent):
            sent = self.host.sent[self.answered]
            self.answered += 1
            method: Any = sent.get("method")
            if method in UNRECORDED:
                line = {"id": sent["id"], "result": UNRECORDED[method]}
                self.adapter.line(json.dumps(line).encode())
