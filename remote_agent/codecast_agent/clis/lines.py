"""From a line of a CLI's stdout to a JSON object, whatever the line is.

What is no JSON object (a library's warning, a stack trace, half a line of a killed
process) becomes a notice that keeps the line, and the conversation goes on. Invalid UTF-8
inside good JSON costs the broken characters, not the message.
"""

import json
import os
from typing import Any, Dict, List, Optional

from .contract import Host

# NaN and Infinity are no JSON and must not get into ours. The decoder is made once: `json.loads`
# would make one for every line.
_decoder: Any = json.JSONDecoder(parse_constant=lambda name: None)
_scan = _decoder.scan_once
SHOWN = 300  # characters of a strange line in the words; all of it is in `raw`


def parse(host: Host, line: bytes) -> Optional[Dict[str, Any]]:
    """The object of a line; None for an empty line and, with a notice, for anything else."""
    stripped = line.strip()
    if not stripped:
        return None
    try:
        text = stripped.decode("utf-8")
    except UnicodeDecodeError:
        text = stripped.decode("utf-8", "replace")
        if stripped[:1] == b"{":
            host.emit(
                "notice",
                level="warning",
                text="The CLI wrote bytes that are no UTF-8; they are shown as \ufffd.",
            )
    if text[:1] == "{":
        try:
            value, end = _scan(text, 0)
            value = value if end == len(text) else None
        except (ValueError, RecursionError, StopIteration):
            value = None
        if isinstance(value, dict):
            return value
    shown = stripped.decode("utf-8", "backslashreplace")
    host.emit(
        "notice",
        level="warning",
        text="The CLI wrote a line that is no message: " + clip(shown, SHOWN),
        raw=shown,
    )
    return None


def encode(message: Dict[str, Any]) -> bytes:
    """One line of JSON for a CLI. ASCII: escapes survive every locale and lone surrogates."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def new_id() -> str:
    """32 random hexadecimal digits. `uuid` would load more than an adapter is."""
    return os.urandom(16).hex()


def clip(text: str, length: int) -> str:
    """`text`, cut with an ellipsis when it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "\u2026"


def first_line(text: str, length: int = 200) -> str:
    """A title's worth of `text`: one line, clipped."""
    lines = text.strip().split("\n", 1)
    return clip(lines[0] + (" \u2026" if len(lines) > 1 else ""), length)


def obj(value: Any) -> Dict[str, Any]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def many(value: Any) -> List[Any]:
    """`value` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """`value` where it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def whole(value: Any) -> Optional[int]:
    """`value` where it is a whole number (JSON may say 5.0), else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if value == value and abs(value) < 1 << 62 else None


def present(**fields: Any) -> Dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def file_words(block: Dict[str, Any]) -> str:
    """A linked file as text, for CLIs that take text alone."""
    uri = str(block.get("uri", ""))
    if not uri.startswith("file://"):
        return uri
    path, kind = uri[7:], block.get("mime_type")
    return "Attached file: %s%s" % (path, " (%s)" % kind if kind else "")
