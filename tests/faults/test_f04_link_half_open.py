"""F4: the link dies without a word (no FIN, no RST): noticed, said, and replaced beside the old."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_agent.protocol import wire
from tests.fixtures.live import until
from tests.fixtures.netns import Network
from tests.fixtures.sshd import Client, Sshd
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World, configuration, opened

# Two missed heartbeats, and as much again for a busy machine; TCP itself needs many minutes.
NOTICED = 2 * wire.PING_EVERY * (wire.PING_MISSED + 1) + 5
STEPS = "".join(f"{step} " for step in range(1, 17)) + "done."


def test_a_frozen_sshd_is_replaced_beside_the_old_connection(world: World, project: Path) -> None:
    talk = world.talk(project, mode="auto")
    pid = talk.state["pid"]
    id = talk.prompt("slow 4")
    talk.wait_text("2 ")
    (frozen,) = world.sshd.connections()
    began = time.monotonic()
    frozen.send_signal(signal.SIGSTOP)
    world.api.wait_machine("gpu", "reconnecting", deadline=NOTICED)
    # the old one is still there, and still frozen: nobody waits for it
    world.api.wait_machine("gpu", "online", deadline=30)
    assert time.monotonic() - began < 40
    assert frozen.status() == "stopped"
    assert [process for process in world.sshd.connections() if process.pid != frozen.pid]
    talk.wait_prompt(id)
    events = talk.events()
    assert_whole(events)
    assert text_of(events) == STEPS
    assert talk.state["pid"] == pid


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Network]]:
    """A machine at the end of a wire that can be cut."""
    directory = tmp_path_factory.mktemp("far")
    with Network() as network:
        client = Client(directory / "keys")
        sshd = Sshd(
            directory / "far",
            client.authorized,
            address=network.jump,
            wrap=network.wrap("jump"),
        )
        client.add_host("far", sshd)
        with opened(World(directory, client, {"far": sshd}, "far", configuration())) as world:
            yield world, network


def test_a_wire_that_swallows_everything(far: tuple[World, Network]) -> None:
    world, network = far
    talk = world.talk(world.project(), mode="auto")
    pid = talk.state["pid"]
    id = talk.prompt("slow 4")
    talk.wait_text("2 ")
    network.cut()
    said = world.api.wait_machine("far", "reconnecting", deadline=NOTICED)
    assert said["error"]["message"]
    until(lambda: talk.show()["link"] == "offline", "the session is shown as offline")
    # it speaks on, into the void
    until(
        lambda: [e for e in world.ground.journal(talk.id) if e["type"] == "turn_ended"],
        "the turn ends on the machine",
    )
    network.mend()
    world.api.wait_machine("far", "online")
    talk.wait_prompt(id)
    events = talk.events()
    assert_whole(events)
    assert text_of(events) == STEPS
    assert talk.state["pid"] == pid
    world.mend()
