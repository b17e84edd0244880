"""F16: a jump host, a second factor, an agent of one's own: one connection for everything, and
what is asked is asked where the person is."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures import private
from tests.fixtures.live import until
from tests.fixtures.sshd import Client, Sshd, keygen, wait_for
from tests.fixtures.transcripts import assert_whole
from tests.fixtures.world import World, configuration, opened


@contextlib.contextmanager
def agent(directory: Path) -> Iterator[tuple[Path, str]]:
    """An ssh-agent at a socket of its own, with a key that is nowhere else."""
    sock, key = directory / "agent.sock", keygen(directory / "held")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.DEVNULL)
    try:
        wait_for(sock.exists, "the agent's socket")
        env = {**os.environ, "SSH_AUTH_SOCK": str(sock)}
        subprocess.run(["ssh-add", "-q", key], check=True, env=env)
        key.unlink()
        yield sock, Path(f"{key}.pub").read_text()
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("factor")
    directory.chmod(0o755)
    with agent(directory) as (sock, public):
        client = Client(directory / "keys")
        with client.authorized.open("a") as file:
            file.write(public)
        jump = Sshd(directory / "jump", client.authorized)
        (directory / "inner").mkdir()
        inner = Sshd(
            directory / "inner",
            client.authorized,
            config=["UsePAM yes", "KbdInteractiveAuthentication yes", "PubkeyAuthentication no"],
            environment={"HOME": "/home/dev"},
            wrap=private.wrap(directory / "inner"),
        )
        held = [f"IdentityAgent {sock}", "IdentitiesOnly no", "IdentityFile none"]
        client.add_host("jump", jump, *held)
        client.add_host("inner", inner, "ProxyJump jump", "User dev")
        hosts = {"inner": inner, "jump": jump}
        with opened(World(directory, client, hosts, "inner", configuration())) as world:
            yield world


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    yield shared
    shared.mend()


def connections(world: World) -> dict[str, int]:
    return {name: len(host.connections()) for name, host in world.hosts.items()}


def test_one_connection_whose_question_reaches_the_person(world: World) -> None:
    with pytest.raises(CodecastError) as asked:
        world.api.post("/machines/inner/connect")
    assert asked.value.code == "secret_needed"
    question = asked.value.data
    assert question["kind"] == "challenge" and "Password:" in question["prompt"]
    told = world.shell("machines", "show", "inner")
    assert "Password:" in told.out + told.err
    with pytest.raises(CodecastError) as refused:
        world.api.start("inner", "/home/dev", "demo")
    assert refused.value.code == "secret_needed"

    secret = {"prompt": question["prompt"], "value": private.PASSWORD}
    world.api.post("/machines/inner/secret", **secret)
    world.api.wait_machine("inner", "online")
    talks = [world.api.start("inner", "/home/dev", "demo", mode="auto") for _ in range(4)]
    for number, talk in enumerate(talks):
        talk.ask(f"run id -un > who{number}")
        assert (world.sshd.home / f"who{number}").read_text() == "dev\n"
        assert_whole(talk.events())
    assert world.api.machine("inner")["hello"]["user"] == "dev"

    # four sessions, one way in: as the same person, through one connection of each host; a
    # connection of an account that is not root is two processes of sshd
    def settled() -> bool:
        found = connections(world)
        return found["jump"] == 1 and found["inner"] in (1, 2)

    until(settled, f"one connection a host: {connections(world)}", 20)
    assert private.PASSWORD not in world.server.log.read_text()
