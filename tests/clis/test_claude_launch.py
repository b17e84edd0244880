"""How Claude is started: argv, modes, and what is resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codecast_agent.clis import claude_launch
from codecast_agent.clis.contract import Launch

SESSION = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"


def plan(home: Path, root: bool = False, env: Any = None, **fields: Any) -> claude_launch.Plan:
    values = {
        "session": SESSION,
        "cwd": "/",
        "mode": "ask",
        "model": None,
        "native": None,
        "fork": False,
        "command": ["claude"],
        "env": {"HOME": str(home), **(env or {})},
    }
    return claude_launch.plan(Launch(**{**values, **fields}), root)


def keep(home: Path, id: str, config: str = ".claude") -> None:
    file = home / config / "projects" / "-any-where" / f"{id}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}\n")


def after(argv: list[str], option: str) -> str:
    return argv[argv.index(option) + 1]


@pytest.mark.parametrize(
    ("mode", "native"),
    [("auto", "bypassPermissions"), ("code", "acceptEdits"), ("plan", "plan"), ("ask", "default")],
)
def test_modes(tmp_path: Path, mode: str, native: str) -> None:
    made = plan(tmp_path, mode=mode)
    assert after(made.argv, "--permission-mode") == native
    assert "--allow-dangerously-skip-permissions" in made.argv and not made.own_auto


def test_root_never_says_it_is_a_sandbox(tmp_path: Path) -> None:
    made = plan(tmp_path, root=True, mode="auto")
    assert made.own_auto and after(made.argv, "--permission-mode") == "default"
    assert "--allow-dangerously-skip-permissions" not in made.argv
    made = plan(tmp_path, root=True, mode="auto", env={"IS_SANDBOX": "1"})
    assert not made.own_auto, "the person has said so"
    made = plan(tmp_path, root=True, mode="auto", env={"IS_SANDBOX": "yes"})
    assert made.own_auto, "Claude takes 1 alone for yes"


def test_a_new_session_has_our_id(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert after(made.argv, "--session-id") == SESSION == made.native
    assert "--resume" not in made.argv


def test_a_session_begun_but_not_journaled_is_resumed_for_its_id_is_in_use(tmp_path: Path) -> None:
    keep(tmp_path, SESSION)
    made = plan(tmp_path)
    assert after(made.argv, "--resume") == SESSION and made.lost is None


def test_a_fork_begun_but_not_journaled_is_resumed(tmp_path: Path) -> None:
    keep(tmp_path, SESSION)
    keep(tmp_path, OTHER)
    made = plan(tmp_path, native=OTHER, fork=True)
    assert after(made.argv, "--resume") == SESSION and "--fork-session" not in made.argv


def test_a_conversation_without_a_file_begins_anew_under_our_id(tmp_path: Path) -> None:
    made = plan(tmp_path, native=OTHER)
    assert after(made.argv, "--session-id") == SESSION
    assert made.lost == OTHER and made.native == SESSION


def test_the_configured_directory_is_looked_at(tmp_path: Path) -> None:
    keep(tmp_path, OTHER, "elsewhere")
    made = plan(tmp_path, native=OTHER, env={"CLAUDE_CONFIG_DIR": str(tmp_path / "elsewhere")})
    assert after(made.argv, "--resume") == OTHER and made.lost is None


def test_a_fork_gets_our_id(tmp_path: Path) -> None:
    keep(tmp_path, OTHER)
    made = plan(tmp_path, native=OTHER, fork=True, model="opus")
    assert after(made.argv, "--resume") == OTHER and "--fork-session" in made.argv
    assert after(made.argv, "--session-id") == SESSION == made.native
    assert after(made.argv, "--model") == "opus"
