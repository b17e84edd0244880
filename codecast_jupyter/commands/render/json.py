"""Results for programs: one document, or one line an event."""

from __future__ import annotations

import json
from typing import Any


def document(value: Any) -> str:
    """Indented, with other alphabets kept; lone surrogates survive as escapes."""
    return _kept(value, indent=2)


def line(value: Any) -> str:
    return _kept(value, separators=(",", ":"))


def _kept(value: Any, **how: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str, **how)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, default=str, **how)
    return text
