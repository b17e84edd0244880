"""F8: one request, one answer, from whichever surface is first."""

from __future__ import annotations

import asyncio

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.hubs import ANN, BEN, until

QUESTIONS = [
    {
        "id": "q1",
        "text": "Which?",
        "options": [{"label": "red"}, {"label": "blue"}],
        "multiple": False,
        "free_text": True,
    }
]


async def asked(hub, machine):
    session = (await hub.sessions.start("gpu", "/w", prompt="ask", actor=ANN))["id"]

    async def is_open():
        return await hub.requests.list(session)

    await until(is_open)
    return session, machine.journals[session]


async def test_f8_of_two_answers_one_wins_and_the_other_hears_who_and_where(hub, machine):
    session, journal = await asked(hub, machine)
    assert (await hub.sessions.get(session))["state"]["status"] == "waiting"
    assert [r["session"] for r in await hub.requests.list()] == [session]
    outcomes = await asyncio.gather(
        hub.requests.answer(session, "r1", option="yes", actor=ANN),
        hub.requests.answer(session, "r1", option="no", actor=BEN),
        return_exceptions=True,
    )
    won = [o for o in outcomes if isinstance(o, dict)]
    lost = [o for o in outcomes if isinstance(o, CodecastError)]
    assert (len(won), len(lost)) == (1, 1)
    assert won[0]["outcome"] == "resolved"
    by, where = won[0]["resolution"]["by"], won[0]["resolution"]["where"]
    assert lost[0].code == "already_resolved"
    assert (lost[0].data["by"], lost[0].data["where"]) == (by, where)
    assert by in lost[0].message
    assert where in lost[0].message
    assert [e["type"] for e in journal.state()].count("request_resolved") == 1
    assert await hub.requests.list() == []
    assert (await hub.requests.list(session))[0]["outcome"] == "resolved"


async def test_the_machine_knows_of_an_answer_the_hub_has_not_seen_yet(hub, machine):
    session, journal = await asked(hub, machine)
    journal.requests["r1"] = {"option": "no", "by": "ben", "where": "telegram"}
    with pytest.raises(CodecastError) as caught:
        await hub.requests.answer(session, "r1", option="yes", actor=ANN)
    assert caught.value.code == "already_resolved"
    assert caught.value.data == {"by": "ben", "where": "telegram", "option": "no"}


@pytest.mark.parametrize("fault", ["before", "after", "lost"])
async def test_an_answer_on_a_breaking_link_counts_once_and_is_not_refused_to_its_sender(
    hub, machine, fault
):
    session, journal = await asked(hub, machine)
    machine.faults["session/answer"] = fault
    answered = await hub.requests.answer(session, "r1", option="yes", actor=ANN)
    assert (answered["outcome"], answered["resolution"]["by"]) == ("resolved", "ann")
    assert [e["type"] for e in journal.state()].count("request_resolved") == 1


async def test_an_answer_that_does_not_fit_reaches_nobody(hub, machine):
    session, _ = await asked(hub, machine)
    for wrong in ({"option": "maybe"}, {}, {"answers": {"q1": "red"}}):
        with pytest.raises(CodecastError) as caught:
            await hub.requests.answer(session, "r1", **wrong, actor=ANN)
        assert caught.value.code == "bad_request"
    with pytest.raises(CodecastError) as caught:
        await hub.requests.answer(session, "r7", option="yes", actor=ANN)
    assert caught.value.code == "not_found"
    assert "session/answer" not in [method for method, _ in machine.calls]
    assert (await hub.requests.get(session, "r1"))["outcome"] == "open"


async def test_questions_are_answered_by_their_ids_in_labels_or_own_words(hub, machine):
    session, journal = await asked(hub, machine)
    journal.requests["q"] = None
    journal.add("request_opened", request="q", kind="question", title="?", questions=QUESTIONS)

    async def there():
        return len(await hub.requests.list(session)) == 2

    await until(there)
    for wrong in ({"answers": {"q2": "x"}}, {"answers": {"q1": 5}}, {"option": "yes"}):
        with pytest.raises(CodecastError) as caught:
            await hub.requests.answer(session, "q", **wrong, actor=ANN)
        assert caught.value.code == "bad_request"
    done = await hub.requests.answer(session, "q", answers={"q1": "green"}, actor=ANN)
    assert done["resolution"]["answers"] == {"q1": ["green"]}


async def test_after_a_withdrawal_nobody_can_answer_and_hears_why(hub, machine):
    session, journal = await asked(hub, machine)
    journal.add("request_withdrawn", request="r1", why="The turn was interrupted.")

    async def withdrawn():
        return (await hub.requests.get(session, "r1"))["outcome"] == "withdrawn"

    await until(withdrawn)
    with pytest.raises(CodecastError) as caught:
        await hub.requests.answer(session, "r1", option="yes", actor=ANN)
    assert caught.value.code == "already_resolved"
    assert "interrupted" in caught.value.message


async def test_f5_an_open_request_is_there_after_the_hub_restarts(make_hub, machine):
    hub = await make_hub()
    session, _ = await asked(hub, machine)
    await hub.close()
    machine.observers.clear()
    again = await make_hub()
    assert [r["request"] for r in await again.requests.list()] == ["r1"]
    await until(lambda: machine.kept)
    answered = await again.requests.answer(session, "r1", option="no", actor=BEN)
    assert answered["resolution"]["where"] == "telegram"


async def test_the_steps_of_a_life_are_told_once(hub, machine):
    told = []
    hub.on_lifecycle = lambda action, info: told.append((action, info["session"]))
    session, _ = await asked(hub, machine)
    await hub.requests.answer(session, "r1", option="yes", actor=ANN)
    await machine.cut()
    await hub.sessions.stop(session, actor=ANN)
    await until(lambda: ("ended", session) in told)
    await hub.sessions.destroy(session, actor=ANN)
    assert told == [
        ("created", session),
        ("permission_requested", session),
        ("resolved", session),
        ("ended", session),
        ("destroyed", session),
    ]
