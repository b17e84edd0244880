"""A terminal of a machine in a page: as Jupyter's own, for whom may execute, until it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control.terminals import LEFT_OUT, Screen
from tests.api.conftest import Api as FakeApi
from tests.client.test_real_hub import fits
from tests.fixtures.live import Api, until
from tests.fixtures.server import JupyterServer


class Page:
    """A page that shows a terminal."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket
        self.shown = ""

    @classmethod
    async def open(cls, server: JupyterServer, name: str, token: str = "") -> Page:
        url = f"ws{server.url[4:]}/api/codecast/v1/terminals/websocket/{name}"
        headers = {"Authorization": f"token {token or server.token}"}
        page = cls(await websocket_connect(HTTPRequest(url, headers=headers)))
        assert await page.hear() == ["setup", {}]
        return page

    async def hear(self) -> Any:
        message = await self.socket.read_message()
        assert message is not None, "the server closed the socket"
        return json.loads(message)

    async def say(self, *words: Any) -> None:
        await self.socket.write_message(json.dumps(words))

    async def ended(self, lost: bool = False) -> None:
        """Read until the terminal has ended, or was lost, and the socket is closed."""
        kinds = [""]
        while kinds[-1] != "disconnect":
            kinds.append((await self.hear())[0])
        assert ("ended" in kinds) is not lost
        assert await self.socket.read_message() is None
        self.socket.close()

    async def left(self) -> None:
        self.socket.close()
        while await self.socket.read_message() is not None:
            pass

    async def wait(self, words: str) -> None:
        while words not in self.shown:
            kind, value = await self.hear()
            assert kind == "stdout", (kind, self.shown)
            self.shown += value


async def test_page_types_leaves_and_comes_back(
    real_server: JupyterServer,
    tmp_path: Path,
) -> None:
    api = Api(real_server)
    made = api.post("/terminals", machine="local", cwd=str(tmp_path), rows=30, columns=90)
    fits("Terminal", made)
    assert (made["machine"], made["session"], made["cwd"]) == ("local", None, str(tmp_path))
    page = await Page.open(real_server, made["name"])
    await page.say("stdin", "echo $((40+2)):$PWD; stty size; printf 'caf\\303\\251\\n'\r")
    await page.wait(f"42:{tmp_path}")
    await page.wait("30 90")
    await page.wait("café")
    await page.say("set_size", 20, 60, 0, 0)
    await page.say("stdin", "stty size\r")
    await page.wait("20 60")
    # nonsense is nobody's end
    await page.socket.write_message("what?")
    await page.say("set_size", "x", None)
    await page.left()

    again = await Page.open(real_server, made["name"])
    await again.wait("20 60")
    assert again.shown.startswith("\x1bc") and "café" in again.shown
    await again.say("stdin", "exit\r")
    await again.ended()
    until(lambda: api.get("/terminals") == [], "the terminal is gone from the list")
    with pytest.raises(CodecastError) as caught:
        api.get(f"/terminals/{made['name']}")
    assert caught.value.code == "not_found"


async def test_terminal_of_a_session_begins_in_its_directory_and_is_closed(
    real_server: JupyterServer,
    tmp_path: Path,
) -> None:
    api = Api(real_server)
    talk = api.start("local", tmp_path)
    try:
        made = api.post("/terminals", session=talk.id)
        assert (made["session"], made["cwd"]) == (talk.id, str(tmp_path))
        assert made["name"].startswith(talk.show()["name"])
        assert api.get(f"/terminals/{made['name']}") == {
            **made,
            "active": pytest.approx(0, abs=9e9),
        }
        page = await Page.open(real_server, made["name"])
        api.call("DELETE", f"/terminals/{made['name']}")
        await page.ended()
    finally:
        talk.destroy()


async def test_terminal_ends_with_the_connection(
    real_server: JupyterServer,
) -> None:
    api = Api(real_server)
    page = await Page.open(real_server, api.post("/terminals", machine="local")["name"])
    api.post("/machines/local/disconnect")
    await page.ended(lost=True)
    assert api.get("/terminals") == []


async def test_mistakes_are_told(real_server: JupyterServer, tmp_path: Path) -> None:
    api = Api(real_server)
    for body, code in (
        ({}, "bad_request"),
        ({"machine": "nobody"}, "not_found"),
        ({"session": "nobody"}, "not_found"),
        ({"machine": "local", "cwd": str(tmp_path / "nowhere")}, "no_such_directory"),
    ):
        with pytest.raises(CodecastError) as caught:
            api.post("/terminals", **body)
        assert caught.value.code == code
    assert api.get("/terminals") == []


async def test_stranger_and_reader_get_no_terminal(
    real_server: JupyterServer,
    api: FakeApi,
    server: Any,
    jp_ws_fetch: Any,
) -> None:
    name = Api(real_server).post("/terminals", machine="local")["name"]
    with pytest.raises(HTTPClientError) as refused:
        await Page.open(real_server, name, token="wrong")
    assert refused.value.code == 403
    with pytest.raises(HTTPClientError) as refused:
        await Page.open(real_server, "nobody")
    assert refused.value.code == 404
    Api(real_server).call("DELETE", f"/terminals/{name}")

    asked = []

    class Reader(type(server.web_app.settings["authorizer"])):  # type: ignore[misc]
        def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
            asked.append((action, resource))
            return action == "read"

    server.web_app.settings["authorizer"] = Reader(parent=server)
    with pytest.raises(HTTPClientError) as refused:
        await jp_ws_fetch("api", "codecast", "v1", "terminals", "websocket", "t")
    assert refused.value.code == 403 and asked == [("execute", "codecast")]


def test_screen_that_is_too_far_behind_says_so() -> None:
    screen = Screen(10)
    for part in ("12345", "67890"):
        screen.add(part)
    assert screen.take() == "1234567890" and screen.take() == ""
    for part in ("12345", "67890", "abc"):
        screen.add(part)
    assert screen.take() == LEFT_OUT + "67890abc"
    assert screen.size == 0 and screen.take() == ""
