"""The shell's own server: found, started once, said, stopped; and the whole demo on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codecast_jupyter.commands.words import MARK

from .terminal import Terminal

ROOT = Path(__file__).parents[2]


class Shell:
    """`codecast` with directories of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CODECAST", "JPY"))}
        own = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "XDG_CONFIG_HOME")
        own += ("XDG_STATE_HOME", "CODECAST_ROOT")  # type: ignore[assignment]
        self.env = {**kept, **{name: str(directory / name.lower()) for name in own}}
        for name in own:
            Path(self.env[name]).mkdir(mode=0o700)
        self.env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "remote_agent")])
        self.work = directory / "work"
        self.work.mkdir()

    def popen(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "codecast_jupyter.cli", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
            text=True,
            cwd=self.work,
        )

    def run(self, *words: str, code: int = 0) -> Any:
        """The JSON of a command, or its error's."""
        process = self.popen(*words, "--json")
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, out + err
        return json.loads(err if code else out)

    def leftovers(self, session: str) -> list[Any]:
        return [p for p in self.run("ps", "local") if p["session"] == session]

    def close(self) -> None:
        for session in self.run("ls", "--all") if self.run("server")["running"] else []:
            self.run("rm", "--force", session["id"])
        process = self.popen("server", "stop")
        process.communicate(timeout=60)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.close()


def test_two_shells_start_one_server(shell: Shell) -> None:
    assert shell.run("server")["running"] is False
    assert shell.run("health", code=1)["error"]["code"] == "unreachable"  # not worth starting one
    both = [shell.popen("machines", "--json") for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert any(machine["name"] == "local" for machine in json.loads(out))
    status = shell.run("server")
    assert status["running"] and status["own"]
    runtime = Path(shell.env["JUPYTER_RUNTIME_DIR"])
    assert len(list(runtime.glob("codecast-*.json"))) == 1
    token = json.loads(next(runtime.glob("codecast-*.json")).read_text())["token"]
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert token and token not in commands.stdout, "the token can be seen by everybody"
    assert token not in (runtime / "codecast_shell.log").read_text()
    for path in (*runtime.glob("codecast*"),):
        assert path.stat().st_mode & 0o077 == 0, path
    shell.run("server", "stop")
    assert shell.run("server")["running"] is False
    with pytest.raises(ProcessLookupError):
        os.kill(status["pid"], 0)


def test_a_server_that_cannot_start_says_why(shell: Shell) -> None:
    config = Path(shell.env["JUPYTER_CONFIG_DIR"], "jupyter_server_config.py")
    config.write_text("raise SystemExit('nothing works today')\n")
    error = shell.run("ls", code=1)["error"]
    assert error["code"] == "unreachable" and "nothing works today" in error["detail"]
    config.unlink()


def test_somebody_elses_server_is_not_stopped(shell: Shell) -> None:
    shell.run("server", "start")
    note = Path(shell.env["JUPYTER_RUNTIME_DIR"], "codecast_shell.json")
    kept = note.read_text()
    note.unlink()
    assert shell.run("server", "stop", code=1)["error"]["code"] == "conflict"
    note.write_text(kept)
    # ours is stopped even where a newer one is used by now
    runtime = note.parent
    newer = {"url": "http://127.0.0.1:9/", "token": "", "pid": os.getpid()}
    (runtime / f"codecast-{os.getpid()}.json").write_text(json.dumps(newer))
    assert shell.run("server")["own"] is False
    shell.run("server", "stop")
    with pytest.raises(ProcessLookupError):
        os.kill(json.loads(kept)["pid"], 0)
    (runtime / f"codecast-{os.getpid()}.json").unlink()


def test_session_by_hand_in_a_terminal_through_a_killed_server(shell: Shell) -> None:
    """start, a permission typed at the prompt, Ctrl-C, kill -9 of the server, attach again."""
    words = ["start", "local", "-c", "demo", "--mode", "ask", "-n", "by-hand", "--attach"]
    with Terminal(["-m", "codecast_jupyter.cli", *words], shell.env, cwd=shell.work) as terminal:
        terminal.expect("no server runs: starting one")
        terminal.expect("by-hand", "demo in")
        terminal.shows("Ctrl-D detaches")
        terminal.type("write a.txt: hello\r")
        terminal.expect("? Edit a.txt", "+hello", "1  Allow")
        terminal.shows("allow?")
        assert not (shell.work / "a.txt").exists()
        terminal.type("y\r")
        terminal.expect("✓ Allow", "✓ Edit a.txt", "done in")
        assert (shell.work / "a.txt").read_text().strip() == "hello"
        terminal.type("slow 60\r")
        terminal.expect("5")
        terminal.shows("Ctrl-C interrupts")
        terminal.type("\x03")
        terminal.expect("interrupted in")
        terminal.type("slow 2\r")
        terminal.shows("Ctrl-C interrupts")
        os.kill(shell.run("server")["pid"], signal.SIGKILL)
        terminal.expect("Trying again")
        terminal.expect("done in")
        terminal.type("\x04")
        terminal.expect("Detached from by-hand")
        assert terminal.end() == 0
    with Terminal(["-m", "codecast_jupyter.cli", "attach", "by-hand"], shell.env) as terminal:
        terminal.expect(
            f"{MARK} write a.txt: hello", "interrupted in", "done in", "Ctrl-D detaches"
        )
        terminal.type("\x03")
        terminal.expect("Detached")
    session = shell.run("show", "by-hand")["session"]
    assert session["state"]["status"] == "idle"
    shell.run("rm", "by-hand")
    assert shell.leftovers(session["id"]) == []


def test_bad_input_leaves_nothing_behind(shell: Shell) -> None:
    error = shell.run("start", "local", "/no/such/directory", "-c", "demo", code=1)["error"]
    assert error["code"] == "no_such_directory" and error["hint"]
    error = shell.run("start", "nowhere", "/tmp", code=1)["error"]
    assert error["code"] == "not_found"
    assert shell.run("ls", "--all") == []
    assert list(Path(shell.env["CODECAST_ROOT"]).glob("hosts/*/sessions/*")) == []
    odd = shell.work / "a 'dir' $(touch owned) \"x\""
    session = shell.run("start", "local", str(odd), "-c", "demo", "--mode", "auto", "--create")
    stream = shell.popen("send", session["name"], "--wait", "--json", "--", "-write", "no")
    out, err = stream.communicate(timeout=60)
    assert stream.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1] == {**events[-1], "type": "prompt_state", "state": "done"}
    assert not (shell.work / "owned").exists()


def test_demo_check(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CODECAST", "JPY"))}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "remote_agent")])
    env["TMPDIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "codecast_jupyter.demo", "--check"],
        env=env,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "answer streamed",
        "permission asked",
        "permission granted",
        "file changed",
        "session destroyed",
    ):
        assert words in done.stdout
    assert list(tmp_path.iterdir()) == [], "something was left"
    assert not _mentions(str(tmp_path))


def test_demo_check_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Killed politely in the middle of it."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CODECAST", "JPY"))}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "remote_agent")])
    env["TMPDIR"] = str(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "codecast_jupyter.demo", "--check"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "session started" in line:
                process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) != 0
    deadline = time.monotonic() + 20
    while _mentions(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _mentions(str(tmp_path)), "a process was left"
    assert list(tmp_path.iterdir()) == []


def _mentions(directory: str) -> list[str]:
    """Living processes whose environment names that directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            # our own environment has it not: it was given to the child alone
            if directory.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found
