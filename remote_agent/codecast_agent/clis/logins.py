"""Whether a CLI is logged in, as far as files and variables tell: none is asked.

Gemini CLI reads keys from `.env` files of its own; OpenCode needs no login for its free models
and takes the keys of dozens of providers, so where nothing is found nothing is said.
"""

import json
import os
from typing import Dict, List, Optional, Sequence

OPENCODE_ENDINGS = ("_API_KEY", "_AUTH_TOKEN")  # what providers call their variables


def logged_in(
    program: str, keys: Sequence[str], files: Sequence[str], env: Dict[str, str]
) -> Optional[bool]:
    """True or False, or None where it cannot be told.

    `keys` are variables that are a login, `files` below HOME likewise.
    """
    if any(env.get(key) for key in keys):
        return True
    home = env.get("HOME", "")
    places = [os.path.join(home, name) for name in files]
    if program == "claude" and env.get("CLAUDE_CONFIG_DIR"):
        places.append(os.path.join(env["CLAUDE_CONFIG_DIR"], ".credentials.json"))
    if program == "codex" and env.get("CODEX_HOME"):
        places.append(os.path.join(env["CODEX_HOME"], "auth.json"))
    if program == "gemini" and env.get("GEMINI_CLI_HOME"):
        places += [os.path.join(env["GEMINI_CLI_HOME"], name) for name in files]
    if any(os.path.exists(place) for place in places):
        return True
    if program == "gemini":
        own = env.get("GEMINI_CLI_HOME") or home
        dotenvs = [os.path.join(own, ".gemini", ".env"), os.path.join(home, ".env")]
        return any(_sets(path, keys) for path in dotenvs)
    if program == "opencode":
        return _opencode(env, home)
    return False


def _opencode(env: Dict[str, str], home: str) -> Optional[bool]:
    if env.get("OPENCODE_AUTH_CONTENT"):
        return True
    if any(name.endswith(OPENCODE_ENDINGS) and value for name, value in env.items()):
        return True
    data = env.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    try:
        with open(os.path.join(data, "opencode", "auth.json"), encoding="utf-8") as file:
            if json.load(file):
                return True
    except (OSError, ValueError):
        pass
    config = env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    paths: List[str] = [
        os.path.join(config, "opencode", name) for name in ("opencode.json", "opencode.jsonc")
    ]
    return True if any('"provider"' in _text(path) for path in paths) else None


def _sets(path: str, keys: Sequence[str]) -> bool:
    lines = [line.strip() for line in _text(path).splitlines()]
    names = [line.partition("=")[0].replace("export ", "").strip() for line in lines]
    return any(key in names for key in keys)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""
