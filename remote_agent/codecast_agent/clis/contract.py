"""What a supervisor and a CLI's adapter promise each other.

An adapter is a protocol without I/O: lines of the CLI's stdout go in, events and lines
for its stdin come out. The supervisor owns the process, the journal and the prompt queue,
which is why an adapter can be fed a recording in a test.

The order that keeps the promises: everything emitted during one call is journaled by one
`write` before any line handed to `Host.send` reaches the CLI and before anybody sees it.

The supervisor promises: `launch` is called once per process, then `begin`, then lines;
`prompt` only while no turn is open and the adapter was ready; `answer` only for an open
request and once; every call on one thread.

An adapter promises: `turn_started` before any content of a turn and exactly one
`turn_ended` after it, also at `exited`; every `request_opened` ends as resolved (by the
supervisor) or withdrawn (by the adapter); an unknown message becomes a `notice` that keeps
it as `raw`; no method raises for anything a CLI may write.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ..protocol.errors import CodecastError

try:
    from typing import Protocol
except ImportError:  # pragma: no cover - 3.7 and older do not run this
    raise


class Launch(NamedTuple):
    """What a session was started with, as its directory on the machine keeps it."""

    session: str  # our id, a UUID; Claude takes it as its own
    cwd: str
    mode: str  # auto, code, plan or ask
    model: Optional[str]
    native: Optional[str]  # the CLI's own id: resume that conversation
    fork: bool  # resume into a new conversation
    command: List[str]  # how the CLI is called: the found program, or a configured argv
    env: Dict[str, str]
    cost_usd: float = 0.0  # what the session has cost before this process
    attachments: str = ""  # where files lie that a person sends: to be read without a question


class Process(NamedTuple):
    """What to run."""

    argv: List[str]
    env: Dict[str, str]  # beyond the session's environment


class Prompt(NamedTuple):
    id: str  # the sender's, a UUID
    content: List[Dict[str, Any]]  # content blocks, see `protocol.events`


class Answer(NamedTuple):
    """A person's answer; the fields of `request_resolved`."""

    option: Optional[str] = None
    answers: Optional[Dict[str, List[str]]] = None
    declined: bool = False
    message: Optional[str] = None


# How a CLI answered to a setting: nothing is wrong, or why it did not take it. Called once.
Settled = Callable[[Optional[CodecastError]], None]


def unheard(problem: Optional[CodecastError]) -> None:
    """For a setting that nobody waits for."""


def refused(cli: str, setting: str, value: str, words: str) -> CodecastError:
    """A mode or model that the CLI did not take, in its own words."""
    return CodecastError(
        "not_supported",
        "%s did not take the %s %r" % (cli, setting, value),
        "Choose another one.",
        words[:2000],
        {"setting": setting},
    )


class Host(Protocol):
    """The supervisor, as an adapter sees it."""

    def emit(self, type: str, **fields: Any) -> None:
        """Journal an event; `turn` is added while one is open."""

    def emit_chunk(self, type: str, message: str, content: bytes) -> None:
        """`emit` of a chunk whose content is JSON already, just as `records.dump` writes it."""

    def send(self, line: bytes) -> None:
        """A line for the CLI's stdin (without its end), after the journal has what was emitted."""

    def ready(self) -> None:
        """The CLI takes prompts now."""

    def failed(self, problem: CodecastError) -> None:
        """The process runs but will never be ready (not logged in, say): end it, tell `problem`."""

    def after(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """Call later, unless the returned function is called or the process ends."""

    def next_turn(self) -> int:
        """The number of a new turn; numbers go on across restarts."""


class Adapter(Protocol):
    """One CLI protocol. Constructed as `Adapter(host, launch)`, anew for every process."""

    def launch(self) -> Process:
        """argv and environment. `not_supported` where the mode cannot be had."""

    def begin(self) -> None:
        """The process runs: say hello to it. Ends, some lines later, in `Host.ready`."""

    def line(self, line: bytes) -> None:
        """One line of stdout without its end: any bytes at all, up to 64 MiB."""

    def exited(self, problem: CodecastError) -> None:
        """The process is gone: withdraw open requests, end an open turn with `problem`."""

    def prompt(self, prompt: Prompt) -> None:
        """Start a turn."""

    def steer(self, prompt: Prompt) -> None:
        """Deliver into the running turn. Raises CodecastError("not_supported").

        A CLI that keeps it for a turn of its own: `prompt_state running` with `steered` false
        before the running turn ends, then a turn with this prompt, or `prompt_state` done or
        cancelled. Without that the prompt ends with the running turn.
        """

    def interrupt(self) -> None:
        """End the running turn; open requests are withdrawn."""

    def answer(self, request: str, answer: Answer) -> None:
        """Tell the CLI. Raises `bad_request`, before anything is sent, if it does not fit."""

    def set_mode(self, mode: str, settled: Settled = unheard) -> bool:
        """Switch in place and tell `settled` what the CLI says to it; False asks the supervisor
        to restart by resume. A start that fails because of a mode or model says so in the
        problem's data, as `setting`."""

    def set_model(self, model: str, settled: Settled = unheard) -> bool:
        """Likewise."""
