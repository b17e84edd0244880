"""What we must know about single ACP agents beyond the protocol: one small table.

Everything here was seen with the real programs. An agent that is not listed gets `Quirks()`.
"""

from typing import Dict, List, NamedTuple, Tuple

# Names agents give to modes of our classes, the most fitting first; used where an agent's
# own quirks say nothing.
MODE_NAMES: Dict[str, List[str]] = {
    "auto": ["auto", "bypassPermissions", "yolo", "agent-full-access", "full-access"],
    "code": ["code", "acceptEdits", "autoEdit", "auto-edit", "workspace-write", "build"],
    "plan": ["plan", "architect", "read-only"],
    "ask": ["ask", "default", "manual"],
}


class Quirks(NamedTuple):
    modes: Dict[str, str] = {}  # our class -> the agent's own mode, over MODE_NAMES
    args: Tuple[str, ...] = ()  # after the command
    env: Dict[str, str] = {}
    hidden: Tuple[str, ...] = ()  # answer text that begins so is the agent talking to itself
    reject_ends_turn: bool = False  # a refused permission stops the agent
    load_in_next_minute: bool = False  # session/load in the minute of the last write loses data
    replay_settles: float = 0.0  # seconds without a word that end a replay after session/load
    login_hint: str = "Log in with the CLI's own command on that machine, then start again."


_QUIRKS: Dict[str, Quirks] = {
    "demo": Quirks(modes={"auto": "auto", "code": "code", "plan": "plan", "ask": "ask"}),
    "gemini": Quirks(
        modes={"auto": "yolo", "code": "autoEdit", "plan": "plan", "ask": "default"},
        # without trust in the folder it refuses the modes that approve by themselves
        args=("--skip-trust",),
        env={"GEMINI_CLI_NO_RELAUNCH": "true"},
        hidden=("[MODE_UPDATE]", "<session_context>"),
        load_in_next_minute=True,
        replay_settles=0.5,  # it goes on telling history after its answer
        login_hint="Run `gemini` once on that machine and sign in, or set GEMINI_API_KEY.",
    ),
    "opencode": Quirks(
        # Its `build` agent allows everything unless told to ask; our modes then decide.
        modes={"plan": "plan", "ask": "build"},
        env={
            "OPENCODE_CONFIG_CONTENT": '{"permission":{"bash":"ask","edit":"ask"}}',
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
        },
        reject_ends_turn=True,
        login_hint="Run `opencode auth login` on that machine.",
    ),
}


def quirks(cli: str) -> Quirks:
    """The quirks of a CLI of the catalog; none for an unknown one."""
    return _QUIRKS.get(cli, Quirks())
