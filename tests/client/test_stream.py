"""Events arrive exactly once and in order, whatever happens to server, socket and reader."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import AsyncClient, Connection, stream
from codecast_jupyter.client.stream import Follower
from tests.api.conftest import eventually
from tests.client.conftest import within
from tests.fixtures.fake_hub import FakeHub
from tests.fixtures.server import JupyterServer


def event(seq: int, type: str = "notice", **fields: Any) -> dict[str, Any]:
    return {"seq": seq, "time": 1.0, "type": type, **fields}


async def test_what_was_taken_is_dropped_and_a_hole_is_not_taken() -> None:
    follower = Follower("s", 2)
    assert follower.take([event(1), event(2), event(3)])
    assert follower.take([event(3), event(4)])
    assert not follower.take([event(6)])
    assert [e["seq"] for e in await follower.next() or []] == [3, 4]
    assert follower.after == 4


async def test_a_gap_is_told_and_bridges_what_is_missing() -> None:
    follower = Follower("s", 4)
    assert follower.take([event(9, "gap", first=5, last=9, why="lost"), event(10)])
    assert [e["type"] for e in await follower.next() or []] == ["gap", "notice"]


async def test_the_stream_goes_on_over_kill_and_restart_of_the_server(
    apart: JupyterServer,
) -> None:
    heard: list[str] = []
    client = AsyncClient(Connection(apart.url, apart.token), surface="test")
    client.on_connection = lambda error: heard.append(error.code if error else "back")
    seqs: list[int] = []
    turns = 0
    try:
        session = await client.start("local", "/tmp", name="long")
        await client.prompt("long", "slowly 200", id="one")
        async for found in client.events("long"):
            seqs.append(found["seq"])
            if len(seqs) == 60:
                await asyncio.to_thread(apart.kill)
                await asyncio.to_thread(apart.start)
                await client.prompt("long", "say 40", id="two")
            if found["type"] == "turn_ended":
                turns += 1
                break
        assert seqs == list(range(1, len(seqs) + 1))
        page = await client.history(session["id"], limit=10000)
        assert seqs == [e["seq"] for e in page["events"]][: len(seqs)]
        assert turns == 1
        assert heard[0] in ("link_lost", "unreachable")
        assert heard[-1] == "back"
    finally:
        await client.close()


async def test_a_reader_that_is_slow_loses_nothing_and_holds_nobody_up(
    client: AsyncClient, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "AHEAD", 50)
    await client.start("local", "/tmp", name="slow")
    await client.start("local", "/tmp", name="fast")
    slow = client.events("slow")
    first = await within(20, anext(slow))
    await client.prompt("slow", "say 3000")
    await client.prompt("fast", "say 300")
    # the fast one is read to its end while nobody reads the slow one
    async for found in client.events("fast"):
        if found["type"] == "turn_ended":
            break
    follower = client._streams[0]._followers[(await client.session("slow"))["id"]]
    await eventually(lambda: follower.paused)
    assert len(follower.events) < 50 + 2 * 100  # and what is held for it is bounded
    seqs = [first["seq"]]
    async for found in slow:
        seqs.append(found["seq"])
        if found["type"] == "turn_ended":
            break
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) == 5 + 3000 + 1


async def test_a_server_that_leaves_out_events_is_asked_again(
    client: AsyncClient, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.start("local", "/tmp", name="holes")
    await client.prompt("holes", "say 300")
    log = hub.sessions.log("holes")
    await eventually(lambda: log.state["turns"] == 1 and log.state["turn"] is None)
    whole = hub.feed.subscribe_rows
    calls: list[int] = []

    async def torn(session: str, after: int = 0) -> Any:
        calls.append(after)
        async with contextlib.aclosing(whole(session, after)) as batches:  # type: ignore[type-var]
            async for rows in batches:
                yield [row for row in rows if len(calls) > 1 or row.seq != 150]

    monkeypatch.setattr(hub.feed, "subscribe_rows", torn)
    seqs = []
    async for found in client.events("holes"):
        seqs.append(found["seq"])
        if found["type"] == "turn_ended":
            break
    assert seqs == list(range(1, len(seqs) + 1))
    assert calls == [0, 149] or calls == [0, 100]


async def test_a_refused_token_ends_the_reader_with_its_reason(
    client: AsyncClient, hub: FakeHub
) -> None:
    session = await client.start("local", "/tmp")
    events = client.events(session["id"])
    await within(20, anext(events))
    client.connection = client.connection._replace(token="wrong")
    socket = client._streams[0]._socket
    assert socket is not None
    socket.close()
    with pytest.raises(CodecastError) as error:
        async for _ in events:
            pass
    assert error.value.code == "forbidden"


async def test_closing_the_client_ends_its_readers(client: AsyncClient, hub: FakeHub) -> None:
    session = await client.start("local", "/tmp")

    async def read() -> None:
        async for _ in client.events(session["id"]):
            pass

    task = asyncio.create_task(read())
    await eventually(lambda: hub.feed.subscribers == 1)
    await client.close()
    with pytest.raises(CodecastError) as error:
        await within(20, task)
    assert error.value.code == "link_lost"
    await eventually(lambda: hub.feed.subscribers == 0)


async def test_a_reader_that_leaves_unsubscribes(client: AsyncClient, hub: FakeHub) -> None:
    session = await client.start("local", "/tmp")
    other = await client.start("local", "/tmp")
    staying, leaving = client.events(other["id"]), client.events(session["id"])
    await within(20, anext(staying))
    await within(20, anext(leaving))
    assert hub.feed.subscribers == 2
    await leaving.aclose()  # type: ignore[attr-defined]
    await eventually(lambda: hub.feed.subscribers == 1)
    await staying.aclose()  # type: ignore[attr-defined]
    await eventually(lambda: hub.feed.subscribers == 0)


async def test_a_very_large_event_arrives(client: AsyncClient, hub: FakeHub) -> None:
    text = "x" * (20 << 20)
    await client.start("local", "/tmp", name="big")
    await client.prompt("big", text)
    async for found in client.events("big"):
        if found["type"] == "agent_message_chunk":
            assert found["content"]["text"] == text
            break
    assert json.dumps(found["seq"])


async def test_a_socket_that_opens_after_the_client_was_closed_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, closed = asyncio.Event(), asyncio.Event()
    opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def connect(*given: Any, **more: Any) -> asyncio.Future[Any]:
        asked.set()
        return opened

    class Socket:
        def close(self) -> None:
            closed.set()

    monkeypatch.setattr(stream, "websocket_connect", connect)

    async def where() -> Connection:
        return Connection("http://127.0.0.1:9", "")

    made = stream.Stream(where, {}, lambda error: None)
    made.watch()
    await made.begin()
    await within(20, asked.wait())
    await made.close()
    opened.set_result(Socket())
    await within(20, closed.wait())
