"""Settings in YAML, read strictly: every key is checked, and a mistake becomes a sentence that
says which line, what is wrong there, and which key was probably meant. `${VAR}` is expanded on
reading alone, so a secret from the environment never lands in the file.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from codecast_agent.protocol.errors import CodecastError

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")

# what a key may hold; or a tuple of the words allowed
_KIND_WORDS = {
    "text": "a text",
    "port": "a port number (1 to 65535)",
    "list": "a list of texts",
    "map": "names with texts",
    "flag": "true or false",
    "size": "a size in bytes, or with a unit (10 MB)",
    "entries": "a list of settings",
    "amount": "a number above 0",
    "count": "a whole number above 0",
}


def yaml() -> YAML:
    """A round trip keeps comments, order and quotes."""
    made = YAML(typ="rt")
    made.preserve_quotes = True
    made.width = 4096
    made.indent(mapping=2, sequence=4, offset=2)
    return made


def text(path: Path) -> str:
    """The file; empty when there is none. Raises CodecastError("bad_request")."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise CodecastError(
            "bad_request", f"{path} cannot be read.", "Check its owner and mode.", str(error)
        ) from None


def _bytes(value: Any) -> int | None:
    """`10485760`, `10 MB`, `1.5G`; None when it is no size."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKMG]?)i?[bB]?", str(value).strip())
    if match is None or isinstance(value, bool):
        return None
    return int(float(match[1]) * 1024 ** " KMG".index(match[2].upper() or " "))


def _amount(value: Any, whole: bool) -> float | None:
    """A number above 0, also one that came as text from a variable; None for what is none."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, TypeError):
        return None
    if not 0 < number < float("inf") or (whole and number != int(number)):
        return None
    return int(number) if whole else number


class Reader:
    """Turns the tree into typed values and every mistake into a sentence (CodecastError)."""

    def __init__(self, path: Path, top: tuple[str, ...]) -> None:
        self.path = path
        self.top = top  # the keys of the file itself

    def parse(self, text: str) -> CommentedMap:
        """The whole file; empty for an empty one."""
        try:
            root = yaml().load(text)
        except YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f"line {mark.line + 1}: " if mark is not None else ""
            problem = getattr(error, "problem", None) or str(error)
            raise CodecastError(
                "bad_request",
                f"{self.path}, {line}{problem}",
                "The file is not valid YAML there.",
                str(error),
            ) from None
        if root is None:
            root = CommentedMap()
            if text.strip():  # only comments: keep them
                root.yaml_set_start_comment(
                    "\n".join(line.lstrip("# ") for line in text.strip().splitlines())
                )
        if not isinstance(root, CommentedMap):
            raise CodecastError(
                "bad_request",
                f"{self.path} holds no mapping.",
                f"Its keys are {', '.join(self.top)}.",
            )
        return root

    def wrong(self, parent: Any, key: Any, message: str, hint: str = "") -> CodecastError:
        line = ""
        with contextlib.suppress(AttributeError, KeyError, TypeError):
            line = f", line {parent.lc.key(key)[0] + 1}"
        return CodecastError(
            "bad_request", f"{self.path}{line}: {message}", hint, data={"key": str(key)}
        )

    def keys(self, value: CommentedMap, allowed: Any, where: str) -> None:
        """Raises for one that is not allowed."""
        for key in value:
            if key not in allowed:
                near = difflib.get_close_matches(str(key), list(allowed), 1, 0.5)
                meant = f"Did you mean `{near[0]}`? " if near else ""
                raise self.wrong(
                    value,
                    key,
                    f"`{key}` is no key of {where}.",
                    f"{meant}Its keys are {', '.join(allowed)}.",
                )

    def entries(self, root: CommentedMap, key: str) -> list[tuple[str, Any, str]]:
        """`(name, settings, where)` of each below `key`."""
        value = root.get(key)
        if value is None:
            return []
        if not isinstance(value, CommentedMap):
            raise self.wrong(root, key, f"`{key}` must hold names with their settings.")
        return [(str(name), entry, f"{key}.{name}") for name, entry in value.items()]

    def fields(self, value: Any, kinds: dict[str, Any], where: str) -> dict[str, Any]:
        """Checked values of the keys that are there; `kinds` maps a key to what it may hold."""
        if value is None:
            return {}
        if not isinstance(value, CommentedMap):
            raise CodecastError(
                "bad_request",
                f"{self.path}: {where} must hold settings.",
                f"Its keys are {', '.join(kinds)}.",
            )
        self.keys(value, kinds, where)
        out: dict[str, Any] = {}
        for key, item in value.items():
            if item is None:
                continue
            found = self._value(value, key, item, kinds[key], where)
            out[key] = found
        return out

    def _value(self, parent: Any, key: str, item: Any, kind: Any, where: str) -> Any:
        expanded = self._expand(parent, key, item)
        if isinstance(kind, tuple):
            if expanded in kind:
                return str(expanded)
            near = difflib.get_close_matches(str(expanded), kind, 1)
            meant = f"Did you mean `{near[0]}`? " if near else ""
            raise self.wrong(
                parent,
                key,
                f"{where}.{key} cannot be `{expanded}`.",
                f"{meant}It is one of {', '.join(kind)}.",
            )
        fits: Any = None
        if kind == "text" and isinstance(expanded, (str, int, float)):
            fits = None if isinstance(expanded, bool) else str(expanded)
        elif kind == "port":
            with contextlib.suppress(ValueError, TypeError):
                number = int(expanded)
                fits = number if 0 < number < 65536 and not isinstance(expanded, bool) else None
        elif kind in ("amount", "count"):
            fits = _amount(expanded, whole=kind == "count")
        elif kind == "size":
            fits = _bytes(expanded)
        elif kind == "entries" and isinstance(item, list):
            fits = item
        elif kind == "flag" and isinstance(expanded, bool):
            fits = expanded
        elif kind == "list" and isinstance(expanded, list):
            plain = all(isinstance(part, (str, int, float)) for part in expanded)
            fits = [str(part) for part in expanded] if plain else None
        elif kind == "map" and isinstance(expanded, dict):
            plain = all(isinstance(part, (str, int, float)) for part in expanded.values())
            fits = {str(k): str(v) for k, v in expanded.items()} if plain else None
        if fits is None:
            raise self.wrong(parent, key, f"{where}.{key} must be {_KIND_WORDS[kind]}.")
        return fits

    def _expand(self, parent: Any, key: str, value: Any) -> Any:
        if isinstance(value, str):

            def variable(match: re.Match[str]) -> str:
                found = os.environ.get(match[1], match[2])
                if found is None:
                    raise self.wrong(
                        parent,
                        key,
                        f"`{key}` uses ${{{match[1]}}}, which is not set.",
                        f"Set {match[1]} where the server runs, or write"
                        f" ${{{match[1]}:-a default}}.",
                    )
                return found

            return _VARIABLE.sub(variable, value)
        if isinstance(value, list):
            return [self._expand(parent, key, item) for item in value]
        if isinstance(value, dict):
            return {name: self._expand(parent, key, item) for name, item in value.items()}
        return value
