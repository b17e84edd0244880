"""From what was emitted to what may be seen: one act, one write, then the consequences.

An act is a line heard, a verb asked, a timer fired. What it emits is written at once; only
then do lines reach the CLI, relays wake and replies leave. While the disk is full all of
these wait in memory, and the CLI's pipe is not read, so that it waits too.
"""

import os
import time
from typing import Any, Dict, List, Protocol

from . import prompts
from .journal import Journal
from .ledger import Ledger
from .loop import Call, Loop
from .places import Place
from .protocol import records
from .protocol.errors import CodecastError
from .protocol.state import FOLDED
from .system import trace

Event = Dict[str, Any]
SYNC_EVERY = 1.0
RETRY_EVERY = 0.3  # seconds, on a full disk
LOG_LIMIT = 1 << 20
# synced before anybody hears of it
URGENT = frozenset(
    ["request_opened", "request_resolved", "turn_ended", "session_state", "session_info_update"]
)


class Stage(Protocol):
    """Where the consequences go; `wake` tells that the journal grew."""

    wake: Call

    def pass_line(self, line: bytes) -> None:
        """To the CLI's stdin."""

    def pause(self, paused: bool) -> None:
        """Whether the CLI may be read."""

    def step(self) -> bool:
        """Do what can be done next; False when there is nothing."""

    def turn_over(self) -> None:
        """A turn has ended."""


class Scribe:
    """Journal and ledger of a living session, written together."""

    def __init__(self, loop: Loop, place: Place, journal: Journal, ledger: Ledger) -> None:
        self.loop = loop
        self.place = place
        self.journal = journal
        self.ledger = ledger
        self.stage: Stage
        self.urgent = False  # sync before the consequences of this act
        self.lines: List[bytes] = []  # for the CLI
        self.replies: List[Call] = []
        self._payloads: List[bytes] = []
        self._depth = 0
        self._sync_planned = False
        self._retry_planned = False
        self._stirred = False  # there may be something to do next
        self._log_size = LOG_LIMIT

    def act(self, call: Call, routine: bool = False) -> None:
        """Run, journal what was emitted, let the consequences out, and go on while there is
        something to do next. A mistake of ours is logged and shown, and the session goes on.
        `routine`: what was emitted alone can lead to something to do."""
        self._stirred = self._stirred or not routine
        self._depth += 1
        try:
            call()
        except Exception as problem:
            self.log_trace()
            self.record({"type": "notice", "level": "error", "text": "Internal: %r" % problem})
        finally:
            self._depth -= 1
        if not self._depth:
            self.commit()
            if self._stirred:
                self._stirred = False
                while self.stage.step():
                    self.commit()

    def record(self, event: Event) -> None:
        """Number an event and take it into the ledger; written when the act ends."""
        try:
            payload = records.dump(event)
            if len(payload) > records.MAX_RECORD:
                raise ValueError("an event of %d bytes" % len(payload))
        except (TypeError, ValueError, RecursionError) as problem:
            self.log_trace()
            event = {"type": "notice", "level": "error", "text": "An event was lost: %s" % problem}
            payload = records.dump(event)
        kind = event["type"]
        if kind not in FOLDED:
            self.record_text(kind, payload)
            return
        self._payloads.append(payload)
        seq = self.journal.seq + len(self._payloads)
        over = self.ledger.in_turn() if kind == "turn_ended" else []
        self.urgent = self.urgent or kind in URGENT
        self._take(seq, event)
        if kind == "turn_ended":
            for each in prompts.at_turn_end(over, str(event["reason"]), event.get("error")):
                self.record(each)
            self.stage.turn_over()

    def record_text(self, kind: str, payload: bytes) -> None:
        """`record` of an event that is JSON already, of a type that the fold does not look at."""
        self._payloads.append(payload)
        seq = self.journal.seq + len(self._payloads)
        self.ledger.pass_over(seq, time.time(), kind)

    def record_durably(self, event: Event) -> None:
        """Now and for certain, or CodecastError("disk_full") and nothing happened."""
        self.commit()
        self.journal.append_or_refuse([records.dump(event)])
        self._take(self.journal.seq, event)
        self.stage.wake()

    def check_space(self) -> None:
        """Raises CodecastError("disk_full") while the disk is."""
        problem = self.journal.full
        if problem is not None:
            raise CodecastError(
                "disk_full",
                "The machine cannot store it: %s." % problem.strerror,
                "Free space for %s, then do it again." % self.place.path,
            )

    def _take(self, seq: int, event: Event) -> None:
        data = {key: value for key, value in event.items() if key != "type"}
        self.ledger.apply(seq, time.time(), event["type"], data)
        self._stirred = True

    def commit(self) -> None:
        """Write, sync if it is urgent, then let lines and replies go."""
        journal = self.journal
        written = bool(self._payloads)
        if written:
            payloads, self._payloads = self._payloads, []
            journal.append(payloads)
        if journal.full is None and self.urgent and journal.sync():
            self.urgent = False
        if journal.full is not None:
            self._wait_for_space()
            return
        if written:
            self.stage.wake()
        if self.lines:
            lines, self.lines = self.lines, []
            for line in lines:
                self.stage.pass_line(line)
        if self.replies:
            replies, self.replies = self.replies, []
            for reply in replies:
                reply()
        if journal.dirty and not self._sync_planned:
            self._sync_planned = True
            self.loop.after(SYNC_EVERY, self._sync)

    def _sync(self) -> None:
        self._sync_planned = False
        if not self.journal.sync():
            self._wait_for_space()

    def _wait_for_space(self) -> None:
        self.stage.pause(True)
        if not self._retry_planned:
            self._retry_planned = True
            self.loop.after(RETRY_EVERY, self._retry)

    def _retry(self) -> None:
        self._retry_planned = False
        if not self.journal.flush():
            self._wait_for_space()
            return
        self.urgent = True  # a refused sync is asked for again
        self.stage.wake()
        self.act(lambda: None)
        if self.journal.full is None:
            self.stage.pause(False)

    def log(self, data: bytes) -> None:
        """Into the supervisor's log, of which the last one to two MiB are kept."""
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            with open(os.open(self.place.log, flags, 0o600), "ab") as file:
                self._log_size = file.tell() + file.write(data)
            if self._log_size > LOG_LIMIT:
                os.replace(self.place.log, self.place.log + ".1")
        except OSError:
            pass

    def log_trace(self) -> None:
        """The exception being handled."""
        self.log(trace().encode("utf-8", "backslashreplace"))
