"""`codecast attach` in a real terminal: it streams, asks, interrupts, comes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codecast_jupyter.commands.words import MARK

from .terminal import Terminal

Attach = Callable[..., Terminal]


@pytest.fixture
def attach() -> Iterator[Attach]:
    opened: list[Terminal] = []

    def start(*more: str, size: tuple[int, int] = (30, 100), **env: str) -> Terminal:
        words = ["-m", "tests.commands.fake_cli", "attach", "brave-otter", *more]
        opened.append(Terminal(words, {"CODECAST_DEBUG": "1", **env}, size))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.__exit__()


def test_streams_asks_and_takes_a_typed_answer(attach: Attach) -> None:
    terminal = attach()
    terminal.expect("demo in /work on local")
    terminal.shows("Ctrl-D detaches")
    terminal.type("work please\r")
    terminal.expect(f"{MARK} work please", "Thinking hard.", "I shall change **train.py**", "Now.")
    terminal.expect("? Edit train.py", "-lr = 1", "+lr = 0.1", "1  Yes", "3  No")
    terminal.shows("allow?")
    assert b"\x1b[32m+lr = 0.1" in terminal.raw, "no colours in the diff"
    terminal.type("maybe\r")
    terminal.shows("is none of the choices")
    terminal.type("\x15n not like this\r")
    terminal.expect("✗ No: not like this", "✗ Edit train.py", "It is failed.", "done in")
    terminal.type("\x04")
    terminal.expect("Detached from brave-otter; it goes on.")
    assert terminal.end() == 0


def test_ctrl_c_interrupts_and_queued_prompt_follows(attach: Attach) -> None:
    terminal = attach()
    terminal.shows("Ctrl-D detaches")
    terminal.type("slow one\r")
    terminal.shows("Ctrl-C interrupts")
    terminal.type("second\r")
    terminal.shows("queued: second")
    terminal.type("third\r")
    terminal.shows("queued: third")
    terminal.type("/move 2 somewhere\r")
    terminal.shows("'somewhere' is no place. A number of the list, or up, down, first or last.")
    terminal.type("\x15/move 2 up\r")
    terminal.shows("queued: third", "queued: second")
    terminal.type("/queue\r")
    terminal.expect("1  third", "2  second")
    terminal.type("\x03")
    terminal.expect("interrupted in", f"{MARK} second", "You said: second", "done in")
    terminal.expect("You said: third", "done in")
    terminal.shows("Ctrl-D detaches")
    terminal.type("\x03")  # nothing runs
    terminal.expect("Detached from brave-otter")
    assert terminal.end() == 0


def test_draft_survives_ctrl_c_while_idle(attach: Attach) -> None:
    terminal = attach()
    terminal.shows("Ctrl-D detaches")
    terminal.type("a long thought")
    terminal.expect("a long thought")
    terminal.type("\x03")
    terminal.shows("Ctrl-C again detaches")
    terminal.type("\x1b[A\r")  # up, Enter
    terminal.expect("You said: a long thought")


def test_questions_one_by_one(attach: Attach) -> None:
    terminal = attach()
    terminal.shows("Ctrl-D detaches")
    terminal.type("ask me\r")
    terminal.expect("Which colour?", "Which sizes?")
    terminal.shows("1 of 2: answer")
    terminal.type("violet\r")
    terminal.shows("2 of 2: answer [1-3, several with commas]")
    terminal.type("1,3\r")
    terminal.expect("✓ violet; S, L", "Thank you.")


def test_request_answered_elsewhere_takes_its_prompt_line_away(
    attach: Attach, tmp_path: Path
) -> None:
    answered = tmp_path / "answered"
    terminal = attach(FAKE_ELSEWHERE=str(answered))
    terminal.shows("Ctrl-D detaches")
    terminal.type("work\r")
    terminal.shows("allow?")
    terminal.type("2")  # half-typed: must not become a prompt
    answered.touch()
    terminal.expect("✓ Yes  by alice on telegram", "It is completed.")
    terminal.shows("Ctrl-D detaches")
    terminal.type("\r")
    terminal.type("next\r")
    terminal.expect("You said: next")


def test_what_was_typed_before_a_request_is_not_its_answer(attach: Attach) -> None:
    terminal = attach(FAKE_PROMPT="slow first")
    terminal.shows("Ctrl-C interrupts")
    terminal.type("ask\r")
    terminal.shows("queued: ask")
    terminal.type("do it again")
    terminal.expect("do it again")
    os.kill(terminal.process.pid, signal.SIGINT)  # as a window manager would
    terminal.expect("Which colour?", "answer")
    terminal.type("\r")
    terminal.shows("asked while you typed")
    terminal.type("\x15green\r")
    terminal.shows("2 of 2")


def test_attach_again_shows_the_tail_and_the_open_request(attach: Attach) -> None:
    terminal = attach(FAKE_HISTORY="500", FAKE_PROMPT="work")
    text = terminal.expect("earlier: codecast logs brave-otter", "old 499")
    terminal.shows("allow?")
    assert "old 1\n" not in text.replace("\r", "")
    terminal.type("y\r")
    terminal.expect("It is completed.")
    whole = attach("--from", "0", FAKE_HISTORY="300")
    whole.expect("old 0", "old 299")


def test_machine_that_goes_away_is_told_and_forgotten(attach: Attach, tmp_path: Path) -> None:
    offline = tmp_path / "offline"
    terminal = attach(FAKE_OFFLINE=str(offline))
    terminal.shows("Ctrl-D detaches")
    offline.touch()
    terminal.shows("local is away")
    offline.unlink()
    terminal.shows("Ctrl-D detaches")


def test_slash_commands_and_typos(attach: Attach) -> None:
    terminal = attach()
    terminal.shows("Ctrl-D detaches")
    terminal.type("/mode paln\r")
    terminal.shows("did you mean plan?")
    terminal.type("\x15/mode plan\r")
    terminal.shows("idle · plan")
    terminal.type("/help\r")
    terminal.expect("Alt-Enter makes a new line")
    terminal.type("//help me\r")
    terminal.expect("You said: /help me")
    terminal.type("/compact\r")
    terminal.expect("You said: /compact")
    terminal.type("/detach\r")
    terminal.expect("Detached")
    assert terminal.end() == 0


def test_narrow_terminal_and_long_lines(attach: Attach) -> None:
    terminal = attach(size=(8, 30))
    terminal.shows("Ctrl-D detaches")
    words = " ".join(f"w{n}" for n in range(120))
    terminal.type(f"{words}\r")
    terminal.expect("You said: w0", "done in")
    terminal.type("\x04")
    terminal.expect("Detached")
    shown = terminal.text.rsplit("You said:", 1)[1].replace("\r", "").replace("\n", "")
    assert all(f"w{n}" in shown for n in range(120))


def test_typed_while_text_streams_is_not_torn(attach: Attach) -> None:
    terminal = attach(FAKE_PROMPT="slow")
    terminal.shows("Ctrl-C interrupts")
    for char in "hello there":
        terminal.type(char)
        terminal._read(0.05)  # let numbers stream between the keys
    terminal.shows("hello there")
    terminal.type("\r")
    terminal.shows("queued: hello there")


def test_no_terminal_no_keyboard(tmp_path: Path) -> None:
    import subprocess
    import sys

    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "remote_agent")])
    env: dict[str, Any] = {**os.environ, "PYTHONPATH": path, "FAKE_PROMPT": "hello"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.commands.fake_cli", "attach", "brave-otter"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=env,
        text=True,
        cwd=root,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "done in" in line:
                break
        process.kill()
    assert any("You said: hello" in line for line in lines)
    assert not any("\x1b" in line for line in lines)
