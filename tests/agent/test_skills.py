"""A person's skills come into a project without touching what is there."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

from tests.fixtures.agent import RelayProcess


def put(relay: RelayProcess, cwd: Path, **files: str) -> Any:
    listed = [
        {"path": path, "data": base64.b64encode(text.encode()).decode(), "mode": 0o644}
        for path, text in files.items()
    ]
    return relay.call("skills/put", cwd=str(cwd), files=listed)


def test_nothing_is_overwritten_and_one_refusal_keeps_no_other_away(
    relay: RelayProcess, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "CLAUDE.md").write_text("theirs")
    files = {"CLAUDE.md": "mine", ".claude/skills/a b/SKILL.md": "skill", "x/": "", "ü": "1"}
    answer = put(relay, project, **files)
    assert answer["added"] == [".claude/skills/a b/SKILL.md", "ü"]
    assert [each["path"] for each in answer["skipped"]] == ["CLAUDE.md", "x/"]
    assert (project / "CLAUDE.md").read_text() == "theirs"
    assert put(relay, project, ü="1") == {"added": [], "same": ["ü"], "skipped": []}


def test_no_link_and_no_name_leads_out_of_the_project(relay: RelayProcess, tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (project / ".claude").symlink_to(outside)
    (project / "AGENTS.md").symlink_to(outside / "AGENTS.md")
    names = (".claude/skills/a/SKILL.md", "AGENTS.md", "../b", "/c", "a/../../d", "", "e\0f")
    answer = put(relay, project, **dict.fromkeys(names, "x"))
    assert answer["added"] == []
    assert len(answer["skipped"]) == len(names)
    assert list(outside.iterdir()) == []
    assert sorted(each.name for each in tmp_path.iterdir() if each.name in "bcd") == []


def test_a_disk_that_fills_up_leaves_no_half_file_and_says_so(
    relay: RelayProcess, tmp_path: Path
) -> None:
    project = tmp_path / "small"
    project.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", project], check=True)
    try:
        answer = put(relay, project, first="1", large="x" * (1 << 20), last="2")
        assert answer["added"] == ["first", "last"]
        assert answer["skipped"] == [{"path": "large", "reason": "No space left on device"}]
        assert sorted(each.name for each in project.iterdir()) == ["first", "last"]
        again = put(relay, project, first="1", large="now it fits", last="2")
        assert (again["added"], again["same"]) == (["large"], ["first", "last"])
    finally:
        subprocess.run(["umount", "-l", project], check=True)
