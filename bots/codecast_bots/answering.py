"""What a press means, and words that answer a request.

A press is acknowledged with words before anything slow is done. Who may press is checked then,
not when the button was made; a button of a request that is decided says how it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands import choices
from codecast_jupyter.commands.render import markdown as md
from codecast_jupyter.commands.words import one_line, who
from codecast_jupyter.waiting import within

from .conversation import Conversation
from .platforms.contract import ActionIn, Place, TextIn
from .requests import Action, token
from .view import Block

if TYPE_CHECKING:
    from .bot import Bot

log = logging.getLogger(__name__)
Json = Mapping[str, Any]


class Answering:
    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self._asked: dict[str, asyncio.Future[bool]] = {}

    async def press(self, event: ActionIn) -> None:
        bot = self.bot
        if not bot.access.allows(event.person, event.place, "press"):
            bot.access.note(event.person, event.place, "press", "not allowed")
            await event.answer("You may not decide this here.")
            return
        stored = bot.store.token(event.token)
        if stored is not None:
            await self._stored(event, stored)
            return
        here = bot.conversations.get(event.place)
        found = here.find(event.token) if here is not None else None
        if here is None or found is None:
            await event.answer("This is over: it was decided, or the session is shown elsewhere.")
            return
        block, action = found
        if block["done"]:
            await event.answer(f"Already decided: {decided(block)}"[:190])
            return
        if action.always and bot.access.needs_code(event.person, "always"):
            await event.answer("This needs a code: send /code and six digits, then press again.")
            return
        await self._act(event, here, block, action)

    async def _act(self, event: ActionIn, here: Conversation, block: Block, action: Action) -> None:
        request = block["request"]
        if action.what == "option":
            body: dict[str, Any] = {"option": action.value}
            await event.answer(choices.told(request, body)[:190], passing=True)
            await self.answer(event, here, block, body)
        elif action.what == "decline":
            await event.answer("Skipped", passing=True)
            await self.answer(event, here, block, {"declined": True})
        elif action.what == "choose":
            await self._choose(event, here, block, action)
        elif event.text is None:
            await event.answer("Reply with your words")
            what = "Why not?" if action.what == "refuse" else "Your answer?"
            self.bot.say(
                event.place, f"ask:{event.token}",
                f"✎ {what} Reply to this message. ({md.esc(request.get('title') or '')})",
                asks_text=True,
            )  # fmt: skip
        else:
            await event.answer("")
            await self._say_words(event, here, block, action, event.text)

    async def _choose(
        self, event: ActionIn, here: Conversation, block: Block, action: Action
    ) -> None:
        question = next(q for q in block["request"]["questions"] if str(q["id"]) == action.value)
        labels = [str(option.get("label", "")) for option in question["options"]]
        given = [labels[int(v)] for v in event.values if v.isdecimal() and int(v) < len(labels)]
        before = list(here.picks.get((action.request, action.value), ()))
        if event.partial and given:
            picked = [x for x in before if x not in given] if given[0] in before else before + given
            picked = [label for label in labels if label in picked]
        else:
            picked = given or before
        if not picked and not event.partial:
            await event.answer("Choose at least one.")
            return
        await event.answer(one_line(", ".join(picked), 190), passing=True)
        self.bot.store.put_picks(here.id, action.request, action.value, picked)
        if event.partial:
            here.changed()
        else:
            await self._perhaps_complete(event, here, block, action.value)

    async def _say_words(
        self, event: ActionIn | TextIn, here: Conversation, block: Block, action: Action, text: str
    ) -> None:
        if action.what == "refuse":
            body = {"option": action.value, "message": text}
            await self.answer(event, here, block, body)
            return
        self.bot.store.put_picks(here.id, action.request, action.value, [text])
        await self._perhaps_complete(event, here, block, action.value)

    async def _perhaps_complete(
        self, event: ActionIn | TextIn, here: Conversation, block: Block, last: str
    ) -> None:
        """Answer when every question has its answer; those with several choices when Done."""
        picks = here.picks
        questions = block["request"].get("questions") or []
        number = str(block["request"]["request"])
        answers = {str(q["id"]): list(picks.get((number, str(q["id"])), ())) for q in questions}
        if all(answers.values()):
            await self.answer(event, here, block, {"answers": answers})
        else:
            here.changed()

    async def answer(
        self, event: ActionIn | TextIn, here: Conversation, block: Block, body: Json
    ) -> None:
        """Tell the server; the first valid answer counts, and its event shows everywhere who."""
        bot, request = self.bot, block["request"]
        words = choices.told(request, body)
        what = f"answer {one_line(request.get('title') or '', 80)}: {words}"
        try:
            client = bot.client_for(event.person)
            await client.answer(here.id, str(request["request"]), **body)
        except CodecastError as error:
            bot.access.note(event.person, event.place, what, error.code, session=here.id)
            if error.code != "already_resolved":
                raise
            return
        bot.access.note(event.person, event.place, what, "done", session=here.id)
        bot.store.remove_picks(here.id, str(request["request"]))

    # -- words

    async def words(self, event: TextIn, here: Conversation | None) -> bool:
        """Whether the words answered a request: a reply to it, or a plain choice while it is the
        only one."""
        if here is None:
            return False
        key = here.outbox.key(event.reply_to or "")
        block = here.request_of(event.reply_to or "")
        action = None
        if key.startswith("ask:"):
            found = here.find(key[4:].partition("/")[0])
            block, action = found if found is not None else (None, None)
        replied = block is not None
        opened = here.requests()
        if block is None and len(opened) == 1 and not event.text.startswith("/"):
            block = opened[0]
        if block is None or not event.text.strip():
            return False
        if not self.bot.access.allows(event.person, event.place, "answer"):
            return False
        if block["done"]:
            if not replied:
                return False
            self.bot.say(event.place, event.id, f"Already decided: {md.esc(decided(block))}")
            return True
        text = event.text.strip()
        if action is not None:
            await self._say_words(event, here, block, action, text)
            return True
        try:
            body = choices.answer(block["request"], _texts(block["request"], text))
        except CodecastError:
            if replied:
                raise
            return False
        if not replied and not _plainly(block["request"], body, text):
            return False
        await self.answer(event, here, block, body)
        return True

    # -- questions of the bots' own

    async def confirm(self, place: Place, key: str, question: str, seconds: float = 300.0) -> bool:
        """Ask by two buttons; False when nobody answers."""
        tokens = []
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._asked[key] = future
        for yes in (True, False):
            made = token("confirm", key, str(yes))
            self.bot.store.put_token(made, {"what": "confirm", "key": key, "yes": yes})
            tokens.append((made, "Yes" if yes else "No"))
        self.bot.say(place, f"{key}/confirm", question, buttons=tuple(tokens), notify=True)
        try:
            return await within(future, seconds)
        except asyncio.TimeoutError:
            return False
        finally:
            self._asked.pop(key, None)

    async def _stored(self, event: ActionIn, what: Json) -> None:
        if what["what"] == "confirm":
            future = self._asked.get(str(what["key"]))
            if future is None or future.done():
                await event.answer("This question is over: say it once more.")
                return
            await event.answer("Yes" if what["yes"] else "No", passing=True)
            future.set_result(bool(what["yes"]))
        elif what["what"] == "get":
            await event.answer("It comes.", passing=True)
            await self.bot.filing.send(event, str(what["session"]), str(what["path"]))
        elif what["what"] == "attach":
            await event.answer("")
            session = await self.bot.client.session(str(what["session"]))
            await self.bot.handling.show_here(event, session, fresh=False)


def decided(block: Block) -> str:
    """`Allow once by alice on lab`."""
    if "withdrawn" in block:
        return str(block["withdrawn"] or "it was withdrawn")
    given = block.get("resolution") or {}
    words = choices.told(block["request"], given) or str(given.get("label") or "answered")
    by = who(given)
    return words + (f" by {by}" if by and not by.startswith("on ") else f" {by}" if by else "")


def _texts(request: Json, text: str) -> list[str]:
    """One text for each question; lines where there are several."""
    if request.get("kind") == "question" and len(request.get("questions") or []) > 1:
        return [line for line in text.split("\n") if line.strip()]
    return [text]


def _plainly(request: Json, body: Json, text: str) -> bool:
    """Whether words that are no reply are meant for the request: a choice, not own words."""
    if "option" in body:
        return "message" not in body
    labels = {
        str(option.get("label", ""))
        for question in request.get("questions") or []
        for option in question.get("options") or []
    }
    given = [label for value in (body.get("answers") or {}).values() for label in value]
    return bool(given) and all(label in labels for label in given)
