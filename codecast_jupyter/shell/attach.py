"""`codecast attach`: one session live, with a composer.

What is typed becomes a prompt, or the answer while a request is open, or a command after
`/`. Nothing typed is lost: what cannot be taken stays in the composer with a word why.
Detaching never affects the CLI.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from codecast_agent.protocol.errors import CodecastError

from ..commands import choices
from ..commands.context import Context
from ..commands.prompts import in_front_of
from ..commands.render.entries import Printer, problem, running_tool
from ..commands.results import Follow
from ..commands.sessions import described
from ..commands.table import MODES, nearest
from ..commands.transcript import Transcript
from ..commands.words import MARK, duration, name, one_line, safe
from .follow import first
from .screen import Screen

Json = Mapping[str, Any]

HELP = """\
type a prompt and Enter; Alt-Enter makes a new line; while a turn runs, prompts wait in the queue
/interrupt      stop the running turn (Ctrl-C)      /detach    leave; the session goes on (Ctrl-D)
/mode MODE      auto, code, plan or ask             /model M   another model
/send TEXT      queue a prompt while something is asked
/queue          what waits                          /cancel N  take one back
/move N PLACE   another place for one that waits: a number, up, down, first, last
/stop           end the CLI, keep the session       /help      this
//x             gives /x to the CLI even where it is one of ours; any other /x goes to the CLI
a request is answered by a number, y (once), a (always), n (no), `n because ...`"""
OURS = (
    *("/interrupt", "/stop", "/detach", "/mode", "/model"),
    *("/send", "/queue", "/move", "/cancel", "/help"),
)


class Attach:
    def __init__(self, follow: Follow, context: Context, console: Console) -> None:
        self.follow = follow
        self.client = context.client
        self.session = follow.session
        self.id = str(follow.session["id"])
        self.transcript = Transcript(follow.session.get("state"))
        self.screen = Screen(
            console,
            on_line=self._line,
            on_interrupt=self._interrupt_key,
            label=self._label,
            notes=self._notes,
            status=self._status,
            words=self._words,
            ticking=lambda: self.running or bool(self._unseen),
        )
        self.printer = Printer(self.screen)
        self.hint = ""
        self.trouble = ""  # the server or the machine is away
        self._answers: dict[str, list[str]] = {}  # of the open request's questions so far
        self._asked: str | None = None  # the request the composer is for
        self._guarded = False  # the draft is older than the request
        self._answering: set[str] = set()  # answers on their way
        self._unseen: dict[str, dict[str, Any]] = {}  # prompts sent, of which no event has come yet
        self._unsent: tuple[str, str] | None = None  # text and id of a prompt that failed to go
        self._interrupting = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: CodecastError | None = None

    @property
    def state(self) -> Json:
        return self.transcript.state

    @property
    def running(self) -> bool:
        return self.state["turn"] is not None

    @property
    def request(self) -> Json | None:
        """The oldest open request that is not being answered already."""
        for request in self.transcript.requests:
            if request.get("request") not in self._answering:
                return request
        return None

    async def run(self) -> int:
        """0 when detached. Raises CodecastError when the session cannot be watched any more."""
        after = await self._begin()
        self.client.on_connection = self._connection
        reading = asyncio.create_task(self._read(after))
        watching = asyncio.create_task(self._watch())
        try:
            await self.screen.run()
        finally:
            tasks = [reading, watching, *self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._failure is not None:
            raise self._failure
        print(
            f"Detached from {name(self.session)}; it goes on. codecast attach {name(self.session)}"
        )
        return 0

    async def _begin(self) -> int:
        """Say what this is; the event to begin after, early enough to show every open request."""
        session = self.session
        head = Text(safe(name(session)), "bold")
        head.append(
            f"  {safe(described(session))}   /help tells the keys",
            "dim",
        )
        self.screen.block(head)
        if self.follow.words:
            self.screen.block(Text(self.follow.words, "yellow"))
        after = first(self.follow)
        if after and self.follow.after is None:
            opened = await self.client.requests(self.id)
            after = min([after, *(int(r["seq"]) - 1 for r in opened if r.get("outcome") == "open")])
            if after:
                self.screen.block(Text(f"… earlier: codecast logs {name(session)}", "dim"))
        return after

    async def _read(self, after: int) -> None:
        try:
            async for event in self.client.events(self.id, after=after):
                self._take(event)
        except CodecastError as error:
            self._failure = error
        else:
            self._failure = CodecastError("not_found", f"{name(self.session)} was removed.")
        self.screen.close()

    async def _watch(self) -> None:
        """The machine's comings and goings."""
        while True:
            with contextlib.suppress(CodecastError):
                async for change in self.client.watch():
                    if change["type"] == "session" and change["session"]["id"] == self.id:
                        self.session = {**change["session"]}
                        self.screen.changed()
            await asyncio.sleep(1)

    def _connection(self, error: CodecastError | None) -> None:
        """The server was lost (the client goes on looking for it), or is there again."""
        self.trouble = f"{error.message} Trying again ..." if error else ""
        if error is not None:
            self._do(self._revive())
        self.screen.changed()

    async def _revive(self) -> None:
        """A server that only shells use has nobody else to start it again."""
        from .. import serving

        while self.trouble:
            await asyncio.sleep(1)
            if self.trouble:
                await serving.revive()

    def _take(self, event: Json) -> None:
        kind = event.get("type")
        if kind == "prompt_state":
            self._unseen.pop(str(event.get("prompt")), None)
        elif kind in ("request_resolved", "request_withdrawn"):
            self._answering.discard(str(event.get("request")))
        elif kind == "turn_ended":
            self._interrupting = False
            self.hint = ""
        self.printer.show(self.transcript.apply(event))
        if self._wanted() != self._asked:
            self._ask_for(self._wanted())
        self.screen.changed()

    def _wanted(self) -> str | None:
        request = self.request
        return str(request["request"]) if request else None

    def _ask_for(self, request: str | None) -> None:
        """Another request is open now, or none: half-typed answers are for nobody."""
        composer = self.screen.composer
        if self._asked is not None and not self._guarded and composer.text:
            composer.append_to_history()
            composer.reset()
        self._guarded = request is not None and bool(composer.text)
        self._asked = request
        self._answers = {}
        self.hint = ""

    # what is shown

    def _question(self) -> Json | None:
        """The next unanswered question of the open request."""
        request = self.request
        if request is None or request.get("kind") != "question":
            return None
        return next(
            (q for q in request.get("questions") or [] if q["id"] not in self._answers), None
        )

    def _label(self) -> str:
        request = self.request
        if request is None:
            return f"{MARK} "
        question = self._question()
        if question is not None:
            total = len(request.get("questions") or [])
            which = f"{len(self._answers) + 1} of {total}: " if total > 1 else ""
            return f"{which}answer [{choices.hint({**request, 'questions': [question]})}] {MARK} "
        return f"allow? [{choices.hint(request)}] {MARK} "

    def _notes(self, width: int) -> list[tuple[str, str]]:
        found = []
        now = time.time()
        tools = self.transcript.running_tools()
        for entry in tools[:4]:
            found.append(("ansicyan", f"⋯ {running_tool(entry, now, width)}"))
        if len(tools) > 4:
            found.append(("ansicyan", f"⋯ and {len(tools) - 4} more"))
        waiting = [
            ("queued", str(b.get("text", "")))
            for p in self.transcript.queued
            for b in (p.get("content") or [])[:1]
        ]
        waiting += [(str(p.get("state")), str(p.get("text", ""))) for p in self._unseen.values()]
        for state, text in waiting[:4]:
            found.append(("ansibrightblack", f"{state}: {one_line(text, max(20, width - 12))}"))
        if len(waiting) > 4:
            found.append(("ansibrightblack", f"and {len(waiting) - 4} more wait"))
        question = self._question()
        if question is not None and self._answers:
            found.append(("", one_line(question.get("text"), max(20, width - 4))))
        return found

    def _status(self) -> tuple[str, str]:
        if self.trouble:
            return "ansiyellow", one_line(self.trouble, self.screen.width)
        if self.session.get("link") == "offline":
            words = f"{self.session.get('machine')} is away: prompts wait for it, the CLI goes on"
            return "ansiyellow", one_line(words, self.screen.width)
        if self.hint:
            return "ansiyellow", one_line(self.hint, self.screen.width)
        turn = self.state["turn"]
        word = str(self.state["status"])
        if turn is not None:
            seconds = time.time() - float(turn.get("since") or 0)
            word += f" {duration(seconds)}" if 0 <= seconds < 864000 else ""
        parts = [word]
        model = (self.state["settings"].get("model") or {}).get("value")
        parts += [str(p) for p in (self.state["mode"] or self.session.get("mode"), model) if p]
        if self.state["cost_usd"]:
            parts.append(f"${self.state['cost_usd']:.2f}")
        parts.append("Ctrl-C interrupts" if turn is not None else "Ctrl-D detaches")
        return "ansibrightblack", one_line(" · ".join(parts), self.screen.width)

    def _words(self) -> list[str]:
        return [*OURS, *(f"/{c.get('name')}" for c in self.state["commands"])]

    # what is typed

    def _interrupt_key(self) -> None:
        if self.running and not self._interrupting:
            self._interrupting = True
            self.hint = "interrupting … (Ctrl-C again detaches)"
            self._do(self._interrupt())
        elif not self.running and self.screen.composer.text:
            self.screen.composer.append_to_history()
            self.screen.composer.reset()
            self.hint = "nothing runs; Ctrl-C again detaches (the line is in the history: ↑)"
        else:
            self.screen.close()

    async def _interrupt(self) -> None:
        try:
            await self.client.interrupt(self.id)
        finally:
            self._interrupting = False

    def _line(self, text: str) -> bool:
        """Whether the line was taken; else the hint says why not."""
        self.hint = ""
        if text.startswith("/") and not text.startswith("//"):
            word, _, rest = text.partition(" ")
            if word in OURS:
                return self._own(word, rest.strip())
        if self.request is not None:
            return self._answer_line(text)
        return self._prompt(text[1:] if text.startswith("//") else text)

    def _prompt(self, text: str, steer: bool = False) -> bool:
        if self._unsent is not None and self._unsent[0] == text:
            identity = self._unsent[1]  # sent again, counted once
        else:
            identity = str(uuid.uuid4())
        self._unsent = None
        self._unseen[identity] = {"state": "sending", "text": text}

        async def send() -> None:
            try:
                prompt = await self.client.prompt(self.id, text, id=identity, steer=steer)
            except BaseException:
                self._unseen.pop(identity, None)
                self._unsent = (text, identity)
                if not self.screen.composer.text:
                    self.screen.composer.text = text
                    self.screen.composer.cursor_position = len(text)
                raise
            if identity in self._unseen:
                self._unseen[identity]["state"] = prompt.get("state", "stored")

        self._do(send())
        return True

    def _answer_line(self, text: str) -> bool:
        request = self.request
        assert request is not None
        if self._guarded:
            self._guarded = False
            self.hint = (
                "asked while you typed: Enter again answers with this line; /send LINE queues it"
            )
            return False
        question = self._question()
        try:
            if question is None:
                body = choices.permission(request, text)
            else:
                self._answers[str(question["id"])] = choices.question(question, text)
                if self._question() is not None:
                    return True
                body = {"answers": dict(self._answers)}
        except CodecastError as error:
            self.hint = f"{error.message} {error.hint} /send LINE queues it as a prompt."
            return False
        identity = str(request["request"])
        self._answering.add(identity)
        self._asked = self._wanted()
        self._answers = {}

        async def answer() -> None:
            try:
                await self.client.answer(self.id, identity, **body)
            except BaseException:
                self._answering.discard(identity)
                self._asked = self._wanted()
                raise

        self._do(answer())
        return True

    def _own(self, word: str, rest: str) -> bool:
        if word == "/help":
            self.screen.block(Text(HELP, "dim"))
        elif word == "/detach":
            self.screen.close()
        elif word == "/interrupt":
            self._do(self._interrupt())
        elif word == "/stop":
            self._do(self._call(lambda: self.client.stop(self.id)))
        elif word == "/send":
            if not rest:
                self.hint = "/send TEXT"
                return False
            return self._prompt(rest)
        elif word == "/mode":
            if rest not in MODES:
                near = nearest(rest, MODES)
                self.hint = f"/mode {', '.join(MODES)}" + (
                    f"; did you mean {near}?" if near else ""
                )
                return False
            self._do(self._call(lambda: self.client.update_session(self.id, mode=rest)))
        elif word == "/model":
            setting = self.state["settings"].get("model") or {}
            known = [str(c.get("value")) for c in setting.get("choices") or []]
            if not rest:
                self.hint = f"/model {', '.join(known) or 'NAME'}"
                return False
            self._do(self._call(lambda: self.client.update_session(self.id, model=rest)))
        elif word == "/queue":
            waiting = self.transcript.queued
            lines = [f"{n}  {one_line(_text(p), 100)}" for n, p in enumerate(waiting, 1)]
            self.screen.block(Text("\n".join(lines) or "Nothing waits.", "dim"))
        elif word in ("/cancel", "/move"):
            return self._change_queue(word, *rest.partition(" ")[::2])
        return True

    def _change_queue(self, word: str, number: str, place: str) -> bool:
        waiting = [str(each["prompt"]) for each in self.transcript.queued]
        if not number.isdecimal() or not 1 <= int(number) <= len(waiting):
            self.hint = f"{word} 1-{len(waiting)}" if waiting else "Nothing waits."
            return False
        wanted = waiting[int(number) - 1]
        if word == "/cancel":
            self._do(self._call(lambda: self.client.cancel_prompt(self.id, wanted)))
            return True
        try:
            before = in_front_of(waiting, wanted, place.strip())
        except CodecastError as error:
            self.hint = f"{error.message} {error.hint}"
            return False
        self._do(self._call(lambda: self.client.move_prompt(self.id, wanted, before)))
        return True

    async def _call(self, call: Callable[[], Awaitable[Any]]) -> None:
        await call()

    def _do(self, work: Any) -> None:
        """Run `work` beside everything else; its failure is shown above the composer."""

        async def guarded() -> None:
            try:
                await work
            except CodecastError as error:
                if error.code == "already_resolved":
                    self.hint = error.message  # its event shows who and where
                else:
                    self.printer.finish()
                    self.screen.block(problem(error.to_json()))
            self.screen.changed()

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _text(prompt: Json) -> str:
    return " ".join(str(block.get("text", "")) for block in prompt.get("content") or [])
