"""Sessions as objects, in scripts and in code that awaits."""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import codecast_jupyter as cc
from codecast_jupyter.client import Client
from codecast_jupyter.notebook.table import Table
from tests.fixtures.live import until

from .conftest import ROOT, Machines


@pytest.fixture
def session(api: Client, machines: Machines) -> Any:
    made = cc.start("local", str(machines.project()), cli="demo", mode="ask")
    yield made
    made.remove()


def test_everything_exported_is_there_and_nothing_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, codecast_jupyter as cc; assert not [m for m in sys.modules if m.startswith("
        "('tornado', 'IPython', 'anywidget', 'pandas', 'codecast_jupyter.'))"
        " and m != 'codecast_jupyter._version'], sys.modules\n"
        "assert all(getattr(cc, name) is not None for name in cc.__all__)\n"
        "assert not [m for m in sys.modules if m.startswith(('jupyter_server', 'anywidget',"
        " 'pandas', 'matplotlib', 'codecast_jupyter.control'))], 'too much'\n"
        "assert set(cc.__all__) <= set(dir(cc))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_notebook_code_imports_nothing_of_server_hub_or_shell() -> None:
    allowed = {"client", "commands", "notebook"}
    for path in (ROOT / "codecast_jupyter" / "notebook").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level:
                top, _, rest = (node.module or "").partition(".")
                assert top != "jupyter_server", path
                assert top != "codecast_jupyter" or rest.split(".")[0] in allowed, path
                assert top != "codecast_agent" or rest.split(".")[0] == "protocol", path


def test_ask_blocks_and_tells_what_came_of_it(session: cc.Session) -> None:
    turn = session.ask("write a.txt: alpha", on_request="y", show=False)
    assert turn.done and turn.ok and turn.reason == "end_turn"
    assert turn.text.endswith("Done: a.txt is written.")
    assert turn.diff.paths[0].endswith("a.txt") and "+alpha" in turn.diff
    assert [call.data["kind"] for call in turn.tools] == ["edit"]
    assert [request.outcome for request in turn.requests] == ["resolved"]
    assert turn.seconds > 0
    [file] = session.files
    assert file.text() == "alpha\n"
    assert session.turn(turn.prompt).wait().text == turn.text  # from the journal, by its id
    assert "alpha" in session.diff and len(session.history()) == session.data["last_seq"]


def test_refusal_and_failure_are_told(session: cc.Session) -> None:
    refused = session.ask("write a.txt: alpha", on_request="n", show=False)
    assert not refused.diff and "leave it as it is" in refused.text
    with pytest.raises(cc.CodecastError) as told:
        session.ask("fail", show=False)
    assert told.value.message
    with pytest.raises(cc.CodecastError, match="none of the choices"):
        session.ask("write a.txt: alpha", on_request="perhaps", show=False)
    assert until(lambda: session.status == "idle", "the turn was interrupted")


def test_paused_session_says_so_instead_of_letting_the_cell_wait(session: cc.Session) -> None:
    session.set(budget={"max_turns": 1})
    session.ask("read nothing.txt", show=False)
    until(lambda: session.status == "paused", "its limit is reached")
    with pytest.raises(cc.CodecastError, match=r"paused: .* \(1 of 1 turns taken\)") as told:
        session.ask("read nothing.txt", show=False)
    assert "s.set(budget={'max_turns': ...})" in told.value.hint
    assert len(session.prompts) == 1  # nothing was sent
    queued = session.send("read something.txt")["id"]
    with pytest.raises(cc.CodecastError, match="paused"):
        session.turn(queued).wait(60)
    session.set(budget={"max_turns": None})
    until(lambda: session.status == "idle" and session.state["turns"] == 2, "it went on")
    assert session.turn(queued).wait(60).ok  # though its journal tells of the pause


async def test_awaited_asks_run_beside_the_loop(api: Client, machines: Machines) -> None:
    made = [cc.start("local", str(machines.project()), cli="demo") for _ in range(2)]
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.02)

    ticking = asyncio.create_task(tick())
    first, second = await asyncio.gather(*(s.ask("slow 1", show=False) for s in made))
    ticking.cancel()
    assert first.ok and second.ok and ticks > 10
    assert first.text == "1 2 3 4 done."
    turn = made[0].ask("slow 60", show=False)
    waiting = asyncio.ensure_future(turn._awaited())
    await asyncio.to_thread(until, lambda: turn.state == "running", "it runs")
    waiting.cancel()  # as by an interrupt of the cell
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.to_thread(until, lambda: turn.done, "it is interrupted")
    assert turn.reason == "cancelled"
    seen = []
    async for event in made[0].events():
        seen.append(event["type"])
        if event["type"] == "turn_ended":
            break
    assert seen.count("turn_started") == 1
    for each in made:
        each.remove()


def test_turn_of_a_removed_session_ends(api: Client, machines: Machines) -> None:
    session = cc.start("local", str(machines.project()), cli="demo")
    turn = session.ask("slow 120", show=False, wait=False)
    until(lambda: turn.state == "running", "it runs")
    session.remove()
    with pytest.raises(cc.CodecastError):
        turn.wait(60)
    assert not turn.ok


def test_requests_are_answered_by_hand_once(session: cc.Session) -> None:
    session.send("write a.txt: alpha")
    [request] = until(lambda: list(session.requests), "a request")
    assert request.tool_kind == "edit" and request.choices[0] == "Allow"
    assert request.id in [other.id for other in cc.requests()]
    with pytest.raises(cc.CodecastError, match="none of the choices"):
        request.answer("perhaps")
    assert session.answer("y").outcome == "resolved"
    with pytest.raises(cc.CodecastError, match="answered already"):
        request.answer("n")
    until(lambda: session.status == "idle", "its end")
    with pytest.raises(cc.CodecastError, match="asks nothing"):
        session.answer("y")


def test_session_is_changed_found_exported_and_ended(session: cc.Session, tmp_path: Path) -> None:
    session.set(name=f"otter-{time.time_ns()}", budget={"max_turns": 3})
    assert cc.session(session.name) == session and session in cc.sessions()
    assert session.state["budget"] == {"max_turns": 3}
    session.ask("read nothing.txt", show=False)
    assert session.usage["total"]["turns"] == 1
    assert session.export(tmp_path).name == f"{session.name}.ipynb"
    assert session.export(tmp_path / "a.md").read_text().startswith("# ")
    session.stop()
    assert session.status == "stopped"
    assert session not in cc.sessions(all=False)
    session.resume()
    until(lambda: session.status == "idle", "it is back")
    with pytest.raises(cc.CodecastError, match="Did you mean"):
        cc.session(session.name[:-1] + "x")


def test_tables_are_lists_that_are_shown_well(session: cc.Session) -> None:
    session.ask("write b.txt: beta", on_request="y", show=False)
    machines = cc.machines()
    assert isinstance(machines, Table) and "local" in [machine.name for machine in machines]
    assert repr(machines).splitlines()[0].startswith("machine")
    assert "| local |" in machines._repr_markdown_()
    hits = cc.search("beta")
    assert hits and set(hits.to_frame().columns) >= {"session", "seq", "snippet"}
    assert repr(cc.search("nothing-has-this-word")).startswith("Nothing found")
    frame = cc.sessions().to_frame()
    assert session.name in set(frame["name"]) and str(frame["created"].dtype).endswith("UTC]")
    assert list(cc.frames.costs([session])["turn"]) == [1]
    assert session.to_frame()["seq"].is_monotonic_increasing
    picture = cc.timeline([session])
    assert {span.kind for span in picture.lanes[0].spans} == {"worked", "waited"}


def test_what_is_not_installed_is_told_with_the_remedy(
    session: cc.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pandas", "matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(cc.CodecastError) as told:
        cc.sessions().to_frame()
    assert told.value.hint == "%pip install pandas"
    with pytest.raises(cc.CodecastError) as told:
        cc.timeline([session])
    assert told.value.hint == "%pip install matplotlib"
    monkeypatch.setattr("codecast_jupyter.notebook.surroundings.has_widgets", lambda: False)
    with pytest.raises(cc.CodecastError) as told:
        session.widget()
    assert "anywidget" in told.value.hint


def test_script_prints_the_answer_as_it_comes(machines: Machines) -> None:
    code = f"""
import codecast_jupyter as cc
s = cc.start("local", {str(machines.project())!r}, cli="demo", mode="ask")
t = s.ask("write a.txt: alpha", on_request="y")
s.remove()
assert t.ok
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=machines.kernel_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for words in ("write a.txt: alpha", "I will write a.txt.", "+alpha", "Done: a.txt is written."):
        assert words in done.stdout, done.stdout
