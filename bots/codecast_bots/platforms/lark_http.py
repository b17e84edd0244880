"""Lark's REST interface: one kept connection, the tenant's token, and errors as the contract's.

lark-oapi's own client opens a connection for every call and fetches the token in between,
blocking; a streamed text would wait three round trips for each of its updates.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from .contract import (
    BadCredentials,
    Forbidden,
    Gone,
    MissingPermission,
    PlatformError,
    RateLimited,
    Rejected,
    TooBig,
    Unavailable,
)
from .rest import Refused, reason, save

Json = dict[str, Any]
FEISHU = "https://open.feishu.cn"
TOKEN = "/open-apis/auth/v3/tenant_access_token/internal"
ENDPOINT = "/callback/ws/endpoint"
EARLY = 300.0  # seconds before its end that a token is renewed
UNTOLD = 1.0  # seconds to wait, where a refusal tells none

# codes, by what they mean for a message
TOKEN_INVALID = {99991661, 99991663, 99991664, 99991665, 99991668, 99991671}
CREDENTIALS = {10003, 10012, 10014, 10015, 99991543, 1000040344}
LIMITED = {99991400, 11232, 11233, 230020, 1000040345}
SCOPES = {99991672, 99991679, 230027}
NO_BOT = {230006, 232025, 11205}
OUT = {230002, 230013, 230018, 230035, 232009, 232011}
GONE = {230011, 230050, 230110, 231003, 300315, 234003, 234008}
BIG = {230025, 200860, 234006, 234037, 300305}
BUSY = {230049, 1, 1000040343, 1000040350}
STREAM_CLOSED = {300309, 200850}
OUT_OF_ORDER = 300317


class Endpoint(NamedTuple):
    """Where to connect; `url` holds a ticket and is never shown. `ping` in seconds."""

    url: str
    ping: float


class Http:
    """`url`: another server than Feishu's, as https://open.larksuite.com."""

    def __init__(self, url: str, app_id: str, secret: str) -> None:
        self.url = url.rstrip("/") or FEISHU
        self.app_id = app_id
        self._secret = secret
        self._token = ""
        self._until = 0.0
        self._renewing = asyncio.Lock()
        self.begun = 0.0  # by Lark's clock, at its first answer: whole seconds since 1970
        self._made: httpx.AsyncClient | None = None

    @property
    def _client(self) -> httpx.AsyncClient:
        if self._made is None:
            self._made = httpx.AsyncClient(
                base_url=self.url,
                timeout=httpx.Timeout(20.0, connect=10.0),
                limits=httpx.Limits(max_connections=16, keepalive_expiry=60.0),
            )
        return self._made

    async def close(self) -> None:
        if self._made is not None:
            await self._made.aclose()

    # -- calls

    async def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        params: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> Json:
        """What was answered, whole. Raises PlatformError; nothing was done unless it says so."""
        for again in (False, True):
            token = await self.token(renew=again)
            given: Json = {"data": body} if files else {"json": body}
            try:
                answer = await self._client.request(
                    method, f"/open-apis{path}", params=params, files=files,
                    headers={"Authorization": f"Bearer {token}"}, **given,
                )  # fmt: skip
            except httpx.HTTPError as error:
                raise _lost(error) from None
            with contextlib.suppress(KeyError, TypeError, ValueError):
                date = email.utils.parsedate_to_datetime(answer.headers["date"])
                self.begun = self.begun or date.timestamp()
            try:
                found = read(answer)
            except _TokenInvalid as error:
                if again:
                    raise BadCredentials(str(error)) from None
                continue
            return found
        raise AssertionError

    async def token(self, renew: bool = False) -> str:
        """Raises BadCredentials, Unavailable."""
        async with self._renewing:
            if renew or time.monotonic() > self._until:
                found = await self._plain(
                    TOKEN, {"app_id": self.app_id, "app_secret": self._secret}
                )
                self._token = str(found["tenant_access_token"])
                self._until = time.monotonic() + float(found.get("expire") or 7200) - EARLY
        return self._token

    async def endpoint(self) -> Endpoint:
        """A new address for the long connection. Raises BadCredentials, Unavailable."""
        found = await self._plain(ENDPOINT, {"AppID": self.app_id, "AppSecret": self._secret})
        data = found.get("data") or {}
        return Endpoint(
            str(data["URL"]), float((data.get("ClientConfig") or {}).get("PingInterval") or 120)
        )

    async def _plain(self, path: str, body: Json) -> Json:
        """A call with the app's own secret."""
        try:
            return read(await self._client.post(path, json=body))
        except httpx.HTTPError as error:
            raise _lost(error) from None
        except (BadCredentials, Rejected, MissingPermission, Forbidden, _TokenInvalid) as error:
            raise BadCredentials(
                f"Lark does not take the app's id and secret: {error}. The developer console shows"
                f" them under Credentials & Basic Info: {console(self.url, self.app_id)}/baseinfo"
            ) from None

    async def download(self, path: str, params: Mapping[str, str], to: Path, limit: int) -> None:
        """Raises TooBig before more than `limit` bytes were taken, Gone."""
        token = await self.token()
        try:
            async with self._client.stream(
                "GET", f"/open-apis{path}", params=params,
                headers={"Authorization": f"Bearer {token}"},
            ) as answer:  # fmt: skip
                if answer.status_code >= 400:
                    await answer.aread()
                    read(answer)
                if int(answer.headers.get("content-length") or 0) > limit:
                    raise TooBig(f"it has {answer.headers['content-length']} bytes, of {limit}")
                await save(answer.aiter_bytes(), to, limit)
        except httpx.HTTPError as error:
            raise _lost(error) from None


class _TokenInvalid(PlatformError):
    """Fetch another one."""


def console(url: str, app_id: str) -> str:
    """The app's pages in the developer console."""
    base = url if url.startswith("https://open.") else FEISHU
    return f"{base}/app/{app_id}"


def read(answer: httpx.Response) -> Json:
    """The answer when all is well. Raises PlatformError."""
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("code"), int):
        raise Unavailable(f"Lark answers {answer.status_code}", maybe_sent=True)
    code = found["code"]
    if code == 0:
        return found
    raise _error(answer, code, str(found.get("msg") or f"error {code}"))


def _error(answer: httpx.Response, code: int, words: str) -> PlatformError:
    if code in LIMITED or answer.status_code == 429:
        reset = answer.headers.get("x-ogw-ratelimit-reset", "")
        return RateLimited(float(reset) if reset.isdecimal() and int(reset) else UNTOLD, words)
    if code in TOKEN_INVALID:
        return _TokenInvalid(words)
    if code in CREDENTIALS:
        return BadCredentials(words)
    if code in SCOPES or code in NO_BOT:
        return MissingPermission(f"{words} (`codecast bots check` tells where to click)")
    if code in OUT:
        return Forbidden(words)
    if code in GONE:
        return Gone(words)
    if code in BIG:
        return TooBig(words)
    if code in BUSY or answer.status_code >= 500:
        return Unavailable(words, maybe_sent=True)
    return Refused(code, words)


def _lost(error: httpx.HTTPError) -> Unavailable:
    unsent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    return Unavailable(f"Lark does not answer: {reason(error)}", maybe_sent=not unsent)
