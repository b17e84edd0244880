"""Examines one machine, from its name to its CLIs, and says each finding in words.

Every check that can be made is made; those behind the first failure are told as skipped, so that a
person sees at once how far it goes.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codecast_agent.protocol.errors import CodecastError

from . import bootstrap, dialing, host_keys, ssh, ssh_options
from .link import Link
from .machines import Machine
from .route import SshRoute
from .ssh_config import Resolved

LOW_DISK = 1 << 30  # bytes free below which we warn
SLOW = 0.5  # seconds of latency
CLOCK_OFF = 5.0  # seconds between the clocks
CALL_TIMEOUT = 60.0

# The checks in order, with the errors of a connect that each of them explains.
STEPS: dict[str, tuple[str, ...]] = {
    "settings": ("bad_request", "not_supported"),
    "network": ("unreachable", "link_lost"),
    "host key": ("unknown_host_key", "changed_host_key"),
    "login": ("auth_failed", "secret_needed"),
    "shell": ("bootstrap_failed",),
    "python": ("no_python",),
    "directory": ("no_place", "disk_full"),
    "agent": ("protocol_mismatch", "internal"),
}
AFTER = ("latency", "clock", "processes", "disk", "clis", "path")


@dataclass(frozen=True)
class Check:
    """One finding. `status`: ok, warning, error or skipped."""

    name: str
    status: str
    message: str
    hint: str = ""
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        out = {"name": self.name, "status": self.status, "message": self.message}
        if self.hint:
            out["hint"] = self.hint
        if self.detail:
            out["detail"] = self.detail
        return out


async def examine(machine: Machine) -> list[Check]:
    """All checks of `machine`, which is connected for it. Never raises for what it finds."""
    checks: list[Check] = []
    if isinstance(machine.route, SshRoute):
        try:
            resolved = await machine.route.resolve()
        except CodecastError as error:
            return [*_failed("settings", error), *_skipped("settings")]
        checks.append(_settings(machine, resolved))
        checks += await _network(machine.route, resolved, connected=machine.current is not None)
        if checks[-1].status == "error":
            return [*checks, *_skipped("network")]
    else:
        checks.append(Check("settings", "ok", "This is the machine the server itself runs on."))
    try:
        link = await machine.link()
    except CodecastError as error:
        return [*checks, *_from_error(error, {check.name for check in checks})]
    checks += _connected(machine, link)
    checks += await _host(link)
    return checks


def _settings(machine: Machine, resolved: Resolved) -> Check:
    means = (
        f"{machine.name} (from {machine.source}) means"
        f" {resolved.user}@{resolved.hostname} port {resolved.port}"
    )
    if resolved.proxy_jump:
        means += f" through {resolved.proxy_jump}"
    elif resolved.proxy_command:
        means += " through a ProxyCommand"
    reasons = ssh_options.binding(resolved)
    if reasons and machine.settings.ssh == "asyncssh":
        return Check(
            "settings",
            "warning",
            f"{means}, but `ssh: asyncssh` cannot honour all of your ssh config.",
            "Set `ssh: auto` in codecast.yaml.",
            "\n".join(str(reason) for reason in reasons),
        )
    if reasons:
        names = ", ".join(reason.option for reason in reasons)
        means += f"; the `ssh` program connects, because of {names}"
    return Check("settings", "ok", f"{means}.")


async def _network(route: SshRoute, resolved: Resolved, connected: bool) -> list[Check]:
    """TCP to the first hop; what lies behind a jump or a ProxyCommand shows at the login."""
    first, hops = resolved, 0
    try:
        while first.proxy_jump and hops < ssh.MAX_HOPS:
            first = await ssh.last_hop(first.proxy_jump, route.context)
            hops += 1
        if first.proxy_command:
            return [Check("network", "skipped", "A ProxyCommand makes the connection.")]
        start = time.monotonic()
        sock = await dialing.dial(first)
    except CodecastError as error:
        if connected:
            return [Check("network", "warning", f"Connected, but now: {error.message}", error.hint)]
        return _failed("network", error)
    took = (time.monotonic() - start) * 1000
    address = sock.getpeername()[0]
    sock.close()
    name = "the first jump host " + first.name if hops else first.hostname
    return [
        Check("network", "ok", f"{name} ({address} port {first.port}) answers in {took:.0f} ms.")
    ]


def _connected(machine: Machine, link: Link) -> Iterator[Check]:
    route, hello = machine.route, link.hello
    if isinstance(route, SshRoute) and route.resolved is not None:
        known = host_keys.look_up(route.resolved)
        places = ", ".join(sorted(known.places.values())) or "a certificate authority of yours"
        yield Check("host key", "ok", f"The host key is known: {places}.")
        how = "asyncssh" if route.pipe == "asyncssh" else f"the `ssh` program ({route.why})"
        yield Check("login", "ok", f"Logged in as {hello.get('user')} by {how}.")
    if link.noise:
        yield Check(
            "shell",
            "warning",
            f"Its start-up files print {len(link.noise)} bytes where no terminal is; skipped.",
            "Print only in interactive shells: [ -t 1 ] && echo ...",
            link.noise[:500].decode(errors="replace"),
        )
    else:
        yield Check("shell", "ok", "The shell runs our command and prints nothing else.")
    yield Check("python", "ok", f"Python {hello.get('python')} runs our agent.")
    if not re.fullmatch(r"/(var/tmp|tmp|dev/shm)/codecast-\d+", link.root):
        yield Check("directory", "ok", f"Our files are in {link.root}.")
    else:
        yield Check(
            "directory",
            "warning",
            f"Our files are in {link.root}, because the home directory takes none.",
            "Journals there may be cleaned away: free space in the home, or set CODECAST_ROOT.",
        )
    wanted = bootstrap.archive().hash
    fresh = "installed just now" if link.deployed else "was there"
    yield Check(
        "agent", "ok", f"Agent {wanted} {fresh}; it speaks protocol {hello.get('protocol')}."
    )


async def _host(link: Link) -> list[Check]:
    checks = [*await _latency(link)]
    try:
        info = await link.call("host/info", {}, timeout=CALL_TIMEOUT)
        checks += _info(info)
    except CodecastError as error:
        checks += [*_failed("processes", error), Check("disk", "skipped", "No answer about it.")]
    try:
        clis = await link.call("host/clis", {"refresh": True}, timeout=CALL_TIMEOUT)
        checks += [*_clis(clis), _path(clis)]
    except CodecastError as error:
        checks += [*_failed("clis", error), *_skipped("clis")]
    return checks


async def _latency(link: Link) -> list[Check]:
    times: list[tuple[float, float]] = []  # round trip, clock difference
    for number in range(5):
        start, asked = time.monotonic(), time.time()
        answer = await link.call("ping", {"n": number}, timeout=CALL_TIMEOUT)
        took = time.monotonic() - start
        times.append((took, answer["time"] - (asked + took / 2)))
        await asyncio.sleep(0)
    times.sort()
    return [_round_trip(times[2][0]), _clock(times[0][1])]  # the fastest tells the time best


def _clock(ahead: float) -> Check:
    if abs(ahead) <= CLOCK_OFF:
        return Check("clock", "ok", f"Its clock and the server's are {abs(ahead):.1f} s apart.")
    return Check(
        "clock",
        "warning",
        f"Its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's.",
        "Events carry the machine's time. Have its clock set, by `timedatectl set-ntp true`, say.",
    )


def _round_trip(middle: float) -> Check:
    message = f"A question is answered in {middle * 1000:.1f} ms (middle of 5)."
    if middle > SLOW:
        return Check("latency", "warning", message, "The line or the machine is slow.")
    return Check("latency", "ok", message)


def _info(info: dict[str, Any]) -> Iterator[Check]:
    if info.get("kill_user_processes"):
        yield Check(
            "processes",
            "warning",
            "The machine ends all processes of a user who logs out (KillUserProcesses).",
            "Run `loginctl enable-linger` there, and ask for KillUserProcesses=no (or your name in"
            " KillExcludeUsers) in its logind.conf: otherwise a lost link may end your sessions.",
        )
    else:
        yield Check("processes", "ok", "What we start goes on when the connection ends.")
    disk = info.get("disk")
    free = disk.get("available") if isinstance(disk, dict) else None
    if not isinstance(free, (int, float)):
        yield Check("disk", "skipped", "The machine does not tell how full its disk is.")
    elif free < LOW_DISK:
        yield Check(
            "disk",
            "warning",
            f"Only {free / (1 << 20):.0f} MiB are free where our files are.",
            "Journals need room: free some.",
        )
    else:
        yield Check("disk", "ok", f"{free / (1 << 30):.1f} GiB are free.")


def _clis(clis: list[dict[str, Any]]) -> Iterator[Check]:
    found = [cli for cli in clis if cli.get("found")]
    missing = "\n".join(
        f"{cli['name']}: {cli['install']}"
        for cli in clis
        if not cli.get("found") and cli.get("install")
    )
    if all(cli.get("cli") == "demo" for cli in found):
        yield Check(
            "clis",
            "warning",
            "No coding agent that we know is installed there.",
            "Install one (see below), or name a command of your own under `agents` in"
            " codecast.yaml.",
            missing,
        )
    else:
        names = ", ".join(str(cli["name"]) for cli in found)
        yield Check("clis", "ok", f"Found: {names}.", detail=missing and f"Not found:\n{missing}")
    for cli in found:
        name = f"cli {cli['cli']}"
        what = f"{cli.get('name', cli['cli'])} {cli.get('version') or '(version unknown)'}"
        where = f" at {cli['path']}" if cli.get("path") else ""
        note = str(cli.get("note") or "")
        if cli.get("untested"):
            where += f", {cli['untested']} than {cli['tested']}, which Codecast is tested with"
        if cli.get("logged_in") is False:
            hint = str(cli.get("login_hint") or "Log in there.")
            yield Check(name, "warning", f"{what}{where}, is not logged in.", hint, note)
        elif cli.get("untested") == "older":
            hint = f"Update it there: {cli.get('install')}" if cli.get("install") else "Update it."
            yield Check(name, "warning", f"{what}{where}.", hint, note)
        else:
            yield Check(name, "ok", f"{what}{where}.", detail=note)


def _path(clis: list[dict[str, Any]]) -> Check:
    """Where CLIs are found, if not on the PATH of a plain command."""
    problem = next((cli["shell_problem"] for cli in clis if cli.get("shell_problem")), "")
    by_shell = ", ".join(c["name"] for c in clis if c.get("found_by") == "shell")
    by_place = ", ".join(c["name"] for c in clis if c.get("found_by") == "place")
    words = []
    if by_shell:
        words.append(f"Only your login shell's PATH has {by_shell}: fine, CLIs get it.")
    if by_place:
        words.append(f"No PATH has {by_place}: found where installers put it.")
    if problem:
        hint = "Does `bash -lic true` (or your shell's like) end by itself in a moment there?"
        return Check("path", "warning", problem, hint, "\n".join(words))
    text = " ".join(words) or "Every CLI found is on the PATH of a plain command, too."
    return Check("path", "ok", text)


def _failed(name: str, error: CodecastError) -> list[Check]:
    return [Check(name, "error", error.message, error.hint, error.detail)]


def _skipped(after: str) -> list[Check]:
    names = [*STEPS, *AFTER]
    rest = names[names.index(after) + 1 :]
    return [Check(name, "skipped", f"Not tried, because of the {after}.") for name in rest]


def _from_error(error: CodecastError, done: set[str]) -> list[Check]:
    """A failed connect as checks: what it had passed, where it stopped, what it never reached."""
    stop = next((name for name, codes in STEPS.items() if error.code in codes), "agent")
    checks = []
    for name in list(STEPS)[: list(STEPS).index(stop)]:
        if name not in done:
            checks.append(Check(name, "ok", "Passed."))
    return [*checks, *_failed(stop, error), *_skipped(stop)]
