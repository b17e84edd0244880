"""Exactly once: whatever way blocks repeat, overlap, part or lack something."""

from __future__ import annotations

import json
import random
import sqlite3

import pytest

from codecast_agent.protocol import events, records
from codecast_agent.protocol import state as fold
from codecast_jupyter.control import rows
from codecast_jupyter.control.ingest import Diverged, Hole, Ingest, Overtaken, load_state

REQUEST = {"request": "r1", "kind": "permission", "title": "rm"}


def script(count: int) -> list[dict]:
    """Events as a session has them: turns of text, tool calls, prompts and requests."""
    out: list[dict] = [{"type": "session_state", "state": "ready", "pid": 7}]
    turn = 0
    while len(out) < count:
        turn += 1
        prompt = f"p{turn}"
        content = [events.text(f"do {turn}")]
        out.append(
            {"type": "prompt_state", "prompt": prompt, "state": "queued", "content": content}
        )
        out.append({"type": "prompt_state", "prompt": prompt, "state": "running"})
        out.append({"type": "turn_started", "turn": turn, "prompts": [prompt]})
        for piece in range(5):
            chunk = {"message": f"m{turn}", "content": events.text(f"piece {piece} of it, ")}
            out.append({"type": "agent_message_chunk", **chunk})
        out.append({"type": "request_opened", **REQUEST, "request": f"r{turn}"})
        out.append(
            {"type": "request_resolved", "request": f"r{turn}", "option": "yes", "by": "ann"}
        )
        out.append({"type": "plan", "entries": [{"content": f"{turn}", "status": "pending"}]})
        out.append({"type": "turn_ended", "turn": turn, "reason": "end_turn"})
        out.append({"type": "prompt_state", "prompt": prompt, "state": "done"})
    return out[:count]


def lines(script: list[dict], first: int = 1) -> list[bytes]:
    return [
        records.encode(seq, 1_700_000_000_000_000 + seq, records.dump(event))
        for seq, event in enumerate(script, first)
    ]


def refold(db: sqlite3.Connection, num: int) -> fold.State:
    state = fold.initial()
    for seq, time, type, body in db.execute(
        "SELECT seq, time, type, body FROM events WHERE session = ? ORDER BY seq", (num,)
    ):
        data = json.loads(body)
        assert data.pop("type") == type
        fold.apply(state, seq, time / 1e6, type, data)
    return state


@pytest.fixture
def num(store, jp_asyncio_loop):
    return jp_asyncio_loop.run_until_complete(store.write(new)).num


def new(db, id="s1", name="brave-otter"):
    return rows.insert(
        db, id=id, name=name, machine="gpu", cli="demo", cwd="/", mode="code", model=None,
        spec={}, owner="ann", created=1.0, delivery="started",
    )  # fmt: skip


async def everything(store, num):
    def job(db):
        found = db.execute(
            "SELECT seq, type, body FROM events WHERE session = ? ORDER BY seq", (num,)
        ).fetchall()
        return [tuple(row) for row in found], load_state(db, num), refold(db, num)

    return await store.read(job)


async def test_blocks_that_repeat_and_overlap_are_stored_once_and_fold_to_the_same(store, num):
    written = script(400)
    wire, ingest, choose = lines(written), Ingest(), random.Random(3)
    have = 0
    while have < len(wire):
        start = choose.randrange(max(0, have - 30), have + 1)
        end = min(len(wire), start + choose.randrange(1, 40))
        data = b"".join(wire[start:end])
        taken = await store.write(lambda db, d=data: ingest.take(db, num, d))
        have = max(have, end)
        assert taken.head == have
    stored, folded, again = await everything(store, num)
    assert [seq for seq, _, _ in stored] == list(range(1, 401))
    assert [json.loads(body) for _, _, body in stored] == written
    assert folded == again

    def states(db):
        prompts = dict(db.execute("SELECT id, state FROM prompts"))
        requests = dict(db.execute("SELECT request, outcome FROM requests"))
        return prompts, requests

    prompts, requests = await store.read(states)
    assert set(prompts) - set(folded["prompts"]) == {p for p, s in prompts.items() if s == "done"}
    assert {r for r, o in requests.items() if o == "open"} == set(folded["requests"])


async def test_a_hole_stores_nothing_of_its_block(store, num):
    wire, ingest = lines(script(20)), Ingest()
    await store.write(lambda db: ingest.take(db, num, b"".join(wire[:5])))
    with pytest.raises(Hole) as caught:
        await store.write(lambda db: ingest.take(db, num, b"".join(wire[3:8] + wire[9:])))
    assert (caught.value.wanted, caught.value.found) == (9, 10)
    stored, folded, again = await everything(store, num)
    assert len(stored) == 5
    assert folded == again
    taken = await store.write(lambda db: ingest.take(db, num, b"".join(wire)))
    assert taken.head == 20
    stored, folded, again = await everything(store, num)
    assert folded == again


async def test_a_broken_record_stores_nothing_of_its_block(store, num):
    wire, ingest = lines(script(9)), Ingest()
    wire[6] = wire[6].replace(b"piece", b"peace")
    with pytest.raises(ValueError, match="broken journal record"):
        await store.write(lambda db: ingest.take(db, num, b"".join(wire)))
    assert (await everything(store, num))[0] == []


