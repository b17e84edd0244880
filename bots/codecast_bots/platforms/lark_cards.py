"""The cards that stand in chats: made as CardKit entities, streamed into, changed whole, closed.

A card has one sequence of changes that must only grow, also over a restart: it counts quarters
of a second, of which no budget uses more than one. What is not known of a card any more (after
a restart) is asked for; its next change is then a whole one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ..recent import Recent
from .contract import Outgoing, Place, Unavailable
from .lark_card import BODY, card, dumped, words_of
from .lark_http import OUT_OF_ORDER, STREAM_CLOSED, Http
from .lark_markdown import summary
from .rest import Refused

EPOCH = 1_767_225_600  # 2026: sequences are positive and below 2**31
KEEP = 500  # cards of which the last state is known
UNSURE = 2.0  # seconds after this life began, in which a message may be of an earlier one: Lark
# tells whole seconds, and its clocks may differ a little
JUMP = 4 * 86400  # of a sequence, over what a clock that was ahead may have reached

Post = Callable[[str], Awaitable[tuple[str, float]]]


@dataclass
class _Card:
    """`shown` is None when nobody knows how it looks; `changing`: one change at a time."""

    id: str
    shown: Outgoing | None = None
    sequence: int = 0
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def next(self) -> int:
        self.sequence = max(self.sequence + 1, int((time.time() - EPOCH) * 4))
        return self.sequence


@dataclass(frozen=True)
class _Made:
    """An entity that waits to be sent."""

    id: str
    out: Outgoing


class Cards:
    def __init__(self, http: Http) -> None:
        self._http = http
        self._cards: Recent[str, _Card] = Recent(KEEP)  # by message
        self._made: Recent[str, _Made] = Recent(KEEP)  # by key
        self._sent: Recent[str, str] = Recent(KEEP)  # the messages, by key

    async def send(self, place: Place, out: Outgoing, key: str, post: Post) -> str:
        """The id of the message, which `post(content)` makes and tells with its time.

        The message of a key is made once: after a try of which nobody knows how it ended,
        perhaps in another process, it is the one of then, with the words of then.
        """
        if (message := self._sent.get(key)) is not None:
            await self.change(message, out, place)
            return message
        made = self._made.get(key)
        if made is None:
            found = await self._http.call(
                "POST", "/cardkit/v1/cards",
                {"type": "card_json", "data": dumped(card(out, place))},
            )  # fmt: skip
            made = self._made[key] = _Made(str(found["data"]["card_id"]), out)
        message, created = await post(dumped({"type": "card", "data": {"card_id": made.id}}))
        if created >= self._http.begun + UNSURE:
            self._know(message, _Card(made.id, made.out))
        else:  # it may be of an earlier life, with a card of then
            standing = await self._card(message)
            if standing.id == made.id:
                standing.shown = made.out
        self._sent[key] = message
        self._made.pop(key, None)
        await self.change(message, out, place)
        return message

    async def change(self, message: str, out: Outgoing, place: Place) -> None:
        """Raises PlatformError."""
        standing = await self._card(message)
        async with standing.changing:
            for _ in range(3):
                try:
                    await self._change(standing, out, place)
                    standing.shown = out
                    return
                except Refused as error:
                    if error.code == OUT_OF_ORDER:
                        standing.sequence += JUMP
                    elif error.code not in STREAM_CLOSED:
                        raise
                    standing.shown = None
        raise Unavailable("the card does not take its changes")

    async def _change(self, standing: _Card, out: Outgoing, place: Place) -> None:
        shown, path = standing.shown, f"/cardkit/v1/cards/{standing.id}"
        if shown is None or not shown.live or (shown.controls, shown.plain) != (
            out.controls, out.plain
        ):  # fmt: skip
            if shown is not None and _looks(shown) == _looks(out):
                return
            whole = {"type": "card_json", "data": dumped(card(out, place))}
            await self._http.call("PUT", path, {"card": whole, "sequence": standing.next()})
            return
        card(out, place)  # too big is too big for a stream, too
        content = words_of(out)
        if content != words_of(shown):
            await self._http.call(
                "PUT", f"{path}/elements/{BODY}/content",
                {"content": content, "sequence": standing.next()},
            )  # fmt: skip
        if not out.live:
            config = {"streaming_mode": False, "summary": {"content": summary(out.body) or "…"}}
            await self._http.call(
                "PATCH", f"{path}/settings",
                {"settings": dumped({"config": config}), "sequence": standing.next()},
            )  # fmt: skip

    async def _card(self, message: str) -> _Card:
        known = self._cards.get(message)
        if known is None:
            found = await self._http.call(
                "POST", "/cardkit/v1/cards/id_convert", {"message_id": message}
            )
            known = self._know(message, _Card(str(found["data"]["card_id"])))
        self._cards.move_to_end(message)
        return known

    def _know(self, message: str, made: _Card) -> _Card:
        self._cards[message] = made
        return made


def _looks(out: Outgoing) -> tuple[object, ...]:
    """What an edit could change."""
    return out.body.strip(), out.controls, out.live, out.plain
