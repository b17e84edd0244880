"""The file: owner-only, durable under kill -9, shared by hubs, and honest about its failures."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from codecast_agent.protocol import records
from codecast_agent.protocol import state as fold
from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import schema
from codecast_jupyter.control.ingest import Ingest, load_state
from codecast_jupyter.control.store import Store
from tests.control.test_ingest import everything, lines, new, script
from tests.fixtures.hubs import ANN, until
from tests.fixtures.machines import FakeMachine

EVENTS = 20_000

# Stores a journal in uneven blocks, saying after each commit what it has.
CHILD = """
    import asyncio, random, sys
    from pathlib import Path
    from codecast_jupyter.control.ingest import Ingest
    from codecast_jupyter.control.store import Store
    from tests.control.test_ingest import lines, script

    async def main(path, seed):
        store, ingest, choose = await Store.open(Path(path)), Ingest(), random.Random(seed)
        wire = lines(script({events}))
        at = await store.read(lambda db: db.execute("SELECT cursor FROM sessions").fetchone()[0])
        while at < len(wire):
            back = choose.randrange(0, 40)
            data = b"".join(wire[max(0, at - back) : at + choose.randrange(1, 60)])
            taken = await store.write(lambda db: ingest.take(db, 1, data))
            at = taken.head
            print(at, flush=True)
        await store.close()

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def child(path: Path, seed: int) -> subprocess.Popen[str]:
    code = textwrap.dedent(CHILD).replace("{events}", str(EVENTS))
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "remote_agent")])}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(seed)],
        stdout=subprocess.PIPE,
        env=env,
        cwd=root,
        text=True,
    )


def read_until(process: subprocess.Popen[str], seq: int) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= seq:
            return int(line)
    return EVENTS


async def whole(store: Store) -> None:
    stored, folded, again = await everything(store, 1)
    assert [seq for seq, _, _ in stored] == list(range(1, folded["seq"] + 1))
    assert folded == again

    def rows(db: sqlite3.Connection) -> tuple[dict[str, str], set[str]]:
        prompts = dict(db.execute("SELECT id, state FROM prompts"))
        is_open = {r[0] for r in db.execute("SELECT request FROM requests WHERE outcome = 'open'")}
        return prompts, is_open

    prompts, is_open = await store.read(rows)
    assert is_open == set(folded["requests"])
    ended = {p for p, s in prompts.items() if s in ("done", "failed", "cancelled", "unknown")}
    assert set(prompts) - ended == set(folded["prompts"])


async def test_killed_between_any_two_writes_events_cursor_fold_and_rows_agree(store):
    await store.write(new, durable=True)
    for round in range(5):
        process = child(store.path, round)
        try:
            said = await asyncio.to_thread(read_until, process, 1 + round * 3000)
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.communicate()
        await whole(store)
        head = (await store.read(lambda db: load_state(db, 1)))["seq"]
        assert head >= said, "what was answered is there"


async def test_two_processes_on_one_file_store_a_journal_once(store):
    await store.write(new, durable=True)
    processes = [child(store.path, seed) for seed in (1, 2)]
    try:
        for process in processes:
            await asyncio.to_thread(process.communicate)
            assert process.returncode == 0
    finally:
        for process in processes:
            process.kill()
            process.wait()
    await whole(store)
    assert (await store.read(lambda db: load_state(db, 1)))["seq"] == EVENTS


async def test_two_hubs_on_one_file_see_each_others_doings(make_hub, machine):
    one, two = await make_hub(), await make_hub()
    assert one.id == two.id, "the id is the store's"
    changes = two.feed.watch()
    session = (await one.sessions.start("gpu", "/w", name="shared", actor=ANN))["id"]
    reader = two.feed.subscribe(session)
    seqs = [event["seq"] for event in await anext(reader)]
    prompts = await asyncio.gather(
        *(
            hub.sessions.prompt(session, f"say {n}", actor=ANN)
            for n in range(20)
            for hub in (one, two)
        )
    )
    async for batch in reader:
        seqs += [event["seq"] for event in batch]
        if (
            seqs[-1] == machine.journals[session].last
            and len(machine.journals[session].prompts) == 40
        ):
            break
    await reader.aclose()
    assert seqs == list(range(1, len(seqs) + 1))
    assert set(machine.journals[session].prompts) == {p["id"] for p in prompts}
    with pytest.raises(CodecastError) as caught:
        await two.sessions.start("gpu", "/w", name="shared", actor=ANN)
    assert caught.value.code == "conflict"
    assert await two.sessions.destroy(session, actor=ANN)
    async for change in changes:
        if change == {"type": "session_removed", "id": session}:
            break
    await changes.aclose()

    async def gone():
        return await one.sessions.list() == []

    await until(gone)


