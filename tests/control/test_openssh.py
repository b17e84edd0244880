"""The `ssh` program as the pipe: chosen where it must be, and as clear when it fails."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control.machines import Machine, Machines
from tests.fixtures.sshd import Client, Sshd, free_port, keygen

from .conftest import Watcher

Start = Callable[..., Sshd]


def forced(machines: Machines, name: str = "gpu", mode: str = "openssh") -> Machine:
    return machines.put(name, {"ssh": mode})


async def refusal(machine: Machine) -> CodecastError:
    with pytest.raises(CodecastError) as caught:
        await machine.link(30)
    return caught.value


async def test_deploys_and_attaches(machines: Machines, start_sshd: Start) -> None:
    start_sshd()
    machine = forced(machines)
    for deployed in (True, False):
        link = await machine.link()
        assert link.deployed is deployed
        assert machine.to_json()["pipe"] == "openssh"
        await machine.disconnect()


async def test_big_answers_come_whole(machines: Machines, start_sshd: Start) -> None:
    start_sshd()
    link = await forced(machines).link()
    got: list[bytes] = []
    await link.subscribe("s", 0, got.append)
    await link.call("grow", {"count": 20000}, timeout=60)
    assert b"".join(got).count(b"\n") == 20000


async def test_unknown_key_is_shown_and_accepted(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    server = start_sshd(trust=False)
    machine = forced(machines)
    error = await refusal(machine)
    assert error.code == "unknown_host_key"
    assert error.data["fingerprint"] == server.fingerprint()
    assert client.known_hosts.read_text() == ""
    await machine.accept_host_key(server.fingerprint())
    assert machine.state == "online"
    assert client.known_hosts.read_text() == server.known_hosts_line()


async def test_changed_key_is_told_apart(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    server = start_sshd(trust=False)
    other = Path(f"{keygen(place / 'other')}.pub").read_text().split()
    client.known_hosts.write_text(f"[127.0.0.1]:{server.port} {other[0]} {other[1]}\n")
    assert (await refusal(forced(machines))).code == "changed_host_key"


async def test_wrong_key(machines: Machines, client: Client, start_sshd: Start) -> None:
    start_sshd()
    client.authorized.write_text("")
    error = await refusal(forced(machines))
    assert error.code == "auth_failed"
    assert "Permission denied" in error.detail


async def test_closed_port(machines: Machines, client: Client) -> None:
    client.add_text(f"Host gpu\n    HostName 127.0.0.1\n    Port {free_port()}\n")
    error = await refusal(forced(machines))
    assert error.code == "unreachable"
    assert "refused" in error.detail


async def test_machine_that_ends_our_command(machines: Machines, start_sshd: Start) -> None:
    start_sshd(config=["ForceCommand /bin/date"])
    assert (await refusal(forced(machines))).code == "bootstrap_failed"


async def test_killed_ssh_comes_back(
    machines: Machines, watcher: Watcher, start_sshd: Start
) -> None:
    start_sshd()
    machine = forced(machines)
    machine.keep(True)
    link = await machine.link()
    pid = link._pipe.pid  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGKILL)
    await watcher.until(lambda: len(watcher.of("up")) == 2)
    assert machine.current is not link


@pytest.mark.parametrize(
    "line",
    [
        "KnownHostsCommand /bin/cat {known}",
        "ProxyUseFdpass yes\n    ProxyCommand /usr/bin/python3 {passer} %h %p",
        "PKCS11Provider /usr/lib/none.so",
        "RevokedHostKeys {krl}",
    ],
    ids=["KnownHostsCommand", "ProxyUseFdpass", "PKCS11Provider", "RevokedHostKeys"],
)
async def test_options_asyncssh_lacks_choose_ssh(
    machines: Machines, client: Client, start_sshd: Start, place: Path, line: str
) -> None:
    passer = place / "passer.py"
    passer.write_text(
        "import array, socket, sys\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "out = socket.socket(fileno=1)\n"
        "fds = array.array('i', [s.fileno()]).tobytes()\n"
        "out.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])\n"
    )
    krl = place / "krl"
    retired = keygen(place / "retired")
    os.system(f"ssh-keygen -q -k -f {krl} {retired}.pub")
    known = place / "elsewhere"
    server = start_sshd(
        trust="Known" not in line,
        lines=[line.format(known=known, passer=passer, krl=krl)],
    )
    known.write_text(server.known_hosts_line())
    machine = machines.get("gpu")
    await machine.link()
    shown = machine.to_json()
    assert shown["pipe"] == "openssh"
    assert line.split()[0] in shown["pipe_why"]


async def test_asyncssh_forced_says_option_and_reason(
    machines: Machines, start_sshd: Start
) -> None:
    start_sshd(lines=["KnownHostsCommand /bin/true"])
    error = await refusal(forced(machines, mode="asyncssh"))
    assert error.code == "not_supported"
    assert "KnownHostsCommand" in error.message
    assert "host keys come from a program" in error.detail


async def test_gssapi_in_the_config_alone_changes_nothing(
    machines: Machines, start_sshd: Start
) -> None:
    """Debian's own ssh_config has GSSAPIAuthentication yes for every host."""
    start_sshd(lines=["GSSAPIAuthentication yes"])
    machine = machines.get("gpu")
    await machine.link()
    assert machine.to_json()["pipe"] == "asyncssh"


