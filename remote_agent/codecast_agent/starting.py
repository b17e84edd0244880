"""`session/start`: checked, made whole, begun; and when it fails, as if it had never been."""

import os
import time
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import takeover
from .links import LOST, Link
from .login import LoginShell
from .places import Meta, Place, check_id
from .protocol import budget
from .protocol.errors import CodecastError
from .protocol.events import MODES
from .protocol.wire import PROTOCOL
from .registry import Entry, Registry
from .waiter import Waiter

Params = Dict[str, Any]
Progress = Callable[[str, str], None]  # (session, what is done for it; empty at the end)
PATIENCE = 2.0  # seconds after which it is said that a CLI takes its time


def expand(path: Any) -> str:
    """An absolute path: `~` is our home, and what is relative begins there. Nothing else in
    it means anything. Raises CodecastError("bad_request")."""
    if not isinstance(path, str) or "\0" in path:
        raise CodecastError("bad_request", "A path cannot be %r." % (path,))
    home = os.path.expanduser("~")
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    return os.path.normpath(os.path.join(home, path))


def directory(path: Any, create: bool) -> Tuple[str, List[str]]:
    """`(absolute path, directories made for it)`. Raises `no_such_directory`, `bad_request`."""
    absolute = expand(path)
    made: List[str] = []
    missing = absolute
    while create and not os.path.lexists(missing):
        made.append(missing)
        missing = os.path.dirname(missing)
    try:
        if made:
            os.makedirs(absolute)
        os.listdir(absolute)
        if not os.access(absolute, os.X_OK):
            raise PermissionError(13, os.strerror(13))
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        hint = "Name a directory that exists on that machine"
        raise CodecastError(
            "no_such_directory",
            "%s: %s." % (absolute, reason),
            hint + ("." if create else ", or let it be created."),
        ) from problem
    return absolute, made


def read_meta(params: Params) -> "Tuple[Meta, List[str]]":
    """What a new session's directory keeps, and the directories made for it."""
    session, cli = check_id(params.get("session")), params.get("cli")
    if not isinstance(cli, str):
        raise CodecastError("bad_request", "Name the CLI to start.")
    _load(cli)
    mode = params.get("mode") or "code"
    if mode not in MODES:
        raise CodecastError("bad_request", "A mode is one of: %s." % ", ".join(MODES))
    command, env = params.get("command"), params.get("env") or {}
    if command is not None and not (_strings(command) and command):
        raise CodecastError("bad_request", "A command is a list of words.")
    if not isinstance(env, dict) or not _strings(list(env.values())):
        raise CodecastError("bad_request", "An environment maps names to texts.")
    native = params.get("native")
    if native is not None and not isinstance(native, str):
        raise CodecastError("bad_request", "A conversation's id is a text.")
    if params.get("history") and not native:
        raise CodecastError("bad_request", "Which conversation is to be imported?")
    limits = budget.changed({}, budget.check(params.get("budget") or {}))
    cwd, made = directory(params.get("cwd") or "~", bool(params.get("create_directory")))
    meta = {
        "session": session,
        "protocol": PROTOCOL,
        "cli": cli,
        "command": command,
        "cwd": cwd,
        "mode": mode,
        "env": env,
        "budget": limits,
        "created": time.time(),
    }
    notices = params.get("notices")
    if _strings([n.get("text") for n in notices or () if isinstance(n, dict)]) and notices:
        meta["notices"] = [n for n in notices if isinstance(n, dict)]
    for name in ("model", "native", "name", "owner"):
        meta[name] = params.get(name)
    for name in ("fork", "history"):
        meta[name] = bool(params.get(name))
    return meta, made


def _load(cli: str) -> None:
    """Raises when the CLI is unknown. Its adapter's code is loaded here, once, before the fork:
    40 ms that no other use of a relay pays."""
    from .clis import catalog

    catalog.adapter(cli)


