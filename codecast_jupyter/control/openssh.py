"""The system's `ssh` program as the pipe, for what asyncssh cannot do.

It runs without a terminal and never asks: keys come from the agent or need no passphrase,
host keys must be known. What it prints when it fails is turned into the same errors that
asyncssh's way raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import tempfile
from pathlib import Path

import asyncssh

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.waiting import within

from . import host_keys
from .host_keys import HostKeyRefused, OfferedKey
from .pipes import ProcessPipe
from .ssh_config import Resolved

PROBE_TIMEOUT = 30.0  # seconds

# What `ssh` says, in the order of certainty: pattern, our code, message, hint.
_SAYINGS = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed|revoked host key",
        "changed_host_key",
        "The host key of {where} has changed: this may be another machine, or an attack.",
        "If you know why it changed, remove the old key: ssh-keygen -R '{known}'",
    ),
    (
        r"Host key verification failed|host key is known for",
        "unknown_host_key",
        "The host key of {where} is not known yet.",
        "Compare the fingerprint with what the machine's administrator says, then accept it.",
    ),
    (
        r"Permission denied|Too many authentication failures",
        "auth_failed",
        "{host} does not let {user!r} in.",
        "Does `ssh -o BatchMode=yes {name}` work where the Jupyter server runs? A key with a"
        " passphrase must be in your ssh-agent.",
    ),
    (
        r"Could not resolve hostname",
        "unreachable",
        "The name {host} cannot be resolved.",
        "Is it spelled right, and is the network (or VPN) up?",
    ),
    (
        r"Bad configuration option|terminating, \d+ bad configuration",
        "bad_request",
        "Your ssh configuration cannot be used for {name}.",
        "Correct what `ssh -G {name}` complains about.",
    ),
    (
        r"",
        "unreachable",
        "{where} cannot be reached.",
        "Is the machine on, and is the network (or VPN) up?",
    ),
)


def arguments(resolved: Resolved, *options: str) -> list[str]:
    """`ssh` and its options up to the host; a command may follow. `options` win over ours."""
    strict = resolved.get("stricthostkeychecking", "ask")
    lenient = strict in ("accept-new", "no", "off", "false")
    wanted = [
        *options,
        "BatchMode=yes",
        f"StrictHostKeyChecking={'accept-new' if lenient else 'yes'}",
        "RemoteCommand=none",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "ControlMaster=no",
        "EscapeChar=none",
        "RequestTTY=no",
    ]
    for key, value in (
        ("SessionType", "default"),
        ("ForkAfterAuthentication", "no"),
        ("StdinNull", "no"),
    ):
        if key.lower() in resolved.options:  # older versions do not know these
            wanted.append(f"{key}={value}")
    flags = [part for option in wanted for part in ("-o", option)]
    return ["ssh", "-T", *flags, *resolved.arguments]


def pipe(resolved: Resolved) -> ProcessPipe:
    """A pipe whose early end is explained in our words."""
    return ProcessPipe(
        arguments(resolved),
        explain=lambda status, words: explain(resolved, status, words),
        ends_at=signal.SIGTERM,
    )


def explain(resolved: Resolved, status: int | None, words: str) -> CodecastError | None:
    """Why `ssh` ended; None where it was the remote command that did."""
    if status != 255:
        return None
    values = {
        "where": f"{resolved.hostname} port {resolved.port}",
        "known": host_keys.host_name(resolved.known_as, resolved.port),
        "host": resolved.hostname,
        "user": resolved.user,
        "name": resolved.name,
    }
    data = {"host": resolved.hostname, "port": resolved.port, "name": resolved.name}
    for pattern, code, message, hint in _SAYINGS:
        if re.search(pattern, words, re.IGNORECASE):
            found = re.search(r"SHA256:[A-Za-z0-9+/=]+", words)
            fingerprint = {"fingerprint": found[0]} if found and "host_key" in code else {}
            return CodecastError(
                code,
                message.format(**values),
                hint.format(**values),
                words,
                {**data, **fingerprint},
            )
    return None


async def check_hop(hop: Resolved) -> None:
    """Whether the `ssh` that goes through a jump host knows it: it could neither ask nor say which.

    Raises HostKeyRefused with the key to accept.
    """
    known = host_keys.look_up(hop)
    strict = hop.get("stricthostkeychecking", "ask") in ("ask", "yes", "true")
    elsewhere = hop.get("knownhostscommand", "none") != "none" or hop.get(
        "verifyhostkeydns", "no"
    ) not in ("no", "false")
    if known.trusted or known.authorities or elsewhere or not strict:
        return
    key = await _shown_key(hop)
    refused = None if key is None else host_keys.judge(hop, known, key)
    if key is not None and refused is not None:
        raise HostKeyRefused(refused, OfferedKey(hop, key))


def changed_at(hops: list[Resolved], error: CodecastError) -> Resolved | None:
    """The jump host whose key has changed, by what `ssh` says."""
    found = re.search(r"host key for (\S+) has changed", error.detail, re.IGNORECASE)
    if error.code != "changed_host_key" or found is None:
        return None
    names = {host_keys.host_name(hop.known_as, hop.port): hop for hop in hops}
    return names.get(found[1].lower())


async def offered_key(resolved: Resolved, error: CodecastError) -> CodecastError:
    """`error` (`unknown_host_key`) with the key the host shows, so that it can be accepted."""
    key = await _shown_key(resolved)
    if key is None:
        return error
    refused = host_keys.judge(resolved, host_keys.KnownKeys(), key)
    assert refused is not None
    return HostKeyRefused(refused, OfferedKey(resolved, key))


async def _shown_key(resolved: Resolved) -> asyncssh.SSHKey | None:
    """The key a host shows. `ssh` itself fetches it, over whatever proxies lead there, into a
    throw-away file; no authentication is tried."""
    with tempfile.TemporaryDirectory(prefix="codecast-") as directory:
        file = Path(directory) / "known_hosts"
        argv = arguments(
            resolved,
            f"UserKnownHostsFile={file}",
            "GlobalKnownHostsFile=none",
            "StrictHostKeyChecking=accept-new",
            "HashKnownHosts=no",
            "UpdateHostKeys=no",
            "PreferredAuthentications=none",
            "PubkeyAuthentication=no",
        )
        process = await asyncio.create_subprocess_exec(
            *argv,
            "true",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(os.environ),
            start_new_session=True,
        )
        try:
            await within(process.wait(), PROBE_TIMEOUT)
        except asyncio.TimeoutError:
            pass
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
    for line in lines:
        with contextlib.suppress(asyncssh.KeyImportError, ValueError):
            return asyncssh.import_public_key(" ".join(line.split()[1:3]))
    return None
