"""A link dies in every way a link can die; the machine stays known, and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol import records, wire
from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import bootstrap
from codecast_jupyter.control.link import Link
from codecast_jupyter.control.machines import Machines
from tests.fixtures.sshd import Client, Sshd, alive, wait_for

from .conftest import Watcher

Start = Callable[..., Sshd]


async def gone(pid: int) -> None:
    await asyncio.to_thread(wait_for, lambda: not alive(pid), f"end of process {pid}")


async def test_local_machine_runs_without_ssh(machines: Machines, place: Path) -> None:
    link = await machines.get("local").link()
    assert link.root == str(place / "local-root")
    assert machines.get("local").to_json()["state"] == "online"


async def test_the_server_keeps_its_own_secrets_to_itself(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the person's own")
    environment = (await machines.get("local").link()).hello["environment"]
    assert "secret" not in environment.values()
    assert environment["ANTHROPIC_API_KEY"] == "the person's own"


async def test_call_answers_fails_and_times_out(machines: Machines) -> None:
    link = await machines.get("local").link()
    assert (await link.call("ping", {"n": 7}))["n"] == 7
    with pytest.raises(CodecastError) as caught:
        await link.call("fail")
    assert (caught.value.code, caught.value.hint) == ("not_found", "look")
    with pytest.raises(CodecastError, match="did not answer `sleep`"):
        await link.call("sleep", {"seconds": 2}, timeout=0.3)


async def test_blocks_come_in_order_and_only_to_their_subscriber(machines: Machines) -> None:
    link = await machines.get("local").link()
    first: list[bytes] = []
    second: list[bytes] = []
    await link.call("grow", {"count": 10})
    assert (await link.subscribe("s", 4, first.append))["last_seq"] == 10
    await link.call("grow", {"count": 5})
    assert [event.seq for event in records.decode_block(b"".join(first))] == [*range(5, 16)]
    await link.subscribe("s", 15, second.append)
    await link.call("grow", {"count": 1})
    assert [event.seq for event in records.decode_block(b"".join(second))] == [16]
    await link.unsubscribe("s")
    await link.call("grow", {"count": 1})
    assert len(list(records.decode_block(b"".join(first + second)))) == 12


async def test_sink_that_fails_ends_the_link(machines: Machines) -> None:
    link = await machines.get("local").link()

    def full(data: bytes) -> None:
        raise OSError("disk full")

    await link.subscribe("s", 0, full)
    with pytest.raises(CodecastError, match="cannot be read"):
        await link.call("grow", {"count": 1})
    assert "disk full" in link.closed.result().detail


async def test_what_is_no_frame_ends_the_link(machines: Machines) -> None:
    link = await machines.get("local").link()
    with pytest.raises(CodecastError) as caught:
        await link.call("garbage")
    assert caught.value.code == "link_lost"


async def test_notifications_reach_the_observers(machines: Machines, watcher: Watcher) -> None:
    link = await machines.get("local").link()
    params = {"session": "s", "alive": False, "last_seq": 3}
    await link.call("notify", {"method": "session/changed", "params": params})
    assert watcher.of("session") == [params]


async def test_relay_that_dies_is_replaced_when_wanted(
    machines: Machines, watcher: Watcher
) -> None:
    machine = machines.get("local")
    machine.keep(True)
    link = await machine.link()
    with pytest.raises(CodecastError) as caught:
        await link.call("exit", {"code": 3})
    assert caught.value.code == "link_lost"
    assert "standin relay says goodbye" in caught.value.detail
    await watcher.until(lambda: len(watcher.of("up")) == 2)
    kinds = [kind for kind, _ in watcher.seen if kind != "state"]
    assert kinds == ["up", "down", "up"]
    assert machine.current is not link


async def test_machine_with_sessions_is_tried_again_when_its_first_boot_fails(
    machines: Machines, watcher: Watcher, place: Path
) -> None:
    """A hub that comes back finds the machine out of order for a moment."""
    python = place / "python"
    python.write_text(f'#!/bin/sh\n[ -e {place}/well ] || exit 3\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    machines.put("local", {"python": str(python)})
    machine = machines.get("local")
    machine.keep(True)
    await watcher.until(lambda: machine.error is not None)
    assert machine.error is not None and machine.error.code == "bootstrap_failed"
    (place / "well").touch()
    await watcher.until(lambda: machine.state == "online")


async def test_unwanted_machine_stays_offline_after_a_loss(
    machines: Machines, watcher: Watcher
) -> None:
    machine = machines.get("local")
    link = await machine.link()
    with pytest.raises(CodecastError):
        await link.call("exit")
    await watcher.until(lambda: machine.state == "offline")
    assert machine.current is None
    assert await machine.link() is not link


async def test_who_asks_while_an_unwanted_link_is_taken_down_gets_another(
    machines: Machines, start_sshd: Start
) -> None:
    start_sshd("gpu")
    machine = machines.get("gpu")
    link = await machine.link()
    os.kill(link.hello["pid"], signal.SIGKILL)
    await asyncio.wait({link.closed})
    assert machine.current is link  # not yet taken down
    assert await machine.link(timeout=10) is not link


async def test_sshd_killed_comes_back(
    machines: Machines, watcher: Watcher, start_sshd: Start
) -> None:
    server = start_sshd("gpu")
    machine = machines.get("gpu")
    machine.keep(True)
    link = await machine.link()
    relay = link.hello["pid"]
    server.kill()
    await watcher.until(lambda: machine.state == "reconnecting" and bool(watcher.of("down")))
    await gone(relay)
    await watcher.until(lambda: machine.error is not None and machine.error.code == "unreachable")
    server.start()
    await watcher.until(lambda: machine.state == "online")
    assert watcher.of("up")[-1] is machine.current
    assert machine.error is None


async def test_half_open_link_is_noticed_and_replaced(
    machines: Machines, watcher: Watcher, start_sshd: Start
) -> None:
    server = start_sshd("gpu")
    machine = machines.get("gpu")
    machine.keep(True)
    link = await machine.link()
    frozen = [process.pid for process in server.connections()]
    server.signal_connections(signal.SIGSTOP)
    try:
        await watcher.until(lambda: len(watcher.of("up")) == 2)
        assert link.closed.done()
        assert "has not answered" in link.closed.result().message
        assert machine.current is not None
        assert machine.current.hello["pid"] != link.hello["pid"]
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    await gone(link.hello["pid"])


async def test_link_that_speaks_again_stays(
    machines: Machines, watcher: Watcher, start_sshd: Start
) -> None:
    """The second connection is under way, but the first is back before it: no second `up`."""
    server = start_sshd("gpu")
    machine = machines.get("gpu")
    machine.keep(True)
    link = await machine.link()
    assert server._process is not None
    listener = server._process.pid
    os.kill(listener, signal.SIGSTOP)  # new connections are accepted by nobody
    try:
        server.signal_connections(signal.SIGSTOP)
        await watcher.until(lambda: machine.state == "reconnecting")
        assert machine.current is link
        server.signal_connections(signal.SIGCONT)
        await watcher.until(lambda: machine.state == "online")
    finally:
        os.kill(listener, signal.SIGCONT)
    assert machine.current is link
    assert (await link.call("ping", {"n": 1}, timeout=10))["n"] == 1
    assert len(watcher.of("up")) == 1
    assert watcher.of("down") == []


async def test_lease_ends_what_a_dead_hub_left(
    client: Client,
    place: Path,
    standin: bootstrap.Archive,
    start_sshd: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The hub's pings stop (its process is frozen, its host is gone): relay and sshd end."""
    monkeypatch.setattr(wire, "LEASE", 2.0)
    server = start_sshd("gpu")
    machines = Machines(place / "codecast.yaml", client.config, "hub")
    try:
        link = await machines.get("gpu").link()
        assert link._pings is not None
        link._pings.cancel()
        relay = link.hello["pid"]
        await gone(relay)
        await asyncio.to_thread(
            wait_for, lambda: not server.connections(), "end of the connection's sshd"
        )
    finally:
        await machines.close()


