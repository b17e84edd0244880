"""Many sessions dispatched at once over many machines, each an sshd with a home of its own."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.fixtures.live import Talk
from tests.fixtures.sshd import Client, Sshd
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World, opened

from .rig import WITNESS


class Started(NamedTuple):
    """What came of one dispatch."""

    asked: int
    talks: dict[int, Talk]
    problems: list[str]
    seconds: float  # until the last one was ready


@contextmanager
def place(directory: Path, machines: int) -> Iterator[World]:
    """A hub and so many machines."""
    client = Client(directory / "keys")
    hosts = {}
    for number in range(machines):
        name = f"host{number}"
        hosts[name] = Sshd(directory / name, client.authorized)
        client.add_host(name, hosts[name])
    agents = {"witness": {"command": [sys.executable, "-I", "-S", str(WITNESS)]}}
    config = json.dumps({"agents": agents})
    with opened(World(directory, client, hosts, "host0", config)) as world:
        yield world


def dispatch(world: World, sessions: int) -> Started:
    """All at once, each with its first prompt."""
    talks: dict[int, Talk] = {}
    problems: list[str] = []
    names = list(world.hosts)
    together = threading.Barrier(sessions)

    def start(number: int, cwd: Path) -> None:
        together.wait()
        try:
            machine = names[number % len(names)]
            talks[number] = world.talk(cwd, "witness", machine, prompt=f"p{number} say 1")
        except Exception as problem:
            problems.append(f"session {number}: {problem!r}")

    threads = [
        threading.Thread(target=start, args=(number, world.project())) for number in range(sessions)
    ]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    for thread in threads:
        thread.join()
    return Started(sessions, talks, problems, time.monotonic() - began)


def check(started: Started) -> None:
    """Each session is itself: an own id, an own name, the answer to its own prompt."""
    assert not started.problems, started.problems[:5]
    assert len({talk.id for talk in started.talks.values()}) == started.asked
    shown = [talk.show() for talk in started.talks.values()]
    assert len({session["name"] for session in shown}) == started.asked
    for number, talk in started.talks.items():
        (id,) = talk.prompts()
        talk.wait_prompt(id)
        events = talk.events()
        assert_whole(events)
        assert text_of(events) == f"p{number}:0 "
