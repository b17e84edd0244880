"""What the person's own ssh configuration says: which hosts there are, and how each is reached.

Names come from reading the file for its concrete `Host` patterns. Settings never do: `ssh -G`
resolves them, so that Match, Include, canonical names and every other rule are OpenSSH's own.
What `ssh -G` leaves open (tokens, `~`, environment) is expanded here.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import glob
import hashlib
import os
import pwd
import re
import shlex
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.waiting import within

MAX_INCLUDE_DEPTH = 16  # OpenSSH's own
_OF_HOSTS = re.compile(r"\s*(host|match|include)\b", re.IGNORECASE)
RESOLVE_TIMEOUT = 20.0  # seconds; a `Match exec` may take its time


def default_path() -> Path:
    """OpenSSH looks in the account's home, whatever $HOME says."""
    return Path(pwd.getpwuid(os.getuid()).pw_dir) / ".ssh" / "config"


@dataclass
class Hosts:
    """Host names without patterns, in the file's order, each with the `FILE:LINE` where it stands.

    `watched` are the files it was read from and the directories where an Include looks:
    while none of them changes, neither do the hosts.
    """

    names: dict[str, str] = field(default_factory=dict)
    watched: set[Path] = field(default_factory=set)


def concrete_hosts(path: Path) -> Hosts:
    """The hosts of a configuration and of all that it includes."""
    found = Hosts()
    _read_hosts(path, path.parent, 0, True, found)
    return found


