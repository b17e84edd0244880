"""What the modes of every CLI really do: an edit and a command in each, with the real program.

The table is the one of docs/modes.md. `done`: it happened and nobody was asked. `asked`: it
waits for a person, happens when they allow it and not when they refuse. `never`: it does not
happen, and no answer of anybody could let it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .driving import Driver

# (CLI, mode) -> (an edit in the directory, a command that writes, a command that reads)
TABLE = {
    ("claude", "auto"): ("done", "done", "done"),
    ("claude", "code"): ("done", "asked", "done"),
    ("claude", "plan"): ("never", "never", "done"),
    ("claude", "ask"): ("asked", "asked", "done"),
    ("codex", "auto"): ("done", "done", "done"),
    ("codex", "code"): ("done", "asked", "asked"),
    ("codex", "plan"): ("never", "never", "done"),
    ("codex", "ask"): ("asked", "asked", "asked"),
    ("gemini", "auto"): ("done", "done", "done"),
    ("gemini", "code"): ("done", "asked", "done"),
    ("gemini", "plan"): ("never", "never", "never"),
    ("gemini", "ask"): ("asked", "asked", "done"),
    ("opencode", "auto"): ("done", "done", "done"),
    ("opencode", "code"): ("done", "asked", "asked"),
    ("opencode", "plan"): ("never", "never", "never"),
    ("opencode", "ask"): ("asked", "asked", "asked"),
    ("acp-agent", "auto"): ("done", "done", "done"),
    ("acp-agent", "code"): ("done", "asked", "done"),
    ("acp-agent", "plan"): ("never", "never", "done"),
    ("acp-agent", "ask"): ("asked", "asked", "done"),
    ("demo", "auto"): ("done", "done", "done"),
    ("demo", "code"): ("done", "asked", "asked"),
    ("demo", "plan"): ("never", "never", "never"),
    ("demo", "ask"): ("asked", "asked", "asked"),
}
ACTS = ("edit", "write by command", "read by command")
MODEL = ("write:{file}:x\nsay:end", "bash:{sh}\nsay:end", "bash:cat seen\nsay:end")
SCRIPTS = {
    **dict.fromkeys(("claude", "codex", "gemini", "opencode", "acp-agent"), MODEL),
    "demo": ("write {file}: x", "run {sh}", "run cat seen"),
}
FIXTURES = {
    "claude": "code",
    "codex": "cx",
    "acp-agent": "acp_agent",
}  # others have the name of their CLI


@pytest.fixture
def driver(request: pytest.FixtureRequest, cli: str) -> Iterator[Driver]:
    found: Driver = request.getfixturevalue(FIXTURES.get(cli, cli))
    (found.cwd / "seen").write_text("what is in it\n")
    yield found


def attempt(driver: Driver, prompt: str, allow: bool) -> bool:
    """Send a prompt and answer everything that is asked; whether something was."""
    at = len(driver.events)
    driver.prompt(prompt)
    asked = False
    while True:
        event = _next(driver, at)
        at = driver.events.index(event) + 1
        if event["type"] == "turn_ended":
            return asked
        asked = True
        kind = "allow_once" if allow else "reject_once"
        option = next(o for o in event["options"] if o["kind"] == kind)
        driver.answer(event, option=option["id"])


def _next(driver: Driver, at: int) -> Any:
    wanted = ("request_opened", "turn_ended")
    return driver.until(lambda: next((e for e in driver.events[at:] if e["type"] in wanted), None))


def happened(driver: Driver, act: str, file: Path) -> bool:
    if act != "read by command":
        return file.exists()
    shown = [str(call.get("content")) for call in driver.calls().values()]
    return any("what is in it" in text for text in shown)


@pytest.mark.parametrize(("cli", "mode"), TABLE)
def test_an_edit_and_commands_in_every_mode(cli: str, mode: str, driver: Driver) -> None:
    driver.start(mode=mode)
    assert driver.state["mode"] == mode
    found = []
    for number, act in enumerate(ACTS):
        results = []
        for allow in (False, True):
            file = driver.cwd / f"made-{number}-{allow}"
            script = SCRIPTS[cli][number].format(file=file.name, sh=f"sh -c 'echo x > {file.name}'")
            asked = attempt(driver, script, allow)
            results.append((asked, happened(driver, act, file)))
        refused, allowed = results
        if refused == allowed == (False, True):
            found.append("done")
        elif refused == (True, False) and allowed == (True, True):
            found.append("asked")
        elif refused == allowed == (False, False):
            found.append("never")
        else:
            found.append(f"refused: {refused}, allowed: {allowed}")
    assert tuple(found) == TABLE[cli, mode]


@pytest.mark.parametrize("cli", ["claude", "codex", "gemini", "opencode", "acp-agent", "demo"])
def test_the_documentation_says_what_the_table_says(cli: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "modes.md").read_text()
    for (name, mode), results in TABLE.items():
        if name == cli:
            assert f"| {cli} | {mode} | {' | '.join(results)} |" in text
