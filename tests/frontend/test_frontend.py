"""The front end's own tests, and what it takes from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LABEXTENSION = Path(__file__).parents[2] / "labextension"


def test_vitest_passes() -> None:
    done = subprocess.run(
        ["node_modules/.bin/vitest", "run"], cwd=LABEXTENSION, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_typescript_types_are_those_of_the_vocabulary() -> None:
    script = LABEXTENSION / "scripts" / "generate_types.py"
    done = subprocess.run([sys.executable, script, "--check"])
    assert done.returncode == 0, f"run: python {script}"


def test_lock_files_name_no_registry() -> None:
    """A lock file that names a host installs from nowhere else."""
    assert "://" not in (LABEXTENSION / "yarn.lock").read_text(encoding="utf-8")
