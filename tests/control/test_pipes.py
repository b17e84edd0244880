"""Pipes answer what comes while they are still being opened."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from codecast_jupyter.control.pipes import PipeEnd, ProcessPipe


async def test_what_is_answered_before_the_start_returns_arrives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A quick command speaks before a busy loop gets back to whoever started it."""
    loop = asyncio.get_running_loop()
    spawn = loop.subprocess_exec
    spoke: asyncio.Future[bytes] = loop.create_future()
    ended: asyncio.Future[PipeEnd] = loop.create_future()
    heard: list[bytes] = []

    def data(received: bytes) -> None:
        heard.append(received)
        if not spoke.done():
            pipe.write(b"answer\n")
            spoke.set_result(received)

    async def late(*args: Any, **options: Any) -> Any:
        result = await spawn(*args, **options)
        await asyncio.wait_for(spoke, 30)
        return result

    monkeypatch.setattr(loop, "subprocess_exec", late)
    pipe = ProcessPipe(["/bin/sh", "-c"])
    pipe.on_data, pipe.on_close = data, ended.set_result
    await pipe.start("echo question; read -r line; echo heard $line")
    assert await asyncio.wait_for(ended, 30) == PipeEnd(status=0)
    assert b"".join(heard) == b"question\nheard answer\n"
    await pipe.close()
