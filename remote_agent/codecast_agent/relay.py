"""One connection of a hub: JSON-RPC on stdin and stdout, sessions behind it.

It keeps no state and owns nothing: killed at any moment, it takes nothing with it. Its life
is its connection's: the end of stdin ends it, and so does a hub that falls silent for its
lease, together with the sshd that would wait for TCP to notice.
"""

import os
import pwd
import signal
import socket
import sys
import time
from functools import partial
from typing import Any, Callable, Dict, NoReturn, Optional

from . import starting, system
from .helper import Helper
from .journal import bounds
from .links import LOST, Link
from .login import LoginShell
from .loop import Loop
from .prompts import person
from .protocol import wire
from .protocol.errors import CodecastError
from .registry import Entry, Registry
from .streams import READ
from .subscriptions import Subscriptions
from .waiter import Waiter

Params = Dict[str, Any]
Method = Callable[[Params, Waiter], None]
TIDY_AFTER = 20.0  # seconds after the greeting
TIDY_WITHIN = 300.0
FORWARDED = [
    "prompt",
    "edit_prompt",
    "cancel_prompt",
    "move_prompt",
    "interrupt",
    "answer",
    "set_mode",
    "set_model",
    "set_budget",
    "rename",
    "resume",
]
GROUPS = ("host", "file", "changes", "skills", "terminal")  # of `_load`
_SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh", "mksh", "csh", "tcsh", "busybox", "rbash")


