"""Recordings of real CLIs, played to an adapter as a supervisor and a person would have.

A recording is one JSON object a line: `argv` (a process starts), `dir` "to" or "from" with
`msg`, `stderr`, `note`. What it says was sent decides what the person does here (prompt,
answer, interrupt, switch); ids that the adapter chose otherwise are put in their place.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from codecast_agent.clis import acp, catalog
from codecast_agent.clis.contract import Answer, Launch, Prompt
from codecast_agent.clis.quirks import quirks
from codecast_agent.protocol.errors import CodecastError

from .hosts import Json, RecordingHost

RECORDINGS = Path(__file__).parent / "recordings"
SESSION = "00000000-0000-4000-8000-000000000000"
CLAUDE_CLASSES = {"default": "ask", "acceptEdits": "code", "plan": "plan"}


def recordings(*clis: str) -> list[str]:
    """`cli/case` of every recording."""
    return sorted(
        f"{cli}/{path.stem}" for cli in clis for path in (RECORDINGS / cli).glob("*.jsonl")
    )


def play(name: str, cli: str = "", mode: str = "ask") -> RecordingHost:
    """The host after the recording `name` has been played to the adapter of `cli`."""
    player = _Claude if name.startswith("claude/") else _Acp
    lines = (RECORDINGS / f"{name}.jsonl").read_text().splitlines()
    return player(cli or name.split("/")[0], mode).play([json.loads(line) for line in lines])


class _Watched:
    """An adapter; what is done to it is put into the host's log."""

    def __init__(self, adapter: Any, host: RecordingHost) -> None:
        self._adapter, self._log = adapter, host.log

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        if name not in ("prompt", "steer", "interrupt", "answer", "set_mode", "set_model"):
            return found

        def settled(problem: CodecastError | None) -> None:
            if problem is not None:
                self._log.append(("refused", problem))

        def noted(*given: Any) -> Any:
            self._log.append((name, given))
            return found(*given, settled) if name.startswith("set_") else found(*given)

        return noted


class _Player(ABC):
    def __init__(self, cli: str, mode: str) -> None:
        self.cli, self.mode = cli, mode
        self.host = RecordingHost()
        self.ids: dict[Any, Any] = {}  # the recording's id of a request of ours -> the adapter's
        self.used: set[Any] = set()
        self.begun = 0  # what was sent before this process
        self.requests: dict[Any, str] = {}  # the CLI's request -> its request_opened
        self.prompts = 0
        self.adapter: Any = None

    def play(self, lines: list[Json]) -> RecordingHost:
        for at, line in enumerate(lines):
            if "argv" in line:
                self.end()
                self.start(line["argv"], lines[at + 1 :])
            elif line.get("dir") == "to":
                self.to(line["msg"])
            elif line.get("dir") == "from":
                self.hear(line["msg"])
            elif "note" in line:
                self.host.log.append(("note", line["note"]))
        for seconds, call in list(self.host.timers):
            if seconds == acp.QUIET:  # a turn that the agent began by itself
                call()
        self.end()
        self.host.nothing_open()
        return self.host

    def start(self, argv: list[str], rest: list[Json]) -> None:
        self.host.is_ready = False
        self.ids, self.used = {}, set()
        self.begun = len(self.host.sent)
        native, fork = self.native(argv, rest), self.forks(rest)
        launch = Launch(
            SESSION, "/home/user/project", self.mode, None, native, fork, [argv[0]], {"HOME": "/x"}
        )
        self.host.log.append(("start", launch))
        adapter = catalog.adapter(self.cli)(self.host, launch)  # type: ignore[call-arg]
        self.adapter = _Watched(adapter, self.host)
        self.adapter.launch()
        self.adapter.begin()

    def end(self) -> None:
        if self.adapter is not None:
            self.adapter.exited(CodecastError("cli_failed", "it ended"))
            self.adapter = None

    @abstractmethod
    def native(self, argv: list[str], rest: list[Json]) -> str | None: ...

    def forks(self, rest: list[Json]) -> bool:
        return any(line.get("msg", {}).get("method") == "session/fork" for line in rest)

    @abstractmethod
    def to(self, message: Json) -> None: ...

    def hear(self, message: Json) -> None:
        self.adapter.line(json.dumps(message).encode())

    def prompt_id(self) -> str:
        self.prompts += 1
        return f"the-prompt-{self.prompts}"

    def answer(self, native: Any, answer: Answer) -> None:
        request = self.requests.pop(native, None)
        if request in self.host.open_requests:
            self.adapter.answer(request, answer)
            self.host.resolved(request)


