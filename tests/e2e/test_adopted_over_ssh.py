"""Begun by hand on a host behind a jump host, gone on with from here by two words in a shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Model
from tests.fixtures.clis import claude_binary
from tests.fixtures.live import Talk, until
from tests.fixtures.world import World


class Terminal:
    """A person's own terminal on the machine."""

    def __init__(self, world: World, model: Model, cwd: Path) -> None:
        self._env = {"PATH": os.environ["PATH"], **model.environment(world.sshd.home)}
        self._argv = [*world.sshd._wrap, str(claude_binary()), "-p"]
        self._cwd = cwd
        self._begun: list[subprocess.Popen[bytes]] = []

    def begin(self, prompt: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*self._argv, prompt],
            cwd=self._cwd,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._begun.append(process)
        return process

    def ask(self, prompt: str) -> None:
        assert self.begin(prompt).wait(60) == 0

    def close(self) -> None:
        for process in self._begun:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def terminal(far: World, model: Model, project: Path) -> Iterator[Terminal]:
    made = Terminal(far, model, project)
    yield made
    made.close()


def test_history_then_adopt(far: World, model: Model, terminal: Terminal, project: Path) -> None:
    terminal.ask("say:The word is amaranth.\nbash:pwd")
    listed = json.loads(far.shell("history", "inner", "--json", "-q", str(project)).out)
    assert [each["cwd"] for each in listed] == [str(project)]
    native = listed[0]["native"]
    shown = far.shell("history", "inner", "--cli", "claude").out
    assert native[:13] in shown and "amaranth" in shown

    done = far.shell("adopt", "inner", native[:13], "--name", "by-hand", "--mode", "ask", "--json")
    assert done.code == 0, done.err
    talk = Talk(far.api, json.loads(done.out)["id"])
    assert talk.show()["name"] == "by-hand" and talk.show()["cwd"] == str(project)
    events = talk.events()
    history = [event for event in events if event.get("history")]
    assert history == events[: len(history)] and events[len(history)]["seq"] == len(history) + 1
    assert "The word is amaranth." in [e["content"]["text"] for e in history if "message" in e]
    assert talk.state["title"].startswith("say:The word is amaranth.")
    # what was said by hand is found like everything else
    hits = far.api.get("/search", q="amaranth")
    assert talk.id in {hit["session"] for hit in hits}

    talk.ask("Which word?\nsay:That one.")
    heard = [text for _, text in model.heard("Which word?")]
    assert any("The word is amaranth." in text for text in heard), heard

    # it is ours now: said in the list, and adopted only once
    assert "is the session by-hand" in far.shell("history", "inner").out
    again = far.shell("adopt", "inner", native)
    assert again.code == 1 and "by-hand" in again.err and not again.out
    assert [each["id"] for each in far.api.get("/sessions")] == [talk.id]


def test_what_runs_there_is_refused_with_the_reason_and_can_be_forked(
    far: World, terminal: Terminal, project: Path
) -> None:
    before = far.trace()
    process = terminal.begin("say:I am busy here.\nhang:")

    def live() -> str:
        found = far.api.get("/machines/inner/history", query=str(project))
        return next((str(each["native"]) for each in found if "live" in each), "")

    native = until(live, "it is seen to be open")
    refused = far.shell("adopt", "inner", native)
    assert refused.code == 1
    assert f"process {process.pid}" in refused.err and "fork it" in refused.err
    far.assert_untouched(before)

    forked = far.shell("adopt", "inner", native, "--fork", "--json")
    assert forked.code == 0, forked.err
    talk = Talk(far.api, json.loads(forked.out)["id"])
    assert "hang:" in json.dumps(talk.events())
    assert talk.state["native"] != native
    assert process.poll() is None, "what runs there was left alone"
