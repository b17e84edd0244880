"""What git tells of a session's directory, without running what a repository wants run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess

from .conftest import S1, begin


def git(cwd: Path, *words: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *words], cwd=cwd, check=True, capture_output=True)


def changes(relay: RelayProcess) -> dict[str, Any]:
    answer = relay.call("changes/list", session=S1)
    found = {each.pop("path"): each for each in answer["files"]}
    return {**answer, "files": found}


def diff(relay: RelayProcess, path: str, **more: Any) -> Any:
    return relay.call("changes/diff", session=S1, path=path, **more)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory within a repository; what is beside it is nobody's concern."""
    top = tmp_path / "top"
    project = top / "pro ject"
    project.mkdir(parents=True)
    git(top, "init")
    for name in ("kept.py", "edited.py", "gone.py", "moved.py"):
        (project / name).write_text(f"{name}\n" + "line\n" * 20)
    (top / "beside.py").write_text("x\n")
    git(top, "add", ".")
    git(top, "commit", "-m", "first")
    return project


def test_every_kind_of_change_is_told(relay: RelayProcess, project: Path) -> None:
    begin(relay, S1, project)
    assert changes(relay)["files"] == {}
    (project / "edited.py").write_text("edited.py\n" + "line\n" * 19 + "more\nand more\n")
    (project / "gone.py").unlink()
    git(project, "mv", "moved.py", "möved.py")
    (project / "added.py").write_text("a\n")
    git(project, "add", "added.py")
    (project / "new dir").mkdir()
    (project / "new dir" / "un$(tracked).py").write_text("1\n2\n")
    (project.parent / "beside.py").write_text("y\n")
    (project / "blob").write_bytes(bytes(range(256)))
    told = changes(relay)
    assert (told["branch"], told["root"]) == ("main", str(project.parent))
    assert told["files"] == {
        "edited.py": {"kind": "changed", "added": 2, "removed": 1},
        "gone.py": {"kind": "deleted", "added": 0, "removed": 21},
        "möved.py": {"kind": "renamed", "from": "moved.py", "added": 0, "removed": 0},
        "added.py": {"kind": "added", "added": 1, "removed": 0},
        "new dir/un$(tracked).py": {"kind": "untracked"},
        "blob": {"kind": "untracked"},
    }
    assert "+and more\n" in diff(relay, "edited.py")["diff"]
    assert "-gone.py\n" in diff(relay, "gone.py")["diff"]
    assert "rename from" in diff(relay, "möved.py", **{"from": "moved.py"})["diff"]
    assert "+2\n" in diff(relay, "new dir/un$(tracked).py")["diff"]
    assert diff(relay, "blob")["binary"] is True
    assert diff(relay, "kept.py")["diff"] == ""
    for path, code in (("nowhere", "not_found"), ("/etc/passwd", "bad_request")):
        with pytest.raises(CodecastError) as caught:
            diff(relay, path)
        assert caught.value.code == code


def test_repository_without_a_commit_and_directory_without_a_repository(
    relay: RelayProcess, tmp_path: Path
) -> None:
    begin(relay, S1, tmp_path)
    assert changes(relay) == {"repository": False, "files": {}}
    with pytest.raises(CodecastError):
        diff(relay, "x")
    git(tmp_path, "init")
    (tmp_path / "first.py").write_text("1\n")
    git(tmp_path, "add", "first.py")
    told = changes(relay)
    assert told["files"]["first.py"] == {"kind": "added", "added": 1, "removed": 0}
    assert "+1\n" in diff(relay, "first.py")["diff"]


def test_nothing_that_a_repository_configures_is_run(relay: RelayProcess, project: Path) -> None:
    trap = project.parent.parent / "trap"
    script = project.parent.parent / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch '{trap}'\ncat\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "diff.odd.textconv", "diff.odd.command"):
        git(project, "config", key, str(script))
    (project / ".gitattributes").write_text("*.py diff=odd\n")
    (project / "edited.py").write_text("other\n")
    begin(relay, S1, project)
    os.environ.pop("GIT_EXTERNAL_DIFF", None)
    assert changes(relay)["files"]["edited.py"]["kind"] == "changed"
    assert "+other\n" in diff(relay, "edited.py")["diff"]
    assert not trap.exists()
