"""The one client of this process. It finds the server of this kernel at first use."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from codecast_jupyter.client import Client
from codecast_jupyter.client.blocking import Background

T = TypeVar("T")
SURFACE = "notebook"

_lock = threading.Lock()
_client: Client | None = None


def connect(url: str | None = None, token: str | None = None) -> Client:
    """Use another server from now on, or look for this kernel's once more.

        cc.connect("https://hub.example.org/user/ada", token="...")

    Raises CodecastError("unreachable") when it does not answer.
    """
    global _client
    made = Client(url, token, surface=SURFACE)
    with _lock:
        before, _client = _client, made
    if before is not None:
        before.close()
    return made


def client() -> Client:
    """The client in use. Raises CodecastError("unreachable") when there is no server."""
    with _lock:
        known = _client
    return known if known is not None else connect()


def in_use() -> Client | None:
    """The client, if there is one yet."""
    return _client


def use(other: Client | None) -> None:
    """Let everything here speak through `other`, which stays the caller's to close; None: look
    for this kernel's server at the next use."""
    global _client
    with _lock:
        _client = other


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Run it on the client's loop, beside whatever the kernel does."""
    return client().submit(work)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Wait for it; Ctrl-C ends the waiting and the work."""
    future = submit(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def here(work: Coroutine[Any, Any, T]) -> T:
    """Await it on the loop of the caller."""
    return await asyncio.wrap_future(submit(work))


__all__ = ["Background", "client", "connect", "here", "in_use", "run", "submit", "use"]
