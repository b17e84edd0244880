"""Unified diffs: `patch` itself must be able to apply what we tell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from codecast_agent.clis import diffs

LONG = "".join(f"line {n}\n" for n in range(6000))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("a\nb", "a\nb\n"),
        ("a\nb\n", "a\nb"),
        ("", "new\n"),
        (None, "new"),
        ("old\n", ""),
        ("form\x0cfeed\r\nx\n", "form\x0cfeed\r\ny\n"),
        (LONG, LONG.replace("line 3000\n", "three thousand\n")),
        (LONG, "first\n" + LONG),
        (LONG, LONG + "last"),
        ("ü\u2028one\n", "ü\u2028two\n"),
    ],
)
def test_what_was_changed_can_be_applied(tmp_path: Path, old: str | None, new: str) -> None:
    git = shutil.which("git")
    assert git is not None
    file = tmp_path / "f"
    if old is not None:
        file.write_bytes(old.encode())
    text = diffs.unified(old, new, "f").replace("--- f", "--- a/f").replace("+++ f", "+++ b/f")
    done = subprocess.run(
        [git, "apply", "--unsafe-paths", "--whitespace=nowarn", "-"],
        cwd=tmp_path,
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode() + text[:500]
    assert file.read_bytes() == new.encode()


def test_no_change_is_no_diff() -> None:
    assert diffs.unified("a\n", "a\n", "f") == ""


def test_a_structured_patch_is_told_hunk_by_hunk() -> None:
    hunk = {"oldStart": 1, "oldLines": 2, "newStart": 1, "newLines": 1, "lines": [" a", "-b"]}
    text = diffs.from_patch([hunk, {"lines": "broken"}, 7], "f")
    assert text == "--- f\n+++ f\n@@ -1,2 +1,1 @@\n a\n-b\n"
    assert diffs.from_patch("nothing", "f") == ""
