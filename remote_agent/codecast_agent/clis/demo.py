"""The demo CLI: a small ACP agent of ours, so that everything can be tried without a key.

It is no AI and says so. It reads a few plain commands (see `demo_replies`), really edits
files in the session's directory and really asks permission, streams word by word, can be
cancelled, and takes up its sessions again: their history lies in
`$XDG_STATE_HOME/codecast-demo` (`~/.local/state/codecast-demo`).

Run with `python3 -m codecast_agent.clis.demo`. One thread reads stdin, so that a cancel or
an answer arrives while the main thread works on a prompt.
"""

import json
import os
import queue
import sys
import threading
import uuid
from typing import Any, Dict, List, Optional

from .demo_replies import Cancelled, reply

NAME = "demo (no AI)"
VERSION = "1"
MODES = [
    ("ask", "Ask", "Asks before every edit and command"),
    ("code", "Code", "Edits freely, asks before commands"),
    ("plan", "Plan", "Reads only"),
    ("auto", "Auto", "Asks nothing"),
]
MODELS = [("words", "Word by word"), ("fast", "As fast as it can")]
COMMANDS = [
    ("write", "write FILE: TEXT", "Write a file"),
    ("read", "read FILE", "Show a file"),
    ("run", "run COMMAND", "Run a shell command"),
    ("plan", "plan", "Show a to-do list at work"),
    ("ask", "ask QUESTION | A | B", "Ask a question"),
    ("slow", "slow SECONDS", "Speak slowly"),
    ("fail", "fail", "End the turn with an error"),
]