class Relay:
    """The methods of docs/protocol.md."""

    def __init__(self, root: str, agent_hash: str) -> None:
        self._loop = Loop()
        self._root = root
        self._hash = agent_hash
        self._greeted = False
        self._lease = wire.LEASE
        self._heard = time.monotonic()
        self._decoder = wire.Decoder()
        self._subscriptions = Subscriptions(self._loop, 1, _end)
        self._registry = Registry(
            self._loop,
            root,
            self._changed,
            self._subscriptions.grew,
            self._subscriptions.end,
            self._subscriptions.returned,
        )
        self._subscriptions.link_of = self._registry.link_of
        self._login = LoginShell(self._loop)
        self._methods: Dict[str, Method] = {
            "hello": self._hello,
            "ping": self._ping,
            "session/list": self._list,
            "session/start": partial(starting.start, self._registry, self._login, self._progress),
            "session/subscribe": self._subscribe,
            "session/unsubscribe": self._unsubscribe,
            "session/stop": self._stop,
            "session/remove": self._remove,
            "session/ack": self._ack,
        }
        for verb in FORWARDED:
            self._methods["session/" + verb] = partial(self._forward, verb)

    def _load(self, name: str) -> Optional[Method]:
        """Methods that not every connection asks for; supervisors are spared their code, too."""
        group = name.partition("/")[0]
        loop, registry = self._loop, self._registry
        if group == "host":
            from . import host

            self._methods.update(host.methods(loop, registry, self._login, self._progress))
        elif group == "file":
            from . import editing, files

            outlet = self._subscriptions.outlet
            self._methods.update(files.methods(loop, registry, outlet))
            self._methods.update(editing.methods(loop, registry))
        elif group == "changes":
            from . import changes

            self._methods.update(changes.methods(loop, registry))
        elif group == "skills":
            from . import skills

            self._methods.update(skills.methods(loop))
        elif group == "terminal":
            from .terminals import Terminals

            outlet = self._subscriptions.outlet
            self._methods.update(Terminals(loop, outlet, registry).methods())
        return self._methods.get(name)

    def run(self) -> None:
        """Until the connection ends; does not return."""
        for fd in (0, 1):
            os.set_blocking(fd, False)
        self._loop.reader(0, self._read)
        self._loop.every(1.0, self._check_lease)
        self._loop.run()

    # -- the connection

    def _read(self) -> None:
        try:
            data = os.read(0, READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            _end()
        self._heard = time.monotonic()
        for frame in self._decoder.feed(data):
            if isinstance(frame, dict):
                self._call(frame)

    def _call(self, message: Params) -> None:
        id, name = message.get("id"), message.get("method")
        params = message.get("params")
        tell = self._subscriptions.outlet.tell

        def reply(value: Any) -> None:
            if id is not None:
                tell(wire.result(id, value))

        def refuse(problem: CodecastError) -> None:
            if id is not None:
                tell(wire.error(id, problem))

        try:
            method = self._methods.get(str(name)) or self._load(str(name))
            if method is None:
                raise CodecastError(
                    "not_supported", "This machine's agent does not know %r." % name
                )
            method(params if isinstance(params, dict) else {}, Waiter(reply, refuse))
        except CodecastError as problem:
            refuse(problem)
        except OSError as problem:
            code = "disk_full" if problem.errno in (28, 122) else "internal"
            refuse(CodecastError(code, "%s failed: %s" % (name, problem)))
        except Exception as problem:
            sys.stderr.write(system.trace())
            refuse(CodecastError("internal", "%s failed: %r" % (name, problem)))

    def _check_lease(self) -> None:
        if time.monotonic() - self._heard > self._lease:
            sshd = find_sshd(os.getppid())
            if sshd:
                os.kill(sshd, signal.SIGTERM)
            _end()

    def _changed(self, session: str, alive: bool, last_seq: int) -> None:
        if self._greeted:
            self._subscriptions.outlet.tell(
                wire.notification(
                    "session/changed", {"session": session, "alive": alive, "last_seq": last_seq}
                )
            )

    def _progress(self, session: str, text: str) -> None:
        about = {"session": session} if session else {}
        self._subscriptions.outlet.tell(wire.notification("progress", {**about, "text": text}))

    # -- greeting

    def _hello(self, params: Params, waiter: Waiter) -> None:
        if wire.PROTOCOL not in params.get("protocols", []):
            raise CodecastError(
                "protocol_mismatch",
                "This agent speaks protocol %d." % wire.PROTOCOL,
                "Upgrade the older side.",
            )
        self._lease = float(params.get("lease") or wire.LEASE)
        self._greeted = True
        waiter.reply(
            {
                "protocol": wire.PROTOCOL,
                "agent": self._hash,
                "python": "%d.%d.%d" % sys.version_info[:3],
                "hostname": socket.gethostname(),
                "user": _user(),
                "uid": os.getuid(),
                "home": os.path.expanduser("~"),
                "root": self._root,
                "pid": os.getpid(),
                "boot_id": system.boot_id(),
                "platform": "%s %s %s" % os.uname()[0:5:2],
                "time": time.time(),
            }
        )
        self._loop.after(0, self._registry.watch)
        self._loop.after(TIDY_AFTER, self._tidy)

    def _tidy(self) -> None:
        """In a child: a slow disk must not hold anything up, and there is nobody to tell."""

        def work() -> None:
            from . import janitor

            janitor.used(self._root, self._hash)
            janitor.tidy(self._root, self._hash)

        Helper(self._loop, work, lambda value, problem: None, TIDY_WITHIN)

    def _ping(self, params: Params, waiter: Waiter) -> None:
        waiter.reply({"n": params.get("n"), "time": time.time()})

    # -- sessions

    def _list(self, params: Params, waiter: Waiter) -> None:
        self._registry.scan()
        waiter.reply([describe(entry) for entry in self._registry.entries.values()])

    def _subscribe(self, params: Params, waiter: Waiter) -> None:
        entry = self._registry.find(params.get("session"))
        channel, after = _whole(params, "channel"), _whole(params, "after", 0)
        last = self._subscriptions.add(channel, entry.place, after)
        if last is None:
            waiter.reply({"last_seq": _bounds(entry)[1], "reset": True})
            return
        waiter.reply({"last_seq": last})
        self._subscriptions.begin(channel)

    def _unsubscribe(self, params: Params, waiter: Waiter) -> None:
        self._subscriptions.remove(_whole(params, "channel"))
        waiter.reply({})

    def _forward(self, verb: str, params: Params, waiter: Waiter) -> None:
        entry = self._registry.find(params.get("session"))
        again = verb == "prompt"  # a repeated id changes nothing

        def ask(link: Link) -> None:
            link.call(verb, params, Waiter(waiter.reply, refused))

        def refused(problem: CodecastError) -> None:
            nonlocal again
            if problem is LOST and again:
                again = False
                # after the link has told the registry, which then starts a supervisor
                self._loop.after(0.05, partial(self._registry.reach, entry, ask, refused))
                return
            problem.data.pop("was_ready", None)
            waiter.refuse(problem)

        self._registry.reach(entry, ask, refused)

    def _stop(self, params: Params, waiter: Waiter) -> None:
        entry = self._registry.find(params.get("session"))

        def refused(problem: CodecastError) -> None:
            if problem is LOST:  # it ended, as asked
                waiter.reply({})
            else:
                waiter.refuse(problem)

        link = entry.link
        if link is not None:

            def stopped(value: Any) -> None:
                link.when_lost(partial(waiter.reply, {}))  # the supervisor itself is gone, too

            link.call("stop", params, Waiter(stopped, refused))
        else:
            rest = Waiter(lambda value: waiter.reply({}), waiter.refuse)
            self._registry.bury_now(entry, person(params), rest)

    def _remove(self, params: Params, waiter: Waiter) -> None:
        starting.remove(self._registry, self._registry.find(params.get("session")), waiter)

    def _ack(self, params: Params, waiter: Waiter) -> None:
        """Journals are kept whole as yet, so there is nothing to free."""
        self._registry.find(params.get("session"))
        waiter.reply({})


def describe(entry: Entry) -> Dict[str, Any]:
    """A line of `session/list`. The environment stays here: it may hold keys."""
    first, last = _bounds(entry)
    meta = entry.place.read_meta()
    meta.pop("env", None)
    return {
        "session": entry.place.session,
        "alive": entry.alive,
        "first_seq": first,
        "last_seq": last,
        "meta": meta,
    }


def _bounds(entry: Entry) -> "tuple[int, int]":
    return bounds(entry.place.journal)


def _whole(params: Params, name: str, default: Optional[int] = None) -> int:
    value = params.get(name, default)
    if isinstance(value, int) and value >= 0:
        return value
    raise CodecastError("bad_request", "%s cannot be %r." % (name, value))


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # an account that no database knows
        return str(os.getuid())


def find_sshd(pid: int) -> int:
    """The sshd of our own user that holds this connection, at most shells between; else 0.

    A hub on the same machine may itself live below an sshd: that one is not ours to end.
    """
    for _ in range(4):
        try:
            with open("/proc/%d/comm" % pid) as file:
                name = file.read().strip()
            if name in ("sshd", "sshd-session"):
                return pid if os.stat("/proc/%d" % pid).st_uid == os.getuid() else 0
            if name not in _SHELLS:
                return 0
            with open("/proc/%d/stat" % pid) as file:
                pid = int(file.read().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            return 0
    return 0


def _end() -> NoReturn:
    """Nothing is ours, so nothing is to be tidied."""
    os._exit(0)


def main(root: str, agent_hash: str) -> None:
    """Serve the hub at the other end of stdin and stdout until it is gone."""
    for signum in (signal.SIGPIPE, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    os.chdir("/")
    system.set_name(system.RELAY)
    try:
        Relay(root, agent_hash).run()
    except Exception:
        sys.stderr.write(system.trace())
        sys.stderr.flush()
        os._exit(1)
