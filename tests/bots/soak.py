"""Streaming for hours with faults, in a fraction of the time: every rate is `SPEED` times faster.

    python -m tests.bots.soak [MINUTES [telegram|discord|lark ...]]

`codecast bots` runs in a process of its own, between a strict chat that fails at random and a hub
of ours, and a person prompts, reads, asks, answers requests and gets files. Says what was lost or
doubled (nothing), how soon replies arrived in the midst of output, and what the bots' process kept
in memory and on disk; memory that grows by more than `MOST_GROWTH` is a failure. `LEAK=BYTES` in
the environment makes the bots keep so many bytes of each message, which must be found.
"""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from codecast_bots.rendering import render
from codecast_bots.view import View
from codecast_jupyter.commands.render import markdown as md
from tests.bots.haste import SPEED
from tests.bots.memory import Memory, memory, serving
from tests.bots.servers.hub import NAME, Hub
from tests.bots.stage import STYLE, Faults, Writer
from tests.bots.strict_chats import CHATS, Chat, limits_of
from tests.fixtures.live import until

Json = dict[str, Any]
MOST_GROWTH = 1024  # KiB in a simulated hour
JUDGED = 60  # minutes; in less, what is loaded and cached once looks like growth
WARM = 1 / 4  # of the time, in which everything is loaded and used for the first time
POLLS_FAIL = 0.005  # each costs a second that is not simulated
SOON = "On it ..."  # what a slow machine's person is told besides


class Disk(NamedTuple):
    """Bytes below the state directory."""

    database: int
    files: int
    audit: int


