"""API and client over the real hub, the real agent on `local` and the demo CLI."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codecast_jupyter.api import spec
from codecast_jupyter.client import AsyncClient, Connection
from tests.client.conftest import within
from tests.fixtures.server import JupyterServer


@pytest.fixture
def real(tmp_path: Path) -> Iterator[JupyterServer]:
    """A server with the real hub. Its agents' root is short: Unix sockets lie in it."""
    top = Path(__file__).parents[2]
    root = Path(tempfile.mkdtemp(prefix="codecast-"))
    (tmp_path / "ssh_config").write_text("")
    (tmp_path / "project").mkdir()
    env = {"PYTHONPATH": f"{top}:{top}/remote_agent:{top}/bots", "CODECAST_ROOT": str(root)}
    try:
        with JupyterServer(tmp_path, ssh_config=tmp_path / "ssh_config", env=env) as server:
            yield server
    finally:
        shutil.rmtree(root, ignore_errors=True)


def fits(name: str, value: Any) -> None:
    """The fake and the file could agree with each other and both be wrong."""
    spec.validator(spec.document()["components"]["schemas"][name]).validate(value)


async def turn(client: AsyncClient, session: str, after: int) -> list[dict[str, Any]]:
    """Events up to the end of a turn, permissions granted on the way."""
    found: list[dict[str, Any]] = []
    events = client.events(session, after)
    async for event in events:
        found.append(event)
        fits("Event", event)
        if event["type"] == "request_opened":
            request = (await client.requests(session))[0]
            fits("Request", request)
            option = next(o["id"] for o in request["options"] if o["kind"].startswith("allow"))
            fits("Request", await client.answer(session, request["request"], option))
        if event["type"] == "turn_ended":
            break
    await events.aclose()  # type: ignore[attr-defined]
    return found


async def test_what_the_real_hub_says_fits_the_file_also_over_a_kill(real: JupyterServer) -> None:
    client = AsyncClient(Connection(real.url, real.token), surface="test")
    session = ""
    try:
        fits("Health", await client.health())
        fits("Machine", await client.connect_machine("local"))
        for machine in await client.machines():
            fits("Machine", machine)
        for cli in await client.clis("local"):
            fits("Cli", cli)
        fits("Examination", await client.doctor("local"))
        fits("Directory", await client.directories("local", str(real.home)))
        started = await client.start("local", str(real.home / "project"), cli="demo")
        fits("Session", started)
        session = started["id"]
        fits("Prompt", await client.prompt(session, "hello"))
        events = await within(120, turn(client, session, 0))
        fits("EventPage", await client.history(session))
        assert (await client.history(session))["events"][: len(events)] == events
        for hit in await client.search("hello"):
            fits("Hit", hit)
        for process in await client.processes("local"):
            fits("Process", process)
        await asyncio.to_thread(real.kill)
        await asyncio.to_thread(real.start)
        await client.prompt(session, "run echo over the kill")
        events += await within(120, turn(client, session, events[-1]["seq"]))
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        for prompt in await client.prompts(session):
            fits("Prompt", prompt)
        assert "request_opened" in {event["type"] for event in events}
        fits("Session", await client.stop(session))
    finally:
        if session:
            await client.remove(session)
            left = {process.get("session") for process in await client.processes("local")}
            assert session not in left
        await client.close()
