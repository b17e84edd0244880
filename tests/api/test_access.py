"""Nobody gets in who should not: every verb of every route, and the socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError
from tornado.web import RequestHandler

from codecast_jupyter.api import HANDLERS, ROUTES, SOCKETS, spec
from tests.api.conftest import Api, Socket
from tests.fixtures.fake_hub import FakeHub

NAMES = {"machine": "local", "session": "first", "prompt": "p", "request": "r", "terminal": "t"}
VERBS = ("get", "post", "put", "patch", "delete")


def served() -> list[tuple[str, str]]:
    """`(route, verb)` of everything the handler table serves."""
    return [
        (route, verb)
        for route, handler in ROUTES
        for verb in VERBS
        if getattr(handler, verb) is not getattr(RequestHandler, verb)
    ]


def named(route: str) -> dict[str, str]:
    return {key: value for key, value in NAMES.items() if "{" + key + "}" in route}


class Recorder(Authorizer):
    """Says no to `denied`, and remembers what it was asked."""

    asked: list[tuple[str, str]] = []
    denied: set[str] = set()

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return action not in self.denied


async def login_cookie(api: Api) -> str:
    """What a browser has after it came with the token."""
    answer = await api("GET", "/health")
    return "; ".join(text.split(";")[0] for text in answer.headers.get_list("Set-Cookie"))


@pytest.fixture
def recorder(server: Any) -> Any:
    Recorder.asked, Recorder.denied = [], set()
    server.web_app.settings["authorizer"] = Recorder(parent=server)
    return Recorder


@pytest.fixture(params=[False, True], ids=["strict", "lax"])
def strictness(request: Any, jp_server_config: Any) -> bool:
    """On a lax server nothing but our own decorators stands between a stranger and a handler."""
    jp_server_config["ServerApp"]["allow_unauthenticated_access"] = request.param
    return bool(request.param)


def test_the_table_and_the_file_say_the_same() -> None:
    written = {
        (route, verb)
        for route, verbs in spec.document()["paths"].items()
        for verb in verbs
        if verb in VERBS
    }
    assert {*served(), *((route, "get") for route, _ in SOCKETS)} == written
    # and nothing is served beside the table
    assert len(HANDLERS) == len(ROUTES) + len(SOCKETS) + 1


async def test_every_verb_refuses_a_stranger(strictness: bool, api: Api, hub: FakeHub) -> None:
    for route, verb in served():
        answer = await api(
            verb.upper(), route, headers={"Authorization": "token wrong"}, **named(route)
        )
        assert (answer.code, answer.json["code"]) == (403, "forbidden"), f"{verb} {route}"
        assert "token" in answer.json["hint"]
    assert hub.machines.get("local").given == []


async def test_every_verb_asks_the_authorizer_for_the_action_that_is_written(
    api: Api, recorder: Any
) -> None:
    for route, verb in served():
        wanted = spec.operation(route, verb)["x-codecast-action"]
        assert wanted in ("read", "write", "execute")
        assert wanted == "read" or verb != "get" or route.endswith(("/doctor", "/files", "/diff"))
        recorder.denied, recorder.asked = {wanted}, []
        answer = await api(verb.upper(), route, **named(route))
        assert (answer.code, answer.json["code"]) == (403, "forbidden"), f"{verb} {route}"
        assert set(recorder.asked) == {(wanted, "codecast")}, f"{verb} {route}"


async def test_a_stranger_learns_nothing_of_unknown_paths(api: Api, jp_fetch: Any) -> None:
    response = await jp_fetch(
        "api/codecast/v1/nothing", headers={"Authorization": "token x"}, raise_error=False
    )
    assert response.code == 403


async def test_a_change_by_cookie_needs_the_xsrf_token(
    api: Api, session: Any, jp_fetch: Any
) -> None:
    cookie = await login_cookie(api)
    login = {"Authorization": "", "Cookie": cookie}
    assert (await api("GET", "/health", headers=login)).code == 200
    route, body = "/sessions/{session}/prompts", {"text": "x"}
    refused = await api("POST", route, body, session="first", headers=login)
    assert refused.code == 403
    assert "X-XSRFToken" in refused.json["hint"]
    page = await jp_fetch("login", headers={"Authorization": ""})
    xsrf = next(
        text.split(";")[0].partition("=")[2]
        for text in page.headers.get_list("Set-Cookie")
        if text.startswith("_xsrf=")
    )
    login = {"Authorization": "", "Cookie": f"{cookie}; _xsrf={xsrf}", "X-XSRFToken": xsrf}
    assert (await api("POST", route, body, session="first", headers=login)).code == 202


async def test_the_socket_refuses_a_stranger(strictness: bool, connect: Any) -> None:
    with pytest.raises(HTTPClientError) as error:
        await connect(headers={"Authorization": "token wrong"})
    assert error.value.code == 403


async def test_the_socket_asks_the_authorizer(connect: Any, recorder: Any) -> None:
    recorder.denied = {"read"}
    with pytest.raises(HTTPClientError) as error:
        await connect()
    assert error.value.code == 403
    assert recorder.asked == [("read", "codecast")]


async def test_the_socket_refuses_a_foreign_page_with_a_cookie(
    api: Api, connect: Any, jp_http_port: int
) -> None:
    # a token is explicit and may come from anywhere; a cookie comes along by itself
    socket: Socket = await connect(headers={"Origin": "http://elsewhere"})
    socket.close()
    login = {"Authorization": "", "Cookie": await login_cookie(api)}
    socket = await connect(headers={**login, "Origin": f"http://localhost:{jp_http_port}"})
    socket.close()
    with pytest.raises(HTTPClientError) as error:
        await connect(headers={**login, "Origin": "http://elsewhere"})
    assert error.value.code == 403


async def test_what_pages_poll_is_no_activity(api: Api, server: Any, session: Any) -> None:
    server.web_app.settings["api_last_activity"] = "untouched"
    for route, verb in served():
        if verb == "get" and route not in ("/search",):
            await api("GET", route, **named(route))
    assert server.web_app.settings["api_last_activity"] == "untouched"
    await api("POST", "/sessions/{session}/interrupt", session="first")
    assert server.web_app.settings["api_last_activity"] != "untouched"


async def test_json_is_not_given_to_scripts_of_other_origins(api: Api) -> None:
    answer = await api("GET", "/health")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert json.loads(json.dumps(answer.json))["version"]