async def test_pings_hold_the_lease(
    machines: Machines, start_sshd: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "LEASE", 2.0)
    start_sshd("gpu")
    link = await machines.get("gpu").link()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(link.closed), 3)
    assert link.latency is not None


async def test_close_leaves_nothing_running(machines: Machines, start_sshd: Start) -> None:
    server = start_sshd("gpu")
    pids = []
    for name in ("local", "gpu"):
        pids.append((await machines.get(name).link()).hello["pid"])
    await machines.close()
    for pid in pids:
        await gone(pid)
    await asyncio.to_thread(wait_for, lambda: not server.processes(), "sshd's children to end")


async def test_nobody_connects_again_after_the_close(machines: Machines) -> None:
    """Work that was still under way asks late: nobody would ever end what it started."""
    machine = machines.get("local")
    await machine.link()
    await machines.close()
    before = set(asyncio.all_tasks())
    with pytest.raises(CodecastError, match="was disconnected"):
        await machine.link()
    machine.connection.keep(True)
    assert set(asyncio.all_tasks()) == before
    assert machine.to_json()["state"] == "offline"


async def test_disconnect_and_connect(
    machines: Machines, watcher: Watcher, start_sshd: Start
) -> None:
    start_sshd("gpu")
    machine = machines.get("gpu")
    await machine.connect()
    assert machine.to_json()["state"] == "online"
    await machine.disconnect()
    assert machine.to_json()["state"] == "offline"
    assert machine.current is None
    await watcher.until(lambda: len(watcher.of("down")) == 1)
    await machine.connect()
    assert machine.state == "online"


async def test_many_waiters_share_one_connection(machines: Machines, start_sshd: Start) -> None:
    server = start_sshd("gpu")
    machine = machines.get("gpu")
    links = await asyncio.gather(*(machine.link() for _ in range(8)))
    assert len({id(link) for link in links}) == 1
    assert len(server.connections()) == 1


async def test_observer_that_waits_holds_nothing_up(machines: Machines, watcher: Watcher) -> None:
    released = asyncio.Event()

    class Slow:
        async def link_up(self, machine: Any, link: Link) -> None:
            await released.wait()

        async def link_down(self, machine: Any, error: CodecastError) -> None: ...
        def machine_changed(self, machine: Any) -> None: ...
        def session_changed(self, machine: Any, params: dict[str, Any]) -> None: ...

    machines.observers.insert(0, Slow())
    machine = machines.get("local")
    machine.keep(True)
    link = await machine.link()
    with pytest.raises(CodecastError):
        await link.call("exit")
    assert await machine.link() is not link
    assert watcher.of("up") == []
    released.set()
    await watcher.until(lambda: len(watcher.of("up")) == 2)
    assert [kind for kind, _ in watcher.seen if kind != "state"] == ["up", "down", "up"]
