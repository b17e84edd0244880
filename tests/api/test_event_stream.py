"""`text/event-stream`, as curl reads it: over a plain socket, byte by byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from codecast_jupyter.api import events, spec
from tests.api.conftest import Api, eventually
from tests.fixtures.fake_hub import FakeHub

Json = dict[str, Any]
PROMPTS = "/sessions/{session}/prompts"


class Curl:
    """`curl -N -H 'Accept: text/event-stream' ...`"""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def head(self) -> tuple[int, dict[str, str]]:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), headers

    async def messages(self) -> list[dict[str, str]]:
        """The next messages' fields; a comment has the name ''. Raises EOFError at the end."""
        text = ""
        while not text.endswith("\n\n"):
            size = int(await self.reader.readline(), 16)
            if size == 0:
                raise EOFError
            text += (await self.reader.readexactly(size + 2))[:-2].decode()
        found = []
        for block in text.strip("\n").split("\n\n"):
            pairs = (line.partition(":") for line in block.split("\n"))
            found.append({name: value.strip() for name, _, value in pairs})
        return found

    async def events(self, until: str) -> list[Json]:
        """Events up to and with the first one of type `until`."""
        found: list[Json] = []
        while True:
            for message in await self.messages():
                if "data" in message:
                    found.append(json.loads(message["data"]))
                    assert message["id"] == str(found[-1]["seq"])
                    if found[-1]["type"] == until:
                        return found

    def close(self) -> None:
        self.writer.close()


@pytest.fixture
def curl(
    server: Any, http_server: Any, jp_http_port: int, jp_base_url: str
) -> Iterator[Callable[..., Any]]:
    opened: list[Curl] = []

    async def open(session: str, query: str = "", **headers: str) -> Curl:
        reader, writer = await asyncio.open_connection("localhost", jp_http_port)
        path = f"{jp_base_url.rstrip('/')}{spec.BASE}/sessions/{quote(session, safe='')}/events"
        given = {
            "Host": f"localhost:{jp_http_port}",
            "Authorization": f"token {server.identity_provider.token}",
            "Accept": "text/event-stream",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"GET {path}{query} HTTP/1.1\r\n{lines}\r\n".encode())
        opened.append(Curl(reader, writer))
        return opened[-1]

    yield open
    for one in opened:
        one.close()


async def test_events_come_with_ids_past_and_live(api: Api, session: Json, curl: Any) -> None:
    stream: Curl = await curl("first")
    code, headers = await stream.head()
    assert (code, headers["Content-Type"]) == (200, "text/event-stream")
    assert headers["X-Accel-Buffering"] == "no"
    await api("POST", PROMPTS, {"text": "say 50"}, session="first")
    found = await stream.events("turn_ended")
    assert [event["seq"] for event in found] == list(range(1, 57))
    stream.close()


async def test_the_last_event_id_goes_before_after(api: Api, session: Json, curl: Any) -> None:
    await api("POST", PROMPTS, {"text": "say 5"}, session="first")
    stream: Curl = await curl("first", "?after=1", Last_Event_ID="7")
    await stream.head()
    assert (await stream.events("turn_ended"))[0]["seq"] == 8
    stream.close()
    stream = await curl("first", "?after=3&types=turn_ended,turn_started")
    await stream.head()
    found = await stream.events("turn_ended")
    assert [event["type"] for event in found] == ["turn_started", "turn_ended"]
    stream.close()


async def test_silence_is_broken_by_comments(
    session: Json, curl: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE", 0.05)
    stream: Curl = await curl("first", "?after=2")
    await stream.head()
    seen: list[dict[str, str]] = []
    while sum("" in message for message in seen) < 3:
        seen += await stream.messages()
    assert seen[0] == {"retry": "1000"}
    stream.close()


async def test_a_reader_that_leaves_is_let_go_at_once(
    session: Json, curl: Any, hub: FakeHub
) -> None:
    stream: Curl = await curl("first")
    await stream.head()
    await eventually(lambda: hub.feed.subscribers == 1)
    stream.close()
    await eventually(lambda: hub.feed.subscribers == 0)


async def test_the_stream_ends_with_the_session(api: Api, session: Json, curl: Any) -> None:
    stream: Curl = await curl("first")
    await stream.head()
    await stream.messages()
    await api("DELETE", "/sessions/{session}", session="first")
    with pytest.raises(EOFError):
        while True:
            await stream.messages()
    stream.close()


async def test_errors_come_before_the_stream(session: Json, curl: Any) -> None:
    for wrong in (
        await curl("nobody"),
        await curl("first", Last_Event_ID="x"),
        await curl("first", "?after=x"),
    ):
        code, headers = await wrong.head()
        assert (code in (400, 404), headers["Content-Type"]) == (True, "application/json")
        wrong.close()
