"""What the demo CLI does on a prompt: a few plain commands, and one thing for all else.

    write FILE: TEXT       read FILE       run COMMAND       plan
    ask QUESTION | A | B   slow SECONDS    fail

Anything else proposes to append the prompt to `codecast-demo.md`. Files are those of the
session's directory only. Every function yields pieces of the answer as they are spoken.
"""

import os
import re
import signal
import subprocess
import threading
import uuid
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional

if TYPE_CHECKING:
    from .demo import Agent, Session

NOTES = "codecast-demo.md"
PACE = 0.03  # seconds between words
MAX_FILE = 1 << 20


class Cancelled(Exception):
    """The person has stopped the turn."""


def reply(agent: "Agent", session: "Session", text: str) -> Iterator[str]:
    """The answer to a prompt, piece by piece. Raises Cancelled."""
    turn = _Turn(agent, session)
    word, _, rest = text.strip().lstrip("/").partition(" ")
    command = {
        "write": turn.write,
        "read": turn.read,
        "run": turn.run,
        "ask": turn.ask,
        "slow": turn.slow,
    }.get(word.lower().rstrip(":"))
    rest = rest.strip()
    if command is not None and rest:
        return command(rest)
    if text.strip().lower() in ("plan", "/plan"):
        return turn.plan()
    if text.strip().lower() in ("fail", "/fail"):
        return turn.fail()
    return turn.note(text)


