"""One way through everything, on each interpreter found here: machines have old ones, too."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.agent import RelayProcess, marked, until

from .conftest import S1, begin


def interpreters() -> dict[str, str]:
    """`{version: path}` of every Python from 3.8 on that can be found."""
    names = ["python3", *(f"python3.{minor}" for minor in range(8, 20))]
    paths = [sys.executable, *filter(None, map(shutil.which, names)), "/usr/bin/python3"]
    paths += [str(path) for path in Path.home().glob(".pyenv/versions/*/bin/python3")]
    found: dict[str, str] = {}
    for path in paths:
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        version = done.stdout.strip()
        if done.returncode == 0 and tuple(map(int, version.split("."))) >= (3, 8):
            found.setdefault(version, path)
    return found


@pytest.mark.parametrize(("version", "python"), sorted(interpreters().items()))
def test_a_session_from_start_to_end(
    new_relay: Callable[..., RelayProcess], tmp_path: Path, version: str, python: str
) -> None:
    relay = new_relay(python=python, env={"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"})
    assert relay.hello["python"].startswith(version)
    talk = begin(relay, S1, tmp_path)
    prompt = talk.prompt("say one\nspawn setsid\nask May I?")
    request = talk.feed.wait("request_opened").data["request"]
    talk.call("answer", request=request, option="yes")
    assert talk.ended(prompt) == "done"
    os.kill(talk.cli(), signal.SIGKILL)
    talk.feed.wait("session_state", state="exited")
    assert talk.ask("flood 2000") == "done"
    before = talk.feed.last_seq
    os.kill(talk.supervisor, signal.SIGKILL)
    talk.feed.wait("session_state", state="exited", after=before)
    assert talk.ask("say two") == "done"
    late = relay.subscribe(S1)
    late.wait_seq(talk.feed.last_seq)
    late.assert_is_journal()
    for method in ("host/info", "host/clis", "host/processes", "host/directories"):
        relay.call(method)
    talk.call("stop")
    until(lambda: marked(S1) == [])
    logs = [path.read_text() for path in relay.root.glob(f"hosts/*/sessions/{S1}/sup.log")]
    assert logs == []
    talk.call("remove")
