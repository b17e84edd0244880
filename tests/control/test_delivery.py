"""Prompts: stored first, delivered once and in order, whatever is lost in between."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import pytest

from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.hubs import ANN, BEN, until


async def states(hub, session):
    return [p["state"] for p in await hub.sessions.prompts(session)]


async def all_done(hub, session):
    found = await states(hub, session)
    return found and set(found) == {"done"}


async def test_an_offline_prompt_is_stored_and_delivered_once_when_the_machine_returns(
    hub, machine
):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    await machine.away()
    sent = [await hub.sessions.prompt(session, f"say {n}", actor=BEN) for n in range(1, 6)]
    assert {p["state"] for p in sent} == {"stored"}
    assert (await hub.sessions.get(session))["link"] == "offline"
    assert await states(hub, session) == ["stored"] * 5
    await machine.back()
    await until(lambda: all_done(hub, session))
    journal = machine.journals[session]
    queued = [e["prompt"] for e in journal.state() if e.get("state") == "queued"]
    assert queued == [p["id"] for p in sent]
    assert (await hub.sessions.get(session))["link"] == "online"


async def test_a_thousand_prompts_arrive_once_and_in_order_under_random_cuts(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    choose, sent = random.Random(5), []
    for number in range(1000):
        if choose.random() < 0.05:
            machine.faults["session/prompt"] = choose.choice(["before", "after", "lost"])
        if choose.random() < 0.03:
            await machine.cut()
        prompt = await hub.sessions.prompt(session, f"number {number}", actor=ANN)
        sent.append(prompt["id"])
        if choose.random() < 0.3:
            await machine.link()

    async def arrived():
        await machine.link()
        return len(machine.journals[session].prompts) == 1000 and await all_done(hub, session)

    await until(arrived, 60)
    told = [e["prompt"] for e in machine.journals[session].state() if e.get("state") == "queued"]
    assert told == sent


async def test_a_stored_prompt_survives_the_hub(make_hub, machine):
    hub = await make_hub()
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    await machine.away()
    await hub.sessions.prompt(session, "say 2", id="mine", actor=ANN)
    await hub.close()
    machine.observers.clear()
    again = await make_hub()
    assert await states(again, session) == ["stored"]
    await until(lambda: machine.kept)
    await machine.back()
    await until(lambda: all_done(again, session))
    assert list(machine.journals[session].prompts) == ["mine"]


async def test_a_repeated_id_is_the_same_prompt_and_never_another(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    other = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    first, second = await asyncio.gather(
        *(hub.sessions.prompt(session, "say 1", id="p", actor=ANN) for _ in range(2))
    )
    assert first["id"] == second["id"] == "p"
    assert len(await hub.sessions.prompts(session)) == 1
    for ref, text in ((session, "else"), (other, "say 1")):
        with pytest.raises(CodecastError) as caught:
            await hub.sessions.prompt(ref, text, id="p", actor=ANN)
        assert caught.value.code == "conflict"
    await until(lambda: all_done(hub, session))
    assert len(machine.journals[session].prompts) == 1
    repeated = await hub.sessions.prompt(session, "say 1", id="p", actor=ANN)
    assert repeated["state"] == "done"


async def test_what_the_machine_refuses_is_failed_with_the_reason_and_the_next_goes_on(
    hub, machine
):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    await hub.sessions.prompt(session, "refuse", actor=ANN)
    await hub.sessions.prompt(session, "say 1", actor=ANN)

    async def settled():
        return await states(hub, session) == ["failed", "done"]

    await until(settled)
    assert (await hub.sessions.prompts(session))[0]["error"]["code"] == "disk_full"


async def test_a_prompt_nobody_has_yet_is_edited_and_cancelled_here(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    await machine.away()
    await hub.sessions.prompt(session, "frist", id="a", actor=ANN)
    await hub.sessions.prompt(session, "second", id="b", actor=ANN)
    edited = await hub.sessions.edit_prompt(session, "a", "first", actor=ANN)
    assert (edited["text"], edited["state"]) == ("first", "stored")
    cancelled = await hub.sessions.cancel_prompt(session, "b", actor=ANN)
    assert cancelled["state"] == "cancelled"
    await machine.back()

    async def settled():
        return await states(hub, session) == ["done", "cancelled"]

    await until(settled)
    assert machine.journals[session].prompts == {"a": [events.text("first")]}


async def test_a_queued_prompt_is_edited_and_cancelled_on_the_machine(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    await hub.sessions.prompt(session, "wait", id="a", actor=ANN)
    edited = await hub.sessions.edit_prompt(session, "a", "wait longer", actor=ANN)
    assert (edited["text"], edited["state"]) == ("wait longer", "queued")
    cancelled = await hub.sessions.cancel_prompt(session, "a", actor=BEN)
    assert cancelled["state"] == "cancelled"
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.edit_prompt(session, "a", "too late", actor=ANN)
    assert caught.value.code == "conflict"
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.cancel_prompt(session, "none", actor=ANN)
    assert caught.value.code == "not_found"


async def waiting(hub, session):
    """The queue, and the same as the fold over events has it."""
    listed = [p["id"] for p in await hub.sessions.prompts(session) if p["state"] == "queued"]
    state = (await hub.sessions.get(session))["state"]
    assert list(state["prompts"]) == listed
    return "".join(listed)


async def test_a_change_that_was_made_is_no_conflict_though_its_answer_was_lost(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    for id in ("edited", "taken back"):
        await hub.sessions.prompt(session, "wait", id=id, actor=ANN)
    await until(lambda: len(machine.journals[session].prompts) == 2)
    edit_prompt = machine.do_edit_prompt

    def edit_and_begin(**params):
        answer = edit_prompt(**params)
        machine.run(machine.journals[session], "edited", "hold")
        return answer

    machine.do_edit_prompt = edit_and_begin
    machine.faults["session/edit_prompt"] = "lost"
    machine.faults["session/cancel_prompt"] = "lost"
    edit = partial(hub.sessions.edit_prompt, session, "edited", actor=ANN)
    cancel = partial(hub.sessions.cancel_prompt, session, actor=ANN)
    for _ in range(2):  # also by who heard nothing of it and asks once more
        assert (await edit("hold"))["state"] == "running"
        assert (await cancel("taken back"))["state"] == "cancelled"
    asked = [name for name, _ in machine.calls if name.endswith(("edit_prompt", "cancel_prompt"))]
    assert asked == ["session/edit_prompt"] * 2 + ["session/cancel_prompt"] * 2
    for change in (edit("other words"), cancel("edited")):  # not made
        with pytest.raises(CodecastError) as caught:
            await change
        assert caught.value.code == "conflict"


async def test_prompts_nobody_has_yet_are_moved_here_and_sent_in_that_order(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    await machine.away()
    for id in "abcd":
        await hub.sessions.prompt(session, "wait", id=id, actor=ANN)
    move = partial(hub.sessions.move_prompt, session, actor=ANN)
    assert (await move("d", "a", id="1"))["state"] == "stored"  # d a b c
    await move("a", id="2")  # d b c a
    await move("d", "a", id="3")  # b c d a
    await move("a", id="2")  # said again: nothing changes
    await move("d", "a", id="1")
    places = {p["id"]: p["place"] for p in await hub.sessions.prompts(session)}
    assert sorted(places, key=places.__getitem__) == list(places) == list("bcda")
    await hub.sessions.prompt(session, "wait", id="e", actor=ANN)
    await machine.back()
    await until(lambda: len(machine.journals[session].prompts) == 5)
    assert list(machine.journals[session].prompts) == list("bcdae")


async def test_a_move_is_made_once_whichever_hub_hears_of_it_and_whoever_has_the_prompts(
    make_hub, machine
):
    hub = await make_hub()
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    await machine.away()
    for id in "abc":
        await hub.sessions.prompt(session, "wait", id=id, actor=ANN)
    await hub.sessions.move_prompt(session, "c", "a", id="first", actor=ANN)  # c a b
    await hub.sessions.move_prompt(session, "b", "a", id="second", actor=BEN)  # c b a
    await hub.close()
    machine.observers.clear()
    hub = await make_hub()
    first = partial(hub.sessions.move_prompt, session, "c", "a", id="first", actor=ANN)
    second = partial(hub.sessions.move_prompt, session, "b", "a", id="second", actor=BEN)
    await hub.sessions.move_prompt(session, "a", "c", actor=ANN)  # a c b
    await asyncio.gather(first(), second())
    assert [p["id"] for p in await hub.sessions.prompts(session)] == list("acb")
    await machine.back()
    await until(lambda: len(machine.journals[session].prompts) == 3)
    assert list(machine.journals[session].prompts) == list("acb")
    await first()
    assert "session/move_prompt" not in [name for name, _ in machine.calls]


async def test_queued_prompts_are_moved_on_the_machine_once_whoever_asks(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    for id in "abcd":
        await hub.sessions.prompt(session, "wait", id=id, actor=ANN)
    await until(lambda: len(machine.journals[session].prompts) == 4)
    move = partial(hub.sessions.move_prompt, session)
    assert (await move("d", "a", actor=ANN))["state"] == "queued"
    assert await waiting(hub, session) == "dabc"
    # the answer is lost, and the machine asked again over the next link
    machine.faults["session/move_prompt"] = "lost"
    await move("a", id="once", actor=ANN)
    assert await waiting(hub, session) == "dbca"
    assert len([name for name, _ in machine.calls if name == "session/move_prompt"]) == 3
    assert machine.journals[session].moves >= {"once"}
    # two surfaces at once: one order, the same for both
    await asyncio.gather(move("c", "d", actor=ANN), move("b", "d", actor=BEN))
    assert await waiting(hub, session) in ("cbda", "bcda")
    for wrong, before, code in (
        ("nobody", None, "not_found"),
        ("a", "nobody", "not_found"),
        ("a", "a", "bad_request"),
    ):
        with pytest.raises(CodecastError) as caught:
            await move(wrong, before, actor=ANN)
        assert caught.value.code == code
    await hub.sessions.cancel_prompt(session, "a", actor=ANN)
    for wrong, before in (("a", None), ("b", "a")):
        with pytest.raises(CodecastError) as caught:
            await move(wrong, before, actor=ANN)
        assert caught.value.code == "conflict" and "no longer waits" in caught.value.message


async def test_an_old_supervisor_refuses_a_move_and_nothing_changes(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    for id in "ab":
        await hub.sessions.prompt(session, "wait", id=id, actor=ANN)
    await until(lambda: len(machine.journals[session].prompts) == 2)

    def unknown(**params):
        raise CodecastError("not_supported", "This session's supervisor does not know it.", "Stop.")

    machine.do_move_prompt = unknown
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.move_prompt(session, "b", "a", actor=ANN)
    assert caught.value.code == "not_supported" and caught.value.hint
    assert await waiting(hub, session) == "ab"


async def test_what_may_be_there_is_not_changed_behind_the_machines_back(hub, machine, monkeypatch):
    monkeypatch.setattr("codecast_jupyter.control.outbox.PATIENCE", 0.2)
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    machine.faults["session/prompt"] = "lost"
    machine.available = False
    await hub.sessions.prompt(session, "wait", id="a", actor=ANN)
    await until(lambda: machine.current is None)
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.edit_prompt(session, "a", "other words", actor=ANN)
    assert caught.value.code == "unreachable"
    await machine.back()
    edited = await hub.sessions.edit_prompt(session, "a", "other words", actor=ANN)
    assert edited["text"] == "other words"
    assert machine.journals[session].prompts["a"] == [events.text("other words")]


async def test_bad_prompts_are_refused_and_strange_ones_are_not(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    for wrong in ("", "  ", [], [{"type": "text"}, 5], [{"text": "x"}], 7, None):
        with pytest.raises(CodecastError) as caught:
            await hub.sessions.prompt(session, wrong, actor=ANN)
        assert caught.value.code == "bad_request", wrong
    strange = ["-rf /", "--help", "/compact", "a\x00b", "\ud800", "x" * 5_000_000, "'; DROP TABLE"]
    for text in strange:
        await hub.sessions.prompt(session, text, actor=ANN)
    await until(lambda: all_done(hub, session))
    told = [events.plain_text(c) for c in machine.journals[session].prompts.values()]
    assert told == strange
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.prompt(session, "x" * (33 << 20), actor=ANN)
    assert caught.value.code == "too_large"


async def test_destroy_ends_it_there_and_here_and_offline_when_the_machine_returns(hub, machine):
    here = (await hub.sessions.start("gpu", "/w", prompt="say 2", actor=ANN))["id"]
    away = (await hub.sessions.start("gpu", "/w", name="mine", prompt="say 2", actor=ANN))["id"]
    assert await hub.sessions.destroy(here, actor=ANN) is True
    assert list(machine.journals) == [away]
    await machine.away()
    assert await hub.sessions.destroy(away, actor=ANN) is False
    assert await hub.sessions.list() == []
    assert [s["id"] for s in await hub.sessions.list(all=True)] == [away]
    with pytest.raises(CodecastError):
        await hub.sessions.get(away)
    await machine.back()
    await until(lambda: not machine.journals)

    def rows(db):
        tables = ("sessions", "events", "prompts", "requests", "messages")
        return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]

    async def clean():
        return await hub.store.read(rows) == [0] * 5

    await until(clean)
    await until(lambda: not machine.kept)


async def test_a_destroy_is_done_by_the_next_hub_when_the_first_dies(make_hub, machine):
    hub = await make_hub()
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    await machine.away()
    await hub.sessions.destroy(session, actor=ANN)
    await hub.close()
    machine.observers.clear()
    await make_hub()
    await until(lambda: machine.kept)
    await machine.back()
    await until(lambda: not machine.journals)


async def test_a_list_taken_before_a_removal_does_not_bring_the_session_back(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN))["id"]
    gate = machine.gates["session/list"] = asyncio.Event()
    listing = machine.do_list()
    machine.do_list = lambda: listing
    await machine.cut()
    await machine.link()
    await until(lambda: machine.calls[-1][0] == "session/list")
    assert await hub.sessions.destroy(session, actor=ANN)
    gate.set()
    await hub.sessions.start("gpu", "/w", name="other", actor=ANN)
    await until(lambda: not hub._tasks)
    assert [s["name"] for s in await hub.sessions.list(all=True)] == ["other"]
