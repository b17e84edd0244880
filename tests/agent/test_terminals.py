"""A terminal shows all that its shell writes, and leaves nothing when one of them ends."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess, descendants, until

CHANNEL = 90


class Screen:
    """What came on a terminal's channel."""

    def __init__(self, relay: RelayProcess, channel: int = CHANNEL) -> None:
        self.relay, self.channel = relay, channel
        self.shown = b""
        self.ended = False
        relay._feeds[channel] = self  # type: ignore[assignment]

    def take(self, data: bytes) -> None:
        self.shown += data
        self.ended = self.ended or not data

    def type(self, words: str) -> None:
        data = base64.b64encode(words.encode()).decode()
        self.relay.call("terminal/write", channel=self.channel, data=data)

    def wait(self, words: str) -> None:
        until(lambda: words.encode() in self.shown, f"{words!r}, not {self.shown[-2000:]!r}")


@pytest.fixture
def plain(new_relay: Callable[..., RelayProcess], tmp_path: Path) -> RelayProcess:
    """A relay in a home without anybody's start-up files."""
    return new_relay(env={"HOME": str(tmp_path), "ENV": "", "HISTFILE": ""})


def opened(relay: RelayProcess, cwd: Path, **more: int) -> Screen:
    screen = Screen(relay)
    answer = relay.call("terminal/open", channel=CHANNEL, cwd=str(cwd), **more)
    assert answer["cwd"] == str(cwd) and Path(answer["shell"]).is_absolute()
    return screen


def test_shell_runs_where_it_was_opened_and_knows_its_size(
    plain: RelayProcess, tmp_path: Path
) -> None:
    place = tmp_path / "a $(place)"
    place.mkdir()
    screen = opened(plain, place, rows=33, columns=101)
    screen.type('echo "at:$PWD" $((6*7)) "$TERM"; tty; stty size\n')
    screen.wait(f"at:{place} 42 xterm-256color")
    screen.wait("/dev/pts/")
    screen.wait("33 101")
    plain.call("terminal/size", channel=CHANNEL, rows=20, columns=60)
    screen.type("stty size\n")
    screen.wait("20 60")
    screen.type("printf 'caf\\303\\251 \\360\\237\\216\\211\\n'\n")
    screen.wait("café 🎉")


def test_end_of_the_shell_ends_the_terminal_after_its_last_words(
    plain: RelayProcess, tmp_path: Path
) -> None:
    screen = opened(plain, tmp_path)
    screen.type("echo last; exit\n")
    until(lambda: screen.ended, "the terminal ends")
    assert b"last" in screen.shown
    with pytest.raises(CodecastError) as caught:
        screen.type("more\n")
    assert caught.value.code == "not_found"
    plain.call("terminal/close", channel=CHANNEL)
    until(lambda: not descendants(plain.pid), "nothing is left")


def test_all_of_a_flood_arrives_and_keeps_nobody_waiting(
    plain: RelayProcess, tmp_path: Path
) -> None:
    screen = opened(plain, tmp_path)
    screen.type("stty -onlcr -echo; echo; seq 1 400000; echo the-$((1+1))nd\n")
    plain.call("ping", n=1)
    screen.wait("the-2nd")
    numbers = screen.shown.split(b"the-2nd")[0].split(b"\n")
    found = [int(line) for line in numbers if line.isdigit()]
    assert found == list(range(1, 400001))


def test_closed_terminal_leaves_no_process_even_one_that_ignores_it(
    plain: RelayProcess, tmp_path: Path
) -> None:
    screen = opened(plain, tmp_path)
    screen.type("trap '' HUP; sh -c \"trap '' HUP; echo re''ady; sleep 1000\"\n")
    screen.wait("ready")
    shell = descendants(plain.pid)[0]
    plain.call("terminal/close", channel=CHANNEL)
    until(lambda: screen.ended, "its end is told")
    until(lambda: shell not in descendants(plain.pid), "the shell has ended")


def test_shell_ends_with_the_connection(plain: RelayProcess, tmp_path: Path) -> None:
    screen = opened(plain, tmp_path)
    screen.type("echo re''ady\n")
    screen.wait("ready")
    below = descendants(plain.pid)
    assert below
    plain.kill()
    until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in below), "they have ended")


def test_mistakes_are_told_in_words(plain: RelayProcess, tmp_path: Path) -> None:
    for params, code in (
        ({"channel": "x"}, "bad_request"),
        ({"channel": 1, "cwd": "/no/where"}, "no_such_directory"),
        ({"channel": 1, "session": "nobody"}, "not_found"),
    ):
        with pytest.raises(CodecastError) as caught:
            plain.call("terminal/open", **params)
        assert caught.value.code == code
    opened(plain, tmp_path)
    with pytest.raises(CodecastError):
        plain.call("terminal/open", channel=CHANNEL, cwd=str(tmp_path))
    with pytest.raises(CodecastError) as caught:
        plain.call("terminal/write", channel=CHANNEL, data="é")
    assert caught.value.code == "bad_request"