async def test_open_connection_of_the_person_is_used_when_keys_fail(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    """ControlPath: a cluster that wants a one-time code lets us in through the open master."""
    import subprocess

    control = place / "cm"
    start_sshd(lines=[f"ControlPath {control}"])
    command = ["ssh", "-F", str(client.config), "-o", "ControlMaster=yes", "-N", "gpu"]
    master = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        while not control.exists():
            assert master.poll() is None
        client.authorized.write_text("")
        machine = machines.get("gpu")
        await machine.link()
        assert "ControlPath" in machine.to_json()["pipe_why"]
    finally:
        master.terminate()
        master.wait()


async def test_unknown_key_of_a_jump_host_is_told_as_its_own_and_accepted(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    outer = start_sshd("outer", trust=False)
    inner = start_sshd("inner", trust=False, lines=["ProxyJump outer"])
    target = start_sshd("gpu", trust=False, lines=["ProxyJump inner"])
    machine = forced(machines)
    for server, name in ((outer, "outer"), (inner, "inner"), (target, "gpu")):
        error = machine.error or await refusal(machine)
        assert error.code == "unknown_host_key"
        assert error.data["name"] == name and error.data["port"] == server.port
        assert error.data["fingerprint"] == server.fingerprint()
        at_hop = f"On the way to gpu, at the jump host {name}: "
        assert error.message.startswith(at_hop) is (name != "gpu")
        await machine.accept_host_key(server.fingerprint())
    assert machine.state == "online" and machine.to_json()["pipe"] == "openssh"
    lines = [server.known_hosts_line() for server in (outer, inner, target)]
    assert client.known_hosts.read_text() == "".join(lines)


async def test_changed_key_of_a_jump_host_is_told_as_its_own(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    outer = start_sshd("outer", trust=False)
    target = start_sshd("gpu", trust=False, lines=["ProxyJump outer"])
    other = Path(f"{keygen(place / 'other')}.pub").read_text().split()
    client.known_hosts.write_text(
        f"[127.0.0.1]:{outer.port} {other[0]} {other[1]}\n{target.known_hosts_line()}"
    )
    error = await refusal(forced(machines))
    assert error.code == "changed_host_key"
    assert error.message.startswith("On the way to gpu, at the jump host outer: ")
    assert str(outer.port) in error.message and str(outer.port) in error.hint


async def test_jump_host_whose_key_the_person_lets_pass_is_not_asked_about(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    start_sshd("outer", trust=False, lines=["StrictHostKeyChecking accept-new"])
    start_sshd("gpu", lines=["ProxyJump outer"])
    await forced(machines).link()
