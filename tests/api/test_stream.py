"""The WebSocket: from any cursor, in order, nothing skipped, nobody held up by another."""

from __future__ import annotations

import asyncio
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any

import pytest

from codecast_jupyter.api.stream import StreamHandler
from tests.api.conftest import Api, Socket, eventually
from tests.fixtures.fake_hub import FakeHub

Json = dict[str, Any]
PROMPTS = "/sessions/{session}/prompts"


def seqs(events: list[Json]) -> list[int]:
    return [event["seq"] for event in events]


async def test_events_follow_from_the_beginning_and_live(
    api: Api, session: Json, connect: Any
) -> None:
    socket: Socket = await connect()
    await socket.send(type="subscribe", session="first", after=0)
    assert await socket.receive() == {
        "type": "subscribed",
        "session": session["id"],
        "requested": "first",
        "after": 0,
        "last_seq": 2,
    }
    await api("POST", PROMPTS, {"text": "say 500"}, session="first")
    events = await socket.events("turn_ended")
    assert seqs(events) == list(range(1, 5 + 500 + 2))
    socket.close()


async def test_a_small_frame_does_not_wait_for_the_last_ones_acknowledgement(
    api: Api, session: Json, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nagle's algorithm on the server and delayed acknowledgements of the page make 40 ms."""
    streams: list[Any] = []
    before = StreamHandler.open

    def opened(self: StreamHandler, *args: str, **kwargs: str) -> None:
        before(self, *args, **kwargs)
        streams.append(self.ws_connection.stream.socket)

    monkeypatch.setattr(StreamHandler, "open", opened)
    socket: Socket = await connect()
    await socket.send(type="subscribe", session="first", after=0)
    await socket.receive()
    assert streams[0].getsockopt(IPPROTO_TCP, TCP_NODELAY)
    socket.close()


async def test_a_page_that_begins_at_the_end_is_told_what_came_before(
    api: Api, session: Json, connect: Any, hub: FakeHub
) -> None:
    await api("POST", PROMPTS, {"text": "say 300"}, session="first")
    log = hub.sessions.log("first")
    await eventually(lambda: log.state["turns"] == 1 and not log.state["prompts"])
    socket: Socket = await connect()
    await socket.send(type="subscribe", session="first", last=10)
    told = await socket.receive()
    assert (told["after"], told["last_seq"]) == (len(log.events) - 10, len(log.events))
    assert told["state"]["turns"] == 1
    events = await socket.events("turn_ended")
    assert seqs(events) == list(range(told["after"] + 1, told["after"] + 1 + len(events)))
    await socket.send(type="subscribe", session="first", last=9999)
    assert (await socket.receive())["after"] == 0
    socket.close()


async def test_two_sockets_and_a_return_from_a_cursor(
    api: Api, session: Json, connect: Any
) -> None:
    one, two = await connect(), await connect()
    await one.send(type="subscribe", session="first")
    await two.send(type="subscribe", session=session["id"], after=2)
    await api("POST", PROMPTS, {"text": "say 20"}, session="first")
    all = await one.events("turn_ended")
    assert await two.events("turn_ended") == all[2:]
    two.close()
    again = await connect()
    await again.send(type="subscribe", session="first", after=all[10]["seq"])
    assert await again.events("turn_ended") == all[11:]
    one.close()
    again.close()


async def test_a_new_subscription_takes_the_place_of_the_old(
    api: Api, session: Json, connect: Any, hub: FakeHub
) -> None:
    await api("POST", PROMPTS, {"text": "say 300"}, session="first")
    log = hub.sessions.log("first")
    await eventually(lambda: log.state["turns"] == 1 and not log.state["prompts"])
    socket: Socket = await connect()
    await socket.send(type="subscribe", session="first", after=0)
    await socket.send(type="subscribe", session="first", after=200)
    confirmed = 0
    while confirmed < 2:
        confirmed += (await socket.receive())["type"] == "subscribed"
    events = await socket.events("turn_ended")
    assert seqs(events) == list(range(201, 201 + len(events)))
    await eventually(lambda: hub.feed.subscribers == 1)
    socket.close()
    await eventually(lambda: hub.feed.subscribers == 0)


async def test_nothing_comes_after_unsubscribe(
    api: Api, session: Json, connect: Any, hub: FakeHub
) -> None:
    socket: Socket = await connect()
    await socket.send(type="subscribe", session="first", after=2)
    assert (await socket.receive())["type"] == "subscribed"
    await socket.send(type="unsubscribe", session="first")
    assert await socket.receive() == {"type": "unsubscribed", "session": session["id"]}
    await api("POST", PROMPTS, {"text": "hello"}, session="first")
    log = hub.sessions.log("first")
    await eventually(lambda: log.state["turns"] == 1 and not log.state["prompts"])
    await socket.send(type="subscribe", session="nobody")
    assert (await socket.receive())["code"] == "not_found"
    socket.close()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("{", "the frame is no JSON"),
        ("[]", "must be an object"),
        ('{"session": "x"}', "no type"),
        ('{"type": "subscrib", "session": "x"}', "Did you mean 'subscribe'?"),
        ('{"type": "subscribe"}', "'session' is missing"),
        ('{"type": "subscribe", "session": "x", "aftr": 1}', "Did you mean 'after'?"),
        ('{"type": "subscribe", "session": "x", "after": "1"}', "a whole number"),
        ('{"type": "subscribe", "session": "x", "after": -1}', "'after'"),
        ('{"type": "subscribe", "session": "nobody"}', "no session 'nobody'"),
    ],
)
async def test_a_frame_that_does_not_fit_is_answered_and_the_socket_lives(
    session: Json, connect: Any, message: str, words: str
) -> None:
    socket: Socket = await connect()
    await socket.connection.write_message(message)
    error = await socket.receive()
    assert error["type"] == "error"
    assert words in f"{error['message']} {error.get('hint', '')}"
    await socket.send(type="subscribe", session="first")
    assert (await socket.receive())["type"] == "subscribed"
    socket.close()


