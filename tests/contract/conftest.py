"""Every CLI behind the same contract: the real program, on a machine reached over real SSH.

One server, one sshd, one scripted model and one session of each CLI (`session`) serve them all;
a test that needs one of its own starts it (`fresh`). Tests are written once,
and told a `Cli`: what it is called, and what it truly lacks (`lacks`), which is a cell of the
table in docs/clis.md. Nothing is skipped: what is lacking has a test that it still is.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.clis import (
    acp_agent_command,
    claude_binary,
    codex_binary,
    gemini_command,
    opencode_binary,
)
from tests.fixtures.live import Json, until
from tests.fixtures.models import ROOT, ModelServer
from tests.fixtures.sshd import Client, Sshd
from tests.fixtures.transcripts import text_of
from tests.fixtures.world import World, opened

OUTSIDE = Path("/var/tmp")  # what Codex's sandbox protects; /tmp it leaves writable


@dataclass(frozen=True)
class Cli:
    """What a test must know of a CLI."""

    name: str
    other_model: str  # one to switch to
    question_mode: str = "ask"  # the mode in which it asks questions
    failures: int = 1  # of the model in a row after which it has told of a retry, if it does
    gives_up_on: frozenset[int] = frozenset()  # statuses it does not ask again after
    lacking: frozenset[str] = frozenset()  # rows of docs/clis.md

    def lacks(self, ability: str) -> bool:
        assert ability in ABILITIES, ability
        return ability in self.lacking


ABILITIES = {
    "steer": "words into the running turn",
    "question": "questions to the person",
    "several choices": "a question with several choices",
    "refused with words": "a refusal's words reach the model",
    "goes on after a refusal": "the turn goes on after a refusal",
    "retries told": "a retry is told",
    "error status": "an API error's HTTP status is told",
    "fork": "fork",
    "adopt": "adopt",
    "cost": "cost",
    "dropped stream": "a stream that breaks again and again ends its turn",
    "text taken back": "text of a broken stream is not told twice",
}
CLIS = (
    Cli("claude", "haiku"),
    Cli(
        "codex",
        "gpt-6-luna",
        question_mode="plan",
        failures=2,
        gives_up_on=frozenset({429}),
        lacking=frozenset({"cost", "several choices"}),
    ),
    Cli(
        "gemini",
        "gemini-3-flash-preview",
        lacking=frozenset(
            {
                "steer",
                "question",
                "several choices",
                "refused with words",
                "fork",
                "cost",
                "retries told",
            }
        ),
    ),
    Cli(
        "opencode",
        "local/scripted-model-2",
        lacking=frozenset(
            {
                "steer",
                "question",
                "several choices",
                "refused with words",
                "goes on after a refusal",
                "retries told",
                "error status",
                "dropped stream",
                "text taken back",
            }
        ),
    ),
    Cli(
        "acp-agent",  # as a person configures it, no code of ours knows it
        "haiku",
        lacking=frozenset(
            {
                "steer",
                "refused with words",
                "retries told",
                "adopt",
                "error status",
                "text taken back",
            }
        ),
    ),
)


class Contract(World):
    """A machine with every CLI, and the model they speak to."""

    def __init__(self, directory: Path, model: ModelServer, asked: Path) -> None:
        client = Client(directory / "keys")
        programs = {
            "claude": [str(claude_binary())],
            "codex": [str(codex_binary())],
            "gemini": gemini_command()[:2],  # what makes it an ACP agent is added by ours
            "opencode": [str(opencode_binary())],
        }
        found = {}
        for name, argv in programs.items():
            program = directory / "programs" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
            program.chmod(0o755)
            found[f"CODECAST_CLI_{name.upper()}"] = str(program)
        sshd = Sshd(directory / "gpu", client.authorized, environment=found)
        client.add_host("gpu", sshd)
        env: dict[str, str] = {}
        for name in programs:
            env |= getattr(model, f"{name}_environment")(sshd.home)
        _price(sshd.home / ".config" / "opencode" / "opencode.json")
        self.skills = directory / "skills"  # the person's; empty but in the tests of skills
        self.skills.mkdir()
        configuration = {
            "skills": {"directory": str(self.skills)},
            "agents": {"acp-agent": {"command": acp_agent_command()}},
            "machines": {"gpu": {"env": env}},
        }
        super().__init__(directory, client, {"gpu": sshd}, "gpu", json.dumps(configuration))
        self.model = model
        self.asked = asked
        self.programs = {name: Path(found[f"CODECAST_CLI_{name.upper()}"]) for name in programs}
        self.env = env

    def told(self, marker: str) -> str:
        """The whole of the last request of an agent to the model that has `marker` in it.

        An agent is given tools; what a CLI asks beside it (OpenCode a title for a new session,
        at any time of its first turn) has none.
        """

        def look() -> str | None:
            for path in sorted(self.asked.glob("*.json"), reverse=True):
                text = path.read_text()
                if marker in text and json.loads(text)["tools"]:
                    return text
            return None

        return until(look, f"the model is told {marker!r}")


def _price(path: Path) -> None:
    """OpenCode counts costs by the prices in its configuration (dollars a million tokens)."""
    settings = json.loads(path.read_text())
    for model in settings["provider"]["local"]["models"].values():
        model["cost"] = {"input": 3, "output": 15}
        model["limit"] = {"context": 200_000, "output": 8_000}  # without it no cost is told
    path.write_text(json.dumps(settings))


@pytest.fixture(scope="session")
def contract() -> Iterator[Contract]:
    with tempfile.TemporaryDirectory(
        prefix="codecast-contract-", dir=OUTSIDE, ignore_cleanup_errors=True
    ) as name:
        asked = Path(name) / "asked"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.fixtures.model_server", "--exit-with-stdin"),
                *("--record", str(asked)),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            model = ModelServer(json.loads(process.stdout.readline())["url"])
            with opened(Contract(Path(name), model, asked)) as world:
                yield world
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait(10)


class Session:
    """One session of a CLI, in a directory of its own; what a test sees begins with the test."""

    def __init__(self, world: Contract, cli: Cli, mode: str = "ask", **more: Any) -> None:
        self.world, self.cli = world, cli
        self.cwd = more.pop("cwd", None) or world.project()
        self.talk = world.talk(self.cwd, cli.name, mode=mode, **more)
        self.at = 0

    def begin(self) -> None:
        """Forget what was said before; a session that died comes back with its next prompt."""
        if self.talk.state["mode"] != "ask":
            self.mode("ask")
        self.at = self.last()

    def last(self) -> int:
        events = self.talk.events()
        return int(events[-1]["seq"]) if events else 0

    def events(self, *types: str) -> list[Json]:
        """Those of this test."""
        found = self.talk.events(self.at)
        return [event for event in found if not types or event["type"] in types]

    @property
    def said(self) -> str:
        return text_of(self.events())

    @property
    def calls(self) -> list[Json]:
        """Tool calls of this test, folded."""
        found: dict[str, Json] = {}
        for event in self.events("tool_call", "tool_call_update"):
            found.setdefault(event["call"], {}).update(event)
        return list(found.values())

    def mode(self, mode: str) -> None:
        self.talk.api.call("PATCH", self.talk.path, {"mode": mode})
        until(lambda: self.talk.state["mode"] == mode, f"the mode is {mode}")

    def ask(self, *lines: str, end: str = "done") -> Json:
        """A whole turn; its end."""
        at = self.last()
        self.talk.ask("\n".join(lines), end)
        return self.talk.wait_event("turn_ended", after=at)

    def prompt(self, *lines: str, **more: Any) -> str:
        return self.talk.prompt("\n".join(lines), **more)

    def ended(self, id: str, *states: str) -> Json:
        """The end of the turn of a prompt."""
        self.talk.wait_prompt(id, *states)
        return self.talk.wait_event("turn_ended", after=self.at)

    def destroy(self) -> None:
        self.talk.destroy()


@pytest.fixture(params=CLIS, ids=lambda cli: cli.name, scope="package")
def cli(request: pytest.FixtureRequest) -> Cli:
    found: Cli = request.param
    return found


@pytest.fixture(scope="package")
def shared(contract: Contract, cli: Cli) -> Iterator[Session]:
    session = Session(contract, cli)
    yield session
    session.destroy()


@pytest.fixture
def session(shared: Session) -> Session:
    """The CLI's session, idle, in mode ask."""
    if shared.talk.state["status"] not in ("idle",):
        shared.talk.stop()
        shared.talk.api.post(f"{shared.talk.path}/resume")
        shared.talk.wait_status("idle")
    shared.begin()
    return shared


@pytest.fixture
def fresh(contract: Contract, cli: Cli) -> Iterator[Callable[..., Session]]:
    """Makes sessions of the test's own."""
    made: list[Session] = []

    def make(mode: str = "ask", **more: Any) -> Session:
        made.append(Session(contract, cli, mode, **more))
        return made[-1]

    yield make
    for one in made:
        one.destroy()
