"""What `make test` runs beside the tests fails it as a test does, and is told as well."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.fixtures.live import until

TOOLS = Path(__file__).parents[1] / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    check = importlib.import_module("check")
    monkeypatch.setattr(check, "REPORTS", tmp_path)
    monkeypatch.setattr(check, "KERNEL", check.Step("kernel", ["true"]))
    monkeypatch.setattr(check, "VITEST", check.Step("vitest", ["true"]))
    monkeypatch.setattr(check, "PYTEST", ["true"])
    return check


def test_a_step_that_fails_beside_the_tests_fails_the_whole_and_is_told_at_the_end(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    steps = [
        tool.Step("bad", ["sh", "-c", "echo the cause; echo more >&2; exit 3"]),
        tool.Step("good", ["echo", "all is well"]),
    ]
    monkeypatch.setattr(tool, "LINT", steps)
    assert tool.main("test", []) == 1
    out = capfd.readouterr().out
    assert "==> bad\nthe cause\nmore\n==> good\nall is well\n" in out
    _, table = out.split("Where the time went")
    assert "FAILED (3)" in table
    assert "What failed\n  bad\n    the cause\n    more\n" in table


FAILING = """
import pathlib, sys
report = pathlib.Path(sys.argv[1].split("=")[1])
if not set(sys.argv) & set(WHERE):
    sys.exit()
report.write_text('<testsuite><testcase classname="tests.one" name="two">'
                  "<failure>it broke</failure></testcase></testsuite>")
print("1 failed")
sys.exit(1)
"""


@pytest.mark.parametrize("where", ["--durations=25", "tests/contract"])
def test_nothing_fails_when_all_is_well_and_a_failed_test_is_enough(
    tool: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    where: str,
) -> None:
    monkeypatch.setattr(tool, "LINT", [tool.Step("good", ["true"])])
    assert tool.main("test", []) == 0
    words = FAILING.replace("WHERE", repr([where]))
    monkeypatch.setattr(tool, "PYTEST", [sys.executable, "-c", words])
    assert tool.main("test", []) == 1
    out = capfd.readouterr().out
    assert out.count("failure: tests.one::two\n    it broke\n") == 1
    assert out.count("FAILED (1)") == 1


def test_what_runs_apart_runs_once_and_chosen_tests_alone(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "LINT", [])
    monkeypatch.setattr(tool, "PYTEST", ["echo", "pytest"])
    runs = []
    for chosen in ([], ["tests/contract", "-x"]):
        assert tool.main("test", chosen) == 0
        lines = capfd.readouterr().out.splitlines()
        runs.append([line.split()[2:] for line in lines if line.startswith("pytest --")])
    clis, contract = tool.APART
    assert all((Path(__file__).parents[2] / tests / "conftest.py").exists() for tests in tool.APART)
    assert runs == [
        [
            ["--durations=25", f"--ignore={clis}", f"--ignore={contract}"],
            ["-p", "no:cacheprovider", clis, contract],
        ],
        [["--durations=25", "tests/contract", "-x"]],
    ]


def test_nothing_runs_on_when_the_tests_are_broken_off(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    later = tmp_path / "later"
    steps = [
        tool.Step("long", ["sh", "-c", f"touch {tmp_path}/begun; exec sleep 600"]),
        tool.Step("later", ["touch", str(later)]),
    ]
    monkeypatch.setattr(tool, "LINT", steps)
    made: list[Any] = []

    class Kept(tool.Beside):  # type: ignore[name-defined, misc]
        def __init__(self, steps: list[object]) -> None:
            super().__init__(steps)
            made.append(self)

    def broken_off(step: object) -> None:
        until((tmp_path / "begun").exists, "the step runs")
        raise KeyboardInterrupt

    monkeypatch.setattr(tool, "Beside", Kept)
    monkeypatch.setattr(tool, "run", broken_off)
    with pytest.raises(KeyboardInterrupt):
        tool.main("test", [])
    made[0].join(60)
    assert not made[0].is_alive()
    assert not later.exists()
