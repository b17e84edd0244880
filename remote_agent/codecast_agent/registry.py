"""The sessions of this machine as a relay sees them: which exist, which live, how to reach them.

Looked for on disk (another relay may have started them), once a second and cheaply. A
supervisor's death is heard at once, as the end of its socket; then what it left is buried.
"""

import json
import os
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from . import burial, supervisor
from .helper import Helper
from .journal import End, bounds
from .links import LOST, Link
from .loop import Loop
from .places import Place, check_id, places, roots, sessions_directory, tidy
from .protocol.errors import CodecastError
from .waiter import Waiter

SCAN_EVERY = 1.0
BURY_WITHIN = 120.0
PATIENCE = 50  # tenths of a second for whoever holds a dead session's lock
BURIALS = 4  # at once: after a reboot every session waits for one
Reached = Callable[[Link], None]
Refused = Callable[[CodecastError], None]


class Entry:
    """A session directory."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.link: Optional[Link] = None
        self.unburied = True  # dead, for all we know, and not closed in order
        self.burial: Optional[Helper] = None
        self.told = False  # whether the hub thinks that it lives
        self.starting: "List[tuple[Reached, Refused]]" = []

    @property
    def alive(self) -> bool:
        return self.link is not None


class Registry:
    """`changed(session, alive, last_seq)` tells who came or went; `grew(session)` that a
    journal has more; `gone(session)` that a directory was removed; `returned(channel, end)` that
    a supervisor gives a lane back."""

    def __init__(
        self,
        loop: Loop,
        root: str,
        changed: Callable[[str, bool, int], None],
        grew: Callable[[str], None],
        gone: Callable[[str], None],
        returned: Callable[[int, End], None],
    ) -> None:
        self.loop = loop
        self.directory = sessions_directory(root)
        self.entries: Dict[str, Entry] = {}
        self._root = root
        self._changed = changed
        self._grew = grew
        self._gone = gone
        self._returned = returned
        self._seen: Dict[str, int] = {}  # directory: mtime at the last listing
        self.adopting: Set[Tuple[str, str]] = set()  # (cli, native) being taken over

    def directories(self) -> List[str]:
        """Every `sessions` directory of this machine, in all roots."""
        found = [self.directory]
        host = os.path.relpath(self.directory, self._root)
        for root in roots(self._root):
            path = os.path.join(root, host)
            if path not in found and os.path.isdir(path):
                found.append(path)
        return found

    def watch(self) -> None:
        """Scan now and each second."""
        tidy(self.directory)
        self.scan()
        self.loop.every(SCAN_EVERY, self.scan)

    def scan(self) -> None:
        """Take in what appeared, let go of what vanished, meet and bury supervisors."""
        directories = self.directories()
        times = {path: _mtime(path) for path in directories}
        if times != self._seen:
            self._seen = times
            there = {place.session: place for place in places(directories)}
            for session, place in there.items():
                if session not in self.entries:
                    self.entries[session] = Entry(place)
            for session in [each for each in self.entries if each not in there]:
                self._drop(session)
        for entry in list(self.entries.values()):
            if not entry.alive and (entry.unburied or entry.place.has_socket()):
                self._meet(entry)

    def _drop(self, session: str) -> None:
        entry = self.entries.pop(session)
        if entry.link is not None:
            entry.link.close()
        self._gone(session)
        if entry.told:
            self._changed(session, False, 0)

    def add(self, place: Place) -> Entry:
        """A directory we made."""
        entry = self.entries[place.session] = Entry(place)
        entry.unburied = False
        return entry

    def forget(self, session: str) -> None:
        """A directory we remove."""
        if session in self.entries:
            self._drop(session)

    def link_of(self, session: str) -> Optional[Link]:
        """To the session's supervisor, if it lives."""
        entry = self.entries.get(session)
        return entry.link if entry is not None else None

    def owners(self) -> Dict[Tuple[str, str], Entry]:
        """Which session goes on with which conversation of which CLI, by `(cli, native)`."""
        self.scan()
        found = {}
        for entry in self.entries.values():
            meta = entry.place.read_meta()
            # before a fork has begun it bears the id of what it forks
            if meta.get("native") and not meta.get("fork"):
                found[(str(meta.get("cli")), str(meta["native"]))] = entry
        return found

    def find(self, session: Any) -> Entry:
        """Raises CodecastError("not_found")."""
        check_id(session)
        if session not in self.entries:
            self.scan()
        entry = self.entries.get(session)
        if entry is None or not entry.place.exists():
            raise CodecastError("not_found", "There is no session %s on this machine." % session)
        return entry

    def _meet(self, entry: Entry) -> bool:
        """Connect to a living supervisor; bury a dead one."""
        if entry.alive:
            return True
        connection = entry.place.connect()
        if connection is None:
            if entry.burial is None and not entry.starting:
                self._bury(entry)
            return False
        entry.link = Link(
            self.loop,
            connection,
            partial(self._grew, entry.place.session),
            self._returned,
            partial(self._lost, entry),
        )
        entry.unburied = False
        self._tell(entry, True)
        self._grew(entry.place.session)
        return True

    # -- death

    def _lost(self, entry: Entry) -> None:
        """The socket ended, and with it the supervisor."""
        entry.link = None
        entry.unburied = True
        session = entry.place.session
        if self.entries.get(session) is not entry:
            return
        if not entry.place.exists():
            self._drop(session)
        else:
            self._bury(entry)

    def _bury(self, entry: Entry) -> None:
        if _is_orderly(entry.place):
            self._rests(entry)
            return

        if sum(each.burial is not None for each in self.entries.values()) >= BURIALS:
            return  # the next scan comes back to it

        def done(value: Any, problem: Optional[CodecastError]) -> None:
            entry.burial = None
            if problem is None and value is not None:
                entry.told = True  # its journal has grown, so this is news
                self._rests(entry)
                self.scan()
            # else: another has the lock, or the disk is full; the next scan tries again

        entry.burial = Helper(self.loop, partial(burial.bury, entry.place.path), done, BURY_WITHIN)

    def _rests(self, entry: Entry) -> None:
        entry.unburied = False
        session = entry.place.session
        if self.entries.get(session) is entry and not entry.alive:
            self._tell(entry, False)
            self._grew(session)

    def _tell(self, entry: Entry, alive: bool) -> None:
        if entry.told != alive:
            entry.told = alive
            self._changed(entry.place.session, alive, bounds(entry.place.journal)[1])

    def bury_now(
        self, entry: Entry, by: Dict[str, str], waiter: Waiter, tries: int = PATIENCE
    ) -> None:
        """For a dead session that a person stops or removes: `{killed}` when it rests."""

        def done(value: Any, problem: Optional[CodecastError]) -> None:
            if problem is None and value is None:
                # its supervisor is just ending, or another relay buries it
                if tries and not entry.alive and entry.place.exists():
                    again = partial(self.bury_now, entry, by, waiter, tries - 1)
                    self.loop.after(0.1, again)
                    return
                problem = CodecastError(
                    "conflict", "Somebody works on that session just now.", "Try it once more."
                )
            if problem is not None:
                waiter.refuse(problem)
                return
            self._rests(entry)
            waiter.reply({"killed": value["killed"]})

        Helper(self.loop, partial(burial.lay_to_rest, entry.place.path, by), done, BURY_WITHIN)

    # -- reaching

    def reach(self, entry: Entry, reached: Reached, refused: Refused, begin: bool = False) -> None:
        """A link to the session's supervisor, which is started when there is none.

        `begin` also starts its CLI.
        """
        if entry.link is not None or (not entry.starting and self._connect(entry)):
            assert entry.link is not None
            reached(entry.link)
            return
        entry.starting.append((reached, refused))
        if len(entry.starting) == 1:
            fd = supervisor.spawn(entry.place, begin)
            self.loop.reader(fd, partial(self._started, entry, fd))

    def _connect(self, entry: Entry) -> bool:
        return entry.place.has_socket() and self._meet(entry)

    def _started(self, entry: Entry, fd: int) -> None:
        word = os.read(fd, 1 << 16)
        self.loop.forget(fd)
        os.close(fd)
        waiting, entry.starting = entry.starting, []
        if word == supervisor.LISTENING and self._meet(entry):
            for reached, refused in waiting:
                if entry.link is not None:
                    reached(entry.link)
                else:  # it was killed by now: whoever asks again starts another
                    refused(LOST)
            return
        try:
            problem = CodecastError.from_json(json.loads(word))
        except ValueError:
            problem = CodecastError(
                "internal", "The session's supervisor did not start.", detail=entry.place.log_tail()
            )
        for _, refused in waiting:
            refused(problem)


def _is_orderly(place: Place) -> bool:
    """Closed in order, its socket taken away: nothing to bury."""
    return not place.has_socket() and burial.is_buried(place)


def _mtime(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
