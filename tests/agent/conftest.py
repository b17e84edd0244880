"""Relays and sessions of the scripted CLI below a fresh root; nothing of them survives a test."""

import contextlib
import itertools
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.agent import Feed, RelayProcess, clean_sessions
from tests.fixtures.scripted import PRELOAD

# of this run alone: processes are found by their session's id
S1 = f"s1-{uuid.uuid4().hex[:8]}"
S2 = f"s2-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "root"
    path.mkdir(mode=0o700)
    with clean_sessions(path):
        yield path


@pytest.fixture
def new_relay(root: Path) -> Iterator[Callable[..., RelayProcess]]:
    """Makes relays of the scripted CLI."""
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> RelayProcess:
            options["preload"] = PRELOAD + "\n" + options.get("preload", "")
            relay = RelayProcess(options.pop("root", root), **options)
            stack.callback(relay.close)
            return relay

        yield make


@pytest.fixture
def relay(new_relay: Callable[..., RelayProcess]) -> RelayProcess:
    return new_relay()


class Talk:
    """A session under way, and what was heard of it."""

    def __init__(self, relay: RelayProcess, session: str, feed: Feed) -> None:
        self.relay = relay
        self.session = session
        self.feed = feed
        self._numbers = itertools.count(1)

    def call(self, verb: str, **params: Any) -> Any:
        return self.relay.call("session/" + verb, session=self.session, **params)

    def prompt(self, words: str, prompt: str = "", **params: Any) -> str:
        """Send; returns the prompt's id."""
        id = prompt or f"p{next(self._numbers)}"
        self.relay.prompt(self.session, id, words, **params)
        return id

    def ask(self, words: str) -> str:
        """Send and wait for the end; returns the prompt's last state."""
        id = self.prompt(words)
        return self.ended(id)

    def ended(self, prompt: str) -> str:
        for state in iter(lambda: self.state_of(prompt), None):
            if state in ("done", "failed", "cancelled", "unknown"):
                return str(state)
            self.feed.wait_seq(self.feed.last_seq + 1)
        raise AssertionError(prompt)

    def state_of(self, prompt: str) -> str:
        states = [
            e.data["state"] for e in self.feed.of("prompt_state") if e.data["prompt"] == prompt
        ]
        return states[-1] if states else ""

    def said(self) -> list[str]:
        return [event.data["content"]["text"] for event in self.feed.of("agent_message_chunk")]

    @property
    def supervisor(self) -> int:
        return self.relay.supervisor(self.session)

    def cli(self) -> int:
        """The pid of the CLI, as last told."""
        return int(self.feed.of("session_state")[-1].data["pid"])


@pytest.fixture
def talk(relay: RelayProcess, tmp_path: Path) -> Talk:
    """A session `s1` of the scripted CLI, ready."""
    return begin(relay, S1, tmp_path)


def begin(relay: RelayProcess, session: str, cwd: Path, **params: Any) -> Talk:
    relay.start(session=session, cli="scripted", cwd=str(cwd), **params)
    talk = Talk(relay, session, relay.subscribe(session))
    talk.feed.wait("session_state", state="ready")
    return talk
