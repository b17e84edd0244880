"""How Claude Code is started: its argv, its modes, and which conversation it takes up.

Modes: `auto` is Claude's bypassPermissions, `code` acceptEdits, `plan` plan, `ask` default.
Claude refuses bypassPermissions (and the flag that allows switching to it) to root, unless
IS_SANDBOX says that this is a container made to be broken; we cannot know that and do not
say it. As root, `auto` is therefore Claude's default mode, and the adapter answers its
permission requests with yes (`Plan.own_auto`); the person's deny rules still hold.

A session's file appears about 0.1 s after the first prompt: a session killed before that
has no conversation, and `--resume` would end the process. So the file is looked for first.
"""

import os
from typing import Dict, List, Mapping, NamedTuple, Optional

from .contract import Launch

MODES: Dict[str, str] = {
    "auto": "bypassPermissions",
    "code": "acceptEdits",
    "plan": "plan",
    "ask": "default",
}
# Claude's own list, as a person chooses from it
CHOICES = [
    ("default", "Ask", "Asks before edits and commands", "ask"),
    ("acceptEdits", "Accept edits", "Edits freely, asks before commands", "code"),
    ("plan", "Plan", "Reads only, and proposes a plan", "plan"),
    ("bypassPermissions", "Bypass permissions", "Asks nothing", "auto"),
    ("auto", "Auto", "A classifier of Claude's decides what to ask", ""),
    ("dontAsk", "Don't ask", "Refuses what is not allowed already", ""),
]
CLASSES: Dict[str, str] = {native: mode for mode, native in MODES.items()}
FLAGS = [
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
    "--include-partial-messages",
    "--permission-prompt-tool",
    "stdio",
]


class Plan(NamedTuple):
    """What `launch` decided."""

    argv: List[str]
    native: str  # the conversation's id from now on
    own_auto: bool  # mode auto must be kept by the adapter: we are root
    lost: Optional[str]  # the conversation that was wanted and is not there


def plan(launch: Launch, root: Optional[bool] = None) -> Plan:
    """How to start. `root` overrides what the process is, for tests."""
    env = launch.env or os.environ
    if root is None:
        root = os.geteuid() == 0
    own_auto = root and env.get("IS_SANDBOX") != "1"  # no other word counts for Claude
    native, lost = launch.native, None
    if native is not None and not has_conversation(native, env):
        lost, native = native, None
    fork = launch.fork
    if (native is None or fork) and has_conversation(launch.session, env):
        # begun (or forked) under our id, but that was not journaled: the id is in use
        native, lost, fork = launch.session, None, False
    argv = [*launch.command, *FLAGS]
    if native is None:
        now = launch.session
        argv += ["--session-id", now]
    elif fork:
        now = launch.session
        argv += ["--resume", native, "--fork-session", "--session-id", now]
    else:
        now = native
        argv += ["--resume", native]
    if launch.model:
        argv += ["--model", launch.model]
    argv += ["--permission-mode", native_mode(launch.mode, own_auto)]
    if not own_auto:
        argv.append("--allow-dangerously-skip-permissions")
    if launch.attachments and not set(launch.attachments) & set("()*?[]{},\n"):  # a rule's own
        argv.append("--allowedTools=Read(/%s/**)" % launch.attachments)
    return Plan(argv, now, own_auto, lost)


def native_mode(mode: str, own_auto: bool) -> str:
    """Claude's mode for ours."""
    return "default" if mode == "auto" and own_auto else MODES.get(mode, "default")


def has_conversation(id: str, env: Mapping[str, str]) -> bool:
    """Whether Claude has a file of that conversation, from whatever directory."""
    home = env.get("HOME") or os.path.expanduser("~")
    config = env.get("CLAUDE_CONFIG_DIR") or os.path.join(home, ".claude")
    import glob

    pattern = os.path.join(glob.escape(config), "projects", "*", glob.escape(id) + ".jsonl")
    return any(os.path.getsize(path) > 0 for path in glob.glob(pattern) if os.path.isfile(path))
