"""F14: two bots on one token, two servers on one store: one works, or both do as one."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.live import Api, Talk, until
from tests.fixtures.server import JupyterServer
from tests.fixtures.transcripts import assert_whole
from tests.fixtures.world import World

LEASE = """
import sys
from codecast_bots.lease import Lease
from codecast_bots.platforms.contract import Occupied
lease = Lease("telegram", "123:of-one-bot")
try:
    lease.take()
except Occupied as problem:
    sys.exit(str(problem))
print("taken", flush=True)
sys.stdin.read()
"""


def test_the_second_bot_on_a_token_is_told_who_has_it(tmp_path: Path) -> None:
    env = {"XDG_RUNTIME_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}

    def bot() -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", LEASE]
        return subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    with bot() as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "taken\n"
        with bot() as second:
            _, told = second.communicate(timeout=60)
            assert second.returncode == 1
            assert str(first.pid) in told and "telegram" in told
        first.kill()  # as a crash would: nothing is left that keeps the next one out
    with bot() as third:
        assert third.stdout is not None
        assert third.stdout.readline() == "taken\n"
        third.communicate(timeout=60)


@pytest.fixture
def other(world: World, tmp_path: Path) -> Iterator[Api]:
    """A second server of the same person, on the same store."""
    home = tmp_path / "second"
    home.mkdir()
    (home / "store").symlink_to(world.server.home / "store")
    env = {"HOME": str(world.local.home), "XDG_STATE_HOME": "", "XDG_RUNTIME_DIR": ""}
    machines = world.server.machines_file.read_text()
    config = world.client.config
    with JupyterServer(home, ssh_config=config, machines=machines, env=env) as server:
        yield Api(server, "second")


def test_two_servers_on_one_store_deliver_each_prompt_once(
    world: World, project: Path, other: Api
) -> None:
    talk = world.talk(project, mode="auto")
    twin = Talk(other, talk.id)
    until(lambda: twin.show()["id"] == talk.id, "the second server knows the session")
    other.post("/machines/gpu/connect")
    problems: list[Exception] = []

    def send(who: Talk, name: str) -> None:
        try:
            for number in range(6):
                who.prompt(f"run echo {name} {number} >> log.txt")
        except Exception as problem:
            problems.append(problem)

    senders = [threading.Thread(target=send, args=pair) for pair in ((talk, "a"), (twin, "b"))]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(120)
    assert not problems
    for id in talk.prompts():
        talk.wait_prompt(id)
    lines = (project / "log.txt").read_text().splitlines()
    assert [line for line in lines if line[0] == "a"] == [f"a {n}" for n in range(6)]
    assert [line for line in lines if line[0] == "b"] == [f"b {n}" for n in range(6)]
    assert len(lines) == 12
    until(lambda: twin.events() == talk.events(), "both show the same")
    assert_whole(talk.events())
