"""Journals of machines arrive whole: over lost links, power cuts, dropped segments, refusals."""

from __future__ import annotations

import asyncio
import random

import pytest

from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import mirror
from codecast_jupyter.control.ingest import Ingest
from tests.fixtures.hubs import ANN, until


async def stored(hub, session):
    return await hub.feed.page(session, 0, 1_000_000)


async def caught_up(hub, machine, session):
    return (await hub.sessions.get(session))["last_seq"] >= machine.journals[session].last


def chat(journal, count, start=0):
    for number in range(start, start + count):
        content = events.text(f"piece {number} ")
        journal.add("agent_message_chunk", message="m", content=content)


async def test_f3_a_stream_that_is_cut_again_and_again_arrives_whole(hub, machine):
    machine.block = 300
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    journal, choose = machine.journals[session], random.Random(11)
    for number in range(300):
        chat(journal, choose.randrange(1, 10), number * 10)
        if choose.random() < 0.1:
            await machine.cut()
        if choose.random() < 0.3:
            await machine.link()
        if choose.random() < 0.5:
            await asyncio.sleep(0)
    await machine.link()
    await until(lambda: caught_up(hub, machine, session))
    assert await stored(hub, session) == journal.state()


async def test_what_a_power_cut_took_from_the_machine_is_told_and_what_follows_arrives(
    hub, machine
):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    journal = machine.journals[session]
    chat(journal, 20)
    await until(lambda: caught_up(hub, machine, session))
    before = await stored(hub, session)
    await machine.away()
    journal.lose_tail(5)
    journal.add("session_state", state="exited", signal=9)
    await machine.back()

    async def told():
        return [e["type"] for e in (await stored(hub, session))[len(before) :]] == [
            "gap",
            "session_state",
        ]

    await until(told)
    assert (await stored(hub, session))[: len(before)] == before
    chat(journal, 3, 100)
    await machine.cut()
    await machine.link()
    chat(journal, 3, 200)

    async def more():
        return len(await stored(hub, session)) == len(before) + 2 + 6

    await until(more)
    numbers = [e["seq"] for e in await stored(hub, session)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("anew", [1, 3, 4, 6])
async def test_a_journal_rewritten_around_our_cursor_is_noticed(hub, machine, anew):
    """Four events are lost and others written: one less than we have, and nothing comes that
    could be compared; as many, and by the numbers alone nothing would be seen."""
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    journal = machine.journals[session]
    chat(journal, 20)
    await until(lambda: caught_up(hub, machine, session))
    before = await stored(hub, session)
    await machine.away()
    journal.lose_tail(4)
    chat(journal, anew, 500)
    await machine.back()

    async def told():
        return len(await stored(hub, session)) == len(before) + 1 + anew

    await until(told)
    after = await stored(hub, session)
    assert after[: len(before)] == before
    assert after[len(before)]["type"] == "gap"
    strip = [{k: v for k, v in e.items() if k != "seq"} for e in after[len(before) + 1 :]]
    assert strip == [{k: v for k, v in e.items() if k != "seq"} for e in journal.state()[-anew:]]


async def test_segments_dropped_before_we_saw_them_are_told_as_a_gap(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    journal = machine.journals[session]
    await until(lambda: caught_up(hub, machine, session))
    have = journal.last
    await machine.away()
    chat(journal, 30)
    journal.drop_head(have + 10)
    await machine.back()
    await until(lambda: caught_up(hub, machine, session))
    tail = (await stored(hub, session))[have:]
    assert (tail[0]["type"], tail[0]["first"], tail[0]["last"]) == ("gap", have + 1, have + 10)
    assert tail[1:] == journal.state()


async def test_a_block_the_store_refuses_is_offered_again(hub, machine, monkeypatch):
    monkeypatch.setattr(mirror, "RETRY", 0.01)
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    real, failures = Ingest.take, iter([CodecastError("disk_full", "full")] * 3)

    def take(self, *args, **kwargs):
        problem = next(failures, None)
        if problem is not None:
            raise problem
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Ingest, "take", take)
    chat(machine.journals[session], 50)
    await until(lambda: caught_up(hub, machine, session))
    assert await stored(hub, session) == machine.journals[session].state()


async def test_a_broken_block_is_asked_for_again(hub, machine, monkeypatch):
    monkeypatch.setattr(mirror, "RETRY", 0.01)
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    journal = machine.journals[session]
    await until(lambda: caught_up(hub, machine, session))
    (listener,) = journal.listeners.values()
    listener(b"99 5 00000000 {}\n")
    chat(journal, 5)
    await until(lambda: caught_up(hub, machine, session))
    assert await stored(hub, session) == journal.state()


async def test_more_than_we_can_hold_pauses_the_link_and_nothing_is_lost(hub, machine, monkeypatch):
    monkeypatch.setattr(mirror, "HIGH", 20_000)
    machine.block = 5_000
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    journal = machine.journals[session]
    await machine.away()
    chat(journal, 3000)
    await machine.back()
    await until(lambda: caught_up(hub, machine, session))
    assert machine.pauses > 0
    assert not machine.current.paused
    assert await stored(hub, session) == journal.state()


async def test_only_what_is_on_the_disk_is_acknowledged(hub, machine, monkeypatch):
    monkeypatch.setattr(mirror, "ACK_EVERY", 0.02)
    monkeypatch.setattr(mirror, "ACK_AFTER", 1)
    await machine.cut()
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    journal = machine.journals[session]
    synced = []
    real = hub.store.sync

    async def sync():
        await real()
        synced.append((await hub.sessions.get(session))["last_seq"])

    monkeypatch.setattr(hub.store, "sync", sync)
    chat(journal, 100)
    await until(lambda: journal.acked == journal.last)
    assert synced


async def test_sessions_the_store_does_not_know_are_taken_in_with_their_history(hub, machine):
    machine.do_start("0f6b8c1e-0000-4000-8000-000000000001", cwd="/x", cli="claude", name="old-one")
    machine.do_prompt("0f6b8c1e-0000-4000-8000-000000000001", "p", [events.text("say 3")])
    machine.do_start("0f6b8c1e-0000-4000-8000-000000000002", cwd="/y", cli="codex", name="old-one")
    machine.do_start("0f6b8c1e-0000-4000-8000-000000000003", cwd="/z", name="$(rm -rf) \ud800")
    machine.journals["0f6b8c1e-0000-4000-8000-000000000003"].meta = None
    await machine.link()

    async def known():
        sessions = await hub.sessions.list()
        return len(sessions) == 3 and all(s["state"]["status"] == "idle" for s in sessions)

    await until(known)
    one = await hub.sessions.get("old-one")
    assert (one["cli"], one["cwd"], one["delivery"]) == ("claude", "/x", "started")
    assert await stored(hub, one["id"]) == machine.journals[one["id"]].state()
    assert [p["state"] for p in await hub.sessions.prompts("old-one")] == ["done"]
    assert (await hub.sessions.get("old-one-2"))["cli"] == "codex"
    # one that appears later, by another hub's doing
    machine.do_start("0f6b8c1e-0000-4000-8000-000000000004", cwd="/w", name="new-one")
    for observer in machine.observers:
        for part in observer.owner.observers:
            part.session_changed(
                machine, {"session": "0f6b8c1e-0000-4000-8000-000000000004", "alive": True}
            )
    await until(lambda: hub.mirror.follows(machine.current, "0f6b8c1e-0000-4000-8000-000000000004"))
    assert (await hub.sessions.get("new-one"))["cwd"] == "/w"


async def test_many_sessions_that_appear_together_are_found_by_one_list(hub, machine, monkeypatch):
    await machine.link()
    lists = []
    do_list = machine.do_list
    monkeypatch.setattr(machine, "do_list", lambda: lists.append(1) or do_list())
    new = [f"0f6b8c1e-0000-4000-8000-{number:012}" for number in range(30)]
    for number, session in enumerate(new):
        machine.do_start(session, cwd="/w", name=f"new-{number}")
    for observer in machine.observers:
        for part in observer.owner.observers:
            for session in new:
                part.session_changed(machine, {"session": session, "alive": True})
    await until(lambda: all(hub.mirror.follows(machine.current, session) for session in new))
    assert len(await hub.sessions.list()) == len(new)
    assert len(lists) == 1


async def test_a_session_the_machine_lost_stays_readable_and_says_so(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", prompt="say 3", actor=ANN))["id"]
    await until(lambda: caught_up(hub, machine, session))
    await hub.store.write(lambda db: db.execute("UPDATE sessions SET created = 1"))
    await machine.away()
    journal = machine.journals.pop(session)
    await machine.back()

    async def told():
        return (await hub.sessions.get(session)).get("error")

    assert (await until(told))["code"] == "not_found"
    assert await stored(hub, session) == journal.state()
    prompt = await hub.sessions.prompt(session, "are you there", actor=ANN)

    async def failed():
        found = {p["id"]: p for p in await hub.sessions.prompts(session)}[prompt["id"]]
        return found["state"] == "failed" and found["error"]["code"] == "not_found"

    await until(failed)


@pytest.mark.parametrize("verb", ["interrupt", "stop", "resume", "set_mode", "set_model"])
async def test_verbs_reach_the_machine_once_more_when_the_link_breaks(hub, machine, verb):
    session = (await hub.sessions.start("gpu", "/w", prompt="hold", actor=ANN))["id"]

    async def running():
        return (await hub.sessions.get(session))["state"]["status"] == "running"

    await until(running)
    machine.faults[f"session/{verb}"] = "before"
    word = {"set_mode": ["ask"], "set_model": ["opus"]}.get(verb, [])
    await getattr(hub.sessions, verb)(session, *word, actor=ANN)
    await until(lambda: caught_up(hub, machine, session))
    now = await hub.sessions.get(session)
    assert {
        "interrupt": now["state"]["status"] == "idle",
        "stop": now["state"]["status"] == "stopped",
        "resume": now["state"]["process"] == "ready",
        "set_mode": now["mode"] == "ask",
        "set_model": now["model"] == "opus",
    }[verb]


async def test_a_verb_outlives_an_attempt_to_connect_that_is_killed(hub, machine, monkeypatch):
    session = (await hub.sessions.start("gpu", "/w", prompt="say 1", actor=ANN))["id"]
    await until(lambda: caught_up(hub, machine, session))
    await machine.away()
    link, killed = machine.link, []

    async def die_twice(timeout):
        if len(killed) < 2:
            killed.append(timeout)
            raise CodecastError("link_lost", "The connection to the machine was lost.")
        machine.available = True
        return await link(timeout)

    monkeypatch.setattr(machine, "link", die_twice)
    assert (await hub.sessions.stop(session, actor=ANN))["state"]["status"] == "stopped"
    assert len(killed) == 2
