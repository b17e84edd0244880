"""Logging in as the person's own ssh does: host keys, keys, agents, prompts, and clear refusals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control.link import Link
from codecast_jupyter.control.machines import Machines
from tests.fixtures.sshd import Client, Sshd, free_port, keygen

from .conftest import Watcher

Start = Callable[..., Sshd]


@contextlib.contextmanager
def agent(place: Path, *keys: Path) -> Iterator[str]:
    path = str(place / "agent.sock")
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not Path(path).exists():
            assert process.poll() is None
        for key in keys:
            subprocess.run(
                ["ssh-add", "-q", str(key)], check=True, env={**os.environ, "SSH_AUTH_SOCK": path}
            )
        yield path
    finally:
        process.terminate()
        process.wait()


async def refusal(machines: Machines, name: str = "gpu") -> CodecastError:
    with pytest.raises(CodecastError) as caught:
        await machines.get(name).link(30)
    machine = machines.get(name)
    assert machine.to_json()["error"]["code"] == caught.value.code
    return caught.value


# host keys


async def test_unknown_host_key_is_shown_and_can_be_accepted(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    server = start_sshd(trust=False)
    client.known_hosts.write_text("other.example ssh-ed25519 AAAA")  # no line end
    error = await refusal(machines)
    assert error.code == "unknown_host_key"
    assert error.data["fingerprint"] == server.fingerprint()
    machine = machines.get("gpu")
    assert machine.state == "failed"
    with pytest.raises(CodecastError) as caught:
        await machine.accept_host_key("SHA256:another")
    assert caught.value.code == "conflict"
    assert machine.state == "failed"
    await machine.accept_host_key(server.fingerprint())
    assert machine.state == "online"
    assert client.known_hosts.read_text().splitlines()[1] + "\n" == server.known_hosts_line()
    found = subprocess.run(
        ["ssh-keygen", "-F", f"[127.0.0.1]:{server.port}", "-f", str(client.known_hosts)],
        capture_output=True,
        check=False,
    )
    assert found.returncode == 0


async def test_changed_host_key_is_refused_and_told_apart(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    server = start_sshd(trust=False)
    other = Path(f"{keygen(place / 'other')}.pub").read_text().split()
    client.known_hosts.write_text(f"[127.0.0.1]:{server.port} {other[0]} {other[1]}\n")
    error = await refusal(machines)
    assert error.code == "changed_host_key"
    assert error.data["fingerprint"] == server.fingerprint()
    assert f"{client.known_hosts}:1" in error.detail
    assert "ssh-keygen -R" in error.hint
    with pytest.raises(CodecastError):
        await machines.get("gpu").accept_host_key(server.fingerprint())
    assert len(client.known_hosts.read_text().splitlines()) == 1


async def test_another_type_than_the_known_one_counts_as_changed(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    server = start_sshd(trust=False)
    rsa = Path(f"{keygen(place / 'rsa', 'rsa', bits=2048)}.pub").read_text().split()
    client.known_hosts.write_text(f"[127.0.0.1]:{server.port} {rsa[0]} {rsa[1]}\n")
    assert (await refusal(machines)).code == "changed_host_key"


async def test_known_type_is_asked_for_where_the_server_has_several(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    server = start_sshd(trust=False, key_kinds=("ed25519", "ecdsa", "rsa"))
    client.known_hosts.write_text(server.known_hosts_line(key=2))
    assert await machines.get("gpu").link()


async def test_revoked_key_is_refused_though_it_is_known(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    server = start_sshd()
    with client.known_hosts.open("a") as file:
        file.write("@revoked " + server.known_hosts_line("*"))
    error = await refusal(machines)
    assert error.code == "changed_host_key"
    assert "revoked" in error.message


async def test_hashed_known_hosts_are_read_and_written(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    server = start_sshd(trust=False, lines=["HashKnownHosts yes"])
    await refusal(machines)
    await machines.get("gpu").accept_host_key(server.fingerprint())
    assert client.known_hosts.read_text().startswith("|1|")
    await machines.get("gpu").disconnect()
    assert await machines.get("gpu").link()


async def test_host_certificate_of_a_known_authority_is_enough(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    server = start_sshd(trust=False)
    authority = keygen(place / "authority")
    sign(authority, server.host_keys[0], "-h", "-n", "127.0.0.1")
    server.configure(f"HostCertificate {server.host_keys[0]}-cert.pub")
    server.kill()
    server.start()
    public = Path(f"{authority}.pub").read_text()
    client.known_hosts.write_text(f"@cert-authority [127.0.0.1]:{server.port} {public}")
    assert await machines.get("gpu").link()


@pytest.mark.parametrize("policy", ["accept-new", "no"])
async def test_config_that_accepts_new_keys_is_followed(
    machines: Machines, client: Client, start_sshd: Start, policy: str
) -> None:
    server = start_sshd(trust=False, lines=[f"StrictHostKeyChecking {policy}"])
    assert await machines.get("gpu").link()
    assert client.known_hosts.read_text() == server.known_hosts_line()


def sign(authority: Path, key: Path, *more: str) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *more, f"{key}.pub"],
        check=True,
        stderr=subprocess.DEVNULL,
    )


# keys


async def test_wrong_key_says_what_was_offered(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    start_sshd()
    client.authorized.write_text("")
    error = await refusal(machines)
    assert error.code == "auth_failed"
    assert "'root'" in error.message
    assert "ssh-ed25519" in error.detail


async def test_passphrase_is_asked_for_once(
    machines: Machines, watcher: Watcher, client: Client, start_sshd: Start, place: Path
) -> None:
    key = keygen(place / "guarded", passphrase="open sesame")
    client.authorized.write_text(Path(f"{key}.pub").read_text())
    Path(f"{key}.pub").unlink()  # the private half names its public one
    start_sshd(lines=[f"IdentityFile {key}"])
    machine = machines.get("gpu")
    connecting = asyncio.ensure_future(machine.link())
    with pytest.raises(CodecastError) as caught:
        await connecting
    assert caught.value.code == "secret_needed"
    assert machine.state == "connecting"
    prompt = caught.value.data["prompt"]
    assert str(key) in prompt
    await machine.give_secret(prompt, "wrong")
    assert machine.error is not None
    assert machine.error.data["wrong"] is True
    await machine.give_secret(prompt, "open sesame")
    assert machine.state == "online"
    await machine.disconnect()
    await machine.connect()
    assert machine.state == "online"
    assert "open sesame" not in str(machine.to_json())


async def test_passphrase_given_beforehand_is_used(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    key = keygen(place / "guarded", passphrase="p")
    client.authorized.write_text(Path(f"{key}.pub").read_text())
    start_sshd(lines=[f"IdentityFile {key}"])
    machine = machines.get("gpu")
    await machine.give_secret(f"Passphrase for {key}", "p")
    assert machine.state == "online"


async def test_key_the_server_does_not_want_is_not_opened(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    guarded = keygen(place / "guarded", passphrase="p")
    start_sshd(lines=[f"IdentityFile {guarded}", f"IdentityFile {client.key}"])
    assert await machines.get("gpu").link()


async def test_missing_identity_files_and_comments_are_no_error(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    start_sshd(
        lines=["IdentityFile ~/.ssh/missing_%h", "IdentityFile /none/%r@%n", "User root # me"]
    )
    assert await machines.get("gpu").link()


async def test_agent_holds_the_key(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    key = keygen(place / "inagent", passphrase="")
    client.authorized.write_text(Path(f"{key}.pub").read_text())
    with agent(place, key) as sock:
        key.unlink()
        start_sshd(lines=[f"IdentityAgent {sock}", "IdentitiesOnly no", "IdentityFile none"])
        assert await machines.get("gpu").link()


async def test_identities_only_keeps_other_agent_keys_back(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    """Many keys in the agent would otherwise run into MaxAuthTries."""
    others = [keygen(place / f"other{n}") for n in range(8)]
    named = keygen(place / "named")
    client.authorized.write_text(Path(f"{named}.pub").read_text())
    with agent(place, *others, named) as sock:
        named.unlink()
        start_sshd(lines=[f"IdentityAgent {sock}", f"IdentityFile {named}.pub"])
        assert await machines.get("gpu").link()


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
async def test_user_certificate(
    machines: Machines, client: Client, start_sshd: Start, place: Path, kind: str
) -> None:
    authority, key = keygen(place / "authority"), keygen(place / "mine", kind)
    sign(authority, key, "-n", "root")
    client.authorized.write_text("")
    start_sshd(config=[f"TrustedUserCAKeys {authority}.pub"], lines=[f"IdentityFile {key}"])
    assert await machines.get("gpu").link()


async def test_pem_key_of_old_openssh(
    machines: Machines, client: Client, start_sshd: Start, place: Path
) -> None:
    key = keygen(place / "pem", "rsa", bits=2048)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-m", "PEM", "-N", "open sesame", "-P", "", "-f", str(key)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    assert b"BEGIN RSA PRIVATE KEY" in key.read_bytes()
    client.authorized.write_text(Path(f"{key}.pub").read_text())
    start_sshd(lines=[f"IdentityFile {key}"])
    machine = machines.get("gpu")
    await machine.give_secret(f"Passphrase for {key}", "open sesame")
    assert machine.state == "online"


# ways


async def test_proxy_command_is_the_transport(
    machines: Machines, start_sshd: Start, place: Path
) -> None:
    relay = place / "relay.py"
    relay.write_text(
        "import os, socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while d := os.read(0, 65536): s.sendall(d)\n"
        "    s.shutdown(1)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while d := s.recv(65536): os.write(1, d)\n"
    )
    start_sshd(lines=[f"ProxyCommand /usr/bin/python3 {relay} %h %p"])
    link = await machines.get("gpu").link()
    assert (await link.call("ping", {"n": 1}))["n"] == 1


async def test_proxy_command_that_fails_says_why(machines: Machines, start_sshd: Start) -> None:
    start_sshd(lines=["ProxyCommand echo no such gate >&2; exit 1"])
    error = await refusal(machines)
    assert error.code == "unreachable"
    assert "no such gate" in error.detail


async def test_jump_hosts_are_passed_in_order(machines: Machines, start_sshd: Start) -> None:
    first = start_sshd("first")
    second = start_sshd("second")
    start_sshd("inner", lines=["ProxyJump first,second"])
    link = await machines.get("inner").link()
    assert (await link.call("ping", {"n": 1}))["n"] == 1
    assert len(first.connections()) == len(second.connections()) == 1


async def test_each_hop_is_verified(machines: Machines, client: Client, start_sshd: Start) -> None:
    hop = start_sshd("hop", trust=False)
    start_sshd("inner", lines=["ProxyJump hop"])
    error = await refusal(machines, "inner")
    assert error.code == "unknown_host_key"
    assert error.data["fingerprint"] == hop.fingerprint()
    assert "jump host hop" in error.message
    await machines.get("inner").accept_host_key(hop.fingerprint())
    assert machines.get("inner").state == "online"


async def test_jump_that_leads_to_itself_is_an_error(machines: Machines, start_sshd: Start) -> None:
    start_sshd("one", lines=["ProxyJump two"])
    start_sshd("two", lines=["ProxyJump one"])
    error = await refusal(machines, "one")
    assert error.code == "bad_request"
    assert "hops" in error.message


async def test_environment_of_the_config_reaches_the_machine(
    machines: Machines, start_sshd: Start
) -> None:
    start_sshd(config=["AcceptEnv LAB_*"], lines=["SetEnv LAB_NAME=north"])
    link = await machines.get("gpu").link()
    assert link.hello["environment"]["LAB_NAME"] == "north"


async def test_ciphers_ours_first_or_the_persons(machines: Machines, start_sshd: Start) -> None:
    start_sshd()
    start_sshd("own", lines=["Ciphers aes256-ctr"])
    assert negotiated(await machines.get("gpu").link()) == {"aes128-gcm@openssh.com"}
    assert negotiated(await machines.get("own").link()) == {"aes256-ctr"}


def negotiated(link: Link) -> set[str]:
    """The ciphers of both directions of the connection that carries a link."""
    assert link._end_carrier is not None
    connection = link._end_carrier.__self__.connection  # type: ignore[attr-defined]
    return {connection.get_extra_info(f"{way}_cipher") for way in ("send", "recv")}


# errors


async def test_closed_port(machines: Machines, client: Client) -> None:
    client.add_text(f"Host gpu\n    HostName 127.0.0.1\n    Port {free_port()}\n")
    error = await refusal(machines)
    assert error.code == "unreachable"
    assert "refuses the connection" in error.message


async def test_unknown_name(machines: Machines, client: Client) -> None:
    client.add_text("Host gpu\n    HostName no-such-host.invalid\n")
    error = await refusal(machines)
    assert error.code == "unreachable"
    assert "cannot be resolved" in error.message


async def test_server_that_is_no_ssh(machines: Machines, client: Client) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client.add_text(f"Host gpu\n    HostName 127.0.0.1\n    Port {port}\n")
    try:
        assert (await refusal(machines)).code == "unreachable"
    finally:
        server.close()
        await server.wait_closed()


async def test_config_mistake_is_told_in_openssh_words(machines: Machines, client: Client) -> None:
    client.add_text("Host gpu\n    NoSuchOption yes\n")
    error = await refusal(machines)
    assert error.code == "bad_request"
    assert "nosuchoption" in error.detail.lower()
    assert f"{client.config}: line 2" in error.detail


async def test_host_name_with_shell_text_is_refused(machines: Machines, place: Path) -> None:
    machines.put("bad", {"host": "x;evil"})
    error = await refusal(machines, "bad")
    assert error.code == "bad_request"


async def test_unknown_machine_names_the_nearest(machines: Machines, start_sshd: Start) -> None:
    start_sshd("gpu-north")
    with pytest.raises(CodecastError) as caught:
        machines.get("gpu-nroth")
    assert caught.value.code == "not_found"
    assert "gpu-north" in caught.value.hint