class _Claude(_Player):
    def native(self, argv: list[str], rest: list[Json]) -> str | None:
        if "--permission-mode" in argv:
            native = argv[argv.index("--permission-mode") + 1]
            self.mode = CLAUDE_CLASSES.get(native, "auto")
        return None

    def to(self, message: Json) -> None:
        if message["type"] == "user":
            prompt = Prompt(message["uuid"], message["message"]["content"])
            (self.adapter.steer if self.host.turn_open else self.adapter.prompt)(prompt)
        elif message["type"] == "control_request":
            request = message["request"]
            kind = request["subtype"]
            if kind == "interrupt":
                self.adapter.interrupt()
            elif kind == "set_model":
                self.adapter.set_model(request["model"])
            elif kind == "set_permission_mode" and request["mode"] in CLAUDE_CLASSES:
                self.adapter.set_mode(CLAUDE_CLASSES[request["mode"]])
            for sent in self.host.sent[self.begun :]:
                id = sent.get("request_id")
                if sent.get("request", {}).get("subtype") == kind and id not in self.used:
                    self.ids[message["request_id"]] = id
                    self.used.add(id)
                    break
        elif message["type"] == "control_response":
            self.respond(message["response"])

    def respond(self, native: Json) -> None:
        given = native.get("response", {})
        request = self.requests.get(native["request_id"])
        opened = next((e for e in self.host.events if e.get("request") == request), None)
        if opened is None:
            return
        if given.get("behavior") == "deny":
            answer = Answer(option="reject_once", declined=True, message=given["message"])
        elif opened["kind"] == "question":
            said = given["updatedInput"]["answers"]
            ids = {question["text"]: question["id"] for question in opened["questions"]}
            answer = Answer(answers={ids[text]: [words] for text, words in said.items()})
        elif given.get("updatedPermissions"):
            always = [o["id"] for o in opened["options"] if o["kind"] == "allow_always"]
            answer = Answer(option=always[-1])
        else:
            answer = Answer(option="allow_once")
        self.answer(native["request_id"], answer)

    def hear(self, message: Json) -> None:
        if message["type"] == "control_response":
            id = message["response"]["request_id"]
            if id not in self.ids:
                return  # the recorder asked something an adapter does not
            message["response"]["request_id"] = self.ids[id]
        super().hear(message)
        if message["type"] == "control_request":
            self.requests[message["request_id"]] = message["request_id"]


class _Acp(_Player):
    def native(self, argv: list[str], rest: list[Json]) -> str | None:
        for line in rest:
            if "argv" in line:
                break
            message = line.get("msg", {})
            if message.get("method") in ("session/load", "session/resume"):
                return str(message["params"]["sessionId"])
        return None

    def to(self, message: Json) -> None:
        method = message.get("method")
        if method == "session/prompt":
            if self.host.turn_open:
                return
            if not self.host.is_ready:  # an adapter that waits for the end of a replay
                for _, call in list(self.host.timers):
                    call()
            blocks = message["params"]["prompt"]
            self.adapter.prompt(Prompt(self.prompt_id(), blocks))
        elif method == "session/load":
            for seconds, call in list(self.host.timers):
                if seconds > acp.QUIET:  # an adapter that waits before it loads
                    call()
        elif method == "session/set_mode":
            native = message["params"]["modeId"]
            modes = quirks(self.cli).modes or {"code": "workspace-write"}
            for ours, theirs in modes.items():
                if theirs == native:
                    self.adapter.set_mode(ours)
        elif method == "session/cancel":
            self.adapter.interrupt()
        elif method in ("session/set_model", "session/set_config_option"):
            params = message["params"]
            if params.get("configId", "model") == "model":
                self.adapter.set_model(params.get("modelId") or params["value"])
        elif method is None:
            self.respond(message)
        for sent in self.host.sent[self.begun :]:
            id = sent.get("id")
            if sent.get("method") == method and method and id is not None and id not in self.used:
                self.ids[message["id"]] = id
                self.used.add(id)
                break

    def respond(self, message: Json) -> None:
        outcome = message.get("result", {}).get("outcome") or {}
        content = message.get("result", {}).get("content")
        if content is not None:
            request = self.requests.get(message["id"])
            opened = next(e for e in self.host.events if e.get("request") == request)
            asked = [question["id"] for question in opened["questions"]]
            said = {id: [content[id]] for id in asked if id in content}
            self.answer(message["id"], Answer(answers=said))
        elif outcome.get("outcome") == "selected":
            self.answer(message["id"], Answer(option=outcome["optionId"]))

    def hear(self, message: Json) -> None:
        if "method" not in message and "id" in message:
            if message["id"] not in self.ids:
                return
            message["id"] = self.ids[message["id"]]
            can = (message.get("result") or {}).get("agentCapabilities", {})
            can.get("sessionCapabilities", {}).pop("resume", None)  # the recorder loaded
        before, sent = len(self.host.events), len(self.host.sent)
        super().hear(message)
        for event in self.host.events[before:]:
            if event["type"] == "request_opened":
                self.requests[message["id"]] = event["request"]
        for asked in self.host.sent[sent:]:
            if asked.get("method") in ("session/set_mode", "session/set_config_option"):
                self.used.add(asked["id"])  # at its start, where the recorder set nothing
                self.adapter.line(json.dumps({"id": asked["id"], "result": {}}).encode())
