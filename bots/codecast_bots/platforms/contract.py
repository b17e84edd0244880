"""What the core and a chat platform say to each other.

An adapter carries messages; it knows no session, no permission and no server of ours. The core
decides what stands in a chat; it knows no id's meaning, no HTML, no entity and no card. Bodies
are Markdown: the adapter renders them by its own rules (`codecast_bots.markdown` parses), and
says by `Limits` what fits. The core paces: it makes one call at a time for what it may wait
with, obeys `RateLimited` for the whole budget, and never sends an unchanged edit on purpose.

An adapter
- imports its library in its own module only, and never logs a token;
- acknowledges a press at once: by `ActionIn.answer`, which the core calls before anything slow,
  or by itself after `ANSWER_WITHIN` seconds;
- yields every event once as far as it can know, with an `id` by which the core drops repeats;
  it tells the platform that an event was taken only when the next one is asked for;
- never starts a task it does not end in `stop`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

ANSWER_WITHIN = 1.5  # seconds the core has to say words to a press
TOKEN_BYTES = 16  # of a button's token: letters and digits

Style = Literal["plain", "good", "danger"]
Kind = Literal["private", "group"]


@dataclass(frozen=True)
class Place:
    """Where messages go. Equal when platform, account, chat and thread are; `kind` and `parent`
    only describe it. `thread` is None outside threads (also in a forum's general topic).
    """

    platform: str  # telegram, discord, lark
    account: str  # the bot's own id there, so that two bots never mix
    chat: str
    thread: str | None = None
    kind: Kind = field(default="private", compare=False)

    @property
    def outer(self) -> Place:
        """The chat around the thread; itself outside one."""
        return Place(self.platform, self.account, self.chat, None, self.kind)

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Person:
    """`id` decides about rights, `name` is only shown."""

    id: str
    name: str
    is_bot: bool = False


@dataclass(frozen=True)
class MessageRef:
    """A message that exists. `id` is opaque to the core and at most 200 characters."""

    place: Place
    id: str


# -- out


@dataclass(frozen=True)
class FileOut:
    """A file to send: `path` of this computer. `name` is what the person sees."""

    name: str
    path: Path


@dataclass(frozen=True)
class Button:
    """Pressing it comes back as ActionIn(token). `asks_text`: the platform opens its own text
    field where it has one and returns ActionIn.text (a Discord modal, a Lark form); where it has
    none it returns ActionIn.text None, and the core asks by a message (`Outgoing.asks_text`).
    A label is cut by the adapter to `Limits.label`.
    """

    token: str
    label: str
    style: Style = "plain"
    asks_text: bool = False


@dataclass(frozen=True)
class Option:
    label: str
    description: str = ""


@dataclass(frozen=True)
class Choice:
    """A list to choose from. With `many` several: a platform with real multi-select returns all
    of them at once (ActionIn.values, the options' numbers from "0"); one without draws a button
    an option, `picked` ones checked, and a Done button: a press of an option is
    ActionIn(values=(number,), partial=True), Done is ActionIn(values=(), partial=False).
    """

    token: str
    options: tuple[Option, ...]
    many: bool = False
    picked: tuple[int, ...] = ()
    placeholder: str = ""


Control = Button | Choice


@dataclass(frozen=True)
class Outgoing:
    """A message as it should be, whole: an edit replaces text and controls (none means none).

    `body` is Markdown that fits (`Limits.size(body) <= Limits.text`, with files
    `Limits.caption`); it may be empty when there are files. `notify` makes a sound; `live` tells
    that more edits follow soon. Files are only sent with the creation and never edited.
    `asks_text`: the platform's own way to invite a reply to this message (Telegram's
    ForceReply); the reply comes as TextIn.reply_to. `plain`: the body is no Markdown and is
    shown as it is.
    """

    body: str
    controls: tuple[Control, ...] = ()
    files: tuple[FileOut, ...] = ()
    reply_to: str | None = None  # the id of a MessageRef in the same place
    notify: bool = False
    live: bool = False
    asks_text: bool = False
    plain: bool = False


# -- in


@dataclass(frozen=True)
class FileIn:
    """A file of the platform that was not fetched yet; `id` is opaque. `size` in bytes."""

    id: str
    name: str
    size: int | None = None
    mime: str | None = None


class Answer(Protocol):
    """`passing`: the chat shows it soon anyway, so a platform whose answers stay there until
    they are put away may leave the words out."""

    async def __call__(self, words: str, passing: bool = False) -> None: ...


async def unanswered(words: str, passing: bool = False) -> None:
    """The `answer` of a press that waits for none (any more)."""


@dataclass(frozen=True)
class Event:
    """`id` is stable over repeated deliveries. `at` in seconds since 1970."""

    id: str
    place: Place
    person: Person
    at: float


@dataclass(frozen=True)
class TextIn(Event):
    """Words and files, a command too (`/ls`): the core reads it.

    `message` is the id of its MessageRef; `edited`: the same message again with other words.
    `addressed`: said to the bot (a private chat, a mention, a reply to it); in groups the core
    ignores other words outside of threads that hold a session. `command`: chosen from the
    platform's menu, so that an answer is waited for even by who may not use it.
    """

    text: str
    message: str
    files: tuple[FileIn, ...] = ()
    reply_to: str | None = None
    edited: bool = False
    addressed: bool = True
    command: bool = False


@dataclass(frozen=True)
class ActionIn(Event):
    """A press. `answer(words)` acknowledges it and shows the words to who pressed (empty: none);
    later calls do nothing. It must never raise.
    """

    token: str
    message: str  # the id of the MessageRef that has the control
    values: tuple[str, ...] = ()
    partial: bool = False
    text: str | None = None
    answer: Answer = field(default=unanswered, compare=False, repr=False)


@dataclass(frozen=True)
class GoneIn(Event):
    """The bot was removed from the place, or the place was deleted. `moved`: its new chat."""

    why: str
    moved: str | None = None


# -- what it can do


@dataclass(frozen=True)
class Limits:
    """Of one place. Sizes of text in what `size` counts, of files in bytes, times in seconds.

    `budget` names what shares a rate: one call each `gap` seconds per budget, `burst` more at
    once for what a person waits for, and never more than `most` (0: any number) in `within`
    seconds, whatever they are for. `size(body)` never underestimates what the platform counts,
    and only grows when words are added.
    """

    text: int
    size: Callable[[str], int]
    budget: str
    gap: float
    burst: int = 2
    most: int = 0
    within: float = 0.0
    buttons: int = 100  # controls of a message
    label: int = 60  # characters of a button
    file_up: int = 50 << 20
    file_down: int = 20 << 20
    max_edits: int | None = None  # of one message
    caption: int | None = None  # of a body that has files; None: as any other
    threads: bool = False  # `open_thread` works here
    drafts: bool = False  # `draft` works here
    unique: bool = False  # `send` with a key sent before gives the same message again
    closes: bool = False  # what was `live` looks unfinished until an edit that is not


@dataclass(frozen=True)
class Health:
    connected: bool
    heard: float  # time.monotonic() of the last sign of life, an idle poll's end too
    error: str = ""


@dataclass(frozen=True)
class Check:
    """A line of `codecast bots check`."""

    name: str
    status: Literal["ok", "warning", "error"]
    message: str
    hint: str = ""


@dataclass(frozen=True)
class MenuArgument:
    """In the order in which a line has them. `option`: typed as `--name value` (a `flag`: as
    `--name` alone). `text`: words as they are, to the end of the line. `completes`: ask
    `MenuCommand.complete` for its values.
    """

    name: str
    help: str
    required: bool = False
    option: bool = False
    flag: bool = False
    text: bool = False
    choices: tuple[str, ...] = ()
    completes: bool = False


# (who, where, the values so far by argument, which argument, what is typed of it) to values
Complete = Callable[
    [Person, Place, Mapping[str, str], str, str], Awaitable[Sequence[tuple[str, str]]]
]


@dataclass(frozen=True)
class MenuCommand:
    """A command as a menu shows it: `name` has letters, digits and `-`; `words` is the usage of
    what follows it. `complete` gives values with a word about each, for platforms that ask;
    it never raises. `secret`: nobody else may see what is typed.
    """

    name: str
    help: str
    words: str = ""
    arguments: tuple[MenuArgument, ...] = ()
    complete: Complete | None = field(default=None, compare=False, repr=False)
    secret: bool = False


class Adapter(Protocol):
    """A platform. Everything runs on the loop that called `start`."""

    name: str  # telegram
    account: str  # known after `start`

    async def start(self) -> None:
        """Log in. Raises BadCredentials or MissingPermission with a fix in words, Unavailable
        or RateLimited when it may work later, Occupied when another program receives this bot's
        messages."""

    async def stop(self) -> None:
        """End everything; `start` may be called again. Idempotent."""

    def catch_up(self, seen: Mapping[Place, str], made: Mapping[Place, str]) -> None:
        """Told once between `start` and `events`: the last message taken of each place, and the
        last one of ours made there, also by an earlier life: `mark` is behind it. What was said
        behind `seen` is yielded too, where the platform does not deliver it by itself."""

    def events(self) -> AsyncIterator[Event]:
        """Until `stop`. Raises Occupied, or Unavailable when it gave up; lost connections that
        heal it handles itself."""

    def limits(self, place: Place) -> Limits: ...

    async def send(self, place: Place, out: Outgoing, key: str) -> MessageRef:
        """Create it. `key` names this message for ever: a nonce where the platform has one."""

    async def edit(self, ref: MessageRef, out: Outgoing) -> None:
        """Make it so. Unchanged is success."""

    async def delete(self, ref: MessageRef) -> None:
        """Gone already is success."""

    async def draft(self, place: Place, out: Outgoing, key: str) -> bool:
        """Show it passingly as being written; False where this cannot work here at all. It
        vanishes when the same text is sent."""

    def mark(self, place: Place) -> str:
        """Taken before `send`, for `recover`: what tells the message from all before it. Empty
        where nothing is known, and where `send` is `unique`."""

    async def recover(
        self, place: Place, out: Outgoing, key: str, mark: str, known: Collection[str]
    ) -> MessageRef | None:
        """After Unavailable(maybe_sent), perhaps in another process: the message if it was made,
        else None. `known` are the ids of other messages of ours in the chat. Its calls are a
        `Limits.gap` apart."""

    async def working(self, place: Place, on: bool) -> None:
        """Typing, or what stands for it; the adapter repeats it until it is told off."""

    async def open_thread(self, place: Place, title: str, on: str | None) -> Place:
        """A new thread in the chat; `on` is the id of a message to open it at, if that helps."""

    async def rename_thread(self, place: Place, title: str, before: str = "") -> None:
        """Best effort; never waits for limits. `before` is the title that it had from us: where
        the platform tells that a person gave it another one, that one stays."""

    async def close_thread(self, place: Place) -> None:
        """Best effort."""

    async def fetch(self, file: FileIn, to: Path, limit: int) -> None:
        """Write its bytes to `to`. Raises TooBig above `limit` bytes, Gone."""

    async def publish_commands(self, commands: Sequence[MenuCommand]) -> None:
        """Show them in the platform's menu, cut to what it takes, if they differ from its own."""

    def health(self) -> Health: ...

    async def check(self) -> list[Check]:
        """What is well and what is missing, with where to click. Works without `start`."""


# -- what goes wrong


class PlatformError(Exception):
    """In words for the person who runs the bots."""


class BadCredentials(PlatformError):
    """The token is wrong or was revoked."""


class MissingPermission(PlatformError):
    """The bot lacks a right or an intent; the words say where to give it."""


class Occupied(PlatformError):
    """Another program polls with the same token."""


class RateLimited(PlatformError):
    """Wait; nothing was done."""

    def __init__(self, retry_after: float, words: str = "") -> None:
        super().__init__(words or f"rate limited for {retry_after:g} s")
        self.retry_after = retry_after


class Rejected(PlatformError):
    """It will never be taken as it is."""


class TooBig(Rejected):
    """Too long or too large."""


class Gone(PlatformError):
    """The message, thread or chat does not exist any more."""


class Forbidden(PlatformError):
    """The bot may not write there (any more)."""


class Unavailable(PlatformError):
    """Try again. `maybe_sent`: it may have been done all the same."""

    def __init__(self, words: str, maybe_sent: bool = False) -> None:
        super().__init__(words)
        self.maybe_sent = maybe_sent
