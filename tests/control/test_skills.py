"""The folder of codecast.yaml comes to a project, and the session says what came."""

from __future__ import annotations

from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import config, skills
from tests.control.test_real_machine import follow, root, running  # noqa: F401
from tests.fixtures.hubs import ANN


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