class Session:
    """One conversation; `cancelled` is set by the reading thread."""

    def __init__(self, id: str, cwd: str, mode: str = "ask") -> None:
        self.id = id
        self.cwd = cwd
        self.mode = mode
        self.model = "words"
        self.history: List[Dict[str, str]] = []
        self.allowed: List[str] = []  # kinds of tool calls allowed for the session
        self.cancelled = threading.Event()

    def path(self) -> str:
        return os.path.join(_state_directory(), self.id + ".json")

    def save(self) -> None:
        """Write the history, owner-only, whole or not at all."""
        os.makedirs(_state_directory(), mode=0o700, exist_ok=True)
        record = {"cwd": self.cwd, "mode": self.mode, "history": self.history}
        aside = self.path() + ".new"
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(record, file)
        os.replace(aside, self.path())

    @classmethod
    def load(cls, id: str, cwd: str) -> Optional["Session"]:
        """The session of that id; None when there is none (an id is never a path)."""
        session = cls(id, cwd)
        try:
            uuid.UUID(id)
            with open(session.path(), encoding="utf-8") as file:
                record = json.load(file)
            session.mode = str(record["mode"])
            session.history = [dict(entry) for entry in record["history"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return session


class Agent:
    """The agent's side of ACP."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: "queue.Queue[Dict[str, Any]]" = queue.Queue()
        self._answers: Dict[str, "queue.Queue[Dict[str, Any]]"] = {}
        self._count = 0
        self._sessions: Dict[str, Session] = {}
        self.can_ask = False  # the client shows forms

    def run(self) -> None:
        """Serve until stdin ends."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            message = self._work.get()
            method = str(message.get("method"))
            handler = {
                "initialize": self._initialize,
                "session/new": self._new,
                "session/load": self._load,
                "session/prompt": self._prompt,
                "session/set_mode": self._set_mode,
                "session/set_model": self._set_model,
            }.get(method)
            if message.get("id") is None:
                continue
            if handler is None:
                self._error(message["id"], -32601, "Method not found: " + method)
                continue
            try:
                self._send({"id": message["id"], "result": handler(message.get("params") or {})})
            except Failure as problem:
                self._error(message["id"], problem.code, str(problem))
            except Exception as problem:  # one prompt's failure, not the agent's
                self._error(message["id"], -32603, "Internal error: %r" % problem)

    # ---- what replies use ----

    def update(self, session: Session, update: str, /, **fields: Any) -> None:
        """Send a `session/update`."""
        params = {"sessionId": session.id, "update": {"sessionUpdate": update, **fields}}
        self._send({"method": "session/update", "params": params})

    def say(self, session: Session, text: str, thought: bool = False) -> None:
        """A chunk of the answer."""
        kind = "agent_thought_chunk" if thought else "agent_message_chunk"
        self.update(session, kind, content={"type": "text", "text": text})

    def ask(self, session: Session, method: str, params: Dict[str, Any]) -> Dict[str, Any]:
        """Ask the client and wait. Raises Cancelled."""
        with self._lock:
            self._count += 1
            number = "demo-%d" % self._count
            box: "queue.Queue[Dict[str, Any]]" = queue.Queue()
            self._answers[number] = box
        self._send({"id": number, "method": method, "params": {"sessionId": session.id, **params}})
        while True:
            try:
                answer = box.get(timeout=0.1)
            except queue.Empty:
                if session.cancelled.is_set():
                    raise Cancelled() from None
                continue
            if session.cancelled.is_set():
                raise Cancelled()
            result = answer.get("result")
            return result if isinstance(result, dict) else {}

    # ---- methods ----

    def _initialize(self, params: Dict[str, Any]) -> Dict[str, Any]:
        client = params.get("clientCapabilities") or {}
        self.can_ask = "form" in (client.get("elicitation") or {})
        return {
            "protocolVersion": 1,
            "agentInfo": {"name": "codecast-demo", "title": NAME, "version": VERSION},
            "agentCapabilities": {"loadSession": True, "promptCapabilities": {"image": True}},
            "authMethods": [],
        }

    def _new(self, params: Dict[str, Any]) -> Dict[str, Any]:
        session = Session(str(uuid.uuid4()), str(params.get("cwd") or os.getcwd()))
        session.save()
        return {"sessionId": session.id, **self._opened(session)}

    def _load(self, params: Dict[str, Any]) -> Dict[str, Any]:
        id = str(params.get("sessionId"))
        session = Session.load(id, str(params.get("cwd") or os.getcwd()))
        if session is None:
            raise Failure(-32002, "There is no session " + id)
        for entry in session.history:
            kind = "user_message_chunk" if entry["role"] == "user" else "agent_message_chunk"
            self.update(session, kind, content={"type": "text", "text": entry["text"]})
        return self._opened(session)

    def _opened(self, session: Session) -> Dict[str, Any]:
        self._sessions[session.id] = session
        self.update(
            session,
            "available_commands_update",
            availableCommands=[
                {"name": name, "description": text, "input": {"hint": usage}}
                for name, usage, text in COMMANDS
            ],
        )
        return {
            "modes": {
                "currentModeId": session.mode,
                "availableModes": [
                    {"id": id, "name": name, "description": text} for id, name, text in MODES
                ],
            },
            "models": {
                "currentModelId": session.model,
                "availableModels": [{"modelId": id, "name": name} for id, name in MODELS],
            },
        }

    def _prompt(self, params: Dict[str, Any]) -> Dict[str, Any]:
        session = self._session(params)
        text = "\n".join(
            str(block.get("text", "")) for block in params.get("prompt") or [] if "text" in block
        )
        spoken: List[str] = []
        try:
            if session.cancelled.is_set():
                raise Cancelled()
            for piece in reply(self, session, text):
                spoken.append(piece)
                self.say(session, piece)
            reason = "end_turn"
        except Cancelled:
            reason = "cancelled"
        finally:
            session.history.append({"role": "user", "text": text})
            session.history.append({"role": "agent", "text": "".join(spoken)})
            session.save()
        return {"stopReason": reason}

    def _set_mode(self, params: Dict[str, Any]) -> Dict[str, Any]:
        session = self._session(params)
        if params.get("modeId") not in [mode[0] for mode in MODES]:
            raise Failure(-32602, "There is no mode %r" % params.get("modeId"))
        session.mode = str(params["modeId"])
        return {}

    def _set_model(self, params: Dict[str, Any]) -> Dict[str, Any]:
        session = self._session(params)
        if params.get("modelId") not in [model[0] for model in MODELS]:
            raise Failure(-32602, "There is no model %r" % params.get("modelId"))
        session.model = str(params["modelId"])
        return {}

    def _session(self, params: Dict[str, Any]) -> Session:
        session = self._sessions.get(str(params.get("sessionId")))
        if session is None:
            raise Failure(-32002, "There is no session %r" % params.get("sessionId"))
        return session

    # ---- the wire ----

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            try:
                message = json.loads(line)
            except ValueError:
                self._error(None, -32700, "Parse error")
                continue
            if not isinstance(message, dict):
                self._error(None, -32600, "Invalid request")
            elif message.get("method") == "session/cancel":
                session = self._sessions.get(str((message.get("params") or {}).get("sessionId")))
                if session is not None:
                    session.cancelled.set()
            elif message.get("method") in ("session/set_mode", "session/set_model"):
                self._now(message)
            elif "method" in message:
                if message["method"] == "session/prompt":
                    # a cancel counts from here: a stale one must not end this prompt
                    session = self._sessions.get(
                        str((message.get("params") or {}).get("sessionId"))
                    )
                    if session is not None:
                        session.cancelled.clear()
                self._work.put(message)
            else:
                box = self._answers.pop(str(message.get("id")), None)
                if box is not None:
                    box.put(message)
        os._exit(0)  # the client is gone: whatever the main thread does, nobody listens

    def _now(self, message: Dict[str, Any]) -> None:
        """Settings take effect in the middle of a turn too."""
        handler = self._set_mode if message["method"] == "session/set_mode" else self._set_model
        try:
            self._send({"id": message.get("id"), "result": handler(message.get("params") or {})})
        except Failure as problem:
            self._error(message.get("id"), problem.code, str(problem))

    def _error(self, id: Any, code: int, message: str) -> None:
        self._send({"id": id, "error": {"code": code, "message": message}})

    def _send(self, message: Dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode("ascii") + b"\n"
        with self._lock:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


class Failure(Exception):
    """An error the client is told, with JSON-RPC's code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def _state_directory() -> str:
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "codecast-demo")


def main() -> None:
    """The program: speaks ACP, or tells its version."""
    if "--version" in sys.argv[1:]:
        sys.stdout.write("%s %s\n" % (NAME, VERSION))
        return
    Agent().run()


if __name__ == "__main__":
    main()
