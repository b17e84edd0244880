"""How `codex app-server` is started: its switches, and a key that it would not look for.

Three things that Codex does by itself are switched off for the session's process:

  - It writes the shell's environment, and so every secret in it, to files that all may read.
  - It gives commands a terminal, into which the model may type unasked: a shell that a person
    has allowed once would run everything.
  - A rule that allows a command also takes it out of the sandbox, even of a read-only one. It
    does not where some file may not be read. Mode plan therefore has a permission profile of
    its own, in which everything can be read but Codex's own login.
"""

import json
import os
from typing import Any, Dict, List, Mapping

from .contract import Launch

PLAN_PROFILE = "codecast-plan"
SWITCHES = ("features.shell_snapshot=false", "features.unified_exec_tty=false")
KEYS = ("OPENAI_API_KEY", "CODEX_API_KEY")
KEY_PROVIDER = "codecast-key"


def argv(launch: Launch) -> List[str]:
    """The command and its switches."""
    env = launch.env or os.environ
    home = env.get("CODEX_HOME") or os.path.join(
        env.get("HOME") or os.path.expanduser("~"), ".codex"
    )
    login = json.dumps(os.path.join(home, "auth.json"))
    profile = 'permissions.%s.filesystem={":root"="read",%s="deny"}' % (PLAN_PROFILE, login)
    # profiles need a default; every turn names what it wants, so it is never used
    default = 'default_permissions="%s"' % PLAN_PROFILE
    found = list(launch.command)
    for setting in (*SWITCHES, profile, default):
        found += ["-c", setting]
    return found


def key_provider(env: Mapping[str, str]) -> Dict[str, Any]:
    """What a thread is started with where a key in the environment is the only login.

    The app-server itself looks at none. Empty where there is no key.
    """
    key = next((name for name in KEYS if env.get(name)), None)
    if key is None:
        return {}
    provider = {
        "name": "OpenAI",
        "base_url": env.get("OPENAI_BASE_URL") or "https://api.openai.com/v1",
        "env_key": key,
        "wire_api": "responses",
    }
    return {
        "modelProvider": KEY_PROVIDER,
        "config": {"model_providers": {KEY_PROVIDER: provider}},
    }
