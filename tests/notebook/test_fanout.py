"""A run does each task exactly once: over machines, killed kernels, and asking again."""

from __future__ import annotations

import collections
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import Client
from codecast_jupyter.notebook import fanout
from codecast_jupyter.notebook.run import Run
from codecast_jupyter.notebook.task import tasks
from tests.fixtures.live import Ground, until
from tests.fixtures.sshd import Sshd

from .conftest import Machines

THREE = ["gpu-1", "gpu-2", "gpu-3"]
MANY = """
import sys, codecast_jupyter as cc
ledger, name, parallel = sys.argv[1], sys.argv[2], int(sys.argv[3])
run = cc.map(
    "run sleep 1; echo {machine}/{row} >> " + ledger,
    range(8),
    machines=["gpu-1", "gpu-2", "gpu-3"],
    cli="demo",
    mode="auto",
    directory="~/many/{task}",
    create=True,
    name=name,
    max_parallel=parallel,
)
print(sorted(run.counts.items()), len(run.tasks))
"""


def ask(machines: Machines, ledger: Path, name: str) -> subprocess.Popen[str]:
    """A kernel's process that asks 3 machines for 8 tasks each."""
    return subprocess.Popen(
        [sys.executable, "-c", MANY, str(ledger), name, "6"],
        env={**os.environ, **machines.kernel_environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(600)
def test_24_tasks_on_3_machines_are_done_once_though_the_kernel_is_killed_half_way(
    machines: Machines,
) -> None:
    ledger = machines.project() / "ledger"
    name = f"many-{time.time_ns()}"
    first = ask(machines, ledger, name)

    def done() -> int:
        return len(ledger.read_text().splitlines()) if ledger.exists() else 0

    try:
        until(lambda: done() >= 10, "nearly half are done", 240)
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    assert done() < 24, "it was killed too late"
    second = ask(machines, ledger, name)
    try:
        out, err = second.communicate(timeout=300)
    finally:
        second.kill()
        second.communicate()
    assert second.returncode == 0, err
    assert "[('done', 24)] 24" in out, (out, err)
    lines = collections.Counter(ledger.read_text().splitlines())
    assert lines == {f"{machine}/{row}": 1 for machine in THREE for row in range(1, 9)}
    sessions = [s for s in machines.api.get("/sessions", all="true") if s["name"].startswith(name)]
    assert len(sessions) == 24
    assert {s["state"]["turns"] for s in sessions} == {1}
    # the machines' own journals: one session a task, and one prompt in each, taken and run once
    for machine in THREE:
        once = ("queued", "running", "done")
        assert collections.Counter(taken(machines.hosts[machine], name)) == {once: 8}


def taken(host: Sshd, name: str) -> list[tuple[str, ...]]:
    """The states that prompts went through, of each session of the run on a machine's disk."""
    ground, found = Ground(host.home), []
    for session in (path.name for path in ground.directories()):
        if ground.meta(session).get("name", "").startswith(name):
            events = [e for e in ground.journal(session) if e["type"] == "prompt_state"]
            assert len({event["prompt"] for event in events}) == 1, events
            found.append(tuple(event["state"] for event in events))
    return found


@pytest.fixture
def place(machines: Machines) -> Path:
    return machines.project()


def run(place: Path, prompt: Any, rows: Any = None, **more: Any) -> Run:
    more.setdefault("name", f"run-{time.time_ns()}")
    return fanout.map(
        prompt,
        rows,
        machines=more.pop("machines", "local"),
        cli="demo",
        directory=str(place / "{task}"),
        create=True,
        mode=more.pop("mode", "auto"),
        show=False,
        **more,
    )


def test_what_failed_is_tried_again_in_its_session_and_what_is_done_is_not(
    api: Client, place: Path
) -> None:
    first = run(place, "{value}", {"good": "run echo ok >> ../log", "bad": "fail"})
    assert first.counts == {"done": 1, "failed": 1}
    [bad] = first.failed
    assert bad.key == "bad" and bad.problem and bad.problem["message"]
    again = fanout.run(first.name)
    assert again.counts == {"done": 1, "waiting": 1}
    again.retry().wait()
    assert again.counts == {"done": 1, "failed": 1}
    assert (place / "log").read_text() == "ok\n"
    states = [p["state"] for p in api.prompts(bad.session)]
    assert states == ["failed", "failed"]
    first.forget()


def test_session_that_had_used_up_its_budget_goes_on_with_a_larger_one(
    api: Client, place: Path
) -> None:
    first = run(place, "fail", each={"max_turns": 1})
    [failed] = first.failed
    until(lambda: failed.open().status == "paused", "its limit is reached")
    again = run(place, "fail", name=first.name, each={"max_turns": 5})
    assert [prompt["state"] for prompt in api.prompts(failed.session)] == ["failed", "failed"]
    assert "paused" not in again.failed[0].problem["message"]
    first.forget()


def test_what_is_done_stays_done_when_its_session_is_removed(api: Client, place: Path) -> None:
    first = run(place, "run echo x >> ../log", after="remove")
    assert first.counts == {"done": 1} and first.sessions == []
    second = run(place, "run echo x >> ../log", name=first.name, after="remove")
    assert second.results[0].text == first.results[0].text
    assert (place / "log").read_text() == "x\n"
    assert fanout.run(first.name).counts == {"done": 1}
    assert first.name in [found.name for found in fanout.runs()]


def test_without_the_ledger_the_hub_still_knows_what_is_done(
    api: Client, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(place, "run echo x >> ../log")
    monkeypatch.setenv("CODECAST_RUNS", str(place / "another computer"))
    second = run(place, "run echo x >> ../log", name=first.name)
    assert second.results[0].prompt == first.results[0].prompt
    assert second.results[0].text == first.results[0].text
    assert (place / "log").read_text() == "x\n"
    second.forget()


def test_cancelled_run_is_finished_by_asking_again(api: Client, place: Path) -> None:
    first = run(place, "run sleep 30", [1, 2, 3], max_parallel=1, wait=False)
    until(lambda: first.counts.get("running"), "one runs")
    until(lambda: first.results[0].turn and first.results[0].turn.state == "running", "its turn")
    first.cancel()
    assert first.done and first.counts == {"cancelled": 3}
    quick = run(place, "run echo {value} >> ../log", [1, 2, 3], name=first.name)
    assert quick.counts == {"done": 3}  # other prompts are other tasks
    first.forget()


def test_results_come_as_they_end_and_those_that_wait_for_somebody_can_be_answered(
    api: Client, place: Path
) -> None:
    slow = run(place, "{value}", ["slow 2", "write a.txt: a"], mode="ask", wait=False)
    until(lambda: api.requests(), "a request")
    [asked] = [r for r in api.requests() if r["session"] in {x.session for x in slow.results}]
    allow = next(o["id"] for o in asked["options"] if o["kind"] == "allow_once")
    api.answer(asked["session"], asked["request"], allow)
    assert {result.state for result in slow} == {"done"}
    assert len(list(slow)) == 2
    assert slow.results[1].diff.endswith("+a")
    frame = slow.to_frame()
    assert list(frame["key"]) == ["1", "2"] and set(frame["state"]) == {"done"}
    assert list(slow.tool_calls()["kind"]) == ["edit"]
    assert "turn_ended" in set(slow.events()["type"])
    assert slow.timeline()._repr_png_().startswith(b"\x89PNG")
    slow.forget()


def test_policy_that_raises_is_told_and_ends_no_other_task(api: Client, place: Path) -> None:
    def policy(request: Any) -> str:
        if request.title.endswith("bad.txt"):
            raise ValueError("not this one")
        return "y"

    found = run(place, "write {value}.txt: x", ["good", "bad"], mode="ask", on_request=policy)
    assert found.counts == {"done": 1, "failed": 1}
    assert "not this one" in str(found.failed[0].problem)
    found.forget()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"rows": []}, "nothing to do"),
        ({"repeat": 0}, "nothing to do"),
        ({"rows": [{"a": 1}], "prompt": "{b}"}, "names {b}, which no row has"),
        ({"rows": [{"a": 1}], "prompt": "{a} {"}, "is no template"),
        ({"rows": 5}, "is no table"),
        ({"rows": {"x": 1}, "prompt": lambda row: "", "clis": []}, "no CLI"),
    ],
)
def test_mistakes_are_told_before_anything_begins(more: dict[str, Any], words: str) -> None:
    given = {"prompt": "x", "machines": ["local"], "clis": ["demo"], "repeat": 1, **more}
    with pytest.raises(CodecastError, match=words):
        tasks(**given, spread=False, directory="~", mode=None, model=None)


