"""Small jobs in the loop's thread: committed when they return, undone when they fail, and never
waiting for anybody."""

from __future__ import annotations

import sqlite3
import time

import pytest

from codecast_agent.protocol import events
from codecast_jupyter.control import store as store_module
from codecast_jupyter.control.allowance import BURST, Allowance
from codecast_jupyter.control.store import NotNow
from tests.fixtures.hubs import ANN, until


def put(key):
    return lambda db: db.execute("INSERT INTO meta VALUES (?, '1')", (key,)).rowcount


async def keys(store):
    return await store.read(lambda db: {row[0] for row in db.execute("SELECT key FROM meta")})


async def at_once(store, job):
    """As soon as the store can."""

    async def done():
        try:
            return bool(store.at_once(job))
        except NotNow:
            return False

    await until(done)


async def test_what_was_done_at_once_is_there_and_what_failed_is_not(store):
    await at_once(store, put("a"))
    assert "a" in await keys(store)

    def fails(db):
        put("b")(db)
        raise ValueError("no")

    async def refused():
        try:
            store.at_once(fails)
        except ValueError:
            return True
        except NotNow:
            return False

    await until(refused)
    await at_once(store, put("c"))
    assert {"a", "c"} <= await keys(store) and "b" not in await keys(store)


async def test_a_job_at_once_never_overtakes_those_that_wait(store):
    waiting = store.submit(put("first"))
    with pytest.raises(NotNow):
        store.at_once(put("second"))
    await waiting
    await at_once(store, put("second"))


async def test_another_hub_that_writes_is_not_waited_for(store):
    await at_once(store, put("mine"))
    other = sqlite3.connect(store.path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        begin = time.monotonic()
        with pytest.raises(NotNow):
            store.at_once(put("late"))
        assert time.monotonic() - begin < 10, "a thread would have waited for 30 seconds"
        other.execute("INSERT INTO meta VALUES ('theirs', '1')")
        other.execute("COMMIT")
    finally:
        other.close()
    await at_once(store, put("late"))
    assert {"mine", "theirs", "late"} <= await keys(store)


async def test_an_own_change_at_once_is_not_taken_for_another_hubs(store, monkeypatch):
    told, looks = [], []
    store.on_foreign = lambda: told.append(len(looks))
    look = store_module._data_version

    def looking(connection):
        looks.append(look(connection))
        return looks[-1]

    monkeypatch.setattr(store_module, "_data_version", looking)
    monkeypatch.setattr(store_module, "FOREIGN_EVERY", 0.05)

    await at_once(store, put("mine"))
    since = len(looks)

    async def looked_twice():
        return len(looks) >= since + 2

    await until(looked_twice)
    assert told == []
    other = sqlite3.connect(store.path, isolation_level=None)
    try:
        put("theirs")(other)
    finally:
        other.close()

    async def heard():
        return bool(told)

    await until(heard)


def test_an_allowance_ends_and_comes_back():
    allowance = Allowance()
    assert allowance
    end = time.monotonic() + 20
    while allowance:
        with allowance:
            busy = time.thread_time() + BURST
            while time.thread_time() < busy:
                pass
        assert time.monotonic() < end
    while not allowance:
        time.sleep(0.001)
        assert time.monotonic() < end


async def test_a_session_with_a_broken_record_costs_those_beside_it_nothing(hub, machine):
    first = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    second = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    streams = {session: machine.journal(session) for session in (first, second)}

    async def caught_up():
        heads = [(await hub.sessions.get(session))["last_seq"] for session in streams]
        return heads == [journal.last for journal in streams.values()]

    await until(caught_up)
    link = hub.link_of("gpu")
    followed = hub.mirror._links[link]
    # both arrive before the loop turns, one of them damaged on the way
    followed.streams[first]._sink(followed.streams[first]._era, b"77 1 00000000 {}\n")
    for journal in streams.values():
        for number in range(20):
            journal.add("agent_message_chunk", message="m", content=events.text(f"{number} "))
    await until(caught_up)
    for session, journal in streams.items():
        page = await hub.feed.page(session, 0)
        assert [event["seq"] for event in page] == list(range(1, journal.last + 1))
