"""Interactions: slash commands, presses, lists, modals, completion.

Each is acknowledged within a second or two, whatever else goes on: a command is repeated in the
chat as a line (replies and a thread hang on it), a press is taken silently or with words for who
pressed alone. One that Discord gave up meanwhile was told to its person as failed: a command is
not done then, a press is, since it can only count once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from codecast_jupyter.waiting import within

from ..tasks import Spawn
from .contract import (
    ActionIn,
    Complete,
    Event,
    MenuCommand,
    Person,
    Place,
    PlatformError,
    TextIn,
)
from .discord_commands import Chosen, choices, chosen, line
from .discord_gateway import Gateway
from .discord_http import Rest, TooLate
from .discord_markdown import escaped
from .discord_objects import (
    ASK,
    EPHEMERAL,
    NO_EMBEDS,
    NOBODY,
    PICK,
    channel_of,
    modal,
    moment,
    submitted,
    who_of,
)
from .pressing import PressAnswer

log = logging.getLogger(__name__)
Json = dict[str, Any]
COMMAND, COMPONENT, COMPLETION, MODAL = 2, 3, 4, 5  # types of interactions
MESSAGE, TAKEN, CHOICES, OPEN_MODAL = 4, 6, 8, 9  # types of answers
COMPLETE_WITHIN = 2.3  # seconds


async def answer(rest: Rest, interaction: Json, kind: int, data: Json | None = None) -> Json:
    """Raises PlatformError; TooLate when it is over."""
    body: Json = {"type": kind}
    if data is not None:
        body["data"] = data
    found = await rest.call(
        "POST", "/interactions/{webhook_id}/{webhook_token}/callback", body,
        query={"with_response": "true"},
        webhook_id=interaction["id"], webhook_token=interaction["token"],
    )  # fmt: skip
    return found if isinstance(found, dict) else {}


class InteractionAnswer(PressAnswer):
    def __init__(self, rest: Rest, interaction: Json) -> None:
        super().__init__()
        self._rest, self._interaction = rest, interaction

    async def _tell(self, words: str, passing: bool) -> None:
        try:
            if passing or not words:
                await answer(self._rest, self._interaction, TAKEN)
            else:
                data = {"content": escaped(words)[:2000], "flags": EPHEMERAL}
                data["allowed_mentions"] = NOBODY
                await answer(self._rest, self._interaction, MESSAGE, data)
        except PlatformError as error:
            log.info("a press could not be acknowledged: %s", error)


class Presses:
    """`deliver` hands events on, `spawn` runs what must not wait."""

    def __init__(
        self,
        gateway: Gateway,
        rest: Rest,
        deliver: Callable[[Event], None],
        spawn: Spawn,
    ) -> None:
        self._gateway = gateway
        self._rest = rest
        self._deliver = deliver
        self._spawn = spawn
        self.commands: dict[str, MenuCommand] = {}

    def take(self, interaction: Json, place: Place) -> None:
        kind = interaction["type"]
        if kind == COMMAND:
            self._spawn(self._command(interaction, place))
        elif kind == COMPLETION:
            self._spawn(self._complete(interaction, place))
        elif kind in (COMPONENT, MODAL):
            self._press(interaction, place)

    def _id(self, interaction: Json) -> str:
        return f"discord {self._gateway.own} {interaction['id']}"

    # -- presses

    def _press(self, interaction: Json, place: Place) -> None:
        data = interaction["data"]
        kind, _, token = str(data.get("custom_id") or "").partition(":")
        if kind == ASK and interaction["type"] == COMPONENT:
            self._spawn(self._ask(interaction))
            return
        values: tuple[str, ...] = ()
        if kind == PICK:
            token = token.partition(":")[0]
            values = tuple(map(str, data.get("values") or ()))
        done = InteractionAnswer(self._rest, interaction)
        self._spawn(done.in_time())
        self._deliver(
            ActionIn(
                self._id(interaction),
                place,
                who_of(interaction),
                moment(interaction["id"]),
                token,
                str((interaction.get("message") or {}).get("id") or ""),
                values=values,
                text=submitted(data) if interaction["type"] == MODAL else None,
                answer=done,
            )
        )

    async def _ask(self, interaction: Json) -> None:
        try:
            await answer(self._rest, interaction, OPEN_MODAL, modal(interaction))
        except PlatformError as error:
            log.info("a text field could not be opened: %s", error)

    # -- commands

    async def _command(self, interaction: Json, place: Place) -> None:
        given = chosen(interaction["data"])
        command = self.commands.get(given.name)
        words = line(command, given)
        secret = command is not None and command.secret
        shown = f"`{words[:1900]}`" if "`" not in words else escaped(words)[:2000]
        data: Json = {"content": shown, "flags": NO_EMBEDS, "allowed_mentions": NOBODY}
        if secret:
            data.update(content="Taken; nobody else saw it.", flags=EPHEMERAL)
        try:
            found = await answer(self._rest, interaction, MESSAGE, data)
        except TooLate:
            await self._too_late(place, words if not secret else f"/{given.name}")
            return
        except PlatformError as error:  # done without its line: it may be there all the same
            log.warning("a command could not be acknowledged: %s", error)
            found = {}
        message = ((found.get("resource") or {}).get("message") or {}).get("id")
        self._deliver(
            TextIn(
                self._id(interaction),
                place,
                who_of(interaction),
                moment(interaction["id"]),
                words,
                "" if secret else str(message or ""),
                command=True,
            )
        )

    async def _too_late(self, place: Place, words: str) -> None:
        body = {
            "content": f"{escaped(words)[:1800]} came too late to be answered, and was not done:"
            " please say it once more.",
            "allowed_mentions": NOBODY,
        }
        try:
            await self._rest.call(
                "POST", "/channels/{channel_id}/messages", body,
                channel_id=channel_of(place),
            )  # fmt: skip
        except PlatformError as error:
            log.warning("a late command could not be told: %s", error)

    # -- completion

    async def _complete(self, interaction: Json, place: Place) -> None:
        given = chosen(interaction["data"])
        command = self.commands.get(given.name)
        found: list[Json] = []
        if command is not None and command.complete is not None and given.focused:
            found = await self._values(command.complete, command, who_of(interaction), place, given)
        try:
            await answer(self._rest, interaction, CHOICES, {"choices": found})
        except PlatformError as error:  # the next letter asks again
            log.debug("a completion came too late: %s", error)

    async def _values(
        self, complete: Complete, command: MenuCommand, person: Person, place: Place, given: Chosen
    ) -> list[Json]:
        names = {a.name.lower(): a.name for a in command.arguments}
        values = {names.get(n, n): v for n, v in given.values.items() if n != given.focused}
        typed = given.values.get(given.focused, "")
        which = names.get(given.focused, given.focused)
        try:
            asked = complete(person, place, values, which, typed)
            return choices(list(await within(asked, COMPLETE_WITHIN)))
        except asyncio.TimeoutError:
            return []