def _read_hosts(path: Path, base: Path, depth: int, holds: bool, found: Hosts) -> None:
    """`holds`: whether blocks of this file hold for every host, as they do not in a file that is
    included inside another host's block."""
    found.watched.add(path)
    try:
        lines = path.read_text("utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    always = True  # outside a block, or in one that holds for every host
    for number, line in enumerate(lines, 1):
        if not _OF_HOSTS.match(line):
            continue
        keyword, *values = split_line(line) or [""]
        keyword = keyword.lower()
        if keyword == "host":
            always = values == ["*"]
            for value in values:
                if holds and value and value[0] != "-" and not any(c in value for c in "*?!"):
                    found.names.setdefault(value, f"{path}:{number}")
        elif keyword == "match":
            always = [value.lower() for value in values] == ["all"]
        elif keyword == "include" and depth < MAX_INCLUDE_DEPTH:
            for value in values:
                pattern = base / Path(value).expanduser()
                found.watched.add(pattern.parent)
                for name in sorted(glob.glob(str(pattern))):  # noqa: PTH207 - absolute patterns
                    _read_hosts(Path(name), base, depth + 1, holds and always, found)


def split_line(line: str) -> list[str]:
    """A line's words by OpenSSH's rules: keyword, optional `=`, quotes, and comments."""
    match = re.match(r"\s*([A-Za-z][A-Za-z0-9]*)(?:\s*=\s*|\s+)(.*)$", line)
    if match is None:
        return []
    lexer = shlex.shlex(match[2], posix=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    lexer.quotes = "\"'"
    try:
        return [match[1], *lexer]
    except ValueError:
        return [match[1], *match[2].split()]


@dataclass(frozen=True)
class Overrides:
    """What codecast.yaml says beside the ssh config; None leaves it to the latter."""

    host: str | None = None
    user: str | None = None
    port: int | None = None
    identity_file: str | None = None
    proxy_jump: str | None = None


@dataclass(frozen=True)
class Resolved:
    """One host's settings. `options` holds all of `ssh -G`, lower-case key to its values."""

    name: str  # what was asked for
    hostname: str
    user: str
    port: int
    options: dict[str, list[str]] = field(repr=False)
    arguments: tuple[str, ...] = ()  # the `ssh` arguments that lead to the same settings

    def get(self, key: str, default: str = "") -> str:
        values = self.options.get(key)
        return values[0] if values else default

    def flag(self, key: str) -> bool:
        return self.get(key) in ("yes", "true")

    def words(self, key: str) -> list[str]:
        """A value of several words, as in `userknownhostsfile`."""
        value = self.get(key)
        try:
            return shlex.split(value)
        except ValueError:
            return value.split()

    @property
    def known_as(self) -> str:
        """The name under which the host's key is kept."""
        return self.get("hostkeyalias") or self.hostname

    @property
    def proxy_jump(self) -> str:
        value = self.get("proxyjump")
        return "" if value.lower() == "none" else value

    @property
    def proxy_command(self) -> str:
        value = self.get("proxycommand")
        return "" if value.lower() == "none" else self.expand(value)

    def expand(self, text: str) -> str:
        """OpenSSH's %-tokens."""
        local = socket.gethostname()
        jump = self.proxy_jump
        conn = hashlib.sha1(f"{local}{self.hostname}{self.port}{self.user}".encode()).hexdigest()
        values = {
            "%": "%",
            "h": self.hostname,
            "n": self.name,
            "p": str(self.port),
            "r": self.user,
            "u": getpass.getuser(),
            "d": str(Path.home()),
            "i": str(os.getuid()),
            "l": local,
            "L": local.split(".")[0],
            "k": self.get("hostkeyalias") or self.name,
            "C": conn,
            "j": jump,
        }
        return re.sub(r"%(.)", lambda m: values.get(m[1], m[0]), text)

    def path(self, text: str) -> Path:
        """A file named in the configuration: `~`, `${VAR}` and tokens expanded."""
        text = re.sub(r"\$\{(\w+)\}", lambda m: os.environ.get(m[1], ""), text)
        return Path(self.expand(text)).expanduser()

    def identity_files(self) -> list[Path]:
        """Those that exist: OpenSSH passes over missing ones in silence, and so do we."""
        named = (self.path(v) for v in self.options.get("identityfile", []) if v != "none")
        return [path for path in named if path.is_file()]

    def certificate_files(self) -> list[Path]:
        named = (self.path(v) for v in self.options.get("certificatefile", []) if v != "none")
        return [path for path in named if path.is_file()]

    def known_hosts_files(self) -> list[Path]:
        """The person's own first: the first one is where an accepted key is added."""
        names = self.words("userknownhostsfile") + self.words("globalknownhostsfile")
        return [self.path(name) for name in names if name != "none"]

    def agent_path(self) -> str | None:
        value = self.get("identityagent", "SSH_AUTH_SOCK")
        if value == "none":
            return None
        if value == "SSH_AUTH_SOCK":
            return os.environ.get("SSH_AUTH_SOCK") or None
        if re.fullmatch(r"\$\w+", value):
            return os.environ.get(value[1:]) or None
        return str(self.path(value))


async def resolve(
    name: str, config: Path | None = None, overrides: Overrides | None = None
) -> Resolved:
    """The settings `ssh NAME` would use. `config` is a file other than the default one.

    Raises CodecastError: `bad_request` with OpenSSH's own words where the configuration or the
    name is wrong.
    """
    overrides = overrides or Overrides()
    target = overrides.host or name
    check_word("host", target)
    arguments: list[str] = []
    if config is not None and config != default_path():
        arguments += ["-F", str(config)]
    if overrides.user:
        check_word("user", overrides.user)
        arguments += ["-l", overrides.user]
    if overrides.port:
        arguments += ["-p", str(overrides.port)]
    if overrides.identity_file:
        arguments += ["-i", str(Path(overrides.identity_file).expanduser())]
    if overrides.proxy_jump:
        arguments += ["-o", f"ProxyJump={overrides.proxy_jump}"]
    output = await _ssh_g(target, arguments)
    options: dict[str, list[str]] = {}
    for line in output.splitlines():
        key, _, value = line.partition(" ")
        options.setdefault(key.lower(), []).append(value)
    resolved = Resolved(
        name=target,
        hostname=options.get("hostname", [target])[0],
        user=options.get("user", [""])[0] or getpass.getuser(),
        port=int(options.get("port", ["22"])[0]),
        options=options,
        arguments=(*arguments, "--", target),
    )
    if "%" in resolved.hostname:  # left open by older versions
        resolved = replace(resolved, hostname=resolved.hostname.replace("%h", target))
    check_word("host", resolved.hostname)
    return resolved


async def _ssh_g(target: str, arguments: list[str]) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            "ssh",
            "-G",
            *arguments,
            "--",
            target,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise CodecastError(
            "not_supported",
            "There is no `ssh` where the Jupyter server runs.",
            "Install OpenSSH's client (Debian: openssh-client).",
        ) from None
    try:
        out, err = await within(process.communicate(), RESOLVE_TIMEOUT)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
        raise CodecastError(
            "bad_request",
            f"`ssh -G {target}` did not end within {RESOLVE_TIMEOUT:.0f} seconds.",
            "A `Match exec` in your ssh config may hang.",
        ) from None
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    words = err.decode(errors="replace").strip()
    if process.returncode != 0:
        raise CodecastError(
            "bad_request",
            f"Your ssh configuration cannot be used for {target}.",
            f"Correct what `ssh -G {target}` complains about.",
            words,
        )
    return out.decode(errors="surrogateescape")


def check_word(what: str, value: str) -> None:
    """Hosts and users end up in ProxyCommands, which are shell text: OpenSSH's own rule."""
    if not value or value[0] == "-" or re.search(r"[\s'\"`$\\;&<>|(){}\x00-\x1f]", value):
        raise CodecastError(
            "bad_request",
            f"{value!r} cannot be used as a {what}.",
            "It must not begin with `-` nor hold spaces or characters special to a shell.",
        )


def jump_hops(value: str) -> list[tuple[str, str | None, int | None]]:
    """`[(host, user, port)]` of a ProxyJump value, the first hop first."""
    hops: list[tuple[str, str | None, int | None]] = []
    for part in value.split(","):
        text = part.strip()
        if text.startswith("ssh://"):
            text = text[6:].rstrip("/")
        user, at, rest = text.rpartition("@")
        match = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+)(?::(\d+))?|([0-9a-fA-F:]+)", rest)
        if match is None:
            raise CodecastError(
                "bad_request",
                f"ProxyJump {part!r} cannot be read.",
                "It is [user@]host[:port], several with commas.",
            )
        host = match[1] or match[3] or match[5]
        port = match[2] or match[4]
        hops.append((host, user if at else None, int(port) if port else None))
    return hops