def test_tasks_are_told_apart_and_the_same_are_the_same() -> None:
    given: dict[str, Any] = {"clis": ["a", "b"], "repeat": 2, "mode": None, "model": None}
    rows = {"x": {"n": 1}, "y": {"n": 2}}
    made = tasks("{n}", rows, machines=THREE, spread=False, directory="~/{task}", **given)
    assert len(made) == 24 and len({task.key for task in made}) == 24
    assert len({task.session("run") for task in made}) == 24
    assert made[0].key == "gpu-1/a/x/#1" and made[0].directory == "~/gpu-1-a-x-1"
    again = tasks("{n}", rows, machines=THREE, spread=False, directory="~/{task}", **given)
    assert [task.session("run") for task in again] == [task.session("run") for task in made]
    assert made[0].session("other") != made[0].session("run")
    assert made[0].prompt_id("run") != made[0].prompt_id("run", 2)
    spread = tasks("{n}", rows, machines=THREE, spread=True, directory="~", **given)
    assert [task.machine for task in spread[:4]] == ["gpu-1", "gpu-2", "gpu-3", "gpu-1"]
    fewer = tasks("{n}", rows, machines=THREE[:2], spread=True, directory="~", **given)
    assert [t.session("run") for t in fewer] == [t.session("run") for t in spread]


def test_budget_of_a_run_begins_no_more_and_a_larger_one_finishes_it(
    api: Client, machines: Machines, place: Path
) -> None:
    given: dict[str, Any] = {
        "machines": "gpu-1",
        "cli": "claude",
        "mode": "auto",
        "directory": str(place / "{task}"),
        "create": True,
        "name": f"run-{time.time_ns()}",
        "max_parallel": 1,
        "show": False,
    }
    words = "bash:echo {value} >> ../log\nsay:done"
    first = fanout.map(words, [1, 2, 3], budget=0.001, **given)
    assert first.counts["cancelled"] >= 2 and first.cost > 0.001
    assert all("budget" in str(result.problem) for result in first.failed)
    second = fanout.map(words, [1, 2, 3], budget=50, **given)
    assert second.counts == {"done": 3} and second.cost > first.cost
    assert {*(place / "log").read_text().split()} == {"1", "2", "3"}
    second.forget()
