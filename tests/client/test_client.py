"""The client says what the API says, and raises what it raises."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import AsyncClient, Client, Connection
from codecast_jupyter.client.blocking import Background
from tests.api.conftest import eventually
from tests.client.conftest import within
from tests.fixtures.fake_hub import FakeHub

ROOT = Path(__file__).parents[2]


async def until(client: AsyncClient, session: str, type: str, after: int = 0) -> list[Any]:
    found = []
    events = client.events(session, after)
    async for event in events:
        found.append(event)
        if event["type"] == type:
            break
    await events.aclose()  # type: ignore[attr-defined]
    return found


async def test_a_session_from_start_to_end(client: AsyncClient, hub: FakeHub) -> None:
    assert (await client.health())["protocol"] == 1
    session = await client.start("local", "/tmp", name="a b/ü", mode="plan", prompt="hello")
    assert (session["name"], session["mode"]) == ("a b/ü", "plan")
    events = await within(20, until(client, "a b/ü", "turn_ended"))
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    prompt = (await client.prompts("a b/ü"))[0]
    assert (prompt["text"], prompt["by"] != "", prompt["where"]) == ("hello", True, "test")
    assert (await client.update_session("a b/ü", name="x", mode="auto"))["mode"] == "auto"
    assert (await client.session("x"))["id"] == session["id"]
    page = await client.history("x", after=2, limit=2)
    assert [event["seq"] for event in page["events"]] == [3, 4]
    assert page["more"]
    only = await client.history("x", types=["turn_ended"])
    assert [event["type"] for event in only["events"]] == ["turn_ended"]
    assert (await client.search("hello"))[0]["session"] == session["id"]
    assert (await client.stop("x"))["state"]["status"] == "stopped"
    assert (await client.resume("x"))["state"]["status"] == "idle"
    assert (await client.interrupt("x", cancel_queue=True))["id"] == session["id"]
    assert len(await client.sessions(machine="local", status="idle")) == 1
    await client.remove("x")
    assert await client.sessions() == []


async def test_machines(client: AsyncClient, hub: FakeHub) -> None:
    assert (await client.put_machine("gpu 1", {"host": "h"}))["name"] == "gpu 1"
    assert [machine["name"] for machine in await client.machines()] == ["local", "gpu 1"]
    assert (await client.connect_machine("gpu 1"))["state"] == "online"
    assert (await client.clis("gpu 1", refresh=True))[0]["found"]
    assert (await client.directories("gpu 1", "/a b", hidden=True))["path"] == "/a b"
    assert (await client.machine_info("gpu 1"))["cpu"] == 2
    assert (await client.processes("gpu 1"))[0]["pid"] == 1
    assert await client.kill("gpu 1", "s") == {"killed": 1}
    await client.accept_host_key("gpu 1", "SHA256:x")
    await client.give_secret("gpu 1", "Passphrase", "s")
    assert (await client.disconnect_machine("gpu 1"))["state"] == "offline"
    await client.remove_machine("gpu 1")
    with pytest.raises(CodecastError) as error:
        await client.machine("gpu 1")
    assert error.value.code == "not_found"


async def test_what_stands_in_the_way_is_raised_with_its_data(client: AsyncClient) -> None:
    await client.put_machine("locked", {})
    with pytest.raises(CodecastError) as error:
        await client.connect_machine("locked")
    assert (error.value.code, error.value.data) == (
        "unknown_host_key",
        {"fingerprint": "SHA256:abc"},
    )
    assert error.value.hint


async def test_a_request_is_answered(client: AsyncClient, hub: FakeHub) -> None:
    session = await client.start("local", "/tmp", prompt="ask")
    await within(20, until(client, session["id"], "request_opened"))
    request = (await client.requests())[0]
    answered = await client.answer(session["id"], request["request"], "no", message="keep it")
    assert answered["outcome"] == "resolved"
    with pytest.raises(CodecastError) as error:
        await client.answer(session["id"], request["request"], "yes")
    assert (error.value.code, error.value.data["where"]) == ("already_resolved", "test")
    assert [r["outcome"] for r in await client.requests(session["id"])] == ["resolved"]


async def test_a_prompt_that_waits_is_edited_and_cancelled(
    client: AsyncClient, hub: FakeHub
) -> None:
    session = await client.start("local", "/tmp")
    prompt = await client.prompt(session["id"], "wait")
    await within(20, until(client, session["id"], "prompt_state"))
    changed = await client.edit_prompt(session["id"], prompt["id"], "- other")
    assert changed["text"] == "- other"
    before = (await client.session(session["id"]))["last_seq"]
    other = await client.prompt(session["id"], "wait")
    await within(20, until(client, session["id"], "prompt_state", before))
    moved = await client.move_prompt(session["id"], other["id"], prompt["id"])
    assert moved["id"] == other["id"]
    waiting = (await client.session(session["id"]))["state"]["prompts"]
    assert list(waiting) == [other["id"], prompt["id"]]
    with pytest.raises(CodecastError) as error:
        await client.move_prompt(session["id"], "nobody")
    assert error.value.code == "not_found"
    await client.cancel_prompt(session["id"], prompt["id"])
    with pytest.raises(CodecastError) as error:
        await client.cancel_prompt(session["id"], prompt["id"])
    assert error.value.code == "conflict"


async def test_two_readers_of_one_session_and_one_of_another(client: AsyncClient) -> None:
    one = await client.start("local", "/tmp", name="one")
    two = await client.start("local", "/tmp", name="two")
    readers = [
        asyncio.create_task(until(client, id, "turn_ended"))
        for id in (one["id"], one["id"], two["id"])
    ]
    await client.prompt("one", "say 50")
    await client.prompt("two", "say 30")
    first, same, other = await within(20, asyncio.gather(*readers))
    assert first == same
    # started, ready, queued, running, turn_started, the chunks, turn_ended
    assert (len(first), len(other)) == (5 + 50 + 1, 5 + 30 + 1)


async def test_watch_tells_everything_and_then_changes(client: AsyncClient) -> None:
    await client.start("local", "/tmp", name="one")
    changes = client.watch()
    seen: list[str] = []

    async def look(wanted: str) -> None:
        async for change in changes:
            seen.append(change["type"])
            if change["type"] == wanted:
                return

    await within(20, look("session"))
    assert "machine" in seen
    await client.remove("one")
    await within(20, look("session_removed"))
    await changes.aclose()  # type: ignore[attr-defined]


async def test_the_end_of_a_session_ends_its_events(client: AsyncClient, hub: FakeHub) -> None:
    session = await client.start("local", "/tmp")

    async def read() -> list[Any]:
        return [event async for event in client.events(session["id"])]

    task = asyncio.create_task(read())
    await eventually(lambda: hub.feed.subscribers == 1)
    await client.remove(session["id"])
    assert [event["type"] for event in await within(20, task)] == ["session_state"] * 2


async def test_a_wrong_token_and_no_server_are_told_apart(connection: Connection) -> None:
    async with AsyncClient(connection._replace(token="wrong")) as stranger:
        with pytest.raises(CodecastError) as error:
            await stranger.sessions()
        assert error.value.code == "forbidden"
        assert "token" in error.value.hint
    async with AsyncClient(Connection("http://127.0.0.1:9", "x")) as lonely:
        with pytest.raises(CodecastError) as error:
            await lonely.sessions()
        assert error.value.code == "unreachable"
        assert "CODECAST_URL" in error.value.hint


async def test_a_server_without_codecast_is_named_so(
    connection: Connection, jp_asyncio_loop: Any
) -> None:
    async with AsyncClient(connection._replace(url=connection.url + "static/")) as client:
        with pytest.raises(CodecastError) as error:
            await client.health()
    assert error.value.code == "not_found"
    assert "extension list" in error.value.hint


def test_the_blocking_client_has_the_same_names_and_arguments() -> None:
    def public(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in vars(kind).items()
            if inspect.isfunction(member) and not name.startswith("_") and name != "submit"
        }

    assert public(Client) == public(AsyncClient)


def test_a_token_is_not_shown() -> None:
    assert "s3cret" not in repr(Connection("http://x", "s3cret"))


async def test_the_blocking_client_in_a_busy_thread(connection: Connection, hub: FakeHub) -> None:
    def work() -> list[Any]:
        with Client(connection=connection, surface="notebook") as client:
            session = client.start("local", "/tmp", prompt="say 5")
            found = []
            for event in client.events(session["id"]):
                found.append(event["type"])
                if event["type"] == "turn_ended":
                    break
            return found

    found = await within(20, asyncio.to_thread(work))
    assert found.count("agent_message_chunk") == 5


def test_the_blocking_client_says_so_on_its_own_loop() -> None:
    background = Background.shared()

    async def wrong() -> None:
        background.run(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="aio"):
        background.run(wrong())


def test_it_needs_tornado_and_no_server() -> None:
    code = """
import json, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("jupyter_server", "asyncssh", "sqlite_utils", "yaml", "rich"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import codecast_jupyter.client as client
early = "tornado" in sys.modules
client.AsyncClient, client.Client
print(json.dumps([early, sorted(m for m in sys.modules if m.startswith("codecast_"))]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/remote_agent", "PATH": ""},
        capture_output=True,
        check=True,
    )
    early, modules = json.loads(done.stdout)
    assert not early  # completion in a shell must not wait for it
    assert not [name for name in modules if ".control" in name or ".api" in name]
