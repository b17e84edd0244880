"""OpenCode's permissions for our modes, given to it as configuration at its start.

OpenCode allows everything unless told otherwise, and has no modes but its agents, whose
permissions are read once. So each mode of ours is a start of its own: the supervisor resumes
the session when the mode changes.

    auto   nothing is set; what the person's own configuration asks is answered with yes
    code   commands, network and tools of MCP servers are asked; edits answered with yes
    plan   agent `plan`; edits, commands, sub-agents and tools of MCP servers are not there
    ask    as code, and edits are asked

The person's own configuration is kept; only for the tools a mode is about, its own rules
yield to the mode, so that a rule of theirs cannot make plan write. In auto and code what
they forbid stays forbidden, except that code asks for commands they forbid.
"""

import json
from typing import Any, Dict, Optional

from .contract import Launch

VARIABLE = "OPENCODE_CONFIG_CONTENT"
AGENTS = ("build", "plan", "general")  # whose own rules would overrule the common ones
MCP = "*_*"  # SERVER_TOOL; no tool of OpenCode's own has such a name

_ASKED = {
    MCP: "ask",
    "bash": "ask",
    "webfetch": "ask",
    "websearch": "ask",
    "external_directory": "ask",
    "doom_loop": "ask",
}
PERMISSIONS: Dict[str, Dict[str, str]] = {
    "auto": {},
    "code": _ASKED,
    "plan": {
        MCP: "deny",
        "edit": "deny",
        "bash": "deny",
        "task": "deny",
        "external_directory": "ask",
        "doom_loop": "ask",
    },
    "ask": {**_ASKED, "edit": "ask"},
}


def environment(launch: Launch) -> Dict[str, str]:
    """The configuration of the mode, over the one the person gives in the same variable."""
    rules = PERMISSIONS.get(launch.mode, PERMISSIONS["ask"])
    if not rules:
        return {}
    ours = {
        "permission": rules,
        "agent": {name: {"permission": rules} for name in AGENTS},
    }
    return {VARIABLE: json.dumps(_merged(_own(launch.env.get(VARIABLE)), ours))}


def _own(text: Optional[str]) -> Dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}  # with comments, say: it cannot be kept
    return value if isinstance(value, dict) else {}


def _merged(base: Dict[str, Any], over: Dict[str, Any]) -> Dict[str, Any]:
    both = dict(base)
    for key, value in over.items():
        old = both.get(key)
        nested = isinstance(old, dict) and isinstance(value, dict)
        both.pop(key, None)  # the last rule counts: ours go behind
        both[key] = _merged(old or {}, value) if nested else value
    return both
