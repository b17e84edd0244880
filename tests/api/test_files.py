"""Files through the API and its client, over the real hub and a real machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import AsyncClient, Connection
from tests.api.conftest import Api
from tests.client.test_real_hub import fits, real, turn  # noqa: F401
from tests.fixtures.live import until
from tests.fixtures.server import JupyterServer


async def test_a_file_without_a_name_is_refused(api: Api, session: Any) -> None:
    route = "/sessions/{session}/attachments"
    answer = await api("POST", route, raw=b"x", session="first")
    assert (answer.code, answer.json["code"]) == (400, "bad_request")
    answer = await api("POST", route, raw=b"x", query={"name": "a"}, session="nobody")
    assert answer.code == 404
    answer = await api("POST", route, raw=b"x", query={"name": "a b", "nmae": "b"}, session="first")
    assert "name" in answer.json["hint"] + answer.json["message"]
    answer = await api("POST", route, raw=b"x", query={"name": "it's.txt"}, session="first")
    assert (answer.code, answer.json["name"]) == (201, "it's.txt")


async def fetched(client: AsyncClient, session: str, path: str) -> bytes:
    found: list[bytes] = []
    size = await client.download(session, path, lambda data, size: found.append(data))
    assert size == sum(map(len, found))
    return b"".join(found)


async def test_files_go_and_come_whole_and_an_end_in_the_middle_is_told(
    real: JupyterServer,  # noqa: F811
    tmp_path: Path,
) -> None:
    client = AsyncClient(Connection(real.url, real.token), surface="test")
    work = tmp_path / "project"
    session = ""
    try:
        session = (await client.start("local", str(work), cli="demo"))["id"]
        data = os.urandom(20 << 20)
        block = await client.attach(session, "data set.bin", data)
        fits("Block", block)
        await client.prompt(session, [{"type": "text", "text": "take this"}, dict(block)])
        await turn(client, session, 0)
        assert await fetched(client, session, block["uri"]) == data

        for offered in await client.offered(session):
            fits("OfferedFile", offered)
        assert "codecast-demo.md" in [each["name"] for each in await client.offered(session)]
        for name in ('it\'s "odd" & ünï?.txt', "line\nbreak", "100% + #1"):
            (work / name).write_text(name)
            assert await fetched(client, session, name) == name.encode()
        (work / "empty").touch()
        assert await fetched(client, session, "empty") == b""

        (work / "out").symlink_to("/etc/passwd")
        for path, code in (
            ("nowhere", "not_found"),
            ("../../../../../../etc/passwd", "forbidden"),
            ("out", "forbidden"),
            (".", "bad_request"),
            ("/dev/zero", "forbidden"),
        ):
            with pytest.raises(CodecastError) as caught:
                await fetched(client, session, path)
            assert caught.value.code == code, path
            assert caught.value.message

        with pytest.raises(CodecastError, match="64 can be sent"):
            await client.attach(session, "huge", bytes((64 << 20) + 1))

        (work / "shrinks").write_bytes(bytes(30 << 20))

        def shrink(data: bytes, size: int) -> None:
            (work / "shrinks").write_bytes(b"")

        with pytest.raises(CodecastError, match=r"ended after .* bytes"):
            await asyncio.wait_for(client.download(session, "shrinks", shrink), 60)

        def full(data: bytes, size: int) -> None:
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            await asyncio.wait_for(client.download(session, block["uri"], full), 60)
    finally:
        if session:
            await client.remove(session)
        await client.close()


async def test_a_file_goes_to_the_disk_as_it_comes_and_not_at_all_for_strangers(
    real: JupyterServer,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Not into the server's memory; a sender who goes away in the middle leaves nothing."""
    kept = real.home / "store" / "attachments"

    def aside() -> int:
        return sum(path.stat().st_size for path in kept.glob(".incoming-*"))

    async with AsyncClient(Connection(real.url, real.token), surface="test") as client:
        session = (await client.start("local", str(tmp_path / "project"), cli="demo"))["id"]
        path = f"/api/codecast/v1/sessions/{session}/attachments?name=large"
        for token in (real.token, "wrong"):
            reader, writer = await asyncio.open_connection("127.0.0.1", real.port)
            try:
                head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {30 << 20}\r\n"
                writer.write(f"{head}Authorization: token {token}\r\n\r\n".encode())
                if token == real.token:
                    writer.write(bytes(10 << 20))
                    await writer.drain()
                    await asyncio.to_thread(until, lambda: aside() >= 9 << 20, "10 MiB are there")
                else:
                    assert (await reader.readline()).split()[1] == b"403"
                    assert aside() == 0
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
            await asyncio.to_thread(until, lambda: not aside(), "nothing is left aside")
        block = await client.attach(session, "whole", os.urandom(3 << 20))
        assert block["type"] == "resource_link" and aside() == 0
        await client.remove(session)
