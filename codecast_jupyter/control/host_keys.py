"""Is the machine who it says it is? The known_hosts check, done by us.

asyncssh says the same of an unknown key and of a changed one, and a person must be told
which: the first is theirs to accept, the second is refused. Read are OpenSSH's files: plain,
hashed, `[host]:port`, patterns, @cert-authority, @revoked. Written is one line, appended.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from codecast_agent.protocol.errors import CodecastError

from .ssh_config import Resolved


@dataclass
class KnownKeys:
    """What the files say of one host. `places` tells where each key stands (`FILE:LINE`)."""

    trusted: list[asyncssh.SSHKey] = field(default_factory=list)
    authorities: list[asyncssh.SSHKey] = field(default_factory=list)
    revoked: list[asyncssh.SSHKey] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)

    def as_tuple(
        self,
    ) -> tuple[list[asyncssh.SSHKey], list[asyncssh.SSHKey], list[asyncssh.SSHKey]]:
        return self.trusted, self.authorities, self.revoked


@dataclass(frozen=True)
class OfferedKey:
    """A key a host showed and nobody has accepted yet."""

    resolved: Resolved
    key: asyncssh.SSHKey

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.key)


class HostKeyRefused(CodecastError):
    """`unknown_host_key` or `changed_host_key`; `offered` is what to accept, if one may."""

    def __init__(self, error: CodecastError, offered: OfferedKey) -> None:
        super().__init__(error.code, error.message, error.hint, error.detail, error.data)
        self.offered = offered


def fingerprint(key: asyncssh.SSHKey) -> str:
    """`SHA256:...`, as OpenSSH prints it."""
    return str(key.get_fingerprint("sha256"))


def look_up(resolved: Resolved, address: str | None = None) -> KnownKeys:
    """All lines of the host's known_hosts files that speak of it.

    `address` is its IP address, looked up too where CheckHostIP is on.
    """
    names = [host_name(resolved.known_as, resolved.port)]
    if resolved.get("hostkeyalias"):
        names = [resolved.known_as]
    elif address and resolved.flag("checkhostip"):
        names.append(host_name(address, resolved.port))
    known = KnownKeys()
    for path in resolved.known_hosts_files():
        for number, line in enumerate(_lines(path), 1):
            _take(known, line, names, f"{path}:{number}")
    for path in _revoked_files(resolved):
        for line in _lines(path):
            key = _key(line)
            if key is not None:
                known.revoked.append(key)
    return known


def host_name(host: str, port: int) -> str:
    """The name a host has in known_hosts."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def _revoked_files(resolved: Resolved) -> Iterable[Path]:
    value = resolved.get("revokedhostkeys")
    return [] if value in ("", "none") else [resolved.path(value)]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _key(text: str) -> asyncssh.SSHKey | None:
    try:
        return asyncssh.import_public_key(text)
    except (asyncssh.KeyImportError, ValueError):
        return None


def _take(known: KnownKeys, line: str, names: list[str], place: str) -> None:
    line = line.strip()
    if not line or line[0] == "#":
        return
    mark = ""
    if line[0] == "@":
        mark, _, line = line.partition(" ")
        line = line.strip()
    patterns, _, rest = line.partition(" ")
    if not any(_matches(patterns, name) for name in names):
        return
    key = _key(" ".join(rest.split()[:2]))
    if key is None:
        return  # an algorithm unknown to us (sk keys, say)
    if mark == "@revoked":
        known.revoked.append(key)
    elif mark == "@cert-authority":
        known.authorities.append(key)
    elif not mark:
        known.trusted.append(key)
        known.places.setdefault(fingerprint(key), place)


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        try:
            _, _, salt, digest = patterns.split("|")
            mac = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
            return hmac.compare_digest(mac, base64.b64decode(digest))
        except ValueError:
            return False
    matched = False
    for pattern in patterns.lower().split(","):
        negated = pattern.startswith("!")
        # Brackets are literal here: `[host]:port`.
        glob = pattern.lstrip("!").replace("[", "[[]")
        if fnmatch.fnmatchcase(name, glob):
            if negated:
                return False
            matched = True
    return matched


def judge(resolved: Resolved, known: KnownKeys, key: asyncssh.SSHKey) -> CodecastError | None:
    """Why `key`, which is not among the trusted, is refused; None when it is trusted after all."""
    offered = fingerprint(key)
    kind = key.get_algorithm()
    where = f"{resolved.hostname} port {resolved.port}"
    data = {
        "fingerprint": offered,
        "key_type": kind,
        "host": resolved.hostname,
        "port": resolved.port,
        "name": resolved.name,
    }
    if key in known.revoked:
        return revoked(resolved, f"{kind} {offered}")
    if key in known.trusted:
        return None
    if known.trusted:
        places = ", ".join(sorted(known.places.values()))
        return CodecastError(
            "changed_host_key",
            f"The host key of {where} has changed: this may be another machine, or an attack.",
            "If you know why it changed (a reinstalled machine), remove the old key:"
            f" ssh-keygen -R '{host_name(resolved.known_as, resolved.port)}'",
            f"it shows {kind} {offered}; known is {', '.join(known.places)} ({places})",
            {**data, "known": list(known.places)},
        )
    return CodecastError(
        "unknown_host_key",
        f"The host key of {where} is not known yet.",
        "Compare the fingerprint with what the machine's administrator says, then accept it.",
        f"{kind} {offered}",
        data,
    )


def revoked(resolved: Resolved, detail: str) -> CodecastError:
    """The host showed a key that is marked as stolen or retired."""
    return CodecastError(
        "changed_host_key",
        f"The host key of {resolved.hostname} port {resolved.port} is marked as revoked.",
        "Do not connect. Ask whoever runs the machine.",
        detail,
        {"host": resolved.hostname, "port": resolved.port, "name": resolved.name, "revoked": True},
    )


def accept(offered: OfferedKey) -> Path:
    """Add the key to the person's known_hosts file, which is returned.

    Raises CodecastError when the file cannot be written.
    """
    resolved = offered.resolved
    files = resolved.known_hosts_files()
    if not files:
        raise CodecastError(
            "bad_request",
            "Your ssh config names no UserKnownHostsFile to keep the key in.",
            f"Set one for {resolved.name}.",
        )
    name = host_name(resolved.known_as, resolved.port)
    if resolved.get("hostkeyalias"):
        name = resolved.known_as
    if resolved.flag("hashknownhosts"):
        salt = secrets.token_bytes(20)
        mac = hmac.new(salt, name.encode(), hashlib.sha1).digest()
        name = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(mac).decode()}"
    key = " ".join(offered.key.export_public_key("openssh").decode().split()[:2])
    _append(files[0], f"{name} {key}\n".encode())
    return files[0]


def _append(path: Path, line: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CodecastError(
            "bad_request",
            f"The host key cannot be kept: {path} cannot be written.",
            "Make the file writable, or add the key there yourself.",
            str(error),
        ) from None
