"""What Discord takes, as published: messages, components, commands, modals. Each function gives
what is wrong in words, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
TEXT, FILES, NONCE = 2000, 10, 25
FILE, REQUEST = 10 << 20, 25 << 20
EPHEMERAL, SILENT, COMPONENTS_V2 = 64, 4096, 32768
MESSAGE_KEYS = {
    "content", "components", "allowed_mentions", "nonce", "enforce_nonce", "flags", "attachments",
    "message_reference", "embeds", "tts",
}  # fmt: skip


def message(body: Json, files: dict[str, bytes], edit: bool = False) -> str:
    for key in body:
        if key not in MESSAGE_KEYS:
            return f"{key} is unknown"
    content = body.get("content") or ""
    if len(content) > TEXT:
        return "content: Must be 2000 or fewer in length."
    if not edit and not (content.strip() or files):
        return "Cannot send an empty message"
    if len(files) > FILES:
        return "too many files"
    names = [part.get("filename") for part in body.get("attachments") or []]
    if files and len(names) != len(files):
        return "attachments do not tell all files"
    if len(str(body.get("nonce") or "")) > NONCE:
        return "nonce: Must be 25 or fewer in length."
    if body.get("allowed_mentions") != {"parse": [], "replied_user": False}:
        return "somebody may be called by what the bot says"
    reference = body.get("message_reference")
    if reference is not None and not str(reference.get("message_id", "")).isdigit():
        return "message_reference: not a snowflake"
    return components(body.get("components") or [])


def components(rows: list[Json]) -> str:
    if len(rows) > 5:
        return "components: Must be 5 or fewer in length."
    ids: list[str] = []
    for row in rows:
        parts = row.get("components") or []
        if row.get("type") != 1 or not parts:
            return "a row is empty"
        kinds = {part.get("type") for part in parts}
        if kinds == {2}:
            if len(parts) > 5:
                return "more than 5 buttons in a row"
        elif kinds != {3} or len(parts) != 1:
            return "a list stands alone in its row"
        for part in parts:
            found = _button(part) if part["type"] == 2 else _select(part)
            if found:
                return found
            ids.append(part["custom_id"])
    return "component custom id cannot be duplicated" if len(set(ids)) < len(ids) else ""


def _button(part: Json) -> str:
    if part.get("style") not in (1, 2, 3, 4):
        return "a style"
    if not 1 <= len(part.get("label") or "") <= 80:
        return "a label has 1 to 80 characters"
    return _custom(part)


def _custom(part: Json) -> str:
    return "" if 1 <= len(part.get("custom_id") or "") <= 100 else "custom_id has 1 to 100"


def _select(part: Json) -> str:
    options = part.get("options") or []
    if not 1 <= len(options) <= 25:
        return "a list has 1 to 25 options"
    if len(part.get("placeholder") or "") > 150:
        return "a placeholder has up to 150 characters"
    values = [option.get("value") for option in options]
    if len(set(values)) < len(values):
        return "option values are unique"
    for option in options:
        if not 1 <= len(option.get("label") or "") <= 100 or len(option["value"]) > 100:
            return "an option has 1 to 100 characters"
        if not 1 <= len(option.get("description", "x")) <= 100:
            return "a description has 1 to 100 characters"
    least, most = part.get("min_values", 1), part.get("max_values", 1)
    if not 0 <= least <= most <= len(options):
        return "min_values and max_values"
    if sum(bool(option.get("default")) for option in options) > most:
        return "more defaults than max_values"
    return _custom(part)


def modal(data: Json) -> str:
    if not 1 <= len(data.get("title") or "") <= 45:
        return "a title has 1 to 45 characters"
    rows = data.get("components") or []
    if not 1 <= len(rows) <= 5:
        return "a modal has 1 to 5 fields"
    for row in rows:
        (field,) = row["components"]
        if field.get("type") != 4 or field.get("style") not in (1, 2):
            return "a text input"
        if not 1 <= len(field.get("label") or "") <= 45:
            return "a label has 1 to 45 characters"
        if field.get("max_length", 4000) > 4000:
            return "max_length is 4000"
        if _custom(field):
            return _custom(field)
    return _custom(data)


_NAME = re.compile(r"^[-_\w]{1,32}$")


def commands(listed: list[Json]) -> str:
    if len(listed) > 100:
        return "100 commands"
    if len({command["name"] for command in listed}) < len(listed):
        return "names are unique"
    for command in listed:
        found = _named(command) or _options(command.get("options") or [])
        if found:
            return f"{command.get('name')}: {found}"
        if sum(len(text) for text in _texts(command)) > 8000:
            return "8000 characters"
    return ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if _many(value) else ():
        yield from _texts(item)


def _many(value: Any) -> bool:
    return isinstance(value, list)


def _named(thing: Json) -> str:
    name = str(thing.get("name") or "")
    if not _NAME.match(name) or name.lower() != name:
        return f"the name {name!r}"
    return "" if 1 <= len(thing.get("description") or "") <= 100 else "a description has 1 to 100"


def _options(options: list[Json]) -> str:
    if len(options) > 25:
        return "25 options"
    optional = False
    for option in options:
        if _named(option):
            return _named(option)
        if option["type"] not in (3, 4, 5, 10):
            return "a type"
        if option.get("required") and optional:
            return "required options stand before optional ones"
        optional = optional or not option.get("required")
        choices = option.get("choices") or []
        if len(choices) > 25 or (choices and option.get("autocomplete")):
            return "choices"
        if option.get("autocomplete") and option["type"] == 5:
            return "no completion for booleans"
        if any(not 1 <= len(c["name"]) <= 100 or len(c["value"]) > 100 for c in choices):
            return "a choice has 1 to 100"
    return ""


def choices(listed: list[Json]) -> str:
    if len(listed) > 25:
        return "25 choices"
    bad = any(not 1 <= len(c["name"]) <= 100 or not 1 <= len(c["value"]) <= 100 for c in listed)
    return "a choice has 1 to 100 characters" if bad else ""
