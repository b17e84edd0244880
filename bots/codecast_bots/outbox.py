"""Makes one place of a chat show what it should, whatever the platform does.

Wanted messages come whole, as often as they change; this sends what is missing in order, edits
what differs, newest text first and one call at a time, and deletes what is wanted no more. What
was sent is on disk before and after each call, so a restart goes on with the same messages.
A call that may or may not have been done is looked into (`Adapter.recover`) before it is
repeated. What a platform refuses as it is goes as plain text, then as a file: nothing is lost.
Replies to a person go before everything else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from codecast_jupyter.waiting import within

from .pacing import CREATE, FINISH, LIVE, REPLY, Pace, Paces
from .platforms.contract import (
    Adapter,
    FileOut,
    Forbidden,
    Gone,
    MessageRef,
    Outgoing,
    Place,
    PlatformError,
    RateLimited,
    Rejected,
    Unavailable,
)
from .rendering import Desired
from .replies import Reply
from .requests import token
from .store import Sent, Store

log = logging.getLogger(__name__)
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds between tries while a platform is away
SENDING = "sending "  # a state; the adapter's mark follows
DRAFT_AGAIN = 20.0  # seconds after which an unchanged draft would vanish


class Outbox:
    """`lost` is called once when the place cannot be written to any more."""

    def __init__(
        self,
        place: Place,
        adapter: Adapter,
        store: Store,
        paces: Paces,
        lost: Callable[[Place, PlatformError], None] = lambda place, error: None,
    ) -> None:
        self.place = place
        self.adapter = adapter
        self.store = store
        self.limits = adapter.limits(place)
        self._pace: Pace = paces.of(self.limits)
        self._lost = lost
        self._wanted: list[Desired] = []
        self._told = False  # what is wanted; before that nothing is deleted
        self._sent = store.sent(place)
        self._tried: dict[str, Outgoing] = {}  # of which nobody knows whether it was sent
        self._replies = [(key, Reply.from_json(what)) for key, what in store.replies(place)]
        self._draft: tuple[str, str, float] = ("", "", 0.0)  # key, digest, when
        self._drafts = self.limits.drafts
        self._drafts_after = 0.0
        self._wait = FIRST_WAIT
        self._retry_at = 0.0
        self._changed = asyncio.Event()
        self._moved = asyncio.Event()  # something was delivered
        self._changed.set()
        self._replying = asyncio.Event()
        self._replying.set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._run(self._changed, self._next)),
            asyncio.create_task(self._run(self._replying, self._next_reply)),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []

    def want(self, desired: Sequence[Desired]) -> None:
        """Everything that should stand there now, of what was not settled."""
        self._wanted, self._told = list(desired), True
        self._changed.set()

    def reply(self, key: str, reply: Reply) -> None:
        """Say it once, also over a restart; a key said before is not said again."""
        self.store.put_reply(self.place, key, reply.to_json())
        if all(known != key for known, _ in self._replies):
            self._replies.append((key, reply))
        self._replying.set()

    def expect(self, seconds: float) -> None:
        """A reply comes soon: for so long at most, nothing else goes out before it."""
        self._pace.hold(seconds)

    def ref(self, key: str) -> str:
        """The id of the message of that key; empty where there is none."""
        sent = self._sent.get(key)
        return sent.ref if sent else ""

    def key(self, ref: str) -> str:
        """The key of the message of that id."""
        return next((s.key for s in self._sent.values() if ref and s.ref == ref), "")

    @property
    def idle(self) -> bool:
        return not self._replies and self._choose() is None

    async def delivered(self) -> set[str]:
        """Wait for something to arrive; the blocks of which everything stands there."""
        await self._moved.wait()
        self._moved.clear()
        return self.complete()

    def complete(self) -> set[str]:
        """The wanted blocks of which every message stands there as it should."""
        open_blocks = {d.block for d in self._wanted if not self._stands(d)}
        return {d.block for d in self._wanted} - open_blocks

    def blocks(self) -> set[str]:
        """Those of which something is wanted."""
        return {desired.block for desired in self._wanted}

    def forget(self, blocks: Sequence[str]) -> list[str]:
        """These blocks stay as they are for ever; the keys that need not be known any more."""
        gone = [key for key, sent in self._sent.items() if sent.block in blocks]
        for key in gone:
            del self._sent[key]
        self._wanted = [d for d in self._wanted if d.block not in blocks]
        return gone

    # -- choosing

    def _stands(self, desired: Desired) -> bool:
        sent = self._sent.get(desired.key)
        if sent is None or not sent.ref:
            return False
        return sent.state == "gone" or sent.digest == self._digest(desired)

    def _digest(self, desired: Desired) -> str:
        return desired.digest + ("~" if self.limits.closes and desired.out.live else "")

    def _choose(self) -> tuple[int, str, Desired | None, Sent | None] | None:
        """The next call: `(priority, what, desired, sent)`."""
        live: tuple[int, str, Desired | None, Sent | None] | None = None
        create: tuple[int, str, Desired | None, Sent | None] | None = None
        for desired in self._wanted:
            sent = self._sent.get(desired.key)
            if sent is None or (not sent.ref and sent.state != "gone"):
                if create is not None:
                    continue
                if desired.stream and self._drafts:
                    if self._draft_due(desired):
                        live = live or (LIVE, "draft", desired, None)
                    continue
                create = (CREATE, "create", desired, sent)
            elif not self._stands(desired):
                if desired.final or desired.out.controls:
                    return FINISH, "edit", desired, sent
                if self._may_edit(sent):
                    live = live or (LIVE, "edit", desired, sent)
        if create is not None or live is not None or not self._told:
            return create or live
        wanted = {desired.key for desired in self._wanted}
        for key, sent in self._sent.items():
            known = sent.ref or sent.state.startswith(SENDING)
            if key not in wanted and known and sent.block and sent.state != "gone":
                return LIVE, "delete", None, sent
        return None

    def _may_edit(self, sent: Sent) -> bool:
        most = self.limits.max_edits
        return most is None or sent.edits < most - 2  # the last ones are for how it ends

    def _draft_due(self, desired: Desired) -> bool:
        now = asyncio.get_running_loop().time()
        if now < self._drafts_after:
            return False
        key, digest, at = self._draft
        return (key, digest) != (desired.key, desired.digest) or now - at > DRAFT_AGAIN

    # -- doing

    async def _run(self, changed: asyncio.Event, step: Callable[[], Any]) -> None:
        while True:
            wait = self._retry_at - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)
            changed.clear()
            try:
                again = await step()
            except Unavailable as error:
                self._put_off(str(error))
                continue
            except (Forbidden, Gone) as error:
                log.warning("%s %s: %s", self.place.platform, self.place.chat, error)
                self._lost(self.place, error)
                return
            except Exception:  # one message must not hold up all that follow
                log.exception("a message could not be brought to %s", self.place.platform)
                self._put_off("an error of our own")
                continue
            self._wait = FIRST_WAIT
            if not again:
                await self._changes(changed)

    async def _changes(self, changed: asyncio.Event) -> None:
        """Wait for one; a draft is also shown again from time to time."""
        if changed is self._changed and self._drafts and any(d.stream for d in self._wanted):
            try:
                await within(changed.wait(), DRAFT_AGAIN / 4)
            except asyncio.TimeoutError:
                return
        await changed.wait()

    def _put_off(self, why: str) -> None:
        log.info("%s is away (%s), again in %.1f s", self.place.platform, why, self._wait)
        self._retry_at = asyncio.get_running_loop().time() + self._wait
        self._wait = min(self._wait * 2, LONGEST_WAIT)

    async def _next(self) -> bool:
        """Do the most urgent thing; False when there is none."""
        chosen = self._choose()
        if chosen is None:
            return False
        held = await self._pace.slot(chosen[0], f"{self.place.chat}/{self.place.thread}")
        used = False
        try:
            chosen = self._choose()  # what is newest now, after the wait
            if chosen is None:
                return False
            used = True
            _, what, desired, sent = chosen
            if desired is None:
                assert sent is not None
                await self._delete(sent)
            elif what == "create":
                await self._create(desired, sent)
            elif what == "draft":
                await self._show_draft(desired)
            else:
                assert sent is not None
                await self._edit(desired, sent)
        except RateLimited as error:
            log.info("%s asks to wait %.1f s", self.place.platform, error.retry_after)
            self._pace.pause(error.retry_after + 0.1)
        finally:
            self._pace.done(held, used)
        return True

    async def _create(self, desired: Desired, sent: Sent | None) -> None:
        out = replace(desired.out, files=self._files(desired))
        digest = self._digest(desired)
        ref = await self._send(desired.key, desired.block, out, sent, digest)
        self._put(Sent(desired.key, desired.block, ref, digest, "sent", 0))
        self._attached(desired.key)

    async def _send(
        self, key: str, block: str, out: Outgoing, sent: Sent | None, digest: str = ""
    ) -> str:
        """The id of the message, made now or found: it may be there from the last try."""
        if sent is not None and sent.state.startswith(SENDING) and not self.limits.unique:
            mark, known = sent.state[len(SENDING) :], self.store.refs(self.place)
            begun = asyncio.get_running_loop().time()
            try:
                found = await self.adapter.recover(self.place, out, self._unique(key), mark, known)
            finally:
                spent = asyncio.get_running_loop().time() - begun
                self._pace.count(int(spent / self.limits.gap) + 1)
            if found is not None:
                self.store.put_made(self.place, found.id)
                return found.id
        self._tried[key] = out
        self._put(Sent(key, block, "", digest, SENDING + self.adapter.mark(self.place), 0))
        try:
            ref = await self.adapter.send(self.place, out, self._unique(key))
        except RateLimited:
            self._forget_try(key)
            raise
        except Unavailable as error:
            if not error.maybe_sent:
                self._forget_try(key)
            raise
        except Rejected as error:
            self._forget_try(key)
            log.warning("%s refused a message: %s", self.place.platform, error)
            ref = await self._send_otherwise(key, out)
        self.store.put_made(self.place, ref.id)
        return ref.id

    async def _send_otherwise(self, key: str, out: Outgoing) -> MessageRef:
        """Without formatting; then the words as a file; then at least that something was there."""
        path = self.store.spool.path(f"{self._unique(key)}.md")
        path.write_text(out.body, "utf-8", "surrogatepass")
        file = FileOut("answer.md", path)
        tries = [
            replace(out, plain=True, files=()),
            replace(out, body="", files=(file,), controls=()),
            Outgoing("A message could not be shown here.", controls=out.controls),
        ]
        try:
            for attempt in tries:
                try:
                    return await self.adapter.send(self.place, attempt, self._unique(key))
                except Rejected as error:
                    refused = error
        finally:
            self.store.spool.sent(path)
        raise Forbidden(f"nothing can be written here: {refused}")

    def _files(self, desired: Desired) -> tuple[FileOut, ...]:
        found = list(desired.out.files)
        for attachment in desired.attachments:
            path = self.store.spool.folder(self._unique(desired.key)) / attachment.name
            path.write_text(attachment.text, "utf-8", "surrogatepass")
            if path.stat().st_size <= self.limits.file_up:
                found.append(FileOut(attachment.name, path))
        return tuple(found)

    def _attached(self, key: str) -> None:
        """The message of the key has its files, or is wanted no more."""
        self.store.spool.sent(self.store.spool.directory / self._unique(key))

    async def _edit(self, desired: Desired, sent: Sent) -> None:
        try:
            await self.adapter.edit(MessageRef(self.place, sent.ref), desired.out)
        except Gone:  # the person deleted it: it is not forced upon them again
            self._put(sent._replace(state="gone"))
            return
        except Rejected as error:
            log.warning("%s refused an edit: %s", self.place.platform, error)
            try:
                await self.adapter.edit(
                    MessageRef(self.place, sent.ref), replace(desired.out, plain=True)
                )
            except (Rejected, Gone):
                self._put(sent._replace(state="gone"))
                return
        self._put(sent._replace(digest=self._digest(desired), edits=sent.edits + 1))

    async def _show_draft(self, desired: Desired) -> None:
        now = asyncio.get_running_loop().time()
        self._draft = (desired.key, desired.digest, now)
        try:
            works = await self.adapter.draft(self.place, desired.out, self._unique(desired.key))
        except RateLimited as error:  # skip this frame; the words come anyway
            self._drafts_after = now + error.retry_after
            return
        except (Unavailable, Gone):
            return
        except Rejected:
            works = False
        self._drafts = self._drafts and works

    async def _withdraw(self, sent: Sent) -> None:
        """What may have been sent is wanted no more: it is looked for, and deleted then."""
        out, key = self._tried.get(sent.key), self._unique(sent.key)
        if out is not None:
            mark, known = sent.state[len(SENDING) :], self.store.refs(self.place)
            try:
                if self.limits.unique:
                    found: MessageRef | None = await self.adapter.send(self.place, out, key)
                else:
                    found = await self.adapter.recover(self.place, out, key, mark, known)
            except Rejected:
                found = None
            self._attached(sent.key)
            if found is not None:
                self._put(sent._replace(ref=found.id, state="sent"))
                return
        self._forget_try(sent.key)

    async def _delete(self, sent: Sent) -> None:
        if not sent.ref:
            await self._withdraw(sent)
            return
        try:
            await self.adapter.delete(MessageRef(self.place, sent.ref))
        except (Rejected, Gone, Forbidden) as error:
            log.info("a message stays: %s", error)
        self._sent.pop(sent.key, None)
        self.store.remove_sent(self.place, [sent.key])

    # -- replies

    async def _next_reply(self) -> bool:
        if not self._replies:
            return False
        key, reply = self._replies[0]
        pieces = reply.outgoing(self.limits)
        for number, out in enumerate(pieces):
            name = f"{key}/{number}"
            sent = self._sent.get(name)
            if sent is not None and sent.ref:
                continue
            held = await self._pace.slot(REPLY, f"{self.place.chat}/{self.place.thread}")
            try:
                ref = await self._send(name, "", out, sent)
            except RateLimited as error:
                self._pace.pause(error.retry_after + 0.1)
                return True
            finally:
                self._pace.done(held)
            self._pace.release()
            self._put(Sent(name, "", ref, "", "sent", 0))
        self._replies.pop(0)
        self.store.remove_reply(self.place, key)
        for _, path in reply.files:
            self.store.spool.sent(Path(path))
        kept = [name for name, sent in self._sent.items() if not sent.block]
        for name in kept[:-50]:  # enough to know what a person replies to
            del self._sent[name]
            self.store.remove_sent(self.place, [name])
        return True

    # -- what is known

    def _put(self, sent: Sent) -> None:
        self._sent[sent.key] = sent
        if sent.ref:
            self._tried.pop(sent.key, None)
        self.store.put_sent(self.place, sent)
        self._moved.set()

    def _forget_try(self, key: str) -> None:
        self._tried.pop(key, None)
        self._sent.pop(key, None)
        self.store.remove_sent(self.place, [key])

    def _unique(self, key: str) -> str:
        return unique(self.place, key)


def unique(place: Place, key: str) -> str:
    """24 letters and digits that stand for this message alone."""
    names = (place.platform, place.account, place.chat, place.thread or "", key)
    return token(*names) + token("more", *names)[:8]
