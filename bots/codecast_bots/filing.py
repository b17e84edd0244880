"""Files both ways: with a prompt to the machine, and back into the chat, by rule or by button.

Sizes are looked at before anything is fetched, where the platform tells them.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands.render import markdown as md
from codecast_jupyter.commands.words import one_line, size

from .conversation import Conversation
from .platforms.contract import ActionIn, PlatformError, TextIn, TooBig
from .requests import token
from .view import Block

if TYPE_CHECKING:
    from .bot import Bot

ANOTHER_WAY = "Put it on the machine another way, and name it in the prompt."
OFFERS = 8  # files with a button after a turn


class Filing:
    def __init__(self, bot: Bot) -> None:
        self.bot = bot

    async def attached(self, event: TextIn, here: Conversation) -> list[dict[str, Any]]:
        """Content blocks of the files of a message. Raises CodecastError."""
        limits = self.bot.adapter.limits(event.place)
        most = min(limits.file_down, self.bot.settings.max_size)
        for file in event.files:  # all, before the first is fetched
            if file.size is not None and file.size > most:
                raise CodecastError(
                    "too_large",
                    f"{file.name} has {size(file.size)}; {size(most)} can come from here.",
                    ANOTHER_WAY,
                )
        blocks = []
        for number, file in enumerate(event.files):
            path = self.bot.file(f"in-{token(event.id, str(number))}")
            try:
                await self.bot.adapter.fetch(file, path, most)
                data = path.read_bytes()
                blocks.append(dict(await here.client.attach(here.id, file.name, data, file.mime)))
            except TooBig as error:
                words = f"{file.name} is larger than the {size(most)} that can come from here."
                raise CodecastError("too_large", words, ANOTHER_WAY, str(error)) from error
            except PlatformError as error:
                raise CodecastError(
                    "unreachable", f"{file.name} could not be fetched: {error}", "Send it again."
                ) from error
            finally:
                path.unlink(missing_ok=True)
        return blocks

    async def after_turn(self, here: Conversation, end: Block) -> None:
        """Send by rule, or offer, what the agent named or touched since it was last looked at."""
        fact = f"offered/{here.id}/{here.place.chat}/{here.place.thread}"
        known = dict(self.bot.store.fact(fact) or {})
        fresh = []
        for file in await here.client.offered(here.id):
            if known.get(file["path"]) != file["mtime"]:
                fresh.append(file)
                known[file["path"]] = file["mtime"]
        if not fresh:
            return
        buttons = []
        for file in [f for f in fresh if f["offer"] != "auto"][:OFFERS]:
            made = token("get", here.id, file["path"], str(file["mtime"]))
            what = {"what": "get", "session": here.id, "path": file["path"]}
            self.bot.store.put_token(made, what)
            buttons.append((made, f"⬇ {one_line(file['name'], 40)} ({size(file['size'])})"))
        key = f"files/{here.id}/{end['id']}"
        if buttons:
            self.bot.say(here.place, key, "Files of this turn:", buttons=tuple(buttons))
        for number, file in enumerate(f for f in fresh if f["offer"] == "auto"):
            try:
                await self._send(here.place, f"{key}/{number}", here.id, str(file["path"]))
            except CodecastError as error:
                self.bot.complain(here.place, f"{key}/{number}", error)
        # at last: after a crash they are said once more, by the same keys, which counts once
        self.bot.store.put_fact(fact, dict(list(known.items())[-500:]))

    async def send(self, event: TextIn | ActionIn, session: str, path: str) -> None:
        if not self.bot.access.allows(event.person, event.place, "get"):
            self.bot.access.refuse(event.person, event.place, "get")
        self.bot.access.note(event.person, event.place, "get", "done", path=path, session=session)
        await self._send(event.place, event.id, session, path)

    async def _send(self, place: Any, key: str, session: str, path: str) -> None:
        """From the machine to the chat, if it fits."""
        limits = self.bot.adapter.limits(place)
        most = min(limits.file_up, self.bot.settings.max_size)
        label = path.rpartition("/")[2] or "file"
        target: Path = self.bot.file(f"{token(key)}-{label}")
        with contextlib.suppress(FileNotFoundError):
            target.unlink()

        def write(data: bytes, whole: int) -> None:
            if whole > most:
                raise CodecastError(
                    "too_large", f"{label} has {size(whole)}; {size(most)} can be sent here.",
                    "Fetch it in JupyterLab, or in a terminal.",
                )  # fmt: skip
            with target.open("ab") as file:
                file.write(data)

        await self.bot.client.download(session, path, write)
        if target.stat().st_size == 0:
            self.bot.say(place, key, f"{md.code(label)} is empty.")
            return
        self.bot.say(place, key, md.code(path), files=((label, str(target)),))
