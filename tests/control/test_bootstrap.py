"""The agent reaches a machine whole, once, and whatever its shell says first."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import bootstrap
from codecast_jupyter.control.bootstrap import Archive, Booted
from codecast_jupyter.control.link import Link
from codecast_jupyter.control.pipes import ProcessPipe

from .conftest import standin_archive


class Machine:
    """A home directory, and a shell in it."""

    def __init__(self, place: Path, archive: Archive) -> None:
        self.home = place / "home"
        self.home.mkdir()
        self.archive = archive
        self.shell = ["/bin/sh", "-c"]
        self.environment = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        self.root = self.home / ".local/state/codecast"

    def pipe(self) -> ProcessPipe:
        return ProcessPipe(self.shell, self.environment)

    async def boot(self, archive: Archive | None = None, **more: object) -> Booted:
        return await bootstrap.boot(
            self.pipe, wanted=archive or self.archive, python=sys.executable, **more
        )

    async def link(self, archive: Archive | None = None) -> Link:
        return await Link.open(await self.boot(archive), "hub-under-test")

    @property
    def place(self) -> Path:
        return self.root / "agent" / self.archive.hash

    def agents(self) -> list[str]:
        return sorted(path.name for path in (self.root / "agent").iterdir())


@pytest.fixture
def machine(place: Path, standin: Archive, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.delenv("CODECAST_ROOT")
    return Machine(place, standin)


async def test_first_exec_deploys_second_attaches(machine: Machine) -> None:
    for deployed in (True, False):
        link = await machine.link()
        assert link.deployed is deployed
        assert link.hello["agent"] == machine.archive.hash
        assert link.root == link.hello["root"] == str(machine.root)
        await link.close()
    assert machine.agents() == [machine.archive.hash]
    assert (machine.root.stat().st_mode & 0o777) == 0o700


async def test_new_agent_lies_beside_the_old_one(machine: Machine, place: Path) -> None:
    old = await machine.link()
    newer = standin_archive(place / "newer", "\n# changed\n")
    new = await machine.link(newer)
    assert machine.agents() == sorted([machine.archive.hash, newer.hash])
    assert await old.call("ping", {"n": 1}, timeout=10)
    await old.close()
    await new.close()


async def test_many_hubs_at_once_deploy_one_whole_agent(machine: Machine) -> None:
    links = await asyncio.gather(*(machine.link() for _ in range(6)))
    for link in links:
        assert await link.call("ping", {"n": 1}, timeout=10)
        await link.close()
    assert machine.agents() == [machine.archive.hash]


@pytest.mark.parametrize("damage", ["missing", "short", "list"])
async def test_damaged_agent_is_replaced(machine: Machine, damage: str) -> None:
    await (await machine.link()).close()
    relay = machine.place / "codecast_agent" / "relay.py"
    if damage == "missing":
        relay.unlink()
    elif damage == "short":
        relay.write_bytes(relay.read_bytes()[:100])
    else:
        (machine.place / "files").write_text("")
    links = await asyncio.gather(*(machine.link() for _ in range(3)))
    assert any(link.deployed for link in links)
    for link in links:
        await link.close()
    assert machine.agents() == [machine.archive.hash]


async def test_archive_that_does_not_match_its_hash_is_refused(machine: Machine) -> None:
    data = bytearray(machine.archive.data)
    data[len(data) // 2] ^= 1
    with pytest.raises(CodecastError) as caught:
        await machine.boot(Archive(bytes(data), machine.archive.sha256))
    assert caught.value.code == "bootstrap_failed"
    assert "checksum" in caught.value.message
    assert machine.agents() == []


async def test_hub_that_goes_away_while_sending_leaves_nothing(machine: Machine) -> None:
    truncated = Archive(machine.archive.data[:100], machine.archive.sha256)
    command = bootstrap.commands(machine.archive, sys.executable)[0]
    process = subprocess.run(
        [*machine.shell, command],
        input=truncated.data,
        env=machine.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b'"need"' in process.stdout
    assert b'"have"' not in process.stdout
    assert machine.agents() == []


async def test_noise_before_the_marker_is_skipped_and_kept(machine: Machine) -> None:
    noise = "Welcome to the cluster\n" * 50 + "codecast {}\n"
    machine.shell = ["/bin/sh", "-c", f"printf '{noise}'; exec /bin/sh -c \"$0\""]
    booted = await machine.boot()
    assert booted.noise.startswith(b"Welcome to the cluster\n")
    link = await Link.open(booted, "hub")
    await link.close()


async def test_endless_noise_is_an_error(machine: Machine) -> None:
    machine.shell = ["/bin/sh", "-c", "exec yes"]
    with pytest.raises(CodecastError, match="prints without end"):
        await machine.boot()


async def test_shell_that_reads_its_input_is_nudged(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "NUDGE_AFTER", 0.5)
    machine.shell = ["/bin/sh", "-c", 'read answer; exec /bin/sh -c "$0"']
    link = await machine.link()
    assert link.deployed
    await link.close()


async def test_machine_that_ends_the_command_says_its_words(machine: Machine) -> None:
    machine.shell = ["/bin/sh", "-c", "echo This account is closed.; echo why >&2; exit 1"]
    with pytest.raises(CodecastError) as caught:
        await machine.boot()
    assert caught.value.code == "bootstrap_failed"
    assert "This account is closed." in caught.value.detail
    assert "why" in caught.value.detail
    assert "status 1" in caught.value.detail


async def test_silent_machine_is_given_up(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "NUDGE_AFTER", 0.1)
    machine.shell = ["/bin/sh", "-c", "exec sleep 600"]
    with pytest.raises(CodecastError, match="did not start our agent within"):
        await machine.boot(timeout=1)


async def test_no_python(machine: Machine) -> None:
    machine.environment["PATH"] = "/nonexistent"
    with pytest.raises(CodecastError) as caught:
        await bootstrap.boot(machine.pipe, wanted=machine.archive, python="/nonexistent/python3")
    assert caught.value.code == "no_python"
    assert "codecast.yaml" in caught.value.hint


@pytest.mark.parametrize("name", ['it\'s $(touch evil) "quoted"', "plain"])
async def test_python_with_any_path_is_found(machine: Machine, place: Path, name: str) -> None:
    directory = place / name
    directory.mkdir()
    python = directory / "python3"
    python.symlink_to("/usr/bin/python3")
    booted = await bootstrap.boot(machine.pipe, wanted=machine.archive, python=str(python))
    link = await Link.open(booted, "hub")
    await link.close()
    assert not Path("evil").exists()


async def test_directory_of_others_or_a_link_is_not_taken(machine: Machine, place: Path) -> None:
    elsewhere, shared = place / "elsewhere", place / "shared"
    elsewhere.mkdir(mode=0o700)
    (place / "link").symlink_to(elsewhere)
    (shared / "codecast").mkdir(parents=True, mode=0o755)
    machine.environment.update(CODECAST_ROOT=str(place / "link"), XDG_STATE_HOME=str(shared))
    booted = await machine.boot()
    assert booted.root == str(machine.home / ".codecast")
    link = await Link.open(booted, "hub")
    await link.close()
    assert list(elsewhere.iterdir()) == list((shared / "codecast").iterdir()) == []


async def test_no_place_names_every_directory_tried(machine: Machine, place: Path) -> None:
    closed = place / "file"
    closed.write_text("")
    stub = bootstrap.stub()
    for directory in ("/var/tmp", "/tmp", "/dev/shm"):
        assert directory in stub
        stub = stub.replace(f"'{directory}'", f"'{closed}'")
    source = f"{stub}\nboot({machine.archive.sha256!r},{len(machine.archive.data)})"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", source],
        env={"HOME": str(closed)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b'"no_place"' in done.stdout
    assert done.stdout.count(str(closed).encode()) >= 5


def test_command_is_one_single_quoted_word() -> None:
    wrapped, plain = bootstrap.commands(Archive(b"x" * 20000, "0" * 64))
    for command in (wrapped, plain):
        assert command.count("'") == 2
        assert command.endswith("'")
        assert not re.search(r"[!\n]", command)
        assert len(command) < 2400


def test_archive_is_the_same_bytes_for_the_same_code(place: Path) -> None:
    one = standin_archive(place / "one")
    two = standin_archive(place / "two")
    assert one == two


def test_the_real_package_travels_whole() -> None:
    import json

    files = json.loads(zlib.decompress(bootstrap.pack(bootstrap.PACKAGE).data))
    assert "codecast_agent/protocol/wire.py" in files
    assert all(
        name.startswith("codecast_agent/") and name.endswith((".py", ".toml")) for name in files
    )


def test_stub_parses_and_speaks_on_an_old_python() -> None:
    """An interpreter below 3.8 must get as far as looking for a newer one."""
    stub = bootstrap.stub()
    assert "f'" not in stub
    assert ":=" not in stub
    packed = base64.b64encode(zlib.compress(stub.encode(), 9))
    assert len(packed) < 1900
