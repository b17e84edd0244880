"""Where the time of an event goes, hop by hop: p50 at a rate, no delay on the wire.

What one process did is told by clocks inside it, so a little of each hop is the clock's own. raw
ssh crosses as many processes (source, sshd, ssh, its reader), none of which keeps anything.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asyncssh.connection import SSHConnection

from codecast_jupyter.control.ingest import Taken
from codecast_jupyter.control.mirror import _Stream
from codecast_jupyter.control.pipes import _ExecSession

from .figures import Plot, Result, median
from .settings import Settings
from .site import opened
from .ways.ours import Ours
from .ways.raw import Raw

FINDINGS = Path(__file__).with_name("findings.md")  # why marks are missed, what was tried
HOPS = (
    "until the supervisor has read and understood it",
    "journal, pipe, sshd, until the hub's socket has it",
    "decryption and SSH",
    "frames, the transaction that stores it",
)


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    bars: dict[str, list[tuple[str, float]]] = {hop: [] for hop in HOPS}
    async with opened(home) as site:
        raw, ours = Raw(site), Ours(site)
        await ours.open()
        for rate in (rate for rate in settings.rates if rate >= 100):
            hops: list[tuple[float, ...]] = []
            base: list[float] = []
            for _ in range(max(settings.rounds // 2, 1)):
                with _stamped() as stamps:
                    await ours.carry(rate, settings.count(rate))
                hops += stamps
                base += (await raw.carry(rate, settings.count(rate))).latencies
            for number, hop in enumerate(HOPS):
                value = median([each[number] for each in hops])
                result.add(f"{rate:g} events/s: {hop}", value, "µs")
                bars[hop].append((f"{rate:g}/s", value))
            every, plain = median([sum(each) for each in hops]), median(base) * 1e3
            result.add(f"{rate:g} events/s: all of it", every, "µs", others={"raw ssh": plain})
        await ours.close()
    result.words += [" ".join(each.split()) for each in FINDINGS.read_text().split("\n\n")]
    result.plots.append(
        Plot("hops", "Where the time of an event goes", "", "µs", dict(bars), "bars")
    )
    return result


@contextlib.contextmanager
def _stamped() -> Iterator[list[tuple[float, ...]]]:
    """Of each event that is stored alone: how long each of HOPS took, in microseconds."""
    found: list[tuple[float, ...]] = []
    clocks = time.time_ns() - time.monotonic_ns()
    socket = frames = 0
    received, decrypted = SSHConnection.data_received, _ExecSession.data_received
    took = _Stream.took

    def on_socket(self: SSHConnection, *args: Any) -> None:
        nonlocal socket
        socket = time.monotonic_ns()
        received(self, *args)

    def on_frames(self: _ExecSession, *args: Any) -> None:
        nonlocal frames
        frames = time.monotonic_ns()
        decrypted(self, *args)

    def on_stored(self: _Stream, block: bytes, taken: Taken) -> None:
        now = time.monotonic_ns()
        if len(taken.rows) == 1 and taken.rows[0].type == "agent_message_chunk":
            row = taken.rows[0]
            when = int(row.body.partition('"text":"')[2].split(" ", 2)[1])
            at = (when, row.time * 1000 - clocks, socket, frames, now)
            found.append(tuple((b - a) / 1e3 for a, b in itertools.pairwise(at)))
        took(self, block, taken)

    SSHConnection.data_received = on_socket  # type: ignore[assignment]
    _ExecSession.data_received = on_frames  # type: ignore[method-assign]
    _Stream.took = on_stored  # type: ignore[method-assign]
    try:
        yield found
    finally:
        SSHConnection.data_received = received  # type: ignore[method-assign]
        _ExecSession.data_received = decrypted  # type: ignore[method-assign]
        _Stream.took = took  # type: ignore[method-assign]
