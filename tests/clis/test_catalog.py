"""Which CLIs are there, found as the person's own terminal would find them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from codecast_agent.clis import catalog, environment
from codecast_agent.protocol.errors import CodecastError


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty home, /bin/sh, and nothing remembered."""
    monkeypatch.setattr(environment, "_cached", None)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/sh")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in list(os.environ):
        if name.startswith(("CODECAST_CLI_", "ANTHROPIC_", "CLAUDE_")):
            monkeypatch.delenv(name)


def program(path: Path, text: str = "#!/bin/sh\necho 1.2.3\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_missing_cli_says_how_to_install_it() -> None:
    with pytest.raises(CodecastError) as problem:
        catalog.resolve("claude", None)
    assert problem.value.code == "cli_missing"
    assert "npm install -g @anthropic-ai/claude-code" in problem.value.hint
    (entry,) = [e for e in catalog.report() if e["cli"] == "claude"]
    assert not entry["found"] and "npm install" in entry["install"]


def test_an_unknown_cli_says_which_are_known() -> None:
    with pytest.raises(CodecastError) as problem:
        catalog.resolve("claud", None)
    assert problem.value.code == "cli_missing" and "claude" in problem.value.hint


def test_a_known_cli_without_an_adapter_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalog.CLIS, "codex", catalog.CLIS["codex"]._replace(protocol="none"))
    program(tmp_path / ".local/bin/codex")
    (entry,) = [e for e in catalog.report() if e["cli"] == "codex"]
    assert entry["found"] and "cannot be started" in entry["note"]
    with pytest.raises(CodecastError) as problem:
        catalog.resolve("codex", None)
    assert problem.value.code == "not_supported"


@pytest.mark.parametrize(
    "where", [".local/bin", ".claude/local", ".npm-global/bin", ".nvm/versions/node/v22.1.0/bin"]
)
def test_well_known_places_are_looked_at(tmp_path: Path, where: str) -> None:
    path = program(tmp_path / where / "claude")
    assert catalog.resolve("claude", None) == [str(path)]


def test_the_newest_node_of_nvm_comes_first(tmp_path: Path) -> None:
    for version in ("v9.0.0", "v22.10.0", "v22.9.0"):
        program(tmp_path / f".nvm/versions/node/{version}/bin/gemini")
    assert "v22.10.0" in catalog.resolve("gemini", None)[0]
    assert catalog.resolve("gemini", None)[1:] == ["--acp"]


def test_what_a_login_shell_sets_up_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(tmp_path / "odd place" / "claude")
    (tmp_path / ".bash_profile").write_text(
        f'echo noise; export PATH="{path.parent}:$PATH" ANTHROPIC_API_KEY="a\nkey"\n'
    )
    monkeypatch.setenv("SHELL", "/bin/bash")
    assert catalog.resolve("claude", None) == [str(path)]
    assert catalog.environment()["ANTHROPIC_API_KEY"] == "a\nkey"
    (entry,) = [e for e in catalog.report() if e["cli"] == "claude"]
    assert entry["logged_in"] is True and entry["version"] == "1.2.3"


@pytest.mark.parametrize(
    "profile", ["exit 3", "exec sleep 60", "sleep 60 & disown; sleep 60", "kill -9 $$"]
)
def test_a_shell_that_never_answers_costs_seconds_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    (tmp_path / ".bash_profile").write_text(profile + "\n")
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.setattr(environment, "TIMEOUT", 1.0)
    path = program(tmp_path / ".local/bin/claude")
    begin = time.monotonic()
    assert catalog.resolve("claude", None) == [str(path)]
    assert time.monotonic() - begin < 20


def test_a_start_up_file_that_leaves_a_child_does_not_hang_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".bash_profile").write_text("sleep 300 &\nexport FOUND=1\n")
    monkeypatch.setenv("SHELL", "/bin/bash")
    assert catalog.environment()["FOUND"] == "1"


def test_an_override_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / ".local/bin/claude")
    other = program(tmp_path / "my $(claude)")
    monkeypatch.setenv("CODECAST_CLI_CLAUDE", str(other))
    assert catalog.resolve("claude", None) == [str(other)]


def test_any_configured_command_is_an_acp_agent(tmp_path: Path) -> None:
    path = program(tmp_path / "agent")
    assert catalog.resolve("mine", [str(path), "--acp"]) == [str(path), "--acp"]
    assert catalog.adapter("mine").cli == "mine"  # type: ignore[attr-defined]
    with pytest.raises(CodecastError) as problem:
        catalog.resolve("mine", ["/no/such/program"])
    assert problem.value.code == "cli_missing"


