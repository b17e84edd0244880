"""`make test` on a machine that lacks something, and on one that has it all."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tools import prepare

ROOT = Path(__file__).parents[2]


def test_person_who_is_not_root_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "PROGRAMS", {"no-such-program": "some-package"})
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as ended:
        prepare.debian_packages()
    assert "apt-get install -y --no-install-recommends some-package" in str(ended.value)
    assert "\n" not in str(ended.value)


def test_node_that_is_too_old_counts_as_none(tmp_path: Path) -> None:
    for name, says in (("node", "v18.19.0"), ("npm", "9.2.0")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {says}\n")
        (tmp_path / name).chmod(0o755)
    assert prepare.node_version(str(tmp_path)) < prepare.OLDEST_NODE
    assert prepare.node_version(str(tmp_path / "nowhere")) == 0


def test_step_is_made_again_only_when_its_sources_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "STAMPS", tmp_path / "prepared.json")
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    source = tmp_path / "source" / "file"
    source.parent.mkdir()
    source.write_text("one")
    made: list[str] = []

    def make(there: bool = True) -> None:
        key = prepare.digest([source.parent])
        prepare.once("step", key, there, lambda: made.append(source.read_text()))

    make()
    make()
    source.write_text("two")
    make()
    make(there=False)  # its result was deleted
    assert made == ["one", "two", "two"]


def test_ci_calls_the_test_command_and_nothing_weaker() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    plan = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True)
    assert "prepare.py test" in plan.stdout
    assert "check.py test" in plan.stdout
