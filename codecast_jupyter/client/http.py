"""Requests to the API. Every failure is a CodecastError, the server's or one that says that
the server does not answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError, SimpleAsyncHTTPClient

from codecast_agent.protocol.errors import CodecastError

from .discovery import Connection

CONNECT = 10.0  # seconds
ANSWER = 300.0  # seconds: a start may bring the agent to a machine far away
LARGEST = 256 << 20  # bytes of an answer
TOKEN = "Authorization: token"  # what the API tells strangers to send


class Http:
    """One connection pool. Belongs to the loop on which it is first used. `by` is the person, where
    a surface speaks for several."""

    def __init__(self, surface: str, by: str = "") -> None:
        self.surface = surface
        self.by = by
        self._client: AsyncHTTPClient | None = None

    async def call(
        self,
        connection: Connection,
        verb: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        timeout: float = ANSWER,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer's JSON; None for an empty one. `raw` is sent as it is."""
        if self._client is None:
            # by this class, whatever the process has configured: limits are its alone
            self._client = SimpleAsyncHTTPClient(
                force_instance=True, max_clients=100, max_buffer_size=LARGEST
            )
        url = connection.api(path)
        given = {key: _text(value) for key, value in (query or {}).items() if value is not None}
        if given:
            url += "?" + urlencode(given)
        request = HTTPRequest(
            url,
            method=verb,
            headers={**connection.headers, **self.headers, **(headers or {})},
            body=raw if body is None else json.dumps(body),
            allow_nonstandard_methods=True,  # POST without a body, DELETE with none
            connect_timeout=CONNECT,
            request_timeout=timeout,
            follow_redirects=False,  # a login page is no answer
        )
        try:
            response = await self._client.fetch(request, raise_error=False)
        except (HTTPError, OSError) as error:
            raise silent(connection, error, verb) from error
        return _answer(connection, response)

    async def upload(
        self, connection: Connection, path: str, data: bytes, query: Mapping[str, Any]
    ) -> Any:
        """The answer's JSON to bytes that were sent."""
        headers = {"Content-Type": "application/octet-stream"}
        return await self.call(connection, "POST", path, query=query, raw=data, headers=headers)

    async def download(
        self,
        connection: Connection,
        path: str,
        query: Mapping[str, Any],
        write: Callable[[bytes, int], object],
    ) -> int:
        """Give the answer's bytes to `write` as they come, with how many there will be."""
        client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=1 << 60)
        status, size, taken = 0, -1, 0
        words: list[bytes] = []
        problem: Exception | None = None

        def header(line: str) -> None:
            nonlocal status, size
            name, _, value = line.strip().partition(":")
            if name.startswith("HTTP/"):
                status = int(name.split()[1])
            elif name.lower() == "content-length":
                size = int(value)

        def take(data: bytes) -> None:
            nonlocal taken, problem
            if status != 200:
                words.append(data)
            elif problem is None:
                taken += len(data)
                try:
                    write(data, size)
                except Exception as error:  # it must come out here, not in tornado's loop
                    problem = error
                    client.close()

        request = HTTPRequest(
            connection.api(path) + "?" + urlencode({k: _text(v) for k, v in query.items()}),
            headers={**connection.headers, **self.headers},
            connect_timeout=CONNECT,
            request_timeout=0,  # it takes as long as it takes
            follow_redirects=False,
            header_callback=header,
            streaming_callback=take,
        )
        try:
            await client.fetch(request, raise_error=False)
        except (HTTPError, OSError) as error:
            if problem is None and status != 200:
                raise silent(connection, error) from error
        finally:
            client.close()
        if problem is not None:
            raise problem
        if status != 200:
            raise refused(connection, status, b"".join(words))
        if taken != size:
            raise CodecastError(
                "link_lost",
                f"The file ended after {taken} of {size} bytes.",
                "The machine went away, or the file was changed meanwhile: get it once more.",
            )
        if not size:
            write(b"", 0)
        return taken

    @property
    def headers(self) -> dict[str, str]:
        by = {"X-Codecast-By": quote(self.by, safe=" ")} if self.by else {}
        return {"Content-Type": "application/json", "X-Codecast-Surface": self.surface, **by}

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def path(template: str, **names: str) -> str:
    """A path of the API with its names percent-encoded."""
    return template.format(**{key: quote(str(value), safe="") for key, value in names.items()})


class Unsent(CodecastError):
    """`unreachable`: nothing of the request got to a server."""


class Lost(CodecastError):
    """`link_lost`: the server went away under the request, which it may have done or not."""


def silent(connection: Connection, error: Exception, verb: str = "GET") -> CodecastError:
    """No answer, as the error that tells why."""
    look = "" if verb == "GET" else "Look whether it was done before you ask again."
    if isinstance(error, HTTPTimeoutError) and "during request" in str(error):
        return CodecastError(
            "link_lost", f"The Jupyter server at {connection.url} did not answer in time.", look
        )
    if isinstance(error, (HTTPStreamClosedError, ConnectionResetError, BrokenPipeError)):
        return Lost(
            "link_lost", f"The Jupyter server at {connection.url} went away while asked.", look
        )
    return Unsent(
        "unreachable",
        f"The Jupyter server at {connection.url} does not answer.",
        "Is it running? Set CODECAST_URL and CODECAST_TOKEN to reach another one.",
        str(error),
    )


def refused(connection: Connection, status: int, body: bytes = b"") -> CodecastError:
    """An answer that is no success, as the error it tells."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    stranger = status in (401, 403) and isinstance(told, dict) and TOKEN in str(told.get("hint"))
    if isinstance(told, dict) and "code" in told and not stranger:
        return CodecastError.from_json(told)
    if status in (301, 302, 303, 401, 403):
        return CodecastError(
            "forbidden",
            f"The Jupyter server at {connection.url} does not accept our token.",
            "`jupyter server list` shows it there: set CODECAST_TOKEN, or cc.connect(url, token).",
        )
    if status == 404:
        return CodecastError(
            "not_found",
            f"The server at {connection.url} has no Codecast.",
            "Install codecast-jupyter there: `jupyter server extension list` must show it.",
        )
    text = body[:500].decode("utf-8", "replace")
    return CodecastError("internal", f"The server at {connection.url} answered {status}.", "", text)


def _answer(connection: Connection, response: HTTPResponse) -> Any:
    if not 200 <= response.code < 300:
        raise refused(connection, response.code, response.body or b"")
    if not response.body:
        return None
    kind = response.headers.get("Content-Type", "")
    if not kind.startswith("application/json"):
        return response.body.decode("utf-8", "replace")
    return json.loads(response.body)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(map(str, value))
    return str(value)
