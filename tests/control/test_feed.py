"""What surfaces read: whole, in order, and at their own pace."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import feed as feeds
from codecast_jupyter.control.ingest import Row
from tests.fixtures.hubs import ANN, until


def chat(journal, count):
    for number in range(count):
        content = events.text(f"piece {number} ")
        journal.add("agent_message_chunk", message="m", content=content)


async def start(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    return session, machine.journals[session]


async def read_until(hub, session, after, last, pause=0.0):
    seqs = []
    async with aclosing(hub.feed.subscribe(session, after)) as batches:
        async for batch in batches:
            seqs.extend(event["seq"] for event in batch)
            if seqs[-1] >= last:
                return seqs
            await asyncio.sleep(pause)
    return seqs


async def test_a_slow_reader_misses_nothing_and_slows_nobody(hub, machine, monkeypatch):
    monkeypatch.setattr(feeds, "TAIL", 50)
    monkeypatch.setattr(feeds, "BATCH", 40)
    session, journal = await start(hub, machine)
    last = journal.last + 3000
    slow = asyncio.create_task(read_until(hub, session, 0, last, pause=0.01))
    fast = asyncio.create_task(read_until(hub, session, 0, last))
    for _ in range(300):
        chat(journal, 10)
        await asyncio.sleep(0)
    assert await asyncio.wait_for(fast, 60) == list(range(1, last + 1))
    assert not slow.done()
    assert await asyncio.wait_for(slow, 60) == list(range(1, last + 1))
    assert hub.feed._topics == {}, "nobody reads, nothing is kept"


async def test_a_reader_who_comes_back_goes_on_where_it_was(hub, machine):
    session, journal = await start(hub, machine)
    seqs: list[int] = []
    for _ in range(30):
        chat(journal, 7)
        have = seqs[-1] if seqs else 0
        seqs += await read_until(hub, session, have, have + 1)
    chat(journal, 1)
    seqs += await read_until(hub, session, seqs[-1], journal.last)
    assert seqs == list(range(1, journal.last + 1))


async def test_the_way_back_has_every_event_once_whatever_the_size_of_a_page(hub, machine):
    session, journal = await start(hub, machine)
    chat(journal, 100)
    await read_until(hub, session, 0, journal.last)
    for limit, most in ((7, 1 << 20), (500, 300), (500, 1 << 20)):
        seqs, more = [], True
        while more:
            before = seqs[0] if seqs else journal.last + 1
            page, more = await hub.feed.before(session, before, limit, most)
            assert 0 < len(page) <= limit
            seqs[:0] = [row.seq for row in page]
        assert seqs == list(range(1, journal.last + 1))
    page, more = await hub.feed.before(session, 50, 2, 1 << 20, {"session_state"})
    assert ({row.type for row in page}, more) == ({"session_state"}, False)
    with pytest.raises(CodecastError, match="no session"):
        await hub.feed.before("nobody", 1, 1, 1)


async def test_stored_text_and_events_are_the_same(hub, machine):
    session, journal = await start(hub, machine)
    chat(journal, 20)
    async with aclosing(hub.feed.subscribe_rows(session)) as batches:
        async for rows in batches:
            for row in rows:
                assert json.loads(row.text()) == row.event().to_json()
            if rows[-1].seq == journal.last:
                break
    assert await hub.feed.page(session, 0, 1000) == journal.state()
    chunks = await hub.feed.page(session, 5, 3, {"agent_message_chunk"})
    assert [e["seq"] for e in chunks] == [6, 7, 8]


async def test_a_reader_ends_when_its_session_is_removed_or_the_hub_closes(make_hub, machine):
    hub = await make_hub()
    one, _ = await start(hub, machine)
    two, _ = await start(hub, machine)
    readers = [asyncio.create_task(read_until(hub, session, 0, 10**9)) for session in (one, two)]
    await until(lambda: len(hub.feed._topics) == 2)
    await hub.sessions.destroy(one, actor=ANN)
    await asyncio.wait_for(readers[0], 20)
    assert not readers[1].done()
    watcher = hub.feed.watch()
    assert await anext(watcher)
    await hub.close()
    await asyncio.wait_for(readers[1], 20)
    await asyncio.wait_for(_drain(watcher), 20)
    with pytest.raises(CodecastError):
        await anext(hub.feed.subscribe(two))


async def _drain(changes):
    async for _ in changes:
        pass


async def test_an_unknown_session_is_said_to_be_unknown(hub):
    with pytest.raises(CodecastError) as caught:
        await anext(hub.feed.subscribe("nothing"))
    assert caught.value.code == "not_found"
    with pytest.raises(CodecastError):
        await hub.feed.page("nothing")


async def test_a_watcher_sees_everything_then_every_change_as_one_summary(hub, machine):
    session, journal = await start(hub, machine)
    async with aclosing(hub.feed.watch()) as changes:
        first = []
        async for change in changes:
            first.append(change)
            if change["type"] == "watching":
                break
        assert [c["type"] for c in first] == ["machine", "session", "watching"]
        assert first[1]["session"]["id"] == session
        prompt = (await hub.sessions.prompt(session, "ask", actor=ANN))["id"]
        seen = []
        async for change in changes:
            seen.append(change)
            if change["type"] == "session" and change["session"]["state"]["status"] == "waiting":
                break
        said = [c["prompt"]["state"] for c in seen if c["type"] == "prompt"]
        assert said
        assert {c["prompt"]["id"] for c in seen if c["type"] == "prompt"} == {prompt}
        chat(journal, 2000)
        for number in range(500):
            journal.add("usage_update", cost_usd=float(number))
        summaries = 0
        async for change in changes:
            summaries += change["type"] == "session"
            if change["type"] == "session" and change["session"]["state"]["cost_usd"] == 499.0:
                break
        assert summaries < 100, "changes in one breath are one summary"
        await machine.away()
        async for change in changes:
            if change["type"] == "session" and change["session"]["link"] == "offline":
                break
        await hub.sessions.destroy(session, actor=ANN)
        async for change in changes:
            if change == {"type": "session_removed", "id": session}:
                break


async def test_a_watcher_misses_nothing_that_happens_while_it_reads_the_first_picture(hub, machine):
    changes = hub.feed.watch()
    session, _ = await start(hub, machine)
    await hub.sessions.rename(session, "newly-named", actor=ANN)
    names = []
    async for change in changes:
        if change["type"] == "session":
            names.append(change["session"]["name"])
        if names and names[-1] == "newly-named":
            break
    await changes.aclose()


def test_a_tail_never_joins_what_is_not_adjacent():
    """Another hub stored what lies between: it is read from the store."""

    def rows(first, last):
        return [Row(1, seq, seq, "notice", '{"type":"notice"}') for seq in range(first, last + 1)]

    topic = feeds._Topic(1, 0)
    topic.advance(5, rows(1, 5))
    assert [row.seq for row in topic.after(2)] == [3, 4, 5]
    topic.advance(10, [])
    assert topic.after(5) is None
    topic.advance(12, rows(11, 12))
    assert topic.after(5) is None
    assert [row.seq for row in topic.after(10)] == [11, 12]
    topic.advance(20, [*rows(13, 13), *rows(20, 20)])  # behind a gap
    assert topic.after(12) is None
    assert topic.head == 20


async def test_what_a_machine_is_busy_with_is_told_until_it_is_done(hub, machine):
    session, _ = await start(hub, machine)
    hub.machines.on_progress("gpu", {"session": session, "text": "starting demo"})
    hub.machines.on_progress("gpu", {"text": "asking the CLIs"})
    hub.machines.on_progress("gpu", {"text": 3})  # no words
    about = {"type": "progress", "machine": "gpu"}
    begun = [
        {**about, "session": session, "text": "starting demo"},
        {**about, "text": "asking the CLIs"},
    ]
    async with aclosing(hub.feed.watch()) as changes:
        seen = [await anext(changes) for _ in range(4)]
        while seen[-1]["type"] != "watching":
            seen.append(await anext(changes))
        assert [each for each in seen if each["type"] == "progress"] == begun
        hub.machines.on_progress("gpu", {"session": session, "text": ""})
        told = {"type": "session"}
        while told["type"] == "session":  # what its start still changes
            told = await asyncio.wait_for(anext(changes), 20)
        assert told == {**about, "session": session, "text": ""}
        await machine.cut()
        told = {}
        while told.get("text") != "":
            told = await asyncio.wait_for(anext(changes), 20)
        assert told == {**about, "text": ""}, "nobody ends it when the link is gone"
