"""A small ACP agent that keeps its own record of what reached it, outside of the product.

Every prompt it is given, every answer and every word it has said is a line of
`witness.log` in its session's directory, written before anything else happens. What the
journal and the surfaces claim is compared with that. A prompt is one line, `TAG VERB REST`:

    say N        N chunks, `TAG:0` to `TAG:N-1`
    ask [S]      a permission request; then a chunk with the answer, and S seconds of silence
    work S       a chunk every 50 ms for S seconds; ends at a cancel
    big N        one chunk of N KiB
    spawn        leaves a process behind that ignores SIGTERM and has a session of its own
    fail         the turn ends with an error

Standard library only.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

Json = dict[str, Any]
OPTIONS = [
    {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
    {"optionId": "no", "name": "No", "kind": "reject_once"},
]
STRAY = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(900)"


class Witness:
    """One agent process with one session."""

    def __init__(self) -> None:
        self.session = ""
        self.log = Path("witness.log")
        self.cancelled = False
        self.buffer = b""
        self.inbox: list[Json] = []
        self.asked = 0

    def note(self, **what: Any) -> None:
        """One write, so that a kill leaves a whole line or none."""
        what.update(time=time.time(), pid=os.getpid())
        fd = os.open(str(self.log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, json.dumps(what).encode() + b"\n")
        os.close(fd)

    def send(self, message: Json) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
        while data:
            data = data[os.write(1, data) :]

    def say(self, text: str) -> None:
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
        self.send(
            {"method": "session/update", "params": {"sessionId": self.session, "update": update}}
        )

    def hear(self, seconds: float | None = None) -> Json | None:
        """The next message, None after `seconds`. The end of stdin ends the process."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self.inbox:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not select.select([0], [], [], left)[0]:
                return None
            data = os.read(0, 1 << 16)
            if not data:
                sys.exit(0)
            *lines, self.buffer = (self.buffer + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if message.get("method") == "session/cancel":
                    self.cancelled = True
                    self.inbox.append({})  # wakes whoever waits
                else:
                    self.inbox.append(message)
        return self.inbox.pop(0)

    def serve(self) -> None:
        while True:
            message = self.hear()
            if message and message.get("method") and message.get("id") is not None:
                self.send({"id": message["id"], **self.answer(message)})
            else:
                self.late(message)

    def late(self, message: Json | None) -> None:
        """A choice made for a request that is over is one too many."""
        outcome = ((message or {}).get("result") or {}).get("outcome") or {}
        if outcome.get("optionId"):
            self.note(answered="nobody asked", option=outcome["optionId"])

    def answer(self, message: Json) -> Json:
        method, params = message["method"], message.get("params") or {}
        if method == "initialize":
            return {"result": {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}}}
        if method == "session/new":
            self.session = str(uuid.uuid4())
        elif method == "session/load":
            self.session = params["sessionId"]
        if method in ("session/new", "session/load"):
            self.log = Path(params["cwd"]) / "witness.log"
            self.note(begun=self.session)
            return {"result": {"sessionId": self.session} if method == "session/new" else {}}
        if method == "session/prompt":
            self.cancelled = False
            return self.turn("".join(block.get("text", "") for block in params["prompt"]))
        return {"result": {}}

    def turn(self, text: str) -> Json:
        tag, verb, rest = [*text.split(" ", 2), "", ""][:3]
        self.note(got=tag, text=text)
        said = 0
        if verb == "say":
            for said in range(1, int(rest.split()[0]) + 1):
                self.say(f"{tag}:{said - 1} ")
        elif verb == "work":
            end = time.monotonic() + float(rest)
            while time.monotonic() < end and not self.cancelled:
                self.say(f"{tag}:{said} ")
                said += 1
                self.pause(0.05)
        elif verb == "big":
            self.say(f"{tag}:0 " + "x" * (int(rest) << 10))
            said = 1
        elif verb == "spawn":
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", STRAY],
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            assert child.stdout is not None
            child.stdout.readline()
            self.note(spawned=child.pid)
            self.say(f"{tag}:0 ")
            said = 1
        elif verb == "ask":
            option = self.ask(tag)
            if option:
                self.say(f"{tag}:0 {option}")
                said = 1
                end = time.monotonic() + float(rest or 0)
                while time.monotonic() < end and not self.cancelled:
                    self.pause(end - time.monotonic())
        elif verb == "fail":
            self.note(ended=tag, said=0)
            return {"error": {"code": 500, "message": "as it was told to"}}
        self.note(ended=tag, said=said)
        return {"result": {"stopReason": "cancelled" if self.cancelled else "end_turn"}}

    def pause(self, seconds: float) -> None:
        """Hears a cancel, and answers what is asked in the middle of a turn."""
        message = self.hear(seconds)
        if message and message.get("method") and message.get("id") is not None:
            self.send({"id": message["id"], "result": {}})
        else:
            self.late(message)

    def ask(self, tag: str) -> str:
        """The option chosen; empty when the turn is cancelled first."""
        self.asked += 1
        number = f"ask-{os.getpid()}-{self.asked}"
        call = {"toolCallId": tag, "title": "May I " + tag, "kind": "execute"}
        self.note(asked=tag)
        self.send(
            {
                "id": number,
                "method": "session/request_permission",
                "params": {"sessionId": self.session, "toolCall": call, "options": OPTIONS},
            }
        )
        while not self.cancelled:
            message = self.hear() or {}
            if message.get("id") == number and "method" not in message:
                outcome = (message.get("result") or {}).get("outcome") or {}
                option = str(outcome.get("optionId") or "")
                if option:
                    self.note(answered=tag, option=option)
                return option
            if message.get("id") is not None and message.get("method"):
                self.send({"id": message["id"], "result": {}})
            else:
                self.late(message)
        return ""


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    Witness().serve()
