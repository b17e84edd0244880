"""One SSH connection, made by asyncssh with explicit values only.

asyncssh's own reading of ssh configuration is off (`config=None`): it stops at trailing comments
and at missing identity files, and ignores StrictHostKeyChecking. All it is told comes from `ssh -G`
(`ssh_config.py`), known_hosts (`host_keys.py`) and the person's keys (`ssh_keys.py`). Every hop
of a ProxyJump is resolved, verified and authenticated like the machine itself.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.waiting import within

from . import host_keys, ssh_keys, ssh_options
from .dialing import dial, quick_acks, readable, unreachable
from .host_keys import HostKeyRefused, OfferedKey
from .patience import Patience
from .ssh_config import Overrides, Resolved, jump_hops, resolve
from .ssh_keys import Ask, KeyRing, Prompt

LOGIN_TIMEOUT = 40.0  # seconds from TCP to logged in, the person's thinking not counted
MAX_HOPS = 8
CONNECTS_AT_ONCE = 4  # key exchange is CPU in the server's loop


@dataclass
class Context:
    """What all connects of a hub share."""

    config: Path | None = None
    ring: KeyRing = field(default_factory=KeyRing)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTS_AT_ONCE))


@dataclass
class SshConnection:
    """A connection and the hops under it."""

    connection: asyncssh.SSHClientConnection
    environment: dict[str, str]
    _under: list[SshConnection] = field(default_factory=list)
    _proxy: ssh_options.ProxyProcess | None = None
    _quickack: asyncio.Task[None] | None = None

    def settled(self) -> None:
        """The first exchange is over: the kernel may delay its ACKs again."""
        if self._quickack is not None:
            self._quickack.cancel()

    def abort(self) -> None:
        """End it at once, hops too."""
        self.settled()
        self.connection.abort()
        if self._proxy is not None:
            self._proxy.kill()
        for hop in reversed(self._under):
            hop.abort()

    async def ended(self) -> None:
        """After `abort`: nothing of it is left here, neither sockets nor processes."""
        await self.connection.wait_closed()
        if self._proxy is not None:
            await self._proxy.ended()
        for hop in self._under:
            await hop.ended()


async def connect(
    resolved: Resolved, context: Context, ask: Ask, tcp_timeout: float | None = None
) -> SshConnection:
    """A logged-in connection to `resolved`. `tcp_timeout` (seconds) is for who tries often.

    Raises CodecastError: `unreachable`, `unknown_host_key` and `changed_host_key` (as
    HostKeyRefused), `auth_failed`, `secret_needed`, `bad_request`.
    """
    return await _connect(resolved, context, ask, tcp_timeout, depth=0)


async def _connect(
    resolved: Resolved, context: Context, ask: Ask, tcp_timeout: float | None, depth: int
) -> SshConnection:
    ssh_options.require(resolved)
    first: SshConnection | None = None
    try:
        jump = resolved.proxy_jump
        if jump:
            if depth >= MAX_HOPS:
                raise too_many_hops(resolved, jump)
            hop = await last_hop(jump, context)
            try:
                first = await _connect(hop, context, ask, tcp_timeout, depth + 1)
            except CodecastError as error:
                raise at_hop(error, hop, resolved) from None
        tunnel = first.connection if first is not None else None
        made = await _login(resolved, context, ask, tunnel, tcp_timeout)
        if first is not None:
            made._under.append(first)
            made._quickack = first._quickack
        return made
    except BaseException:
        if first is not None:
            first.abort()
            await first.ended()
        raise


async def last_hop(jump: str, context: Context) -> Resolved:
    """The host at the end of `jump`; those before it are its own ProxyJump, as OpenSSH has it."""
    host, user, port = jump_hops(jump)[-1]
    rest = jump.rpartition(",")[0].strip()
    return await resolve(
        host, context.config, Overrides(user=user, port=port, proxy_jump=rest or None)
    )


async def hops(resolved: Resolved, context: Context) -> list[Resolved]:
    """The jump hosts on the way, the nearest first. Raises CodecastError `bad_request`."""
    found: list[Resolved] = []
    while jump := (found[0] if found else resolved).proxy_jump:
        if len(found) >= MAX_HOPS:
            raise too_many_hops(resolved, jump)
        found.insert(0, await last_hop(jump, context))
    return found


def too_many_hops(resolved: Resolved, jump: str) -> CodecastError:
    return CodecastError(
        "bad_request",
        f"The way to {resolved.name} has more than {MAX_HOPS} hops.",
        "Look for a ProxyJump that leads back to itself.",
        jump,
    )


def at_hop(error: CodecastError, hop: Resolved, target: Resolved) -> CodecastError:
    """Say where on the way it happened; the error stays what it is."""
    start = "On the way to "
    if not error.message.startswith(start):
        error.message = f"{start}{target.name}, at the jump host {hop.name}: {error.message}"
    return error


async def _login(
    resolved: Resolved,
    context: Context,
    ask: Ask,
    tunnel: asyncssh.SSHClientConnection | None,
    tcp_timeout: float | None,
) -> SshConnection:
    patience = Patience(LOGIN_TIMEOUT, context.slots)

    async def patient(prompt: Prompt) -> str:
        async with patience.asking():
            return await ask(prompt)

    login = _Login(resolved, context, patient, tunnel, tcp_timeout)
    try:
        await within(login.reach(), LOGIN_TIMEOUT)
        return await patience.run(login.run)
    except asyncio.TimeoutError:
        raise unreachable(
            resolved,
            f"{login.where} did not finish the login within {LOGIN_TIMEOUT:.0f} seconds.",
            "It may be overloaded, or a firewall drops what it sends.",
        ) from None
    finally:
        await login.close()


class _Login:
    """One attempt to log in to one host."""

    def __init__(
        self,
        resolved: Resolved,
        context: Context,
        ask: Ask,
        tunnel: asyncssh.SSHClientConnection | None,
        tcp_timeout: float | None,
    ) -> None:
        self.resolved = resolved
        self.tcp_timeout = tcp_timeout
        self.context = context
        self.ask = ask
        self.tunnel = tunnel
        self.where = f"{resolved.hostname} port {resolved.port}"
        self.proxy: ssh_options.ProxyProcess | None = None
        self.sock: socket.socket | None = None  # until asyncssh has it
        self.made: SshConnection | None = None
        self.known = host_keys.KnownKeys()
        self.failure: CodecastError | None = None  # what our callbacks found out
        self.tried: list[str] = []

    async def reach(self) -> None:
        """Get as far as the server's first bytes: network, which takes its time but no CPU."""
        if self.tunnel is not None:
            return
        if self.resolved.proxy_command:
            self.proxy = ssh_options.ProxyProcess(self.resolved.proxy_command)
            self.sock = await self.proxy.start()
        else:
            self.sock = await dial(self.resolved, self.tcp_timeout)
        await readable(self.sock)

    async def run(self) -> SshConnection:
        """Key exchange and authentication over what `reach` made."""
        resolved = self.resolved
        address = None
        quickack: asyncio.Task[None] | None = None
        keys = await ssh_keys.load(resolved, self.context.ring, self.ask)
        try:
            if self.sock is not None and self.proxy is None:
                address = self.sock.getpeername()[0]
                quickack = asyncio.get_running_loop().create_task(quick_acks(self.sock.dup()))
            self.known = await asyncio.to_thread(host_keys.look_up, resolved, address)
            connection = await self._handshake(keys)
        except BaseException as error:
            if quickack is not None:
                quickack.cancel()
            if isinstance(error, (asyncssh.Error, OSError, ValueError)):
                raise self._explain(error, keys) from None
            raise
        finally:
            keys.close()
        environment = ssh_options.environment(resolved)
        self.made = SshConnection(connection, environment, _proxy=self.proxy, _quickack=quickack)
        return self.made

    async def close(self) -> None:
        """Leave nothing behind of an attempt that failed."""
        if self.sock is not None:
            self.sock.close()
        if self.proxy is not None and self.made is None:
            self.proxy.kill()
            await self.proxy.ended()

    async def _handshake(self, keys: ssh_keys.Keys) -> asyncssh.SSHClientConnection:
        resolved = self.resolved
        options = ssh_options.algorithms(resolved, self.known)
        if self.sock is not None:
            options["sock"], self.sock = self.sock, None
        elif self.tunnel is not None:
            options["tunnel"] = self.tunnel
        self.tried = [str(pair.get_algorithm()) for pair in keys.pairs]
        alias = resolved.get("hostkeyalias")
        if alias:
            options["host_key_alias"] = alias
        return await asyncssh.connect(
            resolved.hostname,
            resolved.port,
            username=resolved.user,
            config=None,
            known_hosts=lambda host, addr, port: self.known.as_tuple(),
            agent_path=None,
            client_keys=keys.pairs or None,
            client_factory=lambda: _Client(self),
            connect_timeout=None,
            login_timeout=0,
            **options,
        )

    def _explain(self, error: Exception, keys: ssh_keys.Keys) -> CodecastError:
        if self.failure is not None:
            return self.failure
        resolved, words = self.resolved, str(error)
        if self.proxy is not None and self.proxy.words():
            words = f"{words}\nProxyCommand: {self.proxy.words()}"
        if isinstance(error, asyncssh.PermissionDenied):
            return self._denied(words, keys)
        if isinstance(error, asyncssh.HostKeyNotVerifiable) and "revoked" in words:
            return host_keys.revoked(resolved, words)
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            return CodecastError(
                "changed_host_key",
                f"The host certificate of {self.where} cannot be verified.",
                "Ask whoever runs the machine for a valid certificate.",
                words,
                {"host": resolved.hostname, "port": resolved.port, "name": resolved.name},
            )
        if isinstance(error, asyncssh.ChannelOpenError):
            return unreachable(
                resolved,
                f"The jump host cannot reach {self.where}.",
                "Try the same from the jump host by hand.",
                words,
            )
        if isinstance(error, asyncssh.KeyExchangeFailed):
            return unreachable(
                resolved,
                f"{self.where} and we have no cipher or key type in common.",
                "Let the `ssh` program connect instead: `ssh: openssh` for this machine in"
                " codecast.yaml.",
                words,
            )
        if isinstance(error, ValueError):
            return CodecastError(
                "not_supported",
                f"asyncssh cannot use the settings for {resolved.name}.",
                "Let the `ssh` program connect instead: `ssh: openssh` for this machine in"
                " codecast.yaml.",
                words,
            )
        if isinstance(error, (asyncssh.ProtocolError, asyncssh.ProtocolNotSupported)):
            return unreachable(
                resolved, f"{self.where} does not speak SSH.", "Is the port right?", words
            )
        return unreachable(
            resolved,
            f"{self.where} closed the connection during the login.",
            "It may be overloaded (MaxStartups), or refuse this address.",
            words,
        )

    def _denied(self, words: str, keys: ssh_keys.Keys) -> CodecastError:
        resolved = self.resolved
        offered = ", ".join(self.tried) or "none"
        lines = [words, f"keys offered: {offered}", *keys.notes]
        return CodecastError(
            "auth_failed",
            f"{resolved.hostname} does not let {resolved.user!r} in with the keys we have.",
            f"Does `ssh {resolved.name}` work where the Jupyter server runs? If it asks for a"
            " passphrase there, add the key to your ssh-agent. Is the user name right?",
            "\n".join(line for line in lines if line),
            {"user": resolved.user, "host": resolved.hostname},
        )


