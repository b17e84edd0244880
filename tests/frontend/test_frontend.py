"""What the front end takes from Python. Its own tests, by vitest, run beside these: check.py."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.browser import bundle

LABEXTENSION = Path(__file__).parents[2] / "labextension"


def test_typescript_types_are_those_of_the_vocabulary() -> None:
    script = LABEXTENSION / "scripts" / "generate_types.py"
    done = subprocess.run([sys.executable, script, "--check"])
    assert done.returncode == 0, f"run: python {script}"


def test_typescript_types_are_those_of_the_api(tmp_path: Path) -> None:
    made = tmp_path / "api.gen.ts"
    script = json.loads((LABEXTENSION / "package.json").read_text())["scripts"]["types"]
    program, *arguments, _ = script.split()
    command = [f"node_modules/.bin/{program}", *arguments, str(made)]
    done = subprocess.run(command, cwd=LABEXTENSION, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    there = (LABEXTENSION / script.split()[-1]).read_text()
    assert made.read_text() == there, "run in labextension: jlpm types"


def test_bundle_is_small_without_what_is_loaded_when_it_is_used() -> None:
    eager, lazy = bundle()
    assert eager < 150_000, f"{eager} bytes, and {lazy} in lazy chunks"


@pytest.mark.parametrize(
    "lock", ["labextension/yarn.lock", "tests/clis_lock/package-lock.json"], ids=str
)
def test_lock_file_names_no_registry(lock: str) -> None:
    """One that names a host installs from nowhere else."""
    text = (LABEXTENSION.parent / lock).read_text(encoding="utf-8")
    assert not re.search(r"resol(ved|ution)\W+https?://", text)
