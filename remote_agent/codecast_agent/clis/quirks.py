"""What we must know about single ACP agents beyond the protocol: one small table.

Everything here was seen with the real programs. An agent that is not listed gets `Quirks()`.
"""

from typing import Callable, Dict, FrozenSet, List, NamedTuple, Tuple

from . import gemini_launch, opencode_launch
from .contract import Launch

# Names agents give to modes of our classes, the most fitting first; used where an agent's
# own quirks say nothing.
MODE_NAMES: Dict[str, List[str]] = {
    "auto": ["bypassPermissions", "yolo", "agent-full-access", "full-access"],
    "code": ["code", "acceptEdits", "autoEdit", "auto-edit", "workspace-write", "build"],
    "plan": ["plan", "architect", "read-only"],
    "ask": ["ask", "default", "manual", "approve"],
}
# What an agent switched itself to is told as; never chosen: a model decides there what runs.
TOLD_AS = {"auto": "auto"}
# kinds of tool calls that may be asked about in mode plan: they change nothing, or leave it
PLAN_KINDS = frozenset(("read", "search", "fetch", "think", "switch_mode"))


class Quirks(NamedTuple):
    modes: Dict[str, str] = {}  # our class -> the agent's own mode, over MODE_NAMES
    arguments: Callable[[Launch], List[str]] = lambda launch: []  # after the command
    env: Dict[str, str] = {}  # where the person has not set it
    hidden: Tuple[str, ...] = ()  # answer text that begins so is the agent talking to itself
    mode_words: str = ""  # hidden ones that tell its mode, which follows
    tags: Tuple[str, ...] = ()  # around words in a tool's output that are for the model
    reject_ends_turn: bool = False  # a refused permission stops the agent
    environment: Callable[[Launch], Dict[str, str]] = lambda launch: {}  # beyond `env`
    silent_retries: bool = False  # a failing request is tried again without a word
    always: Dict[str, str] = {}  # kind of tool call -> what its "always" allows, untold by it
    always_scope: str = ""  # and for how long
    plan_kinds: FrozenSet[str] = PLAN_KINDS
    mode_by_start: bool = False  # another mode needs another start
    before_start: Callable[[Launch], None] = lambda launch: None
    before_load: Callable[[Launch], None] = lambda launch: None  # before session/load
    after_load: Callable[[Launch], None] = lambda launch: None
    replay_settles: float = 0.0  # seconds without a word that end a replay after session/load
    login_words: bytes = b""  # in a line before the session: it waits for a login by a person
    login_hint: str = "Log in with the CLI's own command on that machine, then start again."


_QUIRKS: Dict[str, Quirks] = {
    "demo": Quirks(modes={"auto": "auto", "code": "code", "plan": "plan", "ask": "ask"}),
    "gemini": Quirks(
        modes={"auto": "yolo", "code": "autoEdit", "plan": "plan", "ask": "default"},
        arguments=gemini_launch.arguments,
        env={
            "GEMINI_CLI_NO_RELAUNCH": "true",  # a second process only guards the first's memory
            "GEMINI_PTY_INFO": "child_process",  # output of commands is told without a terminal
        },
        hidden=("[MODE_UPDATE]", "<session_context>"),
        mode_words="[MODE_UPDATE] ",
        always={
            "execute": "every command of the same programs, with any arguments",
            "edit": "every edit, in any directory",
        },
        always_scope="this session, until its CLI is started anew",
        plan_kinds=PLAN_KINDS | {"other"},  # leaving it is one; rules of ours refuse the rest
        before_start=gemini_launch.drop_twins,
        before_load=gemini_launch.before_load,
        after_load=gemini_launch.drop_twins,
        silent_retries=True,
        replay_settles=0.5,  # it goes on telling history after its answer
        login_words=b"visit the following URL to authorize",
        login_hint="Run `gemini` once on that machine and sign in, or set GEMINI_API_KEY.",
    ),
    "opencode": Quirks(
        modes={"plan": "plan", "ask": "build"},  # auto and code are `build`, answered by us
        env={"OPENCODE_DISABLE_AUTOUPDATE": "1"},  # not while a session runs
        environment=opencode_launch.environment,
        mode_by_start=True,
        always={
            "execute": "every command that begins with the same program and subcommand",
            "edit": "every edit in the project",
        },
        always_scope="this session, until its CLI is started anew",
        tags=("shell_metadata",),
        reject_ends_turn=True,
        silent_retries=True,
        login_hint="Run `opencode auth login` on that machine.",
    ),
}


def quirks(cli: str) -> Quirks:
    """The quirks of a CLI of the catalog; none for an unknown one."""
    return _QUIRKS.get(cli, Quirks())
