"""Completion offers what fits, asks only a running server, and never starts one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from codecast_jupyter.commands.completion import candidates, script

ROOT = Path(__file__).parents[2]
ANSWERS: dict[str, Any] = {
    "machines": [{"name": "local", "state": "online"}, {"name": "gpu-1", "state": "offline"}],
    "sessions?all=true": [
        {
            "id": "1",
            "name": "brave-otter",
            "cli": "demo",
            "machine": "local",
            "state": {
                "status": "idle",
                "settings": {"model": {"choices": [{"value": "opus", "name": "Opus"}]}},
            },
        },
    ],
    "sessions/brave-otter": {
        "id": "1",
        "state": {"settings": {"model": {"choices": [{"value": "opus"}, {"value": "tiny"}]}}},
    },
    "sessions/brave-otter/requests": [
        {"request": "r", "outcome": "open", "options": [{"label": "Allow"}, {"label": "Reject"}]}
    ],
    "sessions/brave-otter/prompts": [{"id": "p", "state": "queued", "text": "later"}],
    "machines/gpu-1/clis": [{"cli": "demo", "found": True}, {"cli": "claude", "found": False}],
    "machines/gpu-1/directories?path=~": {
        "entries": [{"name": "a dir", "is_dir": True}, {"name": "f", "is_dir": False}]
    },
    "machines/gpu-1/directories?path=%2Fdata%2F": {"entries": [{"name": "run", "is_dir": True}]},
}


def values(*words: str) -> list[str]:
    return [c.value for c in candidates(list(words), ANSWERS.get)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sta"], ["start"]),
        (["machines", "co"], ["connect"]),
        (["server", "st"], ["status", "start", "stop"]),
        (["attach", ""], ["brave-otter"]),
        (["--json", "attach", "b"], ["brave-otter"]),
        (["machines", "remove", ""], ["local", "gpu-1"]),
        (["start", ""], ["local", "gpu-1"]),
        (["start", "gpu-1", ""], ["a dir/"]),
        (["start", "gpu-1", "/data/"], ["/data/run/"]),
        (["start", "gpu-1:/data/"], ["gpu-1:/data/run/"]),
        (["start", "gpu-1", "--cli", ""], ["demo"]),
        (["start", "gpu-1", "x", "--mode", "p"], ["plan"]),
        (["start", "gpu-1", "--mode=p"], ["--mode=plan"]),
        (["start", "gpu-1", "--cr"], ["--create"]),
        (["mode", "brave-otter", ""], ["auto", "code", "plan", "ask"]),
        (["model", "brave-otter", ""], ["opus", "tiny"]),
        (["answer", "brave-otter", ""], ["1", "2"]),
        (["queue", "brave-otter", "cancel", ""], ["1"]),
        (["ls", "--machine", "g"], ["gpu-1"]),
        (["completion", "z"], ["zsh"]),
        (["help", "mach"], ["machines"]),
        (["ls", "--server", ""], []),
        (["stop", "brave-otter", ""], []),
        (["nonsense", ""], []),
    ],
)
def test_candidates(words: list[str], expected: list[str]) -> None:
    assert values(*words) == expected


@pytest.fixture
def server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which a server with ANSWERS is found by its connection file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = ANSWERS.get(self.path.removeprefix("/api/codecast/v1/"))
            self.send_response(200 if self.headers["Authorization"] == "token secret" else 403)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: Any) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    info = {"url": f"http://127.0.0.1:{http.server_port}/", "token": "secret", "pid": os.getpid()}
    (tmp_path / f"codecast-{os.getpid()}.json").write_text(json.dumps(info))
    yield environment(tmp_path)
    http.shutdown()
    thread.join()
    http.server_close()


def environment(runtime: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CODECAST", "JPY"))}
    bin = runtime / "bin"
    bin.mkdir()
    command = bin / "codecast"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m codecast_jupyter.cli "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(ROOT), str(ROOT / "remote_agent")])
    return {
        **kept,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "PYTHONPATH": path,
        "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}",
        "http_proxy": "http://127.0.0.1:9/",
    }


def run(env: dict[str, str], *words: str) -> str:
    done = subprocess.run(["codecast", *words], env=env, capture_output=True, text=True, timeout=60)
    assert not done.stderr
    return done.stdout


def test_hidden_verb_asks_the_running_server(server: dict[str, str]) -> None:
    assert run(server, "__complete", "zsh", "attach", "") == "brave-otter\tidle, demo on local\n"
    assert run(server, "__complete", "bash", "start", "gpu-1:/data/") == "/data/run/\n"


def test_without_a_server_nothing_is_started_and_nothing_said(tmp_path: Path) -> None:
    env = environment(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert run(env, "__complete", "fish", "attach", "").strip() == ""
    assert (
        run(env, "__complete", "fish", "sen")
        == "send\tSend a prompt; while a turn runs it waits in the queue\n"
    )
    assert sorted(tmp_path.iterdir()) == before


def test_completing_imports_little() -> None:
    code = (
        "import sys; from codecast_jupyter.commands.completion import main;"
        "heavy = ('asyncio', 'tornado', 'rich', 'argparse', 'jupyter_server');"
        "main(['zsh', 'st']);"
        "print([m for m in heavy if m in sys.modules])"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "remote_agent")])
    out = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert out.splitlines()[-1] == "[]"


def test_bash_completes(server: dict[str, str]) -> None:
    """By bash itself: words with colons and blanks, too."""

    def complete(line: str) -> list[str]:
        body = (
            f"{script('bash')}\ncompopt() {{ :; }}\n"
            f"COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; _codecast;"
            "printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        done = subprocess.run(
            ["bash", "-c", body], env=server, capture_output=True, text=True, timeout=60
        )
        assert not done.stderr
        return done.stdout.split("\n")[:-1] if done.stdout.strip() else []

    assert complete("codecast attach br") == ["brave-otter"]
    assert complete("codecast start gpu-1:/da") == []
    assert complete("codecast start gpu-1:/data/") == ["/data/run/"]
    assert complete("codecast start gpu-1 ") == [r"a\ dir/"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_is_sound(shell: str, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text(script(shell))
    assert "codecast" in file.read_text()
    program = shutil.which(shell)
    if program is not None:  # every shell that is here checks its own
        subprocess.run([program, "-n", str(file)], check=True, timeout=60)