class _Client(asyncssh.SSHClient):
    """asyncssh's questions during one login."""

    def __init__(self, login: _Login) -> None:
        self._login = login
        self._passwords = 0

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        login = self._login
        error = host_keys.judge(login.resolved, login.known, key)
        if error is None:
            return True
        offered = OfferedKey(login.resolved, key)
        wanted = login.resolved.get("stricthostkeychecking", "ask")
        if error.code == "unknown_host_key" and wanted in ("accept-new", "no", "off", "false"):
            # The person's own ssh config says so.
            try:
                host_keys.accept(offered)
                return True
            except CodecastError as problem:
                error = problem
        login.failure = HostKeyRefused(error, offered)
        return False

    async def password_auth_requested(self) -> str | None:
        login = self._login
        if not login.resolved.flag("passwordauthentication") or self._passwords >= ssh_keys.TRIES:
            return None
        self._passwords += 1
        resolved = login.resolved
        return await self._ask(
            Prompt(
                f"Password for {resolved.user}@{resolved.hostname}",
                "password",
                wrong=self._passwords > 1,
            )
        )

    async def kbdint_auth_requested(self) -> str | None:
        login = self._login
        if (
            not login.resolved.flag("kbdinteractiveauthentication")
            or self._passwords >= ssh_keys.TRIES
        ):
            return None
        self._passwords += 1
        return ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        answers: list[str] = []
        for text, echo in prompts:
            words = " ".join(filter(None, [name.strip(), instructions.strip(), text.strip()]))
            label = f"{self._login.resolved.hostname}: {words}"
            answer = await self._ask(
                Prompt(label, "challenge", hidden=not echo, wrong=self._passwords > 1)
            )
            if answer is None:
                return None
            answers.append(answer)
        return answers

    async def _ask(self, prompt: Prompt) -> str | None:
        if self._login.resolved.flag("batchmode"):
            return None
        try:
            return await self._login.ask(prompt)
        except CodecastError as error:
            self._login.failure = error
            return None
