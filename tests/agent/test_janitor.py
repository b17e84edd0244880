"""Old agents go, unless somebody runs from them or may; what a killed unpack left goes, too."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_agent import janitor
from codecast_agent.places import Place, sessions_directory
from codecast_jupyter.control import bootstrap
from tests.fixtures.agent import RelayProcess, clean_sessions, until

OWN = "0" * 16
DAY = 86400.0


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "root"
    (path / "agent").mkdir(parents=True, mode=0o700)
    path.chmod(0o700)
    with clean_sessions(path):
        yield path


def agent(root: Path, name: str, days: float) -> Path:
    path = root / "agent" / name
    (path / "codecast_agent").mkdir(parents=True)
    age(path, days)
    return path


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def left(root: Path) -> set[str]:
    return {path.name for path in (root / "agent").iterdir()}


def tidy(root: Path) -> set[str]:
    janitor.tidy(str(root), OWN)
    return left(root)


def test_only_old_agents_go_and_never_our_own(root: Path) -> None:
    agent(root, OWN, 30)
    agent(root, "1" * 16, 8)
    agent(root, "2" * 16, 6)
    agent(root, "not-an-agent", 30)
    assert tidy(root) == {OWN, "2" * 16, "not-an-agent"}


def test_what_a_killed_unpack_left_goes_after_an_hour(root: Path) -> None:
    for name in (".a-1", ".a-1-damaged", ".b-2"):
        (root / "agent" / name).mkdir()
        (root / "agent" / name / "files").write_text("{}")
    (root / "agent" / ".c-3.try").write_text("x")
    for name in (".a-1", ".a-1-damaged", ".c-3.try"):
        age(root / "agent" / name, 2 / 24)
    assert tidy(root) == {".b-2"}


@pytest.mark.parametrize("wrapped", [0, 1], ids=["by sh", "plain"])
def test_agent_that_a_process_was_booted_from_stays(root: Path, wrapped: int) -> None:
    """Whatever it is by now: the command line tells. Here it still waits for its source. The
    version is one of its own: others' processes may run from ours."""
    archive = bootstrap.pack(bootstrap.PACKAGE)
    wanted = bootstrap.Archive(archive.data, secrets.token_hex(32))
    path = agent(root, wanted.hash, 30)
    command = bootstrap.commands(wanted)[wrapped]
    stub = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "CODECAST_ROOT": str(root)},
        start_new_session=True,
    )
    try:
        assert stub.stdout is not None
        while b'"need"' not in stub.stdout.readline():
            assert stub.poll() is None
        age(path, 30)
        assert wanted.hash in tidy(root)
    finally:
        os.killpg(stub.pid, signal.SIGKILL)
        stub.wait()
        stub.stdout and stub.stdout.close()
        stub.stdin and stub.stdin.close()
    until(lambda: wanted.hash not in tidy(root), "nobody runs from it any more")


def test_cli_of_ours_that_runs_from_an_old_agent_keeps_it(root: Path) -> None:
    path = agent(root, "1" * 16, 30)
    argv = [sys.executable, "-c", "import time; time.sleep(600)", str(path)]
    cli = subprocess.Popen(argv)
    try:
        assert "1" * 16 in tidy(root)
    finally:
        cli.kill()
        cli.wait()
    assert tidy(root) == set()


def test_supervisor_of_which_nobody_can_tell_keeps_everything(root: Path, tmp_path: Path) -> None:
    agent(root, "1" * 16, 30)
    with RelayProcess(root, env={"HOME": str(tmp_path)}) as relay:
        relay.start(session="janitor-1", cli="demo", cwd=str(tmp_path))
        assert "1" * 16 in tidy(root)
        relay.call("session/remove", session="janitor-1")
        until(lambda: tidy(root) == set(), "nobody runs any more")


def test_supervisor_of_another_machine_in_the_same_home_keeps_everything(root: Path) -> None:
    agent(root, "1" * 16, 30)
    own = Path(sessions_directory(str(root)))
    place = Place.create(str(own), {"session": "s"})
    assert place is not None
    other = root / "hosts" / "another" / "sessions"
    other.parent.mkdir()
    own.rename(other)
    (other / "s" / "sup.sock").touch()
    assert "1" * 16 in tidy(root)
    (other / "s" / "sup.sock").unlink()
    assert tidy(root) == set()


def test_agent_that_is_started_while_it_is_removed_comes_back(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent(root, "1" * 16, 30)
    looks = iter([{}, {os.getpid(): {"1" * 16}}])
    monkeypatch.setattr(janitor, "running_agents", lambda: next(looks))
    assert tidy(root) == {"1" * 16}
    assert (root / "agent" / ("1" * 16) / "codecast_agent").is_dir()


def test_two_janitors_do_not_hurt_each_other(root: Path) -> None:
    for number in range(20):
        agent(root, f"{number:016d}", 30)
    code = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from codecast_agent import janitor; janitor.tidy(sys.argv[3], '')"
    )
    paths = [str(Path(janitor.__file__).parents[1]), "", str(root)]
    both = [subprocess.Popen([sys.executable, "-c", code, *paths]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert left(root) == set()


def test_relay_tidies_after_its_greeting(root: Path) -> None:
    agent(root, "1" * 16, 30)
    own = agent(root, "test", 30)
    preload = "import codecast_agent.relay as relay; relay.TIDY_AFTER = 0.0"
    with RelayProcess(root, preload=preload) as relay:
        until(lambda: left(root) == {"test"}, "the old one is gone")
        assert time.time() - own.stat().st_mtime < DAY
        assert relay.call("ping", n=1)["n"] == 1