async def test_a_fold_kept_in_memory_is_not_believed_after_its_transaction_failed(store, num):
    wire, ingest = lines(script(60)), Ingest()

    def fails(db):
        ingest.take(db, num, b"".join(wire[:30]))
        raise RuntimeError("after the fold was taken along")

    with pytest.raises(RuntimeError):
        await store.write(fails)
    await store.write(lambda db: ingest.take(db, num, b"".join(wire[:20])))
    await store.write(lambda db: ingest.take(db, num, b"".join(wire)))
    stored, folded, again = await everything(store, num)
    assert len(stored) == 60
    assert folded == again


async def test_two_hubs_that_store_the_same_journal_store_it_once(store, num):
    wire, one, two = lines(script(300)), Ingest(), Ingest()
    for start in range(0, 300, 7):
        first, second = (one, two) if start % 2 else (two, one)
        for ingest in (first, second):
            data = b"".join(wire[max(0, start - 9) : start + 7])
            await store.write(lambda db, i=ingest, d=data: i.take(db, num, d))
    stored, folded, again = await everything(store, num)
    assert len(stored) == 300
    assert folded == again


async def test_what_another_hub_stored_meanwhile_is_not_stored_again_from_memory(store, num):
    journal = lines(script(12))
    ours, theirs = Ingest(), Ingest()
    await store.write(lambda db: ours.take(db, num, b"".join(journal[:4])))
    await store.write(lambda db: theirs.take(db, num, b"".join(journal[4:7])))
    for part in (journal[4:8], journal[2:4]):  # new ones, and old ones
        block = b"".join(part)
        with pytest.raises(Overtaken):
            await store.write(lambda db, b=block: ours.take_more(db, num, b))
        await store.write(lambda db, b=block: ours.take(db, num, b))
    await store.write(lambda db: ours.take_more(db, num, b"".join(journal[8:])))
    stored, state, folded = await everything(store, num)
    assert [row[0] for row in stored] == list(range(1, 13))
    assert state == folded


async def test_a_journal_that_begins_later_is_told_as_a_gap_and_open_things_are_closed(store, num):
    wire, ingest = lines(script(40)), Ingest()
    await store.write(lambda db: ingest.take(db, num, b"".join(wire[:10])))  # r1 is open
    taken = await store.write(lambda db: ingest.take(db, num, b"".join(wire[20:]), gap="dropped"))
    assert [row.seq for row in taken.rows] == list(range(20, 41))
    gap = taken.rows[0].event().to_json()
    assert (gap["type"], gap["first"], gap["last"], gap["why"]) == ("gap", 11, 20, "dropped")
    _, folded, again = await everything(store, num)
    assert folded == again
    outcome = await store.read(
        lambda db: db.execute("SELECT outcome FROM requests WHERE request = 'r1'").fetchone()[0]
    )
    assert outcome == "withdrawn"


async def test_other_events_under_the_same_numbers_are_noticed_and_both_are_kept(store, num):
    before, ingest = script(30), Ingest()
    wire = lines(before)
    await store.write(lambda db: ingest.take(db, num, b"".join(wire)))
    after = [{"type": "notice", "level": "info", "text": f"after {n}"} for n in range(10)]
    rewritten = wire[:25] + lines(after, 26)  # the last five were lost and ten others written
    with pytest.raises(Diverged):
        await store.write(lambda db: ingest.take(db, num, b"".join(rewritten[29:]), prove=True))
    taken = await store.write(lambda db: ingest.take(db, num, b"".join(rewritten), compare=True))
    assert taken.parted
    stored, folded, again = await everything(store, num)
    assert folded == again
    told = [json.loads(body) for _, _, body in stored]
    assert told[:30] == before
    assert told[30]["type"] == "gap"
    assert "26 to 30" in told[30]["why"]
    assert told[31:] == after
    # and on it goes, by the machine's numbers, also for one who repeats and proves
    more = lines([{"type": "notice", "level": "info", "text": "on"}], 36)
    data = b"".join(rewritten[34:] + more)
    taken = await store.write(lambda db: ingest.take(db, num, data, prove=True))
    assert [row.seq for row in taken.rows] == [42]


async def test_a_journal_that_ends_before_our_cursor_is_continued_behind_a_gap(store, num):
    wire, ingest = lines(script(30)), Ingest()
    await store.write(lambda db: ingest.take(db, num, b"".join(wire)))
    taken = await store.write(lambda db: ingest.reset(db, num, 27))
    assert [row.type for row in taken.rows] == ["gap"]
    again = await store.write(lambda db: ingest.reset(db, num, 27))
    assert again.rows == [], "once is enough"
    new_28 = lines([{"type": "notice", "level": "info", "text": "28 anew"}], 28)
    taken = await store.write(lambda db: ingest.take(db, num, new_28[0], prove=True))
    assert [row.seq for row in taken.rows] == [32]


async def test_an_event_nobody_knows_is_kept_as_it_came(store, num):
    payload = b'{"type":"from_the_future","x":[1,{"y":"\\ud800"}]}'
    line = records.encode(1, 5, payload) + records.encode(2, 6, b'[1,"no object"]')
    taken = await store.write(lambda db: Ingest().take(db, num, line))
    assert taken.head == 2
    stored = await store.read(lambda db: db.execute("SELECT type, body FROM events").fetchone())
    assert tuple(stored) == ("from_the_future", payload.decode())
    assert json.loads(taken.rows[0].text()) == taken.rows[0].event().to_json()
    assert json.loads(taken.rows[1].text())["seq"] == 2
