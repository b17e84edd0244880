"""The gateway: discord.py keeps the connection (RESUME, heartbeats, IDENTIFY), we read what comes.

What is heard is handed on as it came, in order. No cache of messages and members, which would
grow for ever.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import discord

from .contract import BadCredentials, MissingPermission, PlatformError, Unavailable
from .discord_http import point_to, translate

log = logging.getLogger(__name__)
Json = dict[str, Any]
READY_WITHIN = 60.0
SILENT_FOR = 60.0  # seconds, after which a connection is dead
QUIET = 2.0  # seconds without another server: all were told
IDENTIFY_AFTER = 5.0  # seconds between two sessions, as Discord wants it
PORTAL = "https://discord.com/developers/applications"
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody speaks


class Gateway(discord.Client):
    """`hear(kind, data)` is called for every event; `heard` is the time.monotonic() of the last
    sign of life, `error` why there is none now."""

    def __init__(self, hear: Callable[[str, Json], None]) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.guild_messages = intents.dm_messages = True
        intents.message_content = True
        super().__init__(
            intents=intents,
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            allowed_mentions=discord.AllowedMentions.none(),
            enable_debug_events=True,
            max_ratelimit_timeout=30.0,
            heartbeat_timeout=SILENT_FOR,
            guild_ready_timeout=QUIET,
        )
        self._hear = hear
        self.heard = time.monotonic()
        self.connected = False
        self.error = ""
        self._first = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._left: set[asyncio.Task[Any]] = set()
        self.ended: Callable[[PlatformError], None] = lambda error: None

    @property
    def own(self) -> str:
        """The bot's id."""
        return str(self.user.id) if self.user is not None else ""

    async def open(self, token: str, url: str) -> None:
        """Raises BadCredentials, MissingPermission, Unavailable."""
        point_to(url)
        try:
            await self.login(token)
        except discord.LoginFailure:
            raise BadCredentials(
                f"Discord does not know this token. {PORTAL}, your application, Bot, Reset Token"
                " shows a new one."
            ) from None
        except (discord.DiscordException, aiohttp.ClientError, OSError, asyncio.TimeoutError) as e:
            raise translate(e) from None
        self._running = asyncio.create_task(self.connect())
        first = asyncio.create_task(self._first.wait())
        done, _ = await asyncio.wait(
            {first, self._running}, timeout=READY_WITHIN, return_when=asyncio.FIRST_COMPLETED
        )
        first.cancel()
        if self._running in done:
            raise self._why(self._running)
        if not done:
            raise Unavailable("Discord's gateway does not greet us")
        self._running.add_done_callback(self._over)

    async def shut(self) -> None:
        running, self._running = self._running, None
        await self.close()
        if running is not None:
            running.cancel()
            await asyncio.wait({running})
            if not running.cancelled():
                running.exception()
        for task in self._left:
            task.cancel()
        if self._left:
            await asyncio.wait(self._left)
        self.connected = False

    def _over(self, task: asyncio.Task[None]) -> None:
        if self._running is task and not task.cancelled():
            self.connected = False
            self.ended(self._why(task))

    def _why(self, task: asyncio.Task[None]) -> PlatformError:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, discord.PrivilegedIntentsRequired):
            return MissingPermission(
                "The bot may not read what people write. Turn on Message Content Intent:"
                f" {PORTAL}/{self.application_id}/bot"
            )
        if isinstance(error, discord.ConnectionClosed) and error.code == 4004:
            return BadCredentials("Discord does not take this token any more.")
        words = f"{type(error).__name__}: {error}" if error is not None else "it ended"
        return Unavailable(f"Discord's gateway is closed ({words})")

    def _note_left(self) -> None:
        """The library waits for servers in a task that it forgets at the next READY."""
        task = self._connection._ready_task
        if task is not None:
            self._left.add(task)
            task.add_done_callback(self._left.discard)

    # -- what comes

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not initial:
            await asyncio.sleep(IDENTIFY_AFTER)

    def dispatch(self, event: str, /, *args: Any, **more: Any) -> None:
        """Instead of a task for each event, which could overtake another."""
        if event == "socket_raw_receive":
            self._received(args[0])
        elif event == "disconnect":
            self.connected, self.error = False, "the connection was lost"

    def _received(self, text: str) -> None:
        self.heard = time.monotonic()
        message = json.loads(text)
        kind = message.get("t")
        if not kind:
            return
        if kind in ("READY", "RESUMED"):
            self.connected, self.error = True, ""
        if kind == "READY":
            self._first.set()
            asyncio.get_running_loop().call_soon(self._note_left)
        try:
            self._hear(kind, message.get("d") or {})
        except Exception:  # one broken event must not end the connection
            log.exception("an event of Discord could not be read")
