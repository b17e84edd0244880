"""Gemini CLI's arguments, and what keeps a conversation alive when it is resumed.

Arguments: `--skip-trust`, because without trust in the folder it refuses the modes that
approve by themselves, and rules that close plan mode (`gemini_plan.toml`).

A conversation is `$HOME/.gemini/tmp/<project>/chats/session-<UTC minute>-<8 of its id>.jsonl`.
Two mistakes of Gemini CLI (0.61) lose it:

- `session/load` begins an empty file named after the current minute; where the conversation's
  own file has that name, it is emptied. So that one is renamed first: Gemini looks for a
  conversation by what is in the file.
- the empty file stays beside the full one, and the next start of any Gemini CLI (its
  retention, on unless a person says otherwise) deletes it and every file with the same 8
  letters. So the empty twin is deleted first.
"""

import json
import os
import time
from typing import Any, Dict, List, Optional

from .contract import Launch

PREFIX = "session-"
MINUTE = "%Y-%m-%dT%H-%M"
PLAN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gemini_plan.toml")
LENGTH = len(PREFIX) + len("2026-01-01T00-00")


def arguments(launch: Launch) -> List[str]:
    """What follows the command."""
    found = [] if "--skip-trust" in launch.command else ["--skip-trust"]
    return [*found, "--admin-policy", PLAN] if os.path.exists(PLAN) else found


def before_load(launch: Launch) -> None:
    """Make `session/load` safe."""
    drop_twins(launch)
    now = time.time()
    for path in _files(launch):
        folder, name = os.path.split(path)
        age = 0
        # renamed to the newest minute of the past that no file is named after
        while name[:LENGTH] == _name(now) or (age and os.path.exists(os.path.join(folder, name))):
            age += 60
            name = _name(now - age) + name[LENGTH:]
        if age:
            try:
                os.rename(path, os.path.join(folder, name))
            except OSError:
                pass  # the load will tell


def drop_twins(launch: Launch) -> None:
    """Delete the conversation's files that hold none of it, where another one holds it."""
    files = _files(launch)
    full = [path for path in files if _has_words(path)]
    for path in files:
        if full and path not in full:
            try:
                os.unlink(path)
            except OSError:
                pass


def _name(when: float) -> str:
    return PREFIX + time.strftime(MINUTE, time.gmtime(when))


def _files(launch: Launch) -> List[str]:
    """The files of the conversation, by their names and their first lines."""
    if not launch.native:
        return []
    home = launch.env.get("GEMINI_CLI_HOME") or launch.env.get("HOME") or os.path.expanduser("~")
    import glob

    chats = os.path.join(glob.escape(home), ".gemini", "tmp", "*", "chats")
    pattern = PREFIX + "*-" + glob.escape(launch.native[:8]) + ".jsonl"
    found = []
    for path in sorted(glob.glob(os.path.join(chats, pattern))):
        first = _object(next(_lines(path), ""))
        if first.get("sessionId") == launch.native and first.get("kind", "main") == "main":
            found.append(path)
    return found


def _has_words(path: str) -> bool:
    """Whether a person or the model says anything in it."""
    return any(_object(line).get("type") in ("user", "gemini") for line in _lines(path))


def _lines(path: str) -> Any:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError:
        return


def _object(line: str) -> Dict[str, Any]:
    try:
        value: Optional[Any] = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
