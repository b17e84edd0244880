"""What a person says, done: prompts, commands, codes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol import state as fold
from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.events import text as text_block
from codecast_jupyter.commands import results as r
from codecast_jupyter.commands.context import Context
from codecast_jupyter.commands.render import markdown as md
from codecast_jupyter.commands.words import name, one_line

from . import commands
from .access import pair
from .conversation import Conversation
from .platforms.contract import Event, PlatformError, TextIn
from .rendering import TOOL_DISPLAYS
from .requests import token
from .store import key_of

if TYPE_CHECKING:
    from .bot import Bot

log = logging.getLogger(__name__)
Json = Mapping[str, Any]
AT_ONCE = 0.7  # seconds in which a command answers, or is acknowledged
SEND = 1.0  # more of them, until that stands in the chat: output waits for it


class _Ask:
    """Questions of a command: yes or no by buttons; secrets are never typed into a chat."""

    def __init__(self, bot: Bot, event: TextIn) -> None:
        self._bot = bot
        self._event = event

    async def confirm(self, question: str, detail: str = "", how: str = "") -> bool:
        words = "\n\n".join([md.esc(question)] + ([md.fence(detail)] if detail else []))
        return await self._bot.answering.confirm(self._event.place, self._event.id, words)

    async def secret(self, prompt: str, how: str = "") -> str:
        raise CodecastError("secret_needed", prompt, how or "Run it in a terminal.")


class Handling:
    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self._waiting: dict[str, TextIn] = {}  # for a step-up code, by person
        self._in_order: dict[Any, asyncio.Lock] = {}

    # -- prompts

    async def prompt(self, event: TextIn, here: Conversation | None, text: str) -> None:
        bot = self.bot
        if here is None:
            await self._nothing_here(event)
            return
        if not bot.access.allows(event.person, event.place, "send"):
            bot.access.refuse(event.person, event.place, "send")
        async with self._in_order.setdefault(event.place, asyncio.Lock()):
            blocks = await self.bot.filing.attached(event, here)
            if not text.strip() and not blocks:
                return
            content: Any = [*([text_block(text)] if text.strip() else []), *blocks]
            prompt = await bot.client_for(event.person).prompt(
                here.id, content if blocks else text, id=prompt_id(event.place, event.message)
            )
        bot.access.note(event.person, event.place, "send", "done", session=here.id)
        state = here.view.state
        if prompt.get("state") in ("running", "done"):
            return  # what is open now is its own
        if state["requests"]:
            self._hint(event, "It waits: the agent asks something first (reply to that message).")
        elif state["over_budget"]:
            self._hint(event, "It waits: the budget is reached (/budget).")
        elif state["turn"] is not None or len(state["prompts"]) > 0:
            waiting = len(fold.waiting(state))
            self._hint(event, f"Queued ({waiting + 1}.). Edit your message to change it.")

    def _hint(self, event: TextIn, words: str) -> None:
        self.bot.say(event.place, event.id, words, reply_to=event.message)

    async def _nothing_here(self, event: TextIn) -> None:
        found = await self.bot.client.sessions()
        buttons = []
        for session in found[:6]:
            made = token("attach", str(session["id"]))
            self.bot.store.put_token(made, {"what": "attach", "session": session["id"]})
            buttons.append((made, f"{name(session)} ({session.get('machine')})"))
        words = "No session is shown here. Start one with `/start MACHINE DIRECTORY`"
        words += ", or choose one:" if buttons else "; `/machines` lists the machines."
        self.bot.say(event.place, event.id, words, buttons=tuple(buttons), reply_to=event.message)

    async def edited(self, event: TextIn, here: Conversation | None) -> None:
        """An edited message changes the prompt while it waits."""
        if here is None or event.text.startswith("/"):
            return
        if not self.bot.access.allows(event.person, event.place, "queue edit"):
            return
        prompt = prompt_id(event.place, event.message)
        try:
            client = self.bot.client_for(event.person)
            await client.edit_prompt(here.id, prompt, event.text)
            self._hint(event, "The waiting prompt says this now.")
        except CodecastError as error:
            if error.code == "conflict":
                self._hint(event, "It does not wait any more: what you edited was sent as it was.")
            elif error.code != "not_found":
                raise

    # -- commands

    async def command(self, event: TextIn, here: Conversation | None, text: str) -> None:
        bot = self.bot
        if text.split("@")[0].strip() == "/start":  # how Telegram opens a chat
            bot.say(event.place, event.id, f"Hello. {commands.help_text()}")
            return
        known = {str(s.get(key)) for s in await self._sessions(text) for key in ("name", "id")}
        typed = commands.read(text, here.id if here else "", known)
        what = commands.needs(typed)
        if what == "code":
            await self._code(event, typed.values["code"])
            return
        if not bot.access.allows(event.person, event.place, what):
            bot.access.refuse(event.person, event.place, what)
        if bot.access.needs_code(event.person, what):
            self._waiting[event.person.id] = event
            words = "This needs a code: send `/code` and the six digits."
            bot.say(event.place, f"{event.id}/code", words, reply_to=event.message)
            return
        if typed.command is None:
            await self.prompt(event, here, typed.text)
            return
        bot.store.begun(event.id)
        bot.outbox(event.place).expect(AT_ONCE + SEND)
        try:
            if typed.own:
                await self._own(event, here, typed)
            else:
                await self._run(event, here, typed)
        except CodecastError as error:
            bot.access.note(event.person, event.place, what, error.code, line=one_line(text, 200))
            raise
        bot.access.note(event.person, event.place, what, "done", line=one_line(text, 200))

    async def _sessions(self, text: str) -> list[Any]:
        """Only a command with words can name a session."""
        return list(await self.bot.client.sessions(all=True)) if " " in text.strip() else []

    async def _run(self, event: TextIn, here: Conversation | None, typed: commands.Typed) -> None:
        bot, values = self.bot, dict(typed.values)
        assert typed.command is not None
        command = typed.command.name
        context = Context(
            bot.client_for(event.person), _Ask(bot, event), cwd="~", home=str(Path.home())
        )
        if command == "get":
            session = await bot.client.session(values["session"])
            await bot.filing.send(event, str(session["id"]), values["path"])
            return
        for name_ in ("wait", "follow"):
            if name_ in values:
                values[name_] = False
        if command in ("start", "adopt"):
            values["attach"] = False
        async with self._acknowledged(event, context):
            result = await typed.command.run(context, values)
        if isinstance(result, r.Started):
            await self.show_here(event, result.session, fresh=True, words=result.words)
        elif isinstance(result, r.Follow):
            await self.show_here(event, result.session, fresh=False)
        elif isinstance(result, r.Stream):
            events = [item async for item in result.items]
            bot.say(event.place, event.id, md.transcript(events) or "Nothing yet.")
        elif isinstance(result, r.Help) and not result.command:
            bot.say(event.place, event.id, commands.help_text())
        else:
            if command == "resume":
                session = await bot.client.session(values["session"])
                await self.show_here(event, session, fresh=False)
                return
            body = commands.in_chat(md.render(result)) or "Done."
            bot.say(event.place, event.id, body, reply_to=event.message)

    @contextlib.asynccontextmanager
    async def _acknowledged(self, event: TextIn, context: Context) -> AsyncIterator[None]:
        """What takes longer than a moment is acknowledged meanwhile, with what is being done."""
        doing = ""

        def status(words: str) -> None:
            nonlocal doing
            doing = words

        async def soon() -> None:
            await asyncio.sleep(AT_ONCE)
            self.bot.say(event.place, f"{event.id}/soon", md.esc(doing or "On it ..."))

        context.status = status
        task = asyncio.create_task(soon())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def show_here(
        self, event: Event, session: Json, fresh: bool, words: str = ""
    ) -> Conversation:
        """Show the session where it was asked for, in a thread of its own where there are some."""
        bot, place = self.bot, event.place
        if place.thread is None and bot.adapter.limits(place).threads:
            message = getattr(event, "message", None)
            try:
                place = await bot.adapter.open_thread(place, name(session), message)
            except PlatformError as error:
                log.warning("%s: no thread could be opened: %s", bot.adapter.name, error)
        before = bot.conversations.get(place)
        conversation = await bot.route(place, session, fresh)
        status = str((session.get("state") or {}).get("status") or "starting")
        told = (
            f"**{md.esc(name(session))}**: {md.esc(session.get('cli') or '')} in"
            f" {md.code(session.get('cwd'))} on {md.esc(session.get('machine') or '')} ({status})."
        )
        if words:
            told += f" {md.esc(words)}"
        if before is not None and before.id != session["id"]:
            told += f" {md.esc(before.name)} goes on: `/resume {before.name}` shows it again."
        bot.say(place, f"{event.id}/here", told)
        if place != event.place:
            bot.say(event.place, event.id, f"**{md.esc(name(session))}** has a thread of its own.")
        return conversation

    async def _own(self, event: TextIn, here: Conversation | None, typed: commands.Typed) -> None:
        bot, place = self.bot, event.place
        assert typed.command is not None
        what, values = typed.command.name, typed.values
        if what == "whoami":
            role = bot.access.role(event.person)
            words = f"Your id is {md.code(event.person.id)}, your role {role}."
            bot.say(place, event.id, f"{words} This chat is {md.code(place.chat)}.")
            return
        if here is None:
            await self._nothing_here(event)
        elif what == "exit":
            await bot.unroute(place)
            bot.say(place, event.id, f"{md.esc(here.name)} goes on; /resume shows it again.")
        elif what in ("new", "clear"):
            await self._anew(event, here)
        elif what == "tool-display":
            if values.get("how"):
                how = str(values["how"])
                if how not in TOOL_DISPLAYS:
                    shown = ", ".join(TOOL_DISPLAYS)
                    raise CodecastError("bad_request", f"It is one of {shown}.")
                here.style["tool_display"] = how
                bot.store.put_route(place, here.id, here.style)
                here.changed()
            bot.say(place, event.id, f"Tool calls are shown as {here.style['tool_display']}.")
        elif what == "diff":
            await self._diff(event, here)

    async def _anew(self, event: TextIn, here: Conversation) -> None:
        """Stop the session and start another with the same settings."""
        client = self.bot.client_for(event.person)
        old = await client.session(here.id)
        await client.stop(here.id)
        session = await client.start(
            old["machine"],
            old["cwd"],
            cli=old.get("cli"),
            mode=old.get("mode"),
            model=old.get("model"),
            id=prompt_id(event.place, f"new {event.message}"),
        )
        await self.bot.route(event.place, session, fresh=True)
        words = f"**{md.esc(name(session))}** begins anew in {md.code(session.get('cwd'))}."
        again = f"`/resume {name(old)}` brings {md.esc(name(old))} back."
        self.bot.say(event.place, event.id, f"{words} {again}")

    async def _diff(self, event: TextIn, here: Conversation) -> None:
        """The edits of the last turn, each file's last one whole."""
        last = here.view.seq
        page = await self.bot.client.history(
            here.id, after=max(0, last - 2000), limit=2000,
            types=["turn_started", "tool_call", "tool_call_update"],
        )  # fmt: skip
        found: dict[tuple[str, str], str] = {}
        for item in page["events"]:
            if item["type"] == "turn_started":
                found.clear()
            for block in item.get("content") or []:
                if block.get("type") == "diff":
                    key = (str(item.get("call")), str(block.get("path")))
                    found[key] = str(block.get("diff") or "")
        parts = [
            f"{md.code(path)}\n\n{md.fence(diff, 'diff')}" for (_, path), diff in found.items()
        ]
        words = "\n\n".join(parts) or "The last turn changed no file."
        self.bot.say(event.place, event.id, words)

    # -- codes

    async def pair(self, event: TextIn) -> None:
        """`/pair CODE` in private; `/pair` of an admin in a group lets the bot speak there."""
        bot, code = self.bot, event.text.partition(" ")[2].strip()
        if event.place.kind == "group":
            if bot.access.role(event.person) != "admin":
                return
            bot.store.put_person(event.place.platform, f"chat {event.place.chat}", "chat", "")
            bot.access.note(event.person, event.place, "pair chat", "done")
            bot.say(event.place, event.id, "The people I know may use me here now.")
            return
        role = pair(bot.store, event.place.platform, event.person, code) if code else ""
        bot.access.note(event.person, event.place, "pair", role or "wrong code")
        words = f"Welcome: you are {role} here. /help tells more."
        if not role:
            words = "That code is wrong or too old. `codecast bots pair` prints a new one."
        bot.say(event.place, event.id, words)

    async def _code(self, event: TextIn, code: str) -> None:
        if not self.bot.access.take_code(event.person, str(code or "")):
            self.bot.access.note(event.person, event.place, "code", "wrong")
            raise CodecastError("forbidden", "That code is wrong, or was used already.")
        self.bot.access.note(event.person, event.place, "code", "done")
        waiting = self._waiting.pop(event.person.id, None)
        if waiting is None:
            self._hint(event, "Accepted, for five minutes.")
        else:
            here = self.bot.conversations.get(waiting.place)
            await self.command(waiting, here, waiting.text.strip())


def prompt_id(place: Any, message: str) -> str:
    """The id of the prompt that a message is: the same message is the same prompt."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"codecast {key_of(place)} {message}"))
