"""What of OpenSSH's options asyncssh is told, and what it cannot honour.

Ciphers, key exchanges and host key types follow the person's configuration where it differs from
OpenSSH's own defaults; otherwise ours, with aes128-gcm first (1.6 times the throughput).
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import functools
import importlib.util
import os
import shlex
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import (
    get_certificate_algs,
    get_default_certificate_algs,
    get_default_public_key_algs,
    get_public_key_algs,
)

from codecast_agent.protocol.errors import CodecastError

from .host_keys import KnownKeys
from .ssh_config import Resolved
from .ssh_keys import public_half

CIPHERS = [
    "aes128-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
]


@functools.cache
def openssh_defaults() -> dict[str, str]:
    """`ssh -G` of a host nobody configured: what OpenSSH does by itself."""
    result = subprocess.run(
        ["ssh", "-G", "-F", "none", "--", "unconfigured.invalid"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    defaults: dict[str, str] = {}
    for line in result.stdout.splitlines():
        key, _, value = line.partition(" ")
        defaults.setdefault(key.lower(), value)
    return defaults


def chosen(resolved: Resolved, key: str) -> list[str] | None:
    """The person's own list for `key`; None where OpenSSH's default stands."""
    value = resolved.get(key)
    if not value or value == openssh_defaults().get(key):
        return None
    return value.split(",")


def algorithms(resolved: Resolved, known: KnownKeys) -> dict[str, Any]:
    """Keyword arguments of `asyncssh.connect`."""
    out: dict[str, Any] = {"encryption_algs": _filter(CIPHERS, get_encryption_algs())}
    for key, name, able in (
        ("ciphers", "encryption_algs", get_encryption_algs()),
        ("kexalgorithms", "kex_algs", get_kex_algs()),
        ("macs", "mac_algs", get_mac_algs()),
        ("pubkeyacceptedalgorithms", "signature_algs", get_public_key_algs()),
    ):
        mine = chosen(resolved, key)
        if mine is not None:
            usable = _filter(mine, able)
            if usable:
                out[name] = usable
    out["server_host_key_algs"] = _host_key_algorithms(resolved, known)
    if resolved.flag("compression"):
        out["compression_algs"] = ["zlib@openssh.com", "none"]
    interval = resolved.get("serveraliveinterval", "0")
    if interval.isdigit() and int(interval):
        out["keepalive_interval"] = int(interval)
    preferred = chosen(resolved, "preferredauthentications")
    if preferred is not None:
        out["preferred_auth"] = preferred
    if not resolved.flag("pubkeyauthentication") and resolved.get("pubkeyauthentication") in (
        "no",
        "false",
    ):
        out["public_key_auth"] = False
    return out


def _filter(wanted: list[str], able: list[bytes]) -> list[str]:
    names = {name.decode() for name in able}
    return [name for name in wanted if name in names]


def _host_key_algorithms(resolved: Resolved, known: KnownKeys) -> list[str]:
    """Types of keys we know first: a server with several keys then shows one that we can judge.
    The rest follow, so that a changed type is told as a changed key and not as no common one."""
    able = get_certificate_algs() + get_public_key_algs()
    mine = chosen(resolved, "hostkeyalgorithms")
    if mine is None:
        default = get_default_certificate_algs() + get_default_public_key_algs()
        mine = [name.decode() for name in default]
    mine = _filter(mine, able)
    certificates = [name for name in mine if "-cert-" in name]
    plain = [name for name in mine if "-cert-" not in name]
    of_known = [name.decode() for key in known.trusted for name in key.sig_algorithms]
    first = [name for name in plain if name in of_known]
    rest = [name for name in plain if name not in of_known]
    return [*(certificates if known.authorities else []), *first, *rest]


def environment(resolved: Resolved) -> dict[str, str]:
    """What SetEnv and SendEnv ask to be set on the machine."""
    env: dict[str, str] = {}
    for pattern in " ".join(resolved.options.get("sendenv", [])).split():
        for name, value in os.environ.items():
            if fnmatch.fnmatchcase(name, pattern):
                env[name] = value
    for line in resolved.options.get("setenv", []):
        for word in _env_words(line):
            name, equals, value = word.partition("=")
            if equals:
                env[name] = value
    return env


def _env_words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


class ProxyProcess:
    """A ProxyCommand, which is shell text of the person's own configuration. Its socket is the
    transport; its stderr is kept for the error."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._stderr = b""
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        shell = os.environ.get("SHELL") or "/bin/sh"
        try:
            self._process = await asyncio.create_subprocess_exec(
                shell if Path(shell).is_file() else "/bin/sh",
                "-c",
                f"exec {self._command}",
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise CodecastError(
                "unreachable",
                "The ProxyCommand cannot be started.",
                "Try it by hand.",
                f"{self._command}: {error}",
            ) from None
        finally:
            theirs.close()
        ours.setblocking(False)
        self._reader = asyncio.get_running_loop().create_task(self._read())
        return ours

    async def _read(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        while data := await self._process.stderr.read(4096):
            self._stderr = (self._stderr + data)[-4096:]
        await self._process.wait()

    def words(self) -> str:
        return self._stderr.decode(errors="replace").strip()

    def kill(self) -> None:
        """End the command and what it started."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def ended(self) -> None:
        """After `kill`: its process is reaped and its last words are read."""
        if self._reader is not None:
            await self._reader


@dataclass(frozen=True)
class Reason:
    """An option of the person's configuration that asyncssh does not honour, and what it needs."""

    option: str
    why: str

    def __str__(self) -> str:
        return f"{self.option}: {self.why}"


class Unsupported(CodecastError):
    """`not_supported`: going on without the option would not be what the person configured."""

    def __init__(self, resolved: Resolved, reasons: list[Reason]) -> None:
        super().__init__(
            "not_supported",
            f"{resolved.name} needs {', '.join(reason.option for reason in reasons)},"
            " which only the `ssh` program can do.",
            "Set `ssh: openssh` (or auto) for this machine in codecast.yaml.",
            "\n".join(str(reason) for reason in reasons),
        )


def require(resolved: Resolved) -> None:
    """Raises Unsupported where asyncssh must not be used for this host."""
    reasons = binding(resolved)
    if reasons:
        raise Unsupported(resolved, reasons)


def binding(resolved: Resolved) -> list[Reason]:
    """Options without which the host is not reached, or not verified, as configured."""
    reasons = [
        Reason(name, why)
        for name, why in (
            ("KnownHostsCommand", "host keys come from a program"),
            ("PKCS11Provider", "keys live in a token"),
            ("BindInterface", "the connection leaves by one interface"),
        )
        if resolved.get(name.lower(), "none") not in ("none", "")
    ]
    if resolved.flag("proxyusefdpass"):
        reasons.append(Reason("ProxyUseFdpass", "the ProxyCommand passes a descriptor"))
    revoked = resolved.get("revokedhostkeys", "none")
    if revoked not in ("none", "") and _is_binary(resolved.path(revoked)):
        reasons.append(Reason("RevokedHostKeys", "the file is a binary revocation list"))
    for key, option, able in (
        ("ciphers", "Ciphers", get_encryption_algs()),
        ("kexalgorithms", "KexAlgorithms", get_kex_algs()),
        ("macs", "MACs", get_mac_algs()),
        ("hostkeyalgorithms", "HostKeyAlgorithms", get_certificate_algs() + get_public_key_algs()),
    ):
        mine = chosen(resolved, key)
        if mine and not _filter(mine, able):
            reasons.append(Reason(option, f"asyncssh has none of {', '.join(mine[:4])}"))
    return reasons


def would_help(resolved: Resolved, error: CodecastError) -> list[Reason]:
    """Options by which `ssh` might get in where asyncssh could not."""
    reasons: list[Reason] = []
    if error.code == "auth_failed":
        if resolved.flag("gssapiauthentication") and not _installed("gssapi") and _ticket():
            reasons.append(Reason("GSSAPIAuthentication", "a Kerberos ticket is there"))
        if resolved.flag("hostbasedauthentication"):
            reasons.append(Reason("HostbasedAuthentication", "the host itself is the key"))
        if not _installed("fido2") and any(map(_is_sk, resolved.identity_files())):
            reasons.append(Reason("IdentityFile", "a key lives in a security key"))
        control = resolved.get("controlpath", "none")
        if control not in ("none", "") and resolved.path(control).is_socket():
            reasons.append(Reason("ControlPath", "a connection of yours is open already"))
    if error.code == "unknown_host_key" and resolved.get("verifyhostkeydns", "no") in (
        "yes",
        "true",
    ):
        reasons.append(Reason("VerifyHostKeyDNS", "the host key may stand in the DNS"))
    return reasons


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _ticket() -> bool:
    """Whether there is a Kerberos ticket; `klist -s` knows all kinds of caches."""
    try:
        done = subprocess.run(
            ["klist", "-s"], stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _is_sk(path: Path) -> bool:
    try:
        kind, _ = public_half(path)
    except (OSError, ValueError, asyncssh.KeyImportError):
        return False
    return kind.get_algorithm().startswith("sk-")


def _is_binary(path: Path) -> bool:
    try:
        return path.read_bytes()[:8].startswith(b"SSHKRL")
    except OSError:
        return False
