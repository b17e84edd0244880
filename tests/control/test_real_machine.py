"""The whole way with real processes: hub, local relay, supervisor, demo CLI."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control.hub import Hub
from tests.fixtures.hubs import ANN, BEN, until


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="cc-"))  # short: socket paths have 108 bytes
    (path / "root").mkdir(mode=0o700)
    (path / "work").mkdir()
    monkeypatch.setenv("CODECAST_ROOT", str(path / "root"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextlib.asynccontextmanager
async def running(root: Path, last: bool = False):
    """A hub on the machine `local`; the last one of a test takes its sessions away."""
    hub = Hub(root / "codecast.yaml", root / "data", root / "no_ssh_config")
    await hub.start()
    try:
        yield hub
    finally:
        if last:
            for session in await hub.sessions.list():
                await hub.sessions.destroy(session["id"], actor=ANN)
        await hub.close()


async def follow(hub: Hub, session: str, wanted: str, after: int = 0, **fields: str) -> list[dict]:
    """Events after a cursor up to the first of the wanted kind."""
    seen: list[dict] = []
    async with aclosing(hub.feed.subscribe(session, after)) as batches:
        async for batch in batches:
            for event in batch:
                seen.append(event)
                if event["type"] == wanted and fields.items() <= event.items():
                    return seen
    return seen


def marked(session: str) -> list[int]:
    """Processes that belong to a session."""
    mark, found = f"CODECAST_SESSION={session}".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


async def test_f5_a_hub_that_goes_at_an_open_request_is_continued_by_the_next(root):
    async with running(root) as hub:
        session = await hub.sessions.start(
            "local", str(root / "work"), "demo", "ask", prompt="write a b.txt: hello", actor=ANN
        )
        id = session["id"]
        before = await asyncio.wait_for(follow(hub, id, "request_opened"), 60)
        assert marked(id)
    assert marked(id), "the CLI does not know that the hub is gone"
    async with running(root, last=True) as hub:
        (request,) = await hub.requests.list()
        assert (request["session"], request["outcome"]) == (id, "open")
        yes = next(o["id"] for o in request["options"] if o["kind"] == "allow_once")
        answered = await hub.requests.answer(id, request["request"], option=yes, actor=BEN)
        assert (answered["resolution"]["by"], answered["resolution"]["where"]) == (
            "ben",
            "telegram",
        )
        after = await asyncio.wait_for(
            follow(hub, id, "prompt_state", before[-1]["seq"], state="done"), 60
        )
        every = await hub.feed.page(id, 0, 10_000)
        assert every[: len(before) + len(after)] == before + after
        assert [e["seq"] for e in every] == list(range(1, len(every) + 1))
        for event in every:
            fields = {k: v for k, v in event.items() if k not in ("seq", "time")}
            assert events.problems(fields) == []
        assert [path.read_text() for path in (root / "work").iterdir()] == ["hello\n"]

        async def hits():
            return await hub.search("hello")

        assert {hit["kind"] for hit in await until(hits)} >= {"prompt"}
        assert await hub.sessions.destroy(id, actor=ANN)
        await until(lambda: not marked(id))
        assert not list((root / "root").glob("hosts/*/sessions/*"))


async def test_prompts_sent_before_the_hub_goes_are_answered_once_when_it_is_back(root):
    async with running(root) as hub:
        work = str(root / "work")
        id = (await hub.sessions.start("local", work, "demo", "code", actor=ANN))["id"]
        sent = [
            (await hub.sessions.prompt(id, f"write f{n}: {n}", actor=ANN))["id"] for n in range(5)
        ]
    async with running(root, last=True) as hub:

        async def done():
            return [p["state"] for p in await hub.sessions.prompts(id)] == ["done"] * 5

        await until(done, 60)
        every = await hub.feed.page(id, 0, 10_000)
        queued = [
            e["prompt"] for e in every if e["type"] == "prompt_state" and e["state"] == "queued"
        ]
        assert queued == sent
        assert {path.name for path in (root / "work").iterdir()} == {f"f{n}" for n in range(5)}
        await hub.sessions.stop(id, actor=ANN)
        assert (await hub.sessions.get(id))["state"]["status"] == "stopped"
        await until(lambda: not marked(id))


async def test_what_cannot_start_leaves_nothing_behind_and_says_why(root):
    async with running(root, last=True) as hub:
        for cwd, cli, code in (
            (str(root / "nowhere $(id) 'x'"), "demo", "no_such_directory"),
            (str(root / "work"), "no-such-cli", None),
        ):
            with pytest.raises(CodecastError) as caught:
                await hub.sessions.start("local", cwd, cli, actor=ANN)
            assert caught.value.message
            assert code in (None, caught.value.code)
        assert await hub.sessions.list(all=True) == []
        assert not list((root / "root").glob("hosts/*/sessions/*"))


async def test_a_start_that_takes_time_says_what_it_does(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / ".bash_profile").write_text("sleep 1\n")
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.setenv("SHELL", "/bin/bash")
    async with running(root, last=True) as hub, aclosing(hub.feed.watch()) as changes:
        start = asyncio.create_task(
            hub.sessions.start("local", str(root / "work"), cli="demo", actor=ANN)
        )
        told: list[dict] = []
        while not told or told[-1]["text"]:
            change = await asyncio.wait_for(anext(changes), 60)
            if change["type"] == "progress":
                told.append(change)
        session = await start
        assert {each["session"] for each in told} == {session["id"]}
        assert told[0]["text"] == "asking the login shell for its environment"
