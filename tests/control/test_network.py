"""A host that only a jump host reaches, and a wire that falls silent, in network namespaces."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from codecast_agent.protocol import wire
from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import dialing
from codecast_jupyter.control.machines import Machines
from codecast_jupyter.control.ssh_config import Overrides, resolve
from tests.fixtures.netns import Network
from tests.fixtures.sshd import Client, Sshd, alive, wait_for

from .conftest import Watcher

Start = Callable[..., Sshd]


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as net:
        yield net


@pytest.fixture
def jump(network: Network, start_sshd: Start) -> Sshd:
    return start_sshd("jump", address=network.jump, port=22, wrap=network.wrap("jump"))


@pytest.fixture
def inner(network: Network, start_sshd: Start, jump: Sshd) -> Sshd:
    return start_sshd(
        "inner",
        address=network.inner,
        port=22,
        wrap=network.wrap("inner"),
        lines=["ProxyJump jump"],
    )


async def test_inner_host_is_reached_through_the_jump_host(
    machines: Machines, inner: Sshd, jump: Sshd
) -> None:
    link = await machines.get("inner").link()
    assert link.root.startswith(str(inner.home))
    assert len(jump.connections()) == 1
    await machines.get("inner").disconnect()
    await asyncio.to_thread(
        wait_for, lambda: not jump.connections(), "the jump host's connection to end"
    )


async def test_jump_that_cannot_reach_the_inner_host_says_so(
    machines: Machines, client: Client, jump: Sshd, network: Network
) -> None:
    client.add_text(f"Host closed\n    HostName {network.inner}\n    ProxyJump jump\n")
    with pytest.raises(CodecastError) as caught:
        await machines.get("closed").link()
    assert caught.value.code == "unreachable"
    assert "jump host cannot reach" in caught.value.message


async def test_black_hole_is_noticed_and_left_when_it_ends(
    machines: Machines, watcher: Watcher, jump: Sshd, network: Network
) -> None:
    machine = machines.get("jump")
    machine.keep(True)
    link = await machine.link()
    network.cut()
    await watcher.until(lambda: machine.state == "reconnecting")
    assert machine.current is link
    assert machine.error is not None
    assert "has not answered" in machine.error.message
    network.mend()
    await watcher.until(lambda: machine.state == "online")
    current = machine.current
    assert current is not None
    assert (await current.call("ping", {"n": 1}, timeout=10))["n"] == 1


async def test_line_that_is_expected_back_is_tried_anew_and_all_but_one_attempt_closed(
    client: Client, jump: Sshd, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel repeats a lost first packet after 1, 3, 7 seconds: too late for who waits."""
    made: list[socket.socket] = []

    class Counted(socket.socket):
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **more)
            made.append(self)

    resolved = await resolve("jump", client.config, Overrides())
    network.cut()
    with monkeypatch.context() as patch:
        patch.setattr(dialing.socket, "socket", Counted)
        reaching = asyncio.create_task(dialing.dial(resolved, 15.0))
        await asyncio.to_thread(wait_for, lambda: len(made) >= 4, "four attempts")
        network.mend()
        connected = await reaching
    try:
        assert connected.getpeername()[0] == network.jump
        assert [each for each in made if each.fileno() >= 0] == [connected]
    finally:
        connected.close()


async def test_dead_link_leaves_nothing_on_the_machine(
    machines: Machines,
    jump: Sshd,
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The machine never hears that we are gone: only the lease tells it."""
    monkeypatch.setattr(wire, "LEASE", 2.0)
    machine = machines.get("jump")
    link = await machine.link()
    network.cut()
    await machine.disconnect()
    relay = link.hello["pid"]
    await asyncio.to_thread(wait_for, lambda: not alive(relay), "the relay to end")
    await asyncio.to_thread(
        wait_for, lambda: not jump.connections(), "the connection's sshd to end"
    )