def _strings(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def start(
    registry: Registry, login: LoginShell, progress: Progress, params: Params, waiter: Waiter
) -> None:
    """Start a session, or find the one of that id; answers when its CLI is ready."""
    try:
        entry = registry.find(params.get("session"))
    except CodecastError as problem:
        if problem.code != "not_found":
            raise
    else:
        _Start(registry, entry, [], False, progress, waiter).run()
        return
    meta, made = read_meta(params)

    def refuse(problem: CodecastError) -> None:
        _unmake(made)
        progress(meta["session"], "")
        waiter.refuse(problem)

    def attempt(call: Callable[..., None], *args: Any) -> None:
        try:
            call(*args)
        except (CodecastError, OSError) as problem:  # called later, where nobody catches
            if isinstance(problem, OSError):
                problem = CodecastError("internal", "The session was not made: %s" % problem)
            refuse(problem)

    def create() -> None:
        if meta["native"]:
            progress(meta["session"], "looking for the conversation")
            takeover.begin(registry, meta, partial(attempt, begin), refuse)
        else:
            begin(Place.create(registry.directory, meta))

    def begin(place: Optional[Place]) -> None:
        if place is None:  # the same start again, or another relay's, was faster
            entry = registry.find(meta["session"])
            _Start(registry, entry, [], False, progress, waiter).run()
        else:
            _Start(registry, registry.add(place), made, True, progress, waiter).run()

    if login.known(partial(attempt, create)):
        progress(meta["session"], "asking the login shell for its environment")


class _Start:
    """One start under way."""

    def __init__(
        self,
        registry: Registry,
        entry: Entry,
        made: List[str],
        created: bool,
        progress: Progress,
        waiter: Waiter,
    ) -> None:
        self._registry = registry
        self._entry = entry
        self._made = made
        self._created = created
        self._progress = partial(progress, entry.place.session)
        self._waiter = waiter
        self._hush = registry.loop.after(PATIENCE, self._takes_time)

    def run(self) -> None:
        self._progress("starting %s" % self._entry.place.read_meta().get("cli"))
        self._registry.reach(self._entry, self._ask, self._fail, begin=self._created)

    def _takes_time(self) -> None:
        self._progress("waiting until %s is ready" % self._entry.place.read_meta().get("cli"))

    def _over(self) -> None:
        self._hush()
        self._progress("")

    def _ask(self, link: Link) -> None:
        # a session that was there may be down: a start means that it runs
        link.call("ready" if self._created else "resume", {}, Waiter(self._ready, self._fail))

    def _ready(self, value: Any) -> None:
        self._over()
        session = self._entry.place.session
        self._waiter.reply({**value, "session": session, "created": self._created})

    def _fail(self, problem: CodecastError) -> None:
        self._over()
        never = not problem.data.pop("was_ready", not self._created)
        if not never or problem is LOST:
            self._waiter.refuse(problem)
            return
        if problem.code == "no_place":  # no lock, hence no supervisor to wait for
            self._entry.place.remove()
            self._registry.forget(self._entry.place.session)
            self._removed(problem, None)
            return
        remove(
            self._registry,
            self._entry,
            Waiter(partial(self._removed, problem), partial(self._removed, problem)),
        )

    def _removed(self, problem: CodecastError, value: Any) -> None:
        _unmake(self._made)
        self._waiter.refuse(problem)


def remove(registry: Registry, entry: Entry, waiter: Waiter) -> None:
    """Stop a session and delete its directory."""

    def delete(value: Any = None) -> None:
        entry.place.remove()
        registry.forget(entry.place.session)
        waiter.reply({})

    def stopped(value: Any) -> None:
        _when_unlocked(registry, entry, delete, waiter, 200)

    def refused(problem: CodecastError) -> None:
        if problem is LOST:
            stopped(None)
        else:
            waiter.refuse(problem)

    if entry.link is not None:
        entry.link.call("stop", {}, Waiter(stopped, refused))
    else:
        registry.bury_now(entry, {}, Waiter(delete, waiter.refuse))


def _when_unlocked(registry: Registry, entry: Entry, call: Any, waiter: Waiter, tries: int) -> None:
    """The supervisor has answered and is about to end: wait for its lock."""
    try:
        lock = entry.place.lock()
    except OSError:
        call()
        return
    if lock is not None:
        call()
        lock.release()
    elif tries:
        registry.loop.after(0.01, lambda: _when_unlocked(registry, entry, call, waiter, tries - 1))
    else:
        waiter.refuse(CodecastError("conflict", "The session's supervisor does not end."))


def _unmake(made: List[str]) -> None:
    for path in made:
        try:
            os.rmdir(path)
        except OSError:
            return
