"""The real Gemini CLI and OpenCode at their starts: modes on the disk, the person's own settings,
resume after a kill."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.models import ModelServer

from .driving import Driver
from .hosts import Json

ASKED = {"auto": [], "code": ["execute"], "plan": [], "ask": ["edit", "execute"]}
MADE = {"auto": True, "code": True, "plan": False, "ask": True}


def tried(cli: Driver, name: str) -> list[str]:
    """Have an edit and a command tried, granting what is asked; the kinds that were asked."""
    asked = []
    for script in (f"write:{name}.edit:x\nsay:end", f"bash:touch {name}.command\nsay:end"):
        at = len(cli.events)
        cli.prompt(script)
        while cli.until(lambda at=at: cli.open_requests or ended(cli, at)) and cli.open_requests:
            request = cli.last("request_opened")
            asked.append(request["tool_kind"])
            once = [o["id"] for o in request["options"] if o["kind"] == "allow_once"]
            cli.answer(request, option=once[0])
    return asked


def ended(cli: Driver, at: int) -> bool:
    return any(event["type"] == "turn_ended" for event in cli.events[at:])


def made(cli: Driver, name: str) -> list[bool]:
    return [(cli.cwd / f"{name}.{what}").exists() for what in ("edit", "command")]


def holds(cli: Driver, mode: str) -> None:
    """Assert what the mode does to an edit and a command."""
    assert cli.state["mode"] == mode
    name = f"{mode}{len(cli.events)}"
    assert tried(cli, name) == ASKED[mode], mode
    assert made(cli, name) == [MADE[mode]] * 2, mode


def settings(cli: Driver, file: str, **changes: Json) -> None:
    """Change what the person has set."""
    path = Path(cli.env["HOME"], file)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_gemini_keeps_each_mode_and_switches_in_place(gemini: Driver) -> None:
    gemini.start(mode="plan")
    for mode in ("plan", "auto", "code", "ask", "plan"):
        if mode != gemini.state["mode"]:
            assert gemini.adapter.set_mode(mode) is True
            gemini.until(lambda mode=mode: gemini.state["mode"] == mode)
        holds(gemini, mode)
    gemini.nothing_open()
    assert gemini.unknown() == []


def test_opencode_keeps_each_mode_and_is_resumed_for_another(
    opencode: Driver, model_server: ModelServer
) -> None:
    """Whatever the person's own rules allow; what they forbid stays forbidden. One start for
    each mode, and each end another death: idle, in a command, while it asks."""
    rules = {"edit": {"*": "allow", "*secret*": "deny"}, "bash": {"touch *": "allow"}}
    agents = {"plan": {"permission": {"edit": "allow", "bash": "allow"}}}
    settings(opencode, ".config/opencode/opencode.json", permission=rules, agent=agents)
    own = {"agent": {"mine": {"mode": "primary", "description": "kept"}}}
    opencode.env["OPENCODE_CONFIG_CONTENT"] = json.dumps(own)

    opencode.start(mode="plan")
    assert "mine" in [c["value"] for c in opencode.state["settings"]["mode"]["choices"]]
    opencode.ask(f"say:remember {opencode.session}")
    holds(opencode, "plan")
    native = opencode.state["native"]
    assert opencode.adapter.set_mode("code") is False, "the permissions are read at the start"
    opencode.kill()

    at = len(opencode.events)
    opencode.start(mode="code", native=native)
    assert opencode.state["native"] == native
    assert not [e for e in opencode.events[at:] if e["type"].endswith("_chunk")], "told twice"
    tried(opencode, "secret")
    assert made(opencode, "secret") == [False, True]
    killed(opencode, "bash:touch begun; sleep 60")

    opencode.start(mode="ask", native=native)
    killed(opencode, "write:never.txt:x")

    opencode.start(mode="auto", native=native)
    holds(opencode, "auto")
    assert tried(opencode, "secret2") == [] and made(opencode, "secret2") == [False, True]
    assert remembered(opencode, model_server)
    assert opencode.adapter.set_mode("auto") is True
    assert opencode.unknown() == []


def test_gemini_plans_whatever_the_person_allows(gemini: Driver) -> None:
    allowed = {"allowed": ["run_shell_command", "write_file"]}
    settings(gemini, ".gemini/settings.json", tools=allowed)
    gemini.start(mode="plan")
    tried(gemini, "plan")
    assert made(gemini, "plan") == [False, False]


def remembered(cli: Driver, model_server: ModelServer) -> bool:
    """Whether the model is told what was said before the resume."""
    mark = f"after {len(cli.events)} {cli.session}"
    assert cli.ask("say:" + mark)["reason"] == "end_turn"
    (asked,) = [e for e in model_server.log() if e.get("prompt", "").endswith(mark)]
    return f"say:remember {cli.session}" in asked["prompts"]


def killed(cli: Driver, script: str) -> None:
    """SIGKILL while it asks, or while the command that was granted runs."""
    at = len(cli.events)
    cli.prompt(script)
    request = cli.request(at)
    if script.startswith("bash:"):
        cli.answer(request, option=request["options"][0]["id"])
        cli.until(lambda: (cli.cwd / "begun").exists())
    cli.kill()
    assert cli.ended(at)["reason"] == "error"
    assert {call["status"] for call in cli.calls().values()} <= {"completed", "failed"}


def test_gemini_is_killed_in_a_turn_and_resumed(gemini: Driver, model_server: ModelServer) -> None:
    """In the very minute of its beginning, which is the one that Gemini's own resume loses, and
    after another start, which deletes what a resume leaves behind and the conversation too."""
    gemini.start()
    gemini.ask(f"say:remember {gemini.session}")
    native = gemini.state["native"]
    for script in ("write:never.txt:x", "bash:touch begun; sleep 60"):
        killed(gemini, script)
        at = len(gemini.events)
        gemini.start(native=native)
        assert gemini.is_ready, gemini.problem
        assert gemini.state["native"] == native
        assert not [e for e in gemini.events[at:] if e["type"].endswith("_chunk")], "told twice"
        command = [*gemini.command[:-1], "--list-sessions"]
        env = {**gemini.env, "GEMINI_CLI_NO_RELAUNCH": "true"}
        said = subprocess.run(
            command, cwd=gemini.cwd, env=env, capture_output=True, text=True, check=True
        )
        assert native in said.stdout + said.stderr
        assert remembered(gemini, model_server)
    assert [e for e in gemini.of("notice") if e["level"] != "info"] == []
    assert gemini.unknown() == []


def test_gemini_begins_anew_and_says_so(gemini: Driver) -> None:
    gemini.start(native="00000000-0000-4000-8000-000000000000")
    assert gemini.is_ready, gemini.problem
    assert "could not be resumed" in gemini.last("notice")["text"]
    assert gemini.ask("say:new")["reason"] == "end_turn" and gemini.messages() == ["new"]


@pytest.mark.parametrize("kind", ["gemini-api-key", "oauth-personal"])
def test_gemini_without_a_login_says_so_and_does_not_wait(gemini: Driver, kind: str) -> None:
    settings(gemini, ".gemini/settings.json", security={"auth": {"selectedType": kind}})
    del gemini.env["GEMINI_API_KEY"]
    gemini.start()
    assert gemini.problem is not None and gemini.problem.code == "not_logged_in"
    assert "sign in" in gemini.problem.hint
