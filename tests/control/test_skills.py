"""The folder of codecast.yaml comes to a project, and the session says what came."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import config, skills
from tests.control.test_real_machine import follow, root, running  # noqa: F401
from tests.fixtures.hubs import ANN
from tests.fixtures.machines import FakeMachine


def folder(path: Path) -> Path:
    (path / "skills" / "plot").mkdir(parents=True)
    (path / "INSTRUCTIONS.md").write_text("be brief")
    (path / "GEMINI.md").write_text("gemini")
    (path / "skills" / "plot" / "SKILL.md").write_text("---\nname: plot\n---\n")
    return path


def test_each_cli_gets_its_own_names(tmp_path: Path) -> None:
    mine = folder(tmp_path / "mine")
    (tmp_path / "secret").write_text("x")
    (mine / "skills" / "plot" / "out").symlink_to(tmp_path / "secret")
    (mine / "skills" / "plot" / "round").symlink_to(mine / "skills" / "plot")
    for cli, (name, place) in skills.NAMES.items():
        files, left = skills.collect(mine, cli)
        data = b"gemini" if cli == "gemini" else b"be brief"
        assert (files[0].path, files[0].data) == (name, data)
        assert [file.path for file in files][1:] == [f"{place}/plot/SKILL.md"]
        assert [each["path"].rpartition("/")[2] for each in left] == ["out", "round"]


def test_a_folder_too_large_is_refused(tmp_path: Path) -> None:
    mine = folder(tmp_path / "mine")
    (mine / "skills" / "plot" / "data").write_bytes(bytes(skills.LARGEST + 1))
    with pytest.raises(CodecastError) as caught:
        skills.collect(mine, "claude")
    assert caught.value.code == "too_large"


def test_the_key_is_read_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    read = config.read("skills: {directory: ~/mine}", tmp_path / "c.yaml")
    assert read.skills.directory == str(tmp_path / "mine")
    for text, word in (("{directry: x}", "directory"), ("{directory: mine}", "~/")):
        with pytest.raises(CodecastError) as caught:
            config.read(f"skills: {text}", tmp_path / "c.yaml")
        assert word in caught.value.hint


async def test_a_session_says_what_was_added_and_skipped(root, monkeypatch):  # noqa: F811
    monkeypatch.setitem(skills.NAMES, "demo", ("DEMO.md", ".demo/skills"))
    mine = folder(root / "mine")
    (root / "codecast.yaml").write_text(f"skills: {{directory: {mine}}}\n")
    work = root / "work"
    work.mkdir(exist_ok=True)
    (work / "DEMO.md").write_text("theirs")
    async with running(root, last=True) as hub:
        begun = await hub.sessions.start("local", str(work), cli="demo", actor=ANN)
        assert begun["skills"]["added"] == [".demo/skills/plot/SKILL.md"]
        events = await follow(hub, begun["id"], "notice")
        assert "added .demo/skills/plot/SKILL.md; skipped DEMO.md" in events[-1]["text"]
        assert (work / "DEMO.md").read_text() == "theirs"
        without = await hub.sessions.start(
            "local", str(work), cli="demo", put_skills=False, actor=ANN
        )
        assert "skills" not in without


class Project:
    """What `skills/put` leaves in a machine's project."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def put(self, cwd: str, files: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        report: dict[str, Any] = {"added": [], "same": [], "skipped": []}
        for file in files:
            report["same" if file["path"] in self.files else "added"].append(file["path"])
            assert self.files.setdefault(file["path"], file["data"]) == file["data"]
        return report


@pytest.fixture
def putting(
    hub: Any, machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The files in the project, where the hub brings two batches of them."""
    mine = folder(tmp_path / "mine")
    (mine / "skills" / "plot" / "large").write_bytes(bytes(skills.BATCH))
    (mine / "skills" / "plot" / "small").write_text("after it")
    project = Project()
    monkeypatch.setattr(machine, "do_skills_put", project.put, raising=False)
    named = config.SkillsConfig(directory=str(mine))
    hub.machines.config = dataclasses.replace(hub.machines.config, skills=named)
    return project.files


async def test_a_link_lost_between_the_files_brings_them_again(
    hub: Any, machine: FakeMachine, putting: dict[str, str]
) -> None:
    machine.faults["skills/put"] = "after"  # the first batch came, its answer did not
    begun = await hub.sessions.start("gpu", "/w", cli="claude", actor=ANN)
    assert begun["delivery"] == "started"
    assert sorted(path.rpartition("/")[2] for path in putting) == [
        "CLAUDE.md",
        "SKILL.md",
        "large",
        "small",
    ]
    report = begun["skills"]
    assert sorted(report["added"] + report["same"]) == sorted(putting)
    assert report["skipped"] == [] and "problem" not in report
    assert [method for method, _ in machine.calls].count("session/start") == 1


async def test_an_agent_that_knows_no_skills_keeps_no_session_from_starting(
    hub: Any, machine: FakeMachine, putting: dict[str, str]
) -> None:
    old = CodecastError("not_supported", "This machine's agent does not know 'skills/put'.")
    machine.faults["skills/put"] = old
    begun = await hub.sessions.start("gpu", "/w", cli="claude", actor=ANN)
    assert begun["delivery"] == "started" and not putting
    assert begun["skills"]["problem"]["code"] == "not_supported"
    (params,) = [params for method, params in machine.calls if method == "session/start"]
    (notice,) = params["notices"]
    assert notice["level"] == "warning" and "not all could be brought" in notice["text"]
    assert "'skills/put'" in notice["text"]
