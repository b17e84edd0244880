"""A relay and its supervisors stay small: what is heavy is loaded by those who need it."""

import subprocess
import sys

import pytest

from tests.fixtures.agent import AGENT

HEAVY = {"asyncio", "ctypes", "_hashlib", "logging", "random", "secrets", "ssl", "tempfile"}
HEAVY |= {"threading", "subprocess", "uuid", "difflib", "http", "email"}
STARTING = HEAVY - {"threading", "subprocess", "uuid", "difflib"}  # loaded once, before the fork


@pytest.mark.parametrize(
    ("more", "heavy"),
    [
        ("", HEAVY),
        *(
            (f"from codecast_agent.clis import catalog; catalog.adapter({cli!r})", STARTING)
            for cli in ("claude", "codex", "gemini", "demo")
        ),
    ],
    ids=["relay", "claude", "codex", "gemini", "demo"],
)
def test_nothing_heavy_is_loaded(more: str, heavy: set[str]) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        f"import codecast_agent.relay\n{more}\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(AGENT)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) & heavy == set()
