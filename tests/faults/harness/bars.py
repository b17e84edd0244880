"""The bars of docs/reliability.md that a calm rig measures: times, memory, sizes, constants.

Whatever is lost, doubled or left behind under faults is counted by the rounds themselves.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from codecast_agent.protocol import wire
from tests.fixtures.live import Talk, until
from tests.fixtures.transcripts import assert_whole, text_of

from . import crowd
from .oracle import read_witness
from .rig import Rig

MIB = 1 << 20


class Bars(NamedTuple):
    started: int  # of `asked`, at once, on `machines`
    asked: int
    machines: int
    seconds: float
    answer_ms: float  # from the click to the agent, median
    answer_worst_ms: float
    relay_mib: float  # resident, idle
    supervisor_mib: float  # its share of memory (PSS), idle
    line_mib: int  # of one line that came through whole
    agents_untouched: bool  # by a hub that was away for `away` seconds
    away: float
    ping: float
    lease: float


def measure(rig: Rig, directory: Path, sessions: int = 200, machines: int = 10) -> Bars:
    with crowd.place(directory / "crowd", machines) as world:
        started = crowd.dispatch(world, sessions)
        crowd.check(started)
    project = directory / "bars"
    project.mkdir()
    talk = rig.api("lab").start("near", project, "witness", mode="ask")
    try:
        untouched, away = _away(rig, talk)
        ground = rig.machines["near"].ground
        (relay,) = ground.relays()
        memory = psutil.Process(ground.supervisor(talk.id)).memory_full_info().pss
        resident = psutil.Process(relay).memory_info().rss
        times = _answers(rig, talk, project)
        line = _long_line(talk)
    finally:
        talk.destroy()
    return Bars(
        len(started.talks),
        sessions,
        machines,
        started.seconds,
        statistics.median(times) * 1000,
        max(times) * 1000,
        resident / MIB,
        memory / MIB,
        line,
        untouched,
        away,
        wire.PING_EVERY,
        wire.LEASE,
    )


def _answers(rig: Rig, talk: Talk, project: Path) -> list[float]:
    """Seconds from an answer's click to its arrival at the agent, each in turn."""
    times = []
    for number in range(30):
        id = talk.prompt(f"r{number} ask")
        request = talk.wait_request()
        clicked = time.time()
        talk.choose(request, "allow_once")
        talk.wait_prompt(id)
        heard = [line for line in read_witness(project / "witness.log") if "answered" in line]
        times.append(heard[-1]["time"] - clicked)
    return times


def _long_line(talk: Talk) -> int:
    """MiB of one line of the agent."""
    after = len(talk.events())
    talk.ask("long big 20480")
    said = text_of(talk.events(after))
    assert len(said) == len("long:0 ") + (20 << 20)
    return 20


def _away(rig: Rig, talk: Talk) -> tuple[bool, float]:
    """A hub that is away for longer than every lease, as a laptop that sleeps: nothing ends."""
    away = wire.LEASE + 5
    before = talk.state["pid"]
    id = talk.prompt(f"away work {away / 2}")
    talk.wait_text("away:1 ")
    rig.restart_hub(meanwhile=lambda: time.sleep(away))
    talk.wait_prompt(id)
    assert_whole(talk.events())
    until(lambda: talk.state["status"] == "idle", "it is idle")
    return talk.state["pid"] == before and psutil.pid_exists(before), away
