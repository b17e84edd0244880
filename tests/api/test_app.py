"""Settings and wiring: kernel access, life-cycle events, activity, a hub that cannot start."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import passwd
from tornado.httpclient import HTTPClientError

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.api import lifecycle
from tests.api.conftest import Api, Socket, eventually
from tests.fixtures.fake_hub import FakeHub

Json = dict[str, Any]
PROMPTS = "/sessions/{session}/prompts"


@pytest.fixture
def password(jp_server_config: Json) -> None:
    """A server with a password and no token."""
    hashed = passwd("secret")
    jp_server_config["PasswordIdentityProvider"] = {"hashed_password": hashed, "token": ""}
    jp_server_config["IdentityProvider"] = {"token": ""}


@pytest.fixture
def no_access(jp_server_config: Json) -> None:
    jp_server_config["CodecastApp"]["kernel_access"] = False


async def test_on_a_password_server_the_files_token_opens_our_api_and_nothing_else(
    password: None, api: Api, server: Any, connect: Any, jp_fetch: Any
) -> None:
    assert server.identity_provider.token == ""
    path = Path(os.environ["CODECAST_CONNECTION_FILE"])
    assert path.stat().st_mode & 0o777 == 0o600
    token = json.loads(path.read_text())["token"]
    assert len(token) > 30
    header = {"Authorization": f"token {token}"}
    assert (await api("GET", "/health", headers=header)).code == 200
    body = {"machine": "local", "cwd": "/tmp", "name": "first"}
    assert (await api("POST", "/sessions", body, headers=header)).code == 201
    sent = await api("POST", PROMPTS, {"text": "x"}, session="first", headers=header)
    assert sent.json["by"] == "kernel"
    socket: Socket = await connect(headers=dict(header))
    socket.close()
    for elsewhere in ("contents", "kernels", "status"):
        with pytest.raises(HTTPClientError) as error:
            await jp_fetch("api", elsewhere, headers=dict(header))
        assert error.value.code == 403
    wrong = {"Authorization": f"token {token}x"}
    assert (await api("GET", "/health", headers=wrong)).code == 403
    assert (await api("GET", "/health", headers={"Authorization": "token "})).code == 403


async def test_the_kernels_token_is_no_way_round_the_authorizer(
    password: None, api: Api, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = json.loads(Path(os.environ["CODECAST_CONNECTION_FILE"]).read_text())["token"]
    header = {"Authorization": f"token {token}"}
    monkeypatch.setattr(
        server.web_app.settings["authorizer"], "is_authorized", lambda *args: args[2] == "read"
    )
    assert (await api("GET", "/sessions", headers=header)).code == 200
    body = {"machine": "local", "cwd": "/tmp"}
    assert (await api("POST", "/sessions", body, headers=header)).code == 403


async def test_a_server_with_a_token_makes_no_other(server: Any) -> None:
    assert "codecast_kernel_token" not in server.web_app.settings


async def test_kernel_access_can_be_turned_off(
    password: None, no_access: None, server: Any
) -> None:
    assert "CODECAST_CONNECTION_FILE" not in os.environ
    assert "codecast_kernel_token" not in server.web_app.settings
    assert list(Path(server.runtime_dir).glob("codecast-*.json")) == []


async def test_the_life_of_a_session_is_told_as_jupyter_events(
    api: Api, server: Any, session: Json, hub: FakeHub
) -> None:
    heard: list[Json] = []

    async def listen(logger: Any, schema_id: str, data: Json) -> None:
        heard.append({key: value for key, value in data.items() if not key.startswith("__")})

    for schema in (lifecycle.SESSION, lifecycle.MACHINE):
        server.event_logger.add_listener(schema_id=schema, listener=listen)
    body = {"machine": "local", "cwd": "/tmp", "name": "second", "prompt": "ask"}
    id = (await api("POST", "/sessions", body)).json["id"]
    await eventually(lambda: len(heard) == 2)
    await api("DELETE", "/sessions/{session}", session="second")
    await eventually(lambda: len(heard) == 3)
    asked = {"request": "r1", "kind": "permission", "title": "rm -rf build"}
    assert heard[0] == {"action": "created", "session": id, "machine": "local"}
    assert heard[1] == {"action": "permission_requested", "session": id, **asked}
    assert (heard[2]["action"], heard[2]["session"]) == ("destroyed", id)
    await api("POST", "/machines/{machine}/connect", machine="local")
    await eventually(lambda: len(heard) == 4)
    assert heard[3] == {"machine": "local", "state": "online"}


@pytest.mark.parametrize(
    ("action", "info", "told"),
    [
        ("ended", {"state": "exited", "code": 1, "pid": 3}, {"state": "exited"}),
        (
            "failed",
            {"state": "failed", "error": {"code": "cli_failed", "message": "no"}},
            {"state": "failed", "code": "cli_failed"},
        ),
        (
            "resolved",
            {"request": "r", "option": "yes", "by": "ann", "where": "lab", "message": "secret"},
            {"request": "r", "by": "ann", "where": "lab"},
        ),
    ],
)
async def test_every_step_fits_its_schema_and_tells_no_content(
    server: Any, hub: FakeHub, action: str, info: Json, told: Json
) -> None:
    heard: list[Json] = []

    async def listen(logger: Any, schema_id: str, data: Json) -> None:
        heard.append({key: value for key, value in data.items() if not key.startswith("__")})

    server.event_logger.add_listener(schema_id=lifecycle.SESSION, listener=listen)
    hub.on_lifecycle(action, {"session": "s", **info})
    await eventually(lambda: bool(heard))
    assert heard == [{"action": action, "session": "s", **told}]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "ACTIVE_EVERY", 0.01)


async def test_while_an_agent_runs_the_server_is_active(
    often: None, api: Api, server: Any, session: Json, hub: FakeHub
) -> None:
    times = server.web_app.settings["last_activity_times"]
    assert "codecast" not in times
    hub.sessions.add(hub.sessions.log("first"), "turn_started", turn=1, prompts=[])
    await eventually(lambda: "codecast" in times)
    long_ago = datetime.now(timezone.utc) - timedelta(hours=3)
    times["codecast"] = long_ago
    # nothing more is heard of it, and it still counts
    await eventually(lambda: times["codecast"] != long_ago)


def state(status: str, **more: Any) -> Json:
    session = {"id": "s", "state": {"status": status, **more}}
    return {"type": "session", "session": session}


async def test_only_work_counts_as_activity(server: Any, hub: FakeHub) -> None:
    times: dict[str, datetime] = {}
    life = lifecycle.Lifecycle(hub, lambda schema, data: None, times)  # type: ignore[arg-type]
    for idle in (state("idle"), state("waiting"), state("stopped", background={})):
        life.take(idle)
    assert times == {}
    for work in (state("running"), state("idle", background={"t": "make"})):
        life.take(work)
        assert times.pop("codecast")
        life.take(state("idle"))
        assert times.pop("codecast")  # its end counts once
        life.take(state("idle"))
        assert times == {}


async def test_a_hub_that_cannot_start_says_why_and_the_server_lives(
    fake: None, jp_serverapp: Any, http_server: Any, jp_fetch: Any, monkeypatch: Any
) -> None:
    async def broken(self: FakeHub) -> None:
        raise CodecastError("disk_full", "The disk of the store is full.", "Make room.")

    monkeypatch.setattr(FakeHub, "start", broken)
    await jp_serverapp.extension_manager.start_all_extensions()
    response = await jp_fetch("api", "codecast", "v1", "sessions", raise_error=False)
    assert response.code == 507
    assert json.loads(response.body)["message"] == "The disk of the store is full."
    assert (await jp_fetch("api", "contents")).code == 200
    await jp_serverapp.extension_manager.stop_all_extensions()


async def test_a_request_waits_for_a_hub_that_starts(
    fake: None, jp_serverapp: Any, http_server: Any, jp_fetch: Any
) -> None:
    early = asyncio.ensure_future(jp_fetch("api", "codecast", "v1", "sessions"))
    await asyncio.sleep(0.05)
    assert not early.done()
    await jp_serverapp.extension_manager.start_all_extensions()
    assert (await early).code == 200


async def test_a_mistake_in_the_configuration_is_told_by_health(api: Api, hub: FakeHub) -> None:
    hub.machines.config_error = CodecastError("bad_request", "codecast.yaml: unknown key 'hots'")
    problems = (await api("GET", "/health")).json["problems"]
    assert problems == [{"code": "bad_request", "message": "codecast.yaml: unknown key 'hots'"}]
