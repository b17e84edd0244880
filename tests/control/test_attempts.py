"""A login that stands still holds up nothing: not its own machine, not the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control.attempts import AT_ONCE, first_of
from codecast_jupyter.control.machines import Machines
from codecast_jupyter.control.ssh import CONNECTS_AT_ONCE
from tests.fixtures.sshd import Client, Sshd

from .conftest import Watcher

Start = Callable[..., Sshd]


class Gate:
    """Before an sshd: of the connections `stuck` counts, only the server's greeting passes."""

    def __init__(self) -> None:
        self.target = 0
        self.passed = 0
        self.stuck = 0  # how many of the next ones
        self.standing = 0  # of those, open now
        self._writers: set[asyncio.StreamWriter] = set()

    async def listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers |= {back, forth}
        try:
            if self.stuck:
                self.stuck -= 1
                back.write(await far.readline())
                self.standing += 1
                with contextlib.suppress(OSError):
                    while await near.read(1 << 16):
                        pass
                self.standing -= 1
            else:
                self.passed += 1
                await asyncio.gather(self._pump(near, forth), self._pump(far, back))
        finally:
            self._writers -= {back, forth}
            back.close()
            forth.close()

    @staticmethod
    async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()
        sink.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()


@pytest.fixture
def gate(
    start_sshd: Start, client: Client, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Iterator[Gate]:
    """Before the sshd of host `gpu`, which has other names too."""
    made = Gate()
    port = jp_asyncio_loop.run_until_complete(made.listen())
    made.target = start_sshd("gpu").port
    names = " ".join(["gpu", *(f"far-{number}" for number in range(CONNECTS_AT_ONCE))])
    rest = client.config.read_text()
    client.config.write_text(
        f"Host {names}\n    HostName 127.0.0.1\n    Port {port}\n    HostKeyAlias gate\n{rest}"
    )
    known = client.known_hosts.read_text().splitlines()
    keys = [line.partition(" ")[2] for line in known]
    client.known_hosts.write_text("".join(f"gate {key}\n" for key in keys))
    yield made
    jp_asyncio_loop.run_until_complete(made.close())


async def test_a_login_caught_by_an_outage_is_not_waited_for(
    machines: Machines, watcher: Watcher, gate: Gate
) -> None:
    machine = machines.get("gpu")
    machine.keep(True)
    first = await machine.link()
    gate.stuck = 1
    gate.cut()
    await watcher.until(lambda: gate.standing == 1)
    await watcher.until(lambda: len(watcher.of("up")) == 2)
    assert gate.passed == 2
    assert machine.current is not None and machine.current is not first
    await watcher.until(lambda: gate.standing == 0)  # and it is not left behind


async def test_machines_that_stop_in_a_login_keep_no_other_waiting(
    machines: Machines, watcher: Watcher, gate: Gate
) -> None:
    gate.stuck = CONNECTS_AT_ONCE
    standing = [machines.get(f"far-{number}") for number in range(CONNECTS_AT_ONCE)]
    connects = [asyncio.ensure_future(machine.connect()) for machine in standing]
    await watcher.until(lambda: gate.standing == CONNECTS_AT_ONCE)
    assert await machines.get("gpu").link(timeout=20)
    assert [machine.state for machine in standing] == ["connecting"] * CONNECTS_AT_ONCE
    for machine in standing:
        await machine.disconnect()
    await asyncio.gather(*connects)


class Attempts:
    """The nth ends as `outcomes[n]` says: a link (any word), an error, or not at all."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = outcomes
        self.begun = self.stopped = 0

    def __call__(self, number: int) -> Coroutine[Any, Any, Any]:
        assert number == self.begun
        self.begun += 1
        return self._run(self.outcomes[number])

    async def _run(self, outcome: Any) -> Any:
        try:
            if outcome is None:
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


GONE = CodecastError("unreachable", "no answer")
REFUSED = CodecastError("auth_failed", "refused")


async def test_one_that_stands_still_is_joined_and_the_first_link_stays() -> None:
    attempts = Attempts(None, GONE, None, "a link")
    assert await first_of(attempts, after=0.01) == "a link"
    assert (attempts.begun, attempts.stopped) == (4, 2)


async def test_one_that_fails_alone_is_told_at_once() -> None:
    attempts = Attempts(GONE)
    with pytest.raises(CodecastError) as caught:
        await first_of(attempts, after=60)
    assert caught.value is GONE


@pytest.mark.parametrize(
    ("outcomes", "begun"), [((None, REFUSED), 2), ((None,) * AT_ONCE, AT_ONCE)]
)
async def test_neither_who_refuses_nor_who_is_silent_is_hit_again_and_again(
    outcomes: tuple[Any, ...], begun: int
) -> None:
    attempts = Attempts(*outcomes)
    task = asyncio.ensure_future(first_of(attempts, after=0.01))
    await asyncio.sleep(0.2)
    assert attempts.begun == begun
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert attempts.stopped == outcomes.count(None)
