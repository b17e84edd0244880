"""Discord's REST interface, by discord.py's own client: it keeps the rates of every route, waits
a refusal out, and tells a wait of more than half a minute as RateLimited. Errors come as the
contract's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from codecast_jupyter.waiting import within

from .contract import (
    BadCredentials,
    FileOut,
    Forbidden,
    Gone,
    PlatformError,
    RateLimited,
    Rejected,
    TooBig,
    Unavailable,
)
from .rest import Refused, reason, save

Json = dict[str, Any]
EVERYTHING = (45, 1.0)  # calls of all channels together, in so many seconds: 50 are published
UNCOUNTED = ("/interactions", "/webhooks")  # what answers a press or a command
PATIENCE = 75.0  # seconds of one call, with the waits in it
API, GATEWAY = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
BANNED_FOR = 60.0  # seconds, where the edge of their network refuses all of us
NO_TIME = 30.0  # seconds, where no time is told
GONE = {10003, 10004, 10008, 10013}
NO_INTERACTION = {10062, 10015, 40060, 50027}
ARCHIVED = 50083
HAS_THREAD = 160004


class TooLate(Rejected):
    """The interaction is over, or was answered already."""


def point_to(url: str) -> None:
    """Another server than Discord's own; the library knows one for the whole process."""
    if url:
        base = yarl.URL(url.rstrip("/"))
        Route.BASE = f"{base}/api/v10"
        scheme = "wss" if base.scheme == "https" else "ws"
        DiscordWebSocket.DEFAULT_GATEWAY = base.with_scheme(scheme) / "gateway"
    else:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = API, GATEWAY


class Rest:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._together = asyncio.Semaphore(EVERYTHING[0])

    @contextlib.asynccontextmanager
    async def _counted(self, path: str) -> AsyncIterator[None]:
        """One of all that are under way, or ended within the last second: so many never arrive in
        one second. The library knows the rates of channels, by each answer, but of this one only
        that it was exceeded."""
        if path.startswith(UNCOUNTED):
            yield
            return
        await self._together.acquire()
        try:
            yield
        finally:
            asyncio.get_running_loop().call_later(EVERYTHING[1], self._together.release)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        files: Sequence[FileOut] = (),
        query: Mapping[str, Any] | None = None,
        **parts: Any,
    ) -> Any:
        """What was answered. `parts` stand in the path's braces; `channel_id`, `guild_id`,
        `webhook_id` and `webhook_token` have rates of their own. Raises PlatformError."""
        more: Json = {"params": dict(query)} if query else {}
        opened = [discord.File(file.path, filename=file.name) for file in files]
        if opened:
            body = {**body, "attachments": [f.to_dict(n) for n, f in enumerate(opened)]}
            more.update(files=opened, form=_form(body, opened))
        elif body is not None:
            more["json"] = body
        try:
            async with self._counted(path):
                return await within(
                    self._client.http.request(Route(method, path, **parts), **more), PATIENCE
                )
        except _ERRORS as error:
            raise translate(error) from None
        except KeyError:  # the library looks for a time in every 429; old messages' have none
            raise RateLimited(NO_TIME, "too many changes of old messages") from None
        finally:
            for file in opened:
                file.close()

    async def history(self, channel: str, after: int | str, limit: int) -> list[Json]:
        """At most so many messages behind one, the oldest first. Raises PlatformError."""
        found: list[Json] = await self.call(
            "GET", "/channels/{channel_id}/messages", query={"after": after, "limit": limit},
            channel_id=channel,
        )  # fmt: skip
        return sorted(found, key=lambda message: int(message["id"]))


def _form(body: Json, files: Sequence[discord.File]) -> list[Json]:
    form: list[Json] = [{"name": "payload_json", "value": json.dumps(body)}]
    for number, file in enumerate(files):
        form.append(
            {
                "name": f"files[{number}]",
                "value": file.fp,
                "filename": file.filename,
                "content_type": "application/octet-stream",
            }
        )
    return form


_ERRORS = (
    discord.DiscordException,
    aiohttp.ClientError,
    OSError,
    asyncio.TimeoutError,
    RuntimeError,  # "Session is closed", while everything ends
)


def translate(error: BaseException) -> PlatformError:
    """The library's errors, and those of the way there."""
    if isinstance(error, discord.RateLimited):
        return RateLimited(error.retry_after)
    if isinstance(error, discord.LoginFailure):
        return BadCredentials("Discord does not know this token.")
    if isinstance(error, discord.HTTPException):
        return _refused(error)
    unsent = isinstance(error, aiohttp.ClientConnectorError)
    return Unavailable(f"Discord does not answer: {reason(error)}", maybe_sent=not unsent)


def _refused(error: discord.HTTPException) -> PlatformError:
    status, code = error.status, error.code
    words = (error.text or f"error {status}").replace("\n", "; ")
    if status == 401:
        return BadCredentials("Discord does not take this token any more.")
    if status == 429:
        return RateLimited(BANNED_FOR, f"Discord's edge refuses this address: {words[:200]}")
    if status >= 500:
        return Unavailable(f"Discord answers {status}", maybe_sent=True)
    if code in NO_INTERACTION:
        return TooLate(words)
    if code in GONE:
        return Gone(words)
    if status == 413 or code == 40005:
        return TooBig(words)
    if code in (ARCHIVED, HAS_THREAD):
        return Refused(code, words)
    if status == 403:
        return Forbidden(f"{words} ({code}); `codecast bots check` tells which right is missing")
    if status == 404:
        return Gone(words)
    return Refused(code, words)


async def download(url: str, to: Path, limit: int) -> None:
    """Raises TooBig before more than `limit` bytes were taken, Gone, Unavailable."""
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(300, connect=20)) as session:
            async with session.get(url) as answer:
                if answer.status >= 500:
                    raise Unavailable(f"Discord answers {answer.status}")
                if answer.status >= 400:
                    raise Gone("the file is not there any more")
                await save(answer.content.iter_chunked(1 << 16), to, limit)
    except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
        raise Unavailable(reason(error)) from None