class _Turn:
    def __init__(self, agent: "Agent", session: "Session") -> None:
        self._agent = agent
        self._session = session

    # ---- the commands ----

    def note(self, text: str) -> Iterator[str]:
        """Anything that is no command: append it to NOTES."""
        line = " ".join(text.split())[:500]
        self._agent.say(self._session, "No AI here: I only take notes.", thought=True)
        yield from self._words(
            "Hello, this is the demo CLI (no AI). I can append your words to %s, if you like. "
            % NOTES
        )
        old = self._load(NOTES)
        yield from self._edit(NOTES, old, (old or "# Notes of the demo\n\n") + "- " + line + "\n")

    def write(self, rest: str) -> Iterator[str]:
        name, colon, text = rest.partition(":")
        if not colon:
            yield from self._words("Tell me the text too: write FILE: TEXT")
            return
        yield from self._words("I will write %s. " % name.strip())
        text = text.strip(" ").replace("\\n", "\n")
        text += "" if text.endswith("\n") else "\n"
        yield from self._edit(name.strip(), self._load(name.strip()), text)

    def read(self, rest: str) -> Iterator[str]:
        call = self._call("Read " + rest, "read", rest, {"path": rest})
        text = self._load(rest)
        if text is None:
            self._done(call, "failed", "There is no such file here.")
            yield from self._words("I cannot read %s." % rest)
            return
        self._done(call, "completed", text)
        yield from self._words("%s has %d lines." % (rest, text.count("\n")))

    def run(self, rest: str) -> Iterator[str]:
        call = self._call(rest, "execute", None, {"command": rest})
        if not self._may(call, rest, "execute", [], {"command": rest}):
            yield from self._words("Then I do not run it.")
            return
        code = self._execute(call, rest)
        yield from self._words("The command ended with code %d." % code)

    def plan(self) -> Iterator[str]:
        steps = ["Look around", "Think it over", "Tell what I found"]
        for at in range(len(steps) + 1):
            self._agent.update(
                self._session,
                "plan",
                entries=[
                    {
                        "content": step,
                        "priority": "medium",
                        "status": "completed"
                        if index < at
                        else "in_progress"
                        if index == at
                        else "pending",
                    }
                    for index, step in enumerate(steps)
                ],
            )
            if at < len(steps):
                yield from self._words(steps[at] + ". ", slower=4)
        yield from self._words("That was the plan.")

    def ask(self, rest: str) -> Iterator[str]:
        question, *choices = [part.strip() for part in rest.split("|")]
        if not self._agent.can_ask:
            yield from self._words("This client shows no questions, so I tell it: " + question)
            return
        answer: Dict[str, Any] = {"type": "string", "title": "Question", "description": question}
        properties: Dict[str, Any] = {"answer": answer}
        if choices:
            answer["oneOf"] = [{"const": choice, "title": choice} for choice in choices]
            properties["answer_custom"] = {"type": "string", "title": "Other"}
        form = {
            "mode": "form",
            "message": question,
            "requestedSchema": {"type": "object", "properties": properties},
        }
        result = self._agent.ask(self._session, "elicitation/create", form)
        given = result.get("content") or {}
        said = given.get("answer_custom") or given.get("answer")
        if result.get("action") == "accept" and said:
            yield from self._words("You said: %s." % said)
        else:
            yield from self._words("No answer, then.")

    def slow(self, rest: str) -> Iterator[str]:
        try:
            seconds = min(3600.0, max(0.0, float(rest)))
        except ValueError:
            yield from self._words("How many seconds? slow SECONDS")
            return
        steps = max(1, int(seconds * 4))
        for step in range(steps):
            yield "%d " % (step + 1)
            self._wait(seconds / steps)
        yield "done."

    def fail(self) -> Iterator[str]:
        from .demo import Failure

        yield from self._words("I will fail now. ")
        raise Failure(500, "The demo failed, as it was told to")

    # ---- tools ----

    def _edit(self, name: str, old: Optional[str], new: str) -> Iterator[str]:
        path = self._inside(name)
        if path is None:
            yield from self._words("I write only inside the session's directory.")
            return
        if self._session.mode == "plan":
            yield from self._words("But this is plan mode, in which I change nothing.")
            return
        diff = {"type": "diff", "path": path, "oldText": old, "newText": new}
        call = self._call("Edit " + name, "edit", name, {"path": path}, [diff])
        if not self._may(call, "Edit " + name, "edit", [diff], {"path": path}):
            yield from self._words("Then I leave it as it is.")
            return
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(new)
        except OSError as problem:
            self._done(call, "failed", str(problem))
            yield from self._words("That failed: %s." % problem)
            return
        self._agent.update(
            self._session,
            "tool_call_update",
            toolCallId=call,
            status="completed",
            content=[diff],
        )
        yield from self._words("Done: %s is written." % name)

    def _execute(self, call: str, command: str) -> int:
        """Run in a process group of its own; its output goes out as it comes."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=self._session.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        finished = threading.Event()

        def watch() -> None:
            while not finished.is_set():
                if self._session.cancelled.wait(0.05):
                    try:
                        os.killpg(process.pid, signal.SIGKILL)
                    except OSError:
                        pass
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        output = ""
        assert process.stdout is not None
        for line in process.stdout:
            output = (output + line.decode("utf-8", "replace"))[-MAX_FILE:]
            self._agent.update(
                self._session,
                "tool_call_update",
                toolCallId=call,
                status="in_progress",
                content=_text(output),
            )
        code = process.wait()
        finished.set()
        watcher.join()
        if self._session.cancelled.is_set():
            self._done(call, "failed", output)
            raise Cancelled()
        self._done(call, "failed" if code else "completed", output)
        return code

    def _call(
        self,
        title: str,
        kind: str,
        name: Optional[str],
        raw: Dict[str, Any],
        content: Optional[List[Dict[str, Any]]] = None,
    ) -> str:
        call = "call-" + uuid.uuid4().hex[:12]
        path = self._inside(name) if name else None
        self._agent.update(
            self._session,
            "tool_call",
            toolCallId=call,
            title=title,
            kind=kind,
            status="pending",
            rawInput=raw,
            content=content or [],
            locations=[{"path": path}] if path else [],
        )
        return call

    def _may(
        self,
        call: str,
        title: str,
        kind: str,
        content: List[Dict[str, Any]],
        raw: Dict[str, Any],
    ) -> bool:
        """Whether the person, or the mode, allows it. Raises Cancelled."""
        mode = self._session.mode
        if mode == "auto" or kind in self._session.allowed or (mode == "code" and kind == "edit"):
            return True
        if mode == "plan":
            self._done(call, "failed", "Plan mode: nothing is changed.")
            return False
        what = "edits" if kind == "edit" else "commands"
        options = [
            ("allow", "allow_once", "Allow"),
            ("always", "allow_always", "Allow all %s of this session" % what),
            ("reject", "reject_once", "Reject"),
        ]
        params = {
            "toolCall": {
                "toolCallId": call,
                "title": title,
                "kind": kind,
                "status": "pending",
                "content": content,
                "rawInput": raw,
            },
            "options": [{"optionId": id, "kind": k, "name": name} for id, k, name in options],
        }
        result = self._agent.ask(self._session, "session/request_permission", params)
        chosen = (result.get("outcome") or {}).get("optionId")
        if chosen == "always":
            self._session.allowed.append(kind)
        if chosen not in ("allow", "always"):
            self._done(call, "failed", "Not allowed.")
            return False
        return True

    def _done(self, call: str, status: str, text: str) -> None:
        self._agent.update(
            self._session,
            "tool_call_update",
            toolCallId=call,
            status=status,
            content=_text(text),
        )

    # ---- small things ----

    def _words(self, text: str, slower: int = 1) -> Iterator[str]:
        for piece in re.findall(r"\S+\s*", text):
            yield piece
            self._wait(PACE * slower)

    def _wait(self, seconds: float) -> None:
        fast = self._session.model == "fast" and seconds <= PACE * 4
        if self._session.cancelled.wait(0 if fast else seconds):
            raise Cancelled()

    def _inside(self, name: str) -> Optional[str]:
        """The absolute path of `name`, if it is inside the session's directory."""
        base = os.path.realpath(self._session.cwd)
        path = os.path.realpath(os.path.join(base, os.path.expanduser(name)))
        return path if path.startswith(base.rstrip("/") + "/") else None

    def _load(self, name: str) -> Optional[str]:
        path = self._inside(name)
        if path is None:
            return None
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read(MAX_FILE)
        except OSError:
            return None


def _text(text: str) -> List[Dict[str, Any]]:
    return [{"type": "content", "content": {"type": "text", "text": text}}]
