"""The doctor says how far it goes, and what to do where it stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codecast_jupyter.control import doctor
from codecast_jupyter.control.machines import Machines
from tests.fixtures import private
from tests.fixtures.sshd import Client, Sshd, free_port

Start = Callable[..., Sshd]


@pytest.fixture
def real(
    place: Path,
    client: Client,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Machines]:
    """Machines that run the agent itself."""
    monkeypatch.setenv("CODECAST_ROOT", str(place / "local-root"))
    made = Machines(place / "codecast.yaml", client.config, "hub-under-test")
    yield made
    jp_asyncio_loop.run_until_complete(made.close())


async def examine(machines: Machines, name: str = "gpu") -> dict[str, doctor.Check]:
    checks = await doctor.examine(machines.get(name))
    for check in checks:
        assert check.message
        assert check.status in ("ok", "warning", "error", "skipped")
        assert check.status != "error" or check.hint
    return {check.name: check for check in checks}


def stopped_at(checks: dict[str, doctor.Check]) -> str:
    """The one error; everything after it is skipped."""
    names = list(checks)
    errors = [name for name in names if checks[name].status == "error"]
    assert len(errors) == 1
    after = names[names.index(errors[0]) + 1 :]
    assert after
    assert {checks[name].status for name in after} == {"skipped"}
    return errors[0]


async def test_local_machine_is_well(real: Machines) -> None:
    checks = await examine(real, "local")
    assert {checks[name].status for name in ("python", "directory", "agent", "latency")} == {"ok"}
    assert checks["disk"].status in ("ok", "warning")
    assert "clis" in checks


async def test_ssh_machine_is_well(real: Machines, client: Client, start_sshd: Start) -> None:
    start_sshd()
    checks = await examine(real)
    for name in ("settings", "network", "host key", "login", "shell", "python", "processes"):
        assert checks[name].status == "ok", checks[name]
    assert f"{client.known_hosts}:1" in checks["host key"].message
    assert "asyncssh" in checks["login"].message
    assert checks["cli demo"].status == "ok"


async def test_noise_and_the_ssh_program_are_told(
    real: Machines, start_sshd: Start, place: Path
) -> None:
    (place / "gpu").mkdir()
    wrap = private.wrap(place / "gpu")
    (place / "gpu/home/.bashrc").write_text("echo Welcome\n")
    start_sshd(wrap=wrap, environment={"HOME": "/home/dev"}, lines=["User dev"])
    real.put("gpu", {"ssh": "openssh"})
    checks = await examine(real)
    assert checks["shell"].status == "warning"
    assert "Welcome" in checks["shell"].detail
    assert "`ssh` program" in checks["login"].message


async def test_home_that_takes_nothing_is_a_warning(
    real: Machines, start_sshd: Start, place: Path
) -> None:
    (place / "gpu").mkdir()
    wrap = private.wrap(place / "gpu", mounts="mount -o remount,bind,ro /home/dev")
    start_sshd(wrap=wrap, environment={"HOME": "/home/dev"}, lines=["User dev"])
    checks = await examine(real)
    assert checks["directory"].status == "warning"
    assert "/var/tmp" in checks["directory"].message


async def test_stops_at_a_wrong_setting(real: Machines, client: Client) -> None:
    client.add_text("Host gpu\n    NoSuchOption yes\n")
    assert stopped_at(await examine(real)) == "settings"


async def test_stops_at_the_network(real: Machines, client: Client) -> None:
    client.add_text(f"Host gpu\n    HostName 127.0.0.1\n    Port {free_port()}\n")
    assert stopped_at(await examine(real)) == "network"


async def test_stops_at_the_host_key(real: Machines, start_sshd: Start) -> None:
    server = start_sshd(trust=False)
    checks = await examine(real)
    assert stopped_at(checks) == "host key"
    assert server.fingerprint() in checks["host key"].detail
    assert checks["network"].status == "ok"


async def test_stops_at_the_login(real: Machines, client: Client, start_sshd: Start) -> None:
    start_sshd()
    client.authorized.write_text("")
    checks = await examine(real)
    assert stopped_at(checks) == "login"
    assert checks["host key"].status == "ok"


async def test_stops_at_the_shell(real: Machines, start_sshd: Start) -> None:
    start_sshd(config=["ForceCommand /bin/false"])
    checks = await examine(real)
    assert stopped_at(checks) == "shell"
    assert checks["login"].status == "ok"


async def test_stops_at_python(real: Machines, start_sshd: Start) -> None:
    start_sshd()
    real.put("gpu", {"python": "/nonexistent/python3"})
    checks = await examine(real)
    assert stopped_at(checks) == "python"
    assert checks["shell"].status == "ok"


async def test_behind_a_jump_the_first_hop_is_dialled(real: Machines, start_sshd: Start) -> None:
    start_sshd("gate")
    start_sshd("gpu", lines=["ProxyJump gate"])
    checks = await examine(real)
    assert "first jump host gate" in checks["network"].message
    assert "through gate" in checks["settings"].message
    assert checks["agent"].status == "ok"


async def test_clis_of_the_login_shell_alone_are_said_to_be_fine(
    real: Machines, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "tools").mkdir()
    claude = place / "tools" / "claude"
    claude.write_text("#!/bin/sh\necho '2.0.1 (Claude Code)'\n")
    claude.chmod(0o755)
    (place / ".bash_profile").write_text(f"export PATH={place}/tools:$PATH ANTHROPIC_API_KEY=key\n")
    for name, value in {"HOME": str(place), "SHELL": "/bin/bash", "PATH": "/usr/bin:/bin"}.items():
        monkeypatch.setenv(name, value)
    checks = await examine(real, "local")
    assert checks["path"].status == "ok"
    assert "login shell's PATH has Claude Code" in checks["path"].message
    assert checks["cli claude"].status == "warning"
    assert "2.0.1" in checks["cli claude"].message and "older than 2.1." in (
        checks["cli claude"].message
    )
    assert "npm install" in checks["cli claude"].hint


async def test_login_shell_that_fails_is_a_warning(
    real: Machines, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / ".bash_profile").write_text("exit 3\n")
    for name, value in {"HOME": str(place), "SHELL": "/bin/bash"}.items():
        monkeypatch.setenv(name, value)
    checks = await examine(real, "local")
    assert checks["path"].status == "warning"
    assert "exit code 3" in checks["path"].message and checks["path"].hint


class Told:
    """A link to a machine that says what a test wants."""

    def __init__(self, ahead: float = 0.0, kills: bool = False) -> None:
        self.ahead, self.kills = ahead, kills

    async def call(self, method: str, params: Any = None, timeout: Any = None) -> Any:
        return {
            "ping": {"time": time.time() + self.ahead},
            "host/info": {"kill_user_processes": self.kills, "disk": {"available": 1 << 40}},
            "host/clis": [],
        }[method]


@pytest.mark.parametrize(
    ("ahead", "words"), [(-42.0, "42 s behind the server's"), (3600.0, "3600 s ahead of")]
)
async def test_wrong_clock_is_told(ahead: float, words: str) -> None:
    told = Told(ahead)
    checks = {check.name: check for check in await doctor._host(told)}  # type: ignore[arg-type]
    assert checks["clock"].status == "warning" and words in checks["clock"].message
    assert "timedatectl" in checks["clock"].hint


async def test_right_clock_and_living_processes_are_well() -> None:
    checks = {check.name: check for check in await doctor._host(Told())}  # type: ignore[arg-type]
    assert checks["clock"].status == checks["processes"].status == "ok"


async def test_machine_that_ends_what_goes_on_says_what_to_do() -> None:
    told = Told(kills=True)
    checks = {check.name: check for check in await doctor._host(told)}  # type: ignore[arg-type]
    assert checks["processes"].status == "warning"
    assert "loginctl enable-linger" in checks["processes"].hint


def test_a_cli_without_a_login_is_told_with_its_path_and_what_logs_it_in() -> None:
    claude = {"cli": "claude", "name": "Claude Code", "found": True, "path": "/opt/claude"}
    codex = {"cli": "codex", "name": "Codex", "found": False, "install": "npm install -g codex"}
    told = {**claude, "version": "2.1.0", "logged_in": False, "login_hint": "Type /login."}
    checks = {check.name: check for check in doctor._clis([told, codex])}
    assert checks["cli claude"].status == "warning"
    assert checks["cli claude"].message == "Claude Code 2.1.0 at /opt/claude, is not logged in."
    assert checks["cli claude"].hint == "Type /login."
    assert "Codex: npm install -g codex" in checks["clis"].detail
