"""The person's keys for one host, opened as late as OpenSSH opens them.

A key with a passphrase is offered by its public half and opened only when the server wants
it, in a thread (bcrypt takes 0.1 s), after the agent's keys had their turn. What was opened once
stays open in this process: a reconnect asks nobody.
"""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from .ssh_config import Resolved

TRIES = 3  # for one passphrase


@dataclass(frozen=True)
class Prompt:
    """What a person is asked. `kind`: passphrase, password or challenge."""

    text: str
    kind: str
    hidden: bool = True
    wrong: bool = False  # the answer given before was not right


Ask = Callable[[Prompt], Awaitable[str]]  # raises CodecastError when nobody answers


class KeyRing:
    """Opened private keys by file and date. One a hub; memory only."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncssh.SSHKey] = {}

    @staticmethod
    def _name(path: Path) -> tuple[str, int]:
        return str(path), path.stat().st_mtime_ns

    def get(self, path: Path) -> asyncssh.SSHKey | None:
        return self._open.get(self._name(path))

    async def open(self, path: Path, ask: Ask) -> asyncssh.SSHKey:
        """Raises CodecastError from `ask`, or asyncssh.KeyEncryptionError after too many tries."""
        key = self.get(path)
        for attempt in range(TRIES):
            if key is not None:
                break
            text = f"Passphrase for {path}"
            passphrase = await ask(Prompt(text, "passphrase", wrong=attempt > 0))
            try:
                key = await asyncio.to_thread(asyncssh.read_private_key, path, passphrase)
            except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError):
                if attempt == TRIES - 1:
                    raise
        assert key is not None
        self._open[self._name(path)] = key
        return key


class LazyKeyPair(asyncssh.SSHKeyPair):
    """A key file offered by its public half."""

    _key_type = "local"

    def __init__(
        self,
        public: asyncssh.SSHKey,
        certificate: asyncssh.SSHCertificate | None,
        open_key: Callable[[], Awaitable[asyncssh.SSHKey]],
    ) -> None:
        super().__init__(
            public.algorithm,
            public.algorithm,
            public.sig_algorithms,
            public.sig_algorithms,
            public.public_data,
            None,
            certificate,
        )
        self._open_key = open_key

    async def sign_async(self, data: bytes) -> bytes:
        """asyncssh takes ValueError for "try the next key"."""
        try:
            key = await self._open_key()
        except asyncssh.KeyImportError as error:
            raise ValueError(str(error)) from None
        return await asyncio.to_thread(key.sign, data, self.sig_algorithm)


@dataclass
class Keys:
    """What is offered, in order. `agent` holds the agent's socket open while connecting."""

    pairs: list[asyncssh.SSHKeyPair]
    agent: asyncssh.SSHAgentClient | None
    notes: list[str]  # keys that could not be used, and why

    def close(self) -> None:
        if self.agent is not None:
            self.agent.close()


async def load(resolved: Resolved, ring: KeyRing, ask: Ask) -> Keys:
    """The agent's keys and the identity files of `resolved`, each key once."""
    notes: list[str] = []
    agent, in_agent = await _agent_keys(resolved, notes)
    files: list[asyncssh.SSHKeyPair] = []
    named: set[bytes] = set()
    certificates = [_certificate(path, notes) for path in resolved.certificate_files()]
    for path in resolved.identity_files():
        try:
            public, encrypted = await asyncio.to_thread(public_half, path)
        except (OSError, asyncssh.KeyImportError, ValueError) as error:
            notes.append(f"{path}: {error}")
            continue
        if public.public_data in named:
            continue
        named.add(public.public_data)
        held = any(pair.key_public_data == public.public_data for pair in in_agent)
        beside = _certificate(Path(f"{path}-cert.pub"), None)
        for certificate in [*certificates, beside]:
            if certificate is not None and certificate.key.public_data == public.public_data:
                if not held:
                    files.append(_pair(path, public, certificate, encrypted, ring, ask))
                else:
                    for pair in in_agent:
                        if pair.key_public_data == public.public_data and not pair.has_cert:
                            pair.set_certificate(certificate)
        if not held:
            files.append(_pair(path, public, None, encrypted, ring, ask))
    if resolved.flag("identitiesonly"):
        in_agent = [pair for pair in in_agent if pair.key_public_data in named]
    return Keys([*in_agent, *files], agent, notes)


async def _agent_keys(
    resolved: Resolved, notes: list[str]
) -> tuple[asyncssh.SSHAgentClient | None, list[asyncssh.SSHKeyPair]]:
    path = resolved.agent_path()
    if path is None:
        return None, []
    try:
        agent = asyncssh.SSHAgentClient(path)
        return agent, list(await agent.get_keys())
    except (OSError, ValueError) as error:
        notes.append(f"agent {path}: {error}")
        return None, []


def _pair(
    path: Path,
    public: asyncssh.SSHKey,
    certificate: asyncssh.SSHCertificate | None,
    encrypted: bool,
    ring: KeyRing,
    ask: Ask,
) -> asyncssh.SSHKeyPair:
    async def open_key() -> asyncssh.SSHKey:
        if encrypted:
            return await ring.open(path, ask)
        return await asyncio.to_thread(asyncssh.read_private_key, path)

    return LazyKeyPair(public, certificate, open_key)


def _certificate(path: Path, notes: list[str] | None) -> asyncssh.SSHCertificate | None:
    try:
        return asyncssh.read_certificate(path)
    except (OSError, asyncssh.KeyImportError, ValueError) as error:
        if notes is not None:
            notes.append(f"{path}: {error}")
        return None


def public_half(path: Path) -> tuple[asyncssh.SSHKey, bool]:
    """`(public key, needs a passphrase)` of a private key file, without its passphrase."""
    data = path.read_bytes()
    if b"-----BEGIN" not in data:
        # A public key named as the identity: the private half is in the agent.
        return asyncssh.import_public_key(data), True
    opened = _openssh_public(data)
    if opened is not None:
        return opened
    try:
        key = asyncssh.import_private_key(data)
        return key.convert_to_public(), False
    except asyncssh.KeyEncryptionError:
        pass
    except asyncssh.KeyImportError:
        if b"ENCRYPTED" not in data:
            raise
    public = Path(f"{path}.pub")
    if not public.is_file():
        raise asyncssh.KeyImportError(f"needs {public.name} beside it, as it has a passphrase")
    return asyncssh.read_public_key(public), True


def _openssh_public(data: bytes) -> tuple[asyncssh.SSHKey, bool] | None:
    """OpenSSH's own format keeps the public half in clear."""
    start, end = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END OPENSSH PRIVATE KEY-----"
    if start not in data or end not in data:
        return None
    blob = base64.b64decode(data.split(start, 1)[1].split(end, 1)[0])
    magic = b"openssh-key-v1\0"
    if not blob.startswith(magic):
        return None
    offset = len(magic)

    def string() -> bytes:
        nonlocal offset
        (length,) = struct.unpack_from(">I", blob, offset)
        offset += 4 + length
        return blob[offset - length : offset]

    cipher = string()
    string()
    string()
    offset += 4
    public = string()
    (length,) = struct.unpack_from(">I", public)
    algorithm = public[4 : 4 + length].decode("ascii")
    line = f"{algorithm} {base64.b64encode(public).decode()}"
    return asyncssh.import_public_key(line), cipher != b"none"
