"""What commands return. A result is data; `render` decides how it looks.

`to_json` gives the one document of `--json`. `Follow` and `Stream` go on in time: a
surface shows a `Follow` in its own way (a terminal attaches, a notebook shows its
widget) and prints the items of a `Stream` as they come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

Json = Mapping[str, Any]
NOTHING: Json = MappingProxyType({})


class Done(NamedTuple):
    """It was done; `words` tells the person what."""

    words: str
    data: Json = NOTHING

    def to_json(self) -> Any:
        return {"ok": True, **self.data}


class Text(NamedTuple):
    """Text to be given out unchanged (a completion script)."""

    text: str

    def to_json(self) -> Any:
        return {"text": self.text}


class Help(NamedTuple):
    """Help for one command, or for all with an empty name."""

    command: str

    def to_json(self) -> Any:
        from .table import TABLE, describe

        return [describe(command) for command in TABLE if self.command in ("", command.name)]


class Version(NamedTuple):
    version: str
    protocol: int

    def to_json(self) -> Any:
        return self._asdict()


class Sessions(NamedTuple):
    sessions: Sequence[Json]
    hidden: int = 0  # stopped ones left out

    def to_json(self) -> Any:
        return self.sessions


class Session(NamedTuple):
    """A session and, where asked for, the last of its events, oldest first."""

    session: Json
    events: Sequence[Json] = ()
    prompts: Sequence[Json] = ()
    requests: Sequence[Json] = ()

    def to_json(self) -> Any:
        return self._asdict()


class Started(NamedTuple):
    session: Json
    words: str = ""  # what stands in the way of its start

    def to_json(self) -> Any:
        return self.session


class Prompted(NamedTuple):
    """A prompt as the hub holds it; `behind` counts those it waits for, `away` a machine, and
    `paused` says which limit of the budget it waits behind."""

    prompt: Json
    session: str
    behind: int = 0
    away: bool = False
    paused: str = ""

    def to_json(self) -> Any:
        return self.prompt


class Prompts(NamedTuple):
    session: str
    prompts: Sequence[Json]

    def to_json(self) -> Any:
        return self.prompts


class Usage(NamedTuple):
    """What one session and its turns took."""

    usage: Json

    def to_json(self) -> Any:
        return self.usage


class Usages(NamedTuple):
    usages: Sequence[Json]

    def to_json(self) -> Any:
        return self.usages


class Requests(NamedTuple):
    requests: Sequence[Json]
    names: Mapping[str, str] = NOTHING  # session id to its name

    def to_json(self) -> Any:
        return self.requests


class Answered(NamedTuple):
    request: Json
    words: str

    def to_json(self) -> Any:
        return self.request


class Machines(NamedTuple):
    """`info` holds the hardware's figures of those that are online."""

    machines: Sequence[Json]
    info: Mapping[str, Json] = NOTHING

    def to_json(self) -> Any:
        told = {name: info for name, info in self.info.items() if info}
        return [
            {**each, "info": told[each["name"]]} if each.get("name") in told else each
            for each in self.machines
        ]


class Machine(NamedTuple):
    machine: Json
    words: str = ""
    info: Json | None = None

    def to_json(self) -> Any:
        return {**self.machine, "info": self.info} if self.info else self.machine


class Doctor(NamedTuple):
    machine: str
    checks: Sequence[Json]

    def to_json(self) -> Any:
        return self._asdict()

    @property
    def failed(self) -> bool:
        return any(check.get("status") == "error" for check in self.checks)


class Clis(NamedTuple):
    machine: str
    clis: Sequence[Json]

    def to_json(self) -> Any:
        return self.clis


class Conversations(NamedTuple):
    """What the CLIs keep on a machine; `names` maps our sessions' ids to their names."""

    machine: str
    conversations: Sequence[Json]
    names: Mapping[str, str] = NOTHING

    def to_json(self) -> Any:
        return self.conversations


def short_id(conversation: Json) -> str:
    """Enough of its id to tell it from others: a UUID's head is random, or is the time."""
    id = str(conversation.get("native") or "")
    return id[:13] if len(id) == 36 else id


class Processes(NamedTuple):
    machine: str
    processes: Sequence[Json]

    def to_json(self) -> Any:
        return self.processes


class Directories(NamedTuple):
    machine: str
    listing: Json

    def to_json(self) -> Any:
        return self.listing


class Files(NamedTuple):
    """What a session's agent offers."""

    session: str
    files: Sequence[Json]

    def to_json(self) -> Any:
        return self.files


class Hits(NamedTuple):
    query: str
    hits: Sequence[Json]

    def to_json(self) -> Any:
        return self.hits


class Health(NamedTuple):
    health: Json
    server: str

    def to_json(self) -> Any:
        return {**self.health, "server": self.server}


class Server(NamedTuple):
    """`running` with `url`, `pid`, and `own`: started by `codecast`, not by a person's Jupyter."""

    running: bool
    url: str = ""
    pid: int | None = None
    own: bool = False
    log: str = ""
    words: str = ""

    def to_json(self) -> Any:
        return self._asdict()


class Follow(NamedTuple):
    """Watch this session from `after` on (its events so far: `session["last_seq"]`).

    `tail` is how many events before the end are shown first when `after` is None.
    """

    session: Json
    after: int | None = None
    words: str = ""

    def to_json(self) -> Any:
        return self.session


class Stream(NamedTuple):
    """Events as they come. `failed` is asked at the end: a reason, or nothing."""

    session: Json
    items: AsyncIterator[Json]
    raw: bool = False
    problem: Json = NOTHING  # filled before the end when it ended badly

    def to_json(self) -> Any:
        return self.session


Result = (
    Done | Text | Help | Version | Sessions | Session | Started | Prompted | Prompts | Requests
    | Answered | Machines | Machine | Doctor | Clis | Conversations | Processes | Directories
    | Hits | Health | Server | Follow | Stream | Usage | Usages | Files
)  # fmt: skip
RESULTS: tuple[type, ...] = (
    Done, Text, Help, Version, Sessions, Session, Started, Prompted, Prompts, Requests, Answered,
    Machines, Machine, Doctor, Clis, Conversations, Processes, Directories, Hits, Health, Server,
    Follow, Stream, Usage, Usages, Files,
)  # fmt: skip