class Report(NamedTuple):
    """Times in seconds of the simulated clock."""

    platform: str
    minutes: float
    turns: int
    messages: int
    missing: list[str]
    doubled: list[str]
    violations: list[str]
    faults: int
    floods: int
    waited: list[float]  # from a question to its answer
    memory: list[tuple[float, Memory]]  # with the hour at which it was so
    disk: list[Disk]  # after each turn
    rows: int  # of the bots' database, at the end

    def growth(self, begin: float = WARM) -> float:
        """KiB in an hour, from this part of the time on."""
        begin *= self.minutes / 60
        return slope([(hour, found.private) for hour, found in self.memory if hour >= begin])

    def problems(self) -> list[str]:
        found = [f"{name}: {what[:5]}" for name, what in
                 (("lost", self.missing), ("doubled", self.doubled),
                  ("against the rules", self.violations)) if what]  # fmt: skip
        if self.floods:
            found.append(f"{self.floods} calls were too many")
        if self.minutes >= JUDGED and self.growth() > MOST_GROWTH:
            found.append(f"memory grows by {self.growth():.0f} KiB an hour, of {MOST_GROWTH}")
        return found

    def __str__(self) -> str:
        slow, found = sorted(self.waited), [found for _, found in self.memory]
        warm = next(m for hour, m in self.memory if hour >= self.minutes / 60 * WARM)
        return (
            f"{self.platform}: {self.minutes:.0f} minutes, {self.turns} turns, {self.messages}"
            f" messages, {self.faults} faults, {self.floods} floods; missing {len(self.missing)},"
            f" doubled {len(self.doubled)}, against the rules {len(self.violations)}; answers after"
            f" {slow[len(slow) // 2]:.2f} s (median), {slow[-1]:.2f} s (worst)\n"
            f"  resident MiB: {found[0].rss / 1024:.1f} first, {warm.rss / 1024:.1f} warm,"
            f" {max(m.rss for m in found) / 1024:.1f} largest, {found[-1].rss / 1024:.1f} last"
            f" (its own: {warm.private / 1024:.1f} warm, {found[-1].private / 1024:.1f} last);"
            f" warm {self.growth():+.0f} KiB an hour, second half {self.growth(1 / 2):+.0f}\n"
            f"  on disk: {self.disk[len(self.disk) // 2].database >> 10} KiB of database after half"
            f" of the turns, {self.disk[-1].database >> 10} KiB and {self.rows} rows at the end;"
            f" files {max(d.files for d in self.disk) >> 10} KiB at most,"
            f" {self.disk[-1].files >> 10} KiB at the end; audit log"
            f" {self.disk[-1].audit >> 10} KiB"
        )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much more in one of `x`: the median of the slopes between points half of them apart, so
    that a single step (a page of the allocator, a table that doubles) is no trend."""
    half = len(points) // 2
    found = sorted((y2 - y1) / (x2 - x1)
                   for (x1, y1), (x2, y2) in zip(points, points[half:], strict=False)
                   if x2 > x1)  # fmt: skip
    return found[len(found) // 2] if found else 0.0


class Soak:
    """A person with one session in one chat."""

    def __init__(self, chat: Chat, hub: Hub, state: Path, process: int, seed: int) -> None:
        self.chat, self.hub, self.state, self.process = chat, hub, state, process
        self.chance, self.writer = random.Random(seed), Writer()
        self.begun = time.monotonic()
        self.waited: list[float] = []
        self.memory: list[tuple[float, Memory]] = []
        self.disk: list[Disk] = []
        self.turns = 0
        self.expected: Counter[str] = Counter()  # words of messages that are no output
        self.files: list[str] = []

    @property
    def hour(self) -> float:
        return (time.monotonic() - self.begun) * SPEED / 3600

    def opens(self) -> int:
        """How many messages stand there before anything is streamed."""
        self.chat.says(f"/resume {NAME}")
        begins = self.chat.shown(f"**{md.esc(NAME)}**: ")
        until(lambda: any(t.startswith(begins) for t in self.chat.texts()), "the session is shown")
        return len(self.chat.texts())

    def turn(self) -> None:
        self.turns += 1
        number, writer, chance = self.turns, self.writer, self.chance
        self.chat.says(f"go {number}")
        until(lambda: len(self.hub.prompts) >= number, "the prompt is there", every=0.005)
        begun = len(writer.events)
        prompt = {"prompt": f"p{number}", "by": "Olga", "where": self.chat.name}
        content = [{"type": "text", "text": f"go {number}"}]
        writer.add("prompt_state", **prompt, state="running", content=content)
        writer.turn(number, chance, parts=chance.randint(5, 40))
        writer.add("prompt_state", **prompt, state="done")
        asks_at = chance.randint(begun + 2, len(writer.events))
        if number % 3 == 0:  # sent by rule at the turn's end
            self._offers(f"report-{number}.txt", by_rule=True)
        if number % 4 == 0:
            self._offers(f"data-{number}.txt", by_rule=False)
        for event in writer.events[begun:]:
            self.hub.happens(event)
            time.sleep(chance.random() * 0.5 / SPEED)
            if event["seq"] == asks_at:
                self._asks(f"reply-{number}")
            if event["type"] == "request_opened" and chance.random() < 0.2:
                self._presses(event["request"])
        last = self.chat.shown(f"Answer {number}.")
        until(lambda: last in self.chat.texts(), f"answer {number}", every=0.01)
        self._look()

    def _offers(self, name: str, by_rule: bool) -> None:
        self.hub.files[name] = (self.chance.randbytes(20_000), by_rule)
        self.files += [name] * by_rule
        self.expected[self.chat.shown(f"`{name}`" if by_rule else "Files of this turn:")] += 1

    def _asks(self, word: str) -> None:
        """Something that is answered in the midst of output."""
        begun = time.monotonic()
        words = self.chat.shown(f"Nothing found for `{word}`.")
        self.expected[words] += 1
        self.chat.says(f"/search {word}")
        until(lambda: words in self.chat.texts(), f"an answer to {word}", every=0.002)
        self.waited.append((time.monotonic() - begun) * SPEED)

    def _presses(self, request: str) -> None:
        """Until it counts: what fails now is pressed once more."""
        end = time.monotonic() + 60
        while request not in self.hub.answers:
            assert time.monotonic() < end, f"{request} was never answered"
            pressed = False
            with contextlib.suppress(StopIteration, KeyError, TypeError):  # it is gone by now
                pressed = self.chat.presses("Allow")
            again = time.monotonic() + 3 * pressed
            while request not in self.hub.answers and time.monotonic() < again:
                time.sleep(0.005)
            time.sleep(0.005)

    def _look(self) -> None:
        self.memory.append((self.hour, memory(self.process)))
        database = sum(path.stat().st_size for path in self.state.glob("bots.sqlite*"))
        files = sum(p.stat().st_size for p in self.state.glob("out/**/*") if p.is_file())
        audit = self.state / "audit.jsonl"
        self.disk.append(Disk(database, files, audit.stat().st_size if audit.exists() else 0))

    def wanted(self) -> Counter[str]:
        """What stands there when all is done: words, and files."""
        view, style = View(), replace(STYLE, platform=self.chat.name)
        for event in self.writer.events:
            view.apply(event)
        found = render(view, style, limits_of(self.chat))
        texts = Counter(self.chat.shown(desired.out.body) for desired in found)
        names = [file.name for desired in found for file in desired.attachments]
        return texts + Counter(f"a file {name}" for name in names + self.files) + self.expected


def run(platform: str, minutes: float, seed: int = 1, rate: float = 0.05) -> Report:
    """Without the clean-up of what it was about when it fails."""
    chat, hub = CHATS[platform](SPEED), Hub()
    directory = Path(tempfile.mkdtemp())
    faults, polls = Faults(seed, rate, chat.kinds), Faults(seed, POLLS_FAIL, ("500", "close"))
    how = ("tests.bots.haste", platform)
    try:
        with serving(chat, directory, hub.url, *how, tool_display="append") as bots:
            assert bots.process is not None
            soak = Soak(chat, hub, directory / "state", bots.process.pid, seed)
            before = soak.opens()
            chat.server.fault = lambda what: polls(what) if chat.polls(what) else faults(what)
            soak.begun = time.monotonic()
            while soak.hour < minutes / 60:
                soak.turn()
                if soak.turns % 40 == 0:
                    hub.close_streams()
            chat.server.fault = lambda what: ""
            wanted = soak.wanted()

            def there() -> Counter[str]:
                texts = chat.texts()[before:]
                files = (f"a file {name}" for name in chat.files())
                return Counter(text for text in texts if text != SOON) + Counter(files)

            try:
                until(lambda: wanted == there(), "everything stands there, once", 30)
            except AssertionError:  # the report tells
                print(bots.log.read_text()[-3000:], file=sys.stderr)
            soak._look()
            found = there()
        rows = _rows(directory / "state" / "bots.sqlite")
    except AssertionError:
        print((directory / "bots.log").read_text()[-3000:], chat.texts()[-5:], file=sys.stderr)
        raise
    finally:
        chat.stop()
        hub.stop()
        shutil.rmtree(directory)
    return Report(
        platform, minutes, soak.turns, len(found), list((wanted - found).elements()),
        list((found - wanted).elements()), list(chat.server.violations),
        faults.count + polls.count, chat.server.floods, soak.waited, soak.memory, soak.disk, rows,
    )  # fmt: skip


def _rows(database: Path) -> int:
    found = sqlite3.connect(database)
    try:
        tables = [name for (name,) in found.execute("select name from sqlite_master"
                                                    " where type = 'table'")]  # fmt: skip
        return sum(found.execute(f"select count(*) from {name}").fetchone()[0] for name in tables)
    finally:
        found.close()


if __name__ == "__main__":
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    failed = False
    for name in sys.argv[2:] or CHATS:
        with contextlib.redirect_stdout(io.StringIO()):  # the bots' log
            report = run(name, minutes)
        print(report, flush=True)
        for problem in report.problems():
            failed = True
            print(f"  FAILED: {problem}", flush=True)
    sys.exit(failed)