def test_a_cli_without_a_login_says_how(tmp_path: Path) -> None:
    program(tmp_path / ".local/bin/claude", "#!/bin/sh\nexit 1\n")
    (entry,) = [e for e in catalog.report() if e["cli"] == "claude"]
    assert entry["logged_in"] is False and "/login" in entry["login_hint"]
    assert "version" not in entry
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/.credentials.json").write_text("{}")
    (entry,) = [e for e in catalog.report(refresh=True) if e["cli"] == "claude"]
    assert entry["logged_in"] is True


def test_the_demo_is_always_there() -> None:
    (entry,) = [e for e in catalog.report() if e["cli"] == "demo"]
    assert entry["found"] and "no AI" in entry["name"]


@pytest.mark.parametrize(
    ("where", "by"), [(".local/bin", "place"), ("odd place", "shell"), ("plain", "path")]
)
def test_what_led_to_a_cli_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, by: str
) -> None:
    program(tmp_path / where / "claude")
    (tmp_path / ".bash_profile").write_text('export PATH="$HOME/odd place:$PATH"\n')
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.setenv("PATH", f"{tmp_path}/plain:/usr/bin:/bin")
    (entry,) = [e for e in catalog.report() if e["cli"] == "claude"]
    assert entry["found_by"] == by
    monkeypatch.setenv("CODECAST_CLI_CLAUDE", str(tmp_path / where / "claude"))
    (entry,) = [e for e in catalog.report() if e["cli"] == "claude"]
    assert entry["found_by"] == "variable"


def test_a_shell_that_cannot_be_asked_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".bash_profile").write_text("exit 3\n")
    monkeypatch.setenv("SHELL", "/bin/bash")
    assert all("exit code 3" in entry["shell_problem"] for entry in catalog.report())
    (tmp_path / ".bash_profile").write_text("true\n")
    assert not any("shell_problem" in entry for entry in catalog.report())


@pytest.mark.parametrize(
    ("said", "untested"),
    [
        ("2.0.99 (Claude Code)", "older"),
        ("2.1.3", "older"),
        (catalog.CLIS["claude"].tested, None),
        ("2.1.99999", None),
        ("2.2.0-rc.1", "newer"),
        ("3.0", "newer"),
        ("0", None),
    ],
)
def test_a_version_we_do_not_test_is_told(tmp_path: Path, said: str, untested: str | None) -> None:
    program(tmp_path / ".local/bin/claude", f"#!/bin/sh\necho {said!r}\n")
    (entry,) = [e for e in catalog.report() if e["cli"] == "claude"]
    assert entry.get("untested") == untested
    assert entry["tested"] == catalog.CLIS["claude"].tested


def test_the_tested_versions_are_those_of_the_lock_file() -> None:
    lock = json.loads((Path(__file__).parents[1] / "clis_lock/package.json").read_text())
    named = {**lock["dependencies"], **lock["optionalDependencies"]}
    for name, package in {
        "claude": "@anthropic-ai/claude-code-linux-x64",
        "codex": "@openai/codex-linux-x64",
        "gemini": "@google/gemini-cli",
        "opencode": "opencode-linux-x64",
    }.items():
        version = named[package].rpartition("@")[2].replace("-linux-x64", "")
        assert catalog.CLIS[name].tested == version


@pytest.mark.parametrize(
    ("cli", "file", "text", "known"),
    [
        ("gemini", "", "", False),
        ("gemini", ".gemini/oauth_creds.json", "{}", True),
        ("gemini", ".gemini/.env", "export GEMINI_API_KEY=x\n", True),
        ("gemini", ".gemini/.env", "OTHER=x\n", False),
        ("opencode", "", "", None),
        ("opencode", ".local/share/opencode/auth.json", "{}", None),
        ("opencode", ".local/share/opencode/auth.json", '{"openai": {}}', True),
        ("opencode", ".config/opencode/opencode.json", '{"theme": "x"}', None),
        ("opencode", ".config/opencode/opencode.jsonc", '{"provider": {} /* mine */}', True),
    ],
)
def test_a_login_is_what_the_cli_itself_would_find(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: str,
    file: str,
    text: str,
    known: bool | None,
) -> None:
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_AUTH_TOKEN")) or name.startswith(("XDG_", "GOOGLE_")):
            monkeypatch.delenv(name)
    program(tmp_path / ".local/bin" / cli)
    if file:
        program(tmp_path / file, text)
    (entry,) = [e for e in catalog.report() if e["cli"] == cli]
    assert entry.get("logged_in") is known
    assert bool(entry.get("login_hint")) is (known is not True)


def test_any_providers_key_is_a_login_of_opencode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / ".local/bin/opencode")
    monkeypatch.setenv("GROQ_API_KEY", "x")
    (entry,) = [e for e in catalog.report() if e["cli"] == "opencode"]
    assert entry["logged_in"] is True
