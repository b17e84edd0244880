"""A server whose hub is a fake, and one way to call it that proves every answer's shape."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from jsonschema import Draft202012Validator
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.websocket import WebSocketClientConnection

from codecast_jupyter.api import spec
from codecast_jupyter.app import CodecastApp
from tests.fixtures.fake_hub import FakeHub
from tests.fixtures.server import JupyterServer

Json = dict[str, Any]


class Answer(NamedTuple):
    code: int
    json: Any
    headers: Any


Api = Callable[..., Awaitable[Answer]]


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds; it is looked at often, and the deadline is generous."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def use_fake_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        CodecastApp,
        "make_hub",
        lambda self: FakeHub(Path(self.machines_file), Path(self.data_dir)),
    )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_hub(monkeypatch)


@pytest.fixture
def server(fake: None, jp_serverapp: Any, jp_asyncio_loop: Any) -> Any:
    """The server, started and with our start hook run."""
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.start_all_extensions())
    return jp_serverapp


@pytest.fixture
def hub(server: Any) -> FakeHub:
    found: FakeHub = server.web_app.settings["codecast_hub"]
    return found


def prove(route: str, verb: str, response: HTTPResponse) -> Any:
    """The answer's JSON, proven to be what openapi.yaml says of it."""
    answers = spec.operation(route, verb)["responses"]
    rule = spec.resolve(answers.get(str(response.code)) or answers["default"])
    if response.code < 400:
        assert str(response.code) in answers, f"{verb} {route} -> {response.code} is not written"
    if "content" not in rule:
        assert response.body in (b"", b"{}")
        return None
    kind = response.headers["Content-Type"].split(";")[0]
    assert kind in rule["content"], f"{verb} {route} answered {kind}"
    if kind != "application/json":
        return response.body.decode()
    value = json.loads(response.body)
    Draft202012Validator(
        {**rule["content"][kind]["schema"], "components": spec.document()["components"]}
    ).validate(value)
    return value


@pytest.fixture
def api(
    server: Any, http_server: Any, http_server_port: Any, jp_auth_header: Json, jp_base_url: str
) -> Api:
    """`await api("POST", "/sessions/{session}/prompts", {...}, session="a b")`: an `Answer`,
    whatever its status, whose body fits the schema of openapi.yaml.
    """

    async def call(
        verb: str,
        route: str,
        body: Any = None,
        *,
        query: Json | None = None,
        headers: Json | None = None,
        raw: bytes | None = None,
        **names: str,
    ) -> Answer:
        path = route.format(**{key: quote(value, safe="") for key, value in names.items()})
        url = f"http://localhost:{http_server_port[1]}{jp_base_url.rstrip('/')}{spec.BASE}{path}"
        if query:
            url += "?" + urlencode(query)
        client = AsyncHTTPClient(force_instance=True, defaults={"request_timeout": 20})
        try:
            response = await client.fetch(
                url,
                method=verb,
                headers={**jp_auth_header, **(headers or {})},
                body=raw if raw is not None else None if body is None else json.dumps(body),
                allow_nonstandard_methods=True,
                raise_error=False,
            )
        finally:
            client.close()
        return Answer(response.code, prove(route, verb.lower(), response), response.headers)

    return call


class Socket:
    """A page's WebSocket, whose frames are proven too."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection
        self._check = spec.validator(spec.document()["components"]["schemas"]["ServerFrame"])

    async def send(self, **frame: Any) -> None:
        await self.connection.write_message(json.dumps(frame))

    async def receive(self) -> Json:
        message = await self.connection.read_message()
        assert message is not None, "the server closed the socket"
        frame: Json = json.loads(message)
        self._check.validate(frame)
        return frame

    async def events(self, until: str) -> list[Json]:
        """Events up to and with one of type `until`."""
        found: list[Json] = []
        while not found or found[-1]["type"] != until:
            frame = await self.receive()
            if frame["type"] == "events":
                for event in frame["events"]:
                    found.append(event)
                    if event["type"] == until:
                        break
        return found

    def close(self) -> None:
        self.connection.close()

    async def closed(self) -> None:
        """Read until the server closes."""
        while await self.connection.read_message() is not None:
            pass


@pytest.fixture
def connect(server: Any, jp_ws_fetch: Any) -> Callable[..., Awaitable[Socket]]:
    async def open(**kwargs: Any) -> Socket:
        return Socket(await jp_ws_fetch("api", "codecast", "v1", "stream", **kwargs))

    return open


@pytest.fixture(scope="module")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server with the real hub. Its agents' root is short: Unix sockets lie in it."""
    home = tmp_path_factory.mktemp("server")
    (home / "ssh_config").write_text("")
    with tempfile.TemporaryDirectory(prefix="codecast-") as root:
        env = {"HOME": str(home), "CODECAST_ROOT": root}
        with JupyterServer(home, ssh_config=home / "ssh_config", env=env) as server:
            yield server


@pytest.fixture
def session(api: Api, jp_asyncio_loop: Any) -> Json:
    body = {"machine": "local", "cwd": "/tmp", "name": "first"}
    answer = jp_asyncio_loop.run_until_complete(api("POST", "/sessions", body))
    assert answer.code == 201
    found: Json = answer.json
    return found
