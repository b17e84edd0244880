"""F1 and what `start` leaves behind when it fails."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.hubs import ANN, until
from tests.fixtures.machines import FakeMachine


async def test_f1_the_first_prompt_is_stored_before_anything_is_sent(hub, machine):
    gate = machine.gates["session/start"] = asyncio.Event()
    starting = asyncio.create_task(hub.sessions.start("gpu", "/w", prompt="say 3", actor=ANN))
    await until(lambda: "session/start" in dict(machine.calls))
    session = (await hub.sessions.list())[0]
    assert (session["delivery"], session["state"]["status"]) == ("stored", "starting")
    prompts = await hub.sessions.prompts(session["id"])
    assert [(p["text"], p["state"], p["by"]) for p in prompts] == [("say 3", "stored", "ann")]
    assert [method for method, _ in machine.calls].count("session/prompt") == 0
    gate.set()
    started = await starting
    assert started["delivery"] == "started"

    async def done():
        return (await hub.sessions.prompts(session["id"]))[0]["state"] == "done"

    await until(done)
    assert [m for m, _ in machine.calls if m in ("session/start", "session/prompt")] == [
        "session/start",
        "session/prompt",
    ]


async def test_what_the_machine_is_told_comes_from_call_machine_and_configuration(hub, machine):
    await hub.sessions.start("gpu", "/w", create_directory=True, name="my-work", actor=ANN)
    params = next(params for method, params in machine.calls if method == "session/start")
    del params["session"]
    assert params == {
        "cli": "demo",
        "cwd": "/w",
        "mode": "plan",
        "name": "my-work",
        "create_directory": True,
        "env": {"FOO": "bar"},
    }


async def test_a_definite_error_leaves_nothing_behind_and_says_why(hub, machine):
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.start("gpu", "/nowhere", name="mine", prompt="x", actor=ANN)
    assert caught.value.code == "no_such_directory"
    assert await hub.sessions.list(all=True) == []
    assert machine.journals == {}
    await hub.sessions.start("gpu", "/w", name="mine", actor=ANN)  # the name is free again


async def test_an_unreachable_machine_leaves_nothing_behind(hub, machine):
    machine.available = False
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.start("gpu", "/w", actor=ANN)
    assert caught.value.code == "unreachable"
    assert await hub.sessions.list(all=True) == []
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.start("moon", "/w", actor=ANN)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize("fault", ["before", "after", "lost"])
async def test_a_start_survives_a_link_that_breaks_and_happens_once(hub, machine, fault):
    machine.faults["session/start"] = fault
    session = await hub.sessions.start("gpu", "/w", prompt="say 2", actor=ANN)
    assert list(machine.journals) == [session["id"]]
    journal = machine.journals[session["id"]]
    await until(lambda: journal.state()[-1].get("state") == "done")
    assert len(journal.prompts) == 1


async def test_a_start_whose_end_nobody_knows_is_removed_when_the_machine_returns(
    hub, machine, monkeypatch
):
    monkeypatch.setattr("codecast_jupyter.control.launching.START_LIMIT", 0.0)
    gate = machine.gates["session/start"] = asyncio.Event()
    starting = asyncio.create_task(hub.sessions.start("gpu", "/w", name="ghost", actor=ANN))
    await until(lambda: [call for call in machine.calls if call[0] == "session/start"])
    params = next(call[1] for call in machine.calls if call[0] == "session/start")
    gate.set()
    machine.faults.clear()
    machine.available = False
    session = params["session"]
    await machine.cut()
    machine.do_start(**params)  # it came through after all
    with pytest.raises(CodecastError) as caught:
        await starting
    assert caught.value.code in ("link_lost", "unreachable")
    assert await hub.sessions.list() == []
    assert session in machine.journals
    await machine.back()
    await until(lambda: session not in machine.journals)

    async def forgotten():
        return await hub.sessions.list(all=True) == []

    await until(forgotten)


async def test_the_same_id_is_the_same_session_and_another_one_is_refused(hub, machine):
    id = str(uuid.uuid4())
    first, second = await asyncio.gather(
        hub.sessions.start("gpu", "/w", id=id, prompt="say 1", actor=ANN),
        hub.sessions.start("gpu", "/w", id=id, prompt="say 1", actor=ANN),
    )
    assert first["id"] == second["id"] == id
    assert first["name"] == second["name"]
    assert len(await hub.sessions.prompts(id)) == 1
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.start("gpu", "/elsewhere", id=id, actor=ANN)
    assert caught.value.code == "conflict"
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.start("gpu", "/w", id="no-uuid", actor=ANN)
    assert caught.value.code == "bad_request"


async def test_f12_two_dozen_starts_at_once_are_two_dozen_sessions(hub, machine):
    started = await asyncio.gather(
        *(hub.sessions.start("gpu", f"/w{n}", prompt=f"say {n}", actor=ANN) for n in range(24))
    )
    assert len({s["id"] for s in started}) == len({s["name"] for s in started}) == 24
    assert {s["cwd"] for s in await hub.sessions.list()} == {f"/w{n}" for n in range(24)}

    async def all_done():
        states = [(await hub.sessions.prompts(s["id"]))[0]["state"] for s in started]
        return states == ["done"] * 24

    await until(all_done)


async def test_a_hub_that_died_while_starting_has_its_successor_finish(make_hub, machine):
    hub = await make_hub()
    machine.gates["session/start"] = asyncio.Event()
    starting = asyncio.create_task(hub.sessions.start("gpu", "/w", prompt="say 1", actor=ANN))
    await until(lambda: machine.calls)
    starting.cancel()
    await asyncio.wait({starting})
    await hub.close()
    machine.gates.clear()
    machine.observers.clear()
    again = await make_hub()
    await until(lambda: machine.kept)
    await machine.link()

    async def done():
        sessions = await again.sessions.list()
        prompts = await again.sessions.prompts(sessions[0]["id"])
        return sessions[0]["delivery"] == "started" and prompts[0]["state"] == "done"

    await until(done)
    assert len(machine.journals) == 1


async def test_names_are_unique_and_a_session_is_found_by_what_is_unique(hub):
    one = await hub.sessions.start("gpu", "/w", name="brave-otter", actor=ANN)
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.start("gpu", "/w", name="Brave-Otter", actor=ANN)
    assert caught.value.code == "conflict"
    assert "Brave-Otter-2" in caught.value.hint
    two = await hub.sessions.start("gpu", "/w", name="brave-owl", actor=ANN)
    for ref in ("brave-otter", "BRAVE-OTTER", one["id"], "brave-ot", one["id"][:13]):
        assert (await hub.sessions.get(ref))["id"] == one["id"]
    for ref, code in (("brave", "conflict"), ("brave-ottr", "not_found"), ("%", "not_found")):
        with pytest.raises(CodecastError) as caught:
            await hub.sessions.get(ref)
        assert caught.value.code == code
    assert caught.value.code == "not_found"
    await hub.sessions.rename(two["id"], "calm-fox", actor=ANN)
    with pytest.raises(CodecastError):
        await hub.sessions.rename(one["id"], "calm-fox", actor=ANN)
    with pytest.raises(CodecastError):
        await hub.sessions.rename(one["id"], "two words", actor=ANN)
    assert (await hub.sessions.get("calm-fox"))["id"] == two["id"]


async def test_hostile_input_is_refused_before_anything_is_stored(hub):
    for wrong in ({"mode": "yolo"}, {"cwd": ""}, {"cwd": "a\0b"}, {"name": "-rf"}, {"prompt": " "}):
        with pytest.raises(CodecastError) as caught:
            await hub.sessions.start("gpu", **{"cwd": "/w", **wrong}, actor=ANN)
        assert caught.value.code == "bad_request", wrong
    assert await hub.sessions.list(all=True) == []


def test_a_machine_of_the_fixtures_writes_real_records():
    machine = FakeMachine("m")
    machine.do_start("s", cwd="/w")
    machine.do_prompt("s", "p", [{"type": "text", "text": "say 2"}])
    assert [event["seq"] for event in machine.journals["s"].state()] == list(range(1, 11))