async def test_an_error_names_the_session_as_it_was_called(session: Json, connect: Any) -> None:
    socket: Socket = await connect()
    await socket.send(type="subscribe", session="nobody")
    assert (await socket.receive())["session"] == "nobody"
    socket.close()


async def test_watching_tells_everything_and_then_changes(
    api: Api, session: Json, connect: Any
) -> None:
    socket: Socket = await connect()
    await socket.send(type="watch")
    assert (await socket.receive())["machine"]["name"] == "local"
    assert (await socket.receive())["session"]["id"] == session["id"]
    await api("PATCH", "/sessions/{session}", {"name": "other"}, session="first")
    assert (await socket.receive())["session"]["name"] == "other"
    await api("PUT", "/machines/{machine}", {}, machine="m")
    assert (await socket.receive())["machine"]["name"] == "m"
    await api("DELETE", "/machines/{machine}", machine="m")
    assert await socket.receive() == {"type": "machine_removed", "name": "m"}
    await api("DELETE", "/sessions/{session}", session="other")
    assert await socket.receive() == {"type": "session_removed", "id": session["id"]}
    await socket.send(type="ping")
    assert await socket.receive() == {"type": "pong"}
    socket.close()


async def test_the_end_of_a_session_is_told_to_its_readers(
    api: Api, session: Json, connect: Any
) -> None:
    socket: Socket = await connect()
    await socket.send(type="subscribe", session="first", after=2)
    assert (await socket.receive())["type"] == "subscribed"
    await api("DELETE", "/sessions/{session}", session="first")
    assert await socket.receive() == {"type": "session_removed", "id": session["id"]}
    socket.close()


async def test_a_hub_that_ends_closes_the_socket_so_that_the_page_comes_back(
    session: Json, connect: Any, hub: FakeHub
) -> None:
    socket: Socket = await connect()
    await socket.send(type="subscribe", session="first", after=2)
    assert (await socket.receive())["type"] == "subscribed"
    await hub.close()
    await asyncio.wait_for(socket.closed(), 20)
    assert socket.connection.close_code == 1001
    socket.close()


async def test_a_slow_page_slows_only_itself(
    api: Api, session: Json, connect: Any, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    # each event is 100 kB, 80 MB in all: more than any socket buffer takes
    big = "x" * 100_000
    for _ in range(800):
        hub.sessions.log("first").add("notice", level="info", text=big)
    sent: dict[str, int] = {}
    write = StreamHandler.write_message

    def counting(self: StreamHandler, message: Any, binary: bool = False) -> Any:
        key = self.request.headers["X-Page"]
        sent[key] = sent.get(key, 0) + len(message)
        return write(self, message, binary)

    monkeypatch.setattr(StreamHandler, "write_message", counting)
    slow: Socket = await connect(headers={"X-Page": "slow"})
    fast: Socket = await connect(headers={"X-Page": "fast"})
    # the slow page asks and then reads nothing
    await slow.send(type="subscribe", session="first", after=0)
    await fast.send(type="subscribe", session="first", after=0)
    count = 0
    while count < 802:
        frame = await fast.receive()
        count += len(frame.get("events", ()))
    assert sent["fast"] > 80_000_000
    assert sent["slow"] < 40_000_000  # the server waits for it, and holds nothing for it
    events = 0
    numbers: list[int] = []
    while events < 802:
        frame = await slow.receive()
        numbers += seqs(frame.get("events", []))
        events = len(numbers)
    assert numbers == list(range(1, 803))
    slow.close()
    fast.close()


async def test_frames_are_bounded_but_one_large_event_still_goes(
    session: Json, connect: Any, hub: FakeHub
) -> None:
    log = hub.sessions.log("first")
    for size in (700_000, 700_000, 8_000_000, 10):
        log.add("notice", level="info", text="y" * size)
    socket: Socket = await connect(max_message_size=20 << 20)
    await socket.send(type="subscribe", session="first", after=2)
    assert (await socket.receive())["type"] == "subscribed"
    sizes = []
    while sum(sizes) < 4:
        sizes.append(len((await socket.receive())["events"]))
    assert sizes == [1, 1, 1, 1]
    socket.close()


def test_the_ping_is_in_seconds() -> None:
    assert StreamHandler.ping_interval == 30.0
