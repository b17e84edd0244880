"""F15: a host that ends what is detached, whose PATH only a login shell has, whose start-up
files print, where one is root: told by the doctor, and worked with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.live import Json, kill
from tests.fixtures.sshd import Client, Sshd
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import AGENT, World, configuration, opened

# logind's settings, for this sshd and what it starts
LOGIND = """
mount --make-rprivate /
mkdir -p /etc/systemd /run/systemd
for place in /etc/systemd /run/systemd; do mount -t tmpfs tmpfs $place; done
mkdir /run/systemd/system
cp "$0" /etc/systemd/logind.conf
exec "$@"
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("strange")
    client = Client(directory / "keys")
    logind = directory / "logind.conf"
    logind.write_text("[Login]\nKillUserProcesses=yes\n")
    strict = Sshd(
        directory / "strict",
        client.authorized,
        wrap=["unshare", "-m", "sh", "-c", LOGIND, str(logind)],
    )
    noisy = Sshd(directory / "noisy", client.authorized, environment={"SHELL": "/bin/bash"})
    tools = noisy.home / "tools"
    tools.mkdir()
    program = tools / "only-at-login"
    program.write_text(f'#!/bin/sh\nexec python3 {AGENT} "$@"\n')
    program.chmod(0o755)
    (noisy.home / ".bashrc").write_text("echo You have mail.\n")
    (noisy.home / ".bash_profile").write_text(
        f"echo Welcome to the cluster.\nexport PATH={tools}:$PATH\n"
    )
    for name, sshd in {"strict": strict, "noisy": noisy}.items():
        client.add_host(name, sshd)
    config = json.loads(configuration())
    config["agents"]["hidden"] = {"command": ["only-at-login"]}
    hosts = {"strict": strict, "noisy": noisy}
    with opened(World(directory, client, hosts, "strict", json.dumps(config))) as world:
        yield world


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    yield shared
    shared.mend()


def doctor(world: World, machine: str) -> dict[str, Json]:
    found = world.api.get(f"/machines/{machine}/doctor")
    return {check["name"]: check for check in found["checks"]}


def test_what_is_ended_at_logout_says_so_and_goes_on_with_the_next_prompt(
    world: World, project: Path
) -> None:
    told = doctor(world, "strict")["processes"]
    assert told["status"] == "warning"
    assert "KillUserProcesses" in told["message"] and "linger" in told["hint"]

    talk = world.talk(project, mode="auto")
    talk.ask("run echo before > before.txt")
    native = talk.state["native"]
    id = talk.prompt("slow 30")
    waiting = talk.prompt("run echo waited > waited.txt")
    talk.wait_text("2 ")
    # the link is lost, and logind does what it was told to
    world.sshd.kill()
    kill(*world.ground.relays(), *world.ground.supervisors(), *world.ground.marked())
    world.sshd.start()
    failed = talk.wait_prompt(id, "failed")
    assert "supervisor" in failed["error"]["message"] and failed["error"]["hint"]
    talk.ask("run echo after > after.txt")
    talk.wait_prompt(waiting)
    assert (project / "waited.txt").exists() and (project / "after.txt").exists()
    assert talk.state["native"] == native
    assert_whole(talk.events())


def test_noise_of_start_up_files_and_a_path_of_the_login_shell_alone(
    world: World, project: Path
) -> None:
    checks = doctor(world, "noisy")
    assert checks["shell"]["status"] == "warning"
    assert "You have mail." in checks["shell"]["detail"]
    talk = world.talk(project, "hidden", "noisy")
    talk.ask("say found\nenv PATH")
    said = text_of(talk.events())
    assert said.startswith("found") and "/tools:" in said
    assert "mail" not in json.dumps(talk.events())
    assert_whole(talk.events())