async def test_a_session_removed_by_another_hub_ends_its_readers_here(make_hub, machine):
    one = await make_hub()
    other_machine = FakeMachine("other")
    two = await make_hub(other_machine)
    session = (await one.sessions.start("gpu", "/w", actor=ANN))["id"]
    reader = two.feed.subscribe(session)
    await anext(reader)
    await one.sessions.destroy(session, actor=ANN)
    async for _ in reader:
        pass


async def test_two_hubs_that_open_a_new_file_at_once_make_it_once(tmp_path):
    stores = await asyncio.gather(*(Store.open(tmp_path / "new" / "s.db") for _ in range(8)))
    assert len({store.hub_id for store in stores}) == 1
    for store in stores:
        await store.close()


async def test_the_file_and_its_companions_are_for_the_owner_only(store):
    await store.write(new, durable=True)
    paths = list(store.path.parent.iterdir())
    assert len(paths) >= 3
    for path in [store.path.parent, *paths]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


async def test_a_job_that_fails_undoes_itself_and_no_other_of_its_transaction(store):
    def insert(key):
        def job(db):
            db.execute("INSERT INTO meta VALUES (?, '1')", (key,))
            if key == "b":
                raise KeyError("b is not wanted")
            return key

        return job

    jobs = [store.submit(insert(key)) for key in "abc"]
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    assert (outcomes[0], outcomes[2]) == ("a", "c")
    assert isinstance(outcomes[1], KeyError)

    def keys(db):
        return [row[0] for row in db.execute("SELECT key FROM meta WHERE length(key) = 1")]

    assert sorted(await store.read(keys)) == ["a", "c"]


async def test_a_full_disk_is_said_and_what_was_accepted_stays(store):
    await store.write(new, durable=True)
    ingest, wire = Ingest(), lines(script(2000))
    await store.write(lambda db: ingest.take(db, 1, b"".join(wire[:100])))

    def limit(db, pages):
        return db.execute(f"PRAGMA max_page_count = {pages}").fetchone()[0]

    now = await store.write(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await store.write(lambda db: limit(db, now + 2))
    big = records.encode(101, 5, b'{"type":"notice","level":"info","text":"%s"}' % (b"x" * 100_000))
    with pytest.raises(CodecastError) as caught:
        await store.write(lambda db: ingest.take(db, 1, big))
    assert caught.value.code == "disk_full"
    await whole(store)
    await store.write(lambda db: limit(db, 1_000_000))
    await store.write(lambda db: ingest.take(db, 1, b"".join(wire)))
    await whole(store)


async def test_a_file_of_a_newer_hub_is_refused_and_left_alone(store, tmp_path):
    path = tmp_path / "newer.db"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    db.close()
    with pytest.raises(CodecastError) as caught:
        await Store.open(path)
    assert caught.value.code == "protocol_mismatch"
    assert "newer" in caught.value.message


async def test_what_is_no_database_is_said_with_a_way_out(tmp_path):
    path = tmp_path / "broken.db"
    path.write_bytes(b"this is no database " * 500)
    with pytest.raises(CodecastError) as caught:
        await Store.open(path)
    assert "move it away" in caught.value.hint
    assert path.read_bytes().startswith(b"this is no database")


async def test_a_file_of_an_older_hub_gets_what_it_lacks_and_keeps_its_number(tmp_path):
    path = tmp_path / "older.db"
    await asyncio.to_thread(schema.prepare, path)
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE moves")
    await asyncio.to_thread(schema.prepare, path)
    assert db.execute("SELECT count(*) FROM moves").fetchone() == (0,)
    assert db.execute("PRAGMA user_version").fetchone() == (len(schema.STEPS),)
    db.close()


async def test_a_migration_that_was_interrupted_is_repeated(tmp_path):
    path = tmp_path / "half.db"
    await asyncio.to_thread(schema.prepare, path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 0")  # all was made, but not said to be
    db.close()
    store = await Store.open(path)
    await store.write(new)
    assert (await store.read(lambda db: load_state(db, 1))) == {
        **fold.initial(),
        "updated": 1.0,
    }
    await store.close()
