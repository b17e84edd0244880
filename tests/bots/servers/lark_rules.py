"""What Lark's documentation says a card (JSON 2.0) may be. `problem` is the first breach."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
BIGGEST = 30 * 1024  # bytes
ELEMENTS, DEPTH, TABLES = 200, 5, 5
CONTENT = 100_000  # characters of a streamed text

_ANY = {"tag", "element_id", "margin"}
_FIELD = {"name", "required", "placeholder", "width", "disabled", "confirm", "behaviors"}
# what is not supported is an error in JSON 2.0
_KNOWN: dict[str, set[str]] = {
    "markdown": {"content", "text_align", "text_size", "icon"},
    "div": {"text", "icon", "width"},
    "hr": set(),
    "column_set": {"flex_mode", "horizontal_spacing", "horizontal_align", "columns",
                   "background_style", "action"},
    "column": {"width", "weight", "elements", "vertical_align", "vertical_spacing", "padding",
               "background_style", "direction", "horizontal_spacing", "horizontal_align"},
    "button": {"type", "size", "width", "text", "icon", "hover_tips", "disabled",
               "disabled_tips", "confirm", "behaviors", "name", "form_action_type"},
    "form": {"name", "elements", "direction", "horizontal_spacing", "vertical_spacing",
             "horizontal_align", "vertical_align", "padding"},
    "input": {*_FIELD, "default_value", "max_length", "input_type", "show_icon", "rows",
              "auto_resize", "max_rows", "label", "label_position", "value", "fallback"},
    "select_static": {*_FIELD, "type", "options", "initial_option", "initial_index"},
    "multi_select_static": {*_FIELD, "type", "options", "selected_values"},
}  # fmt: skip
_CONFIG = {
    "streaming_mode", "streaming_config", "summary", "update_multi", "enable_forward",
    "enable_forward_interaction", "width_mode", "locales", "style", "use_custom_translation",
}  # fmt: skip
_TYPES = {"default", "primary", "danger", "text", "primary_text", "danger_text", "primary_filled",
          "danger_filled", "laser"}  # fmt: skip
_CODE = re.compile(r"^(`{3,})[^\n]*\n.*?^\1`*[ ]*$|(`+)(?!`).+?(?<!`)\2(?!`)", re.M | re.S)
_RULER = re.compile(r"^\|(?: *:?-+:? *\|)+ *$", re.M)


def problem(card: Json) -> str:
    """Empty for none."""
    if len(json.dumps(card, ensure_ascii=False, separators=(",", ":")).encode()) > BIGGEST:
        return "the card is too large"
    if card.get("schema") != "2.0" or set(card) - {"schema", "config", "header", "body", "i18n"}:
        return "this is no card 2.0"
    config = card.get("config") or {}
    if set(config) - _CONFIG or config.get("update_multi", True) is not True:
        return f"config: {config}"
    elements = list(walk(card["body"]["elements"]))
    if not elements or len(elements) > ELEMENTS:
        return f"{len(elements)} elements"
    ids = [e["element_id"] for e, *_ in elements if "element_id" in e]
    if len(set(ids)) != len(ids):
        return "Duplicate element_id"
    if any(not re.fullmatch(r"[A-Za-z]\w{0,19}", id) for id in ids):
        return "an element_id"
    names = [e["name"] for e, *_ in elements if "name" in e]
    if sum(e["tag"] == "form" for e, *_ in elements) and len(set(names)) > len(names):
        return "names"
    tables = 0
    for element, depth, form in elements:
        found = _element(element, depth, form)
        if found:
            return found
        if element["tag"] == "markdown":
            tables += len(_RULER.findall(_CODE.sub("", element["content"])))
    return f"{tables} tables" if tables > TABLES else ""


def walk(elements: list[Json], depth: int = 0, form: str = "") -> Iterator[tuple[Json, int, str]]:
    """Every element with its depth and the name of the form around it."""
    for element in elements:
        yield element, depth, form
        inner = element.get("elements") or element.get("columns") or []
        own = element.get("name", "?") if element.get("tag") == "form" else form
        yield from walk(inner, depth + 1, own)


def _element(element: Json, depth: int, form: str) -> str:
    tag = element.get("tag", "")
    if tag not in _KNOWN:
        return f"unknown tag {tag!r}"
    strange = set(element) - _KNOWN[tag] - _ANY
    if strange:
        return f"{tag} has no {strange}"
    if depth > DEPTH:
        return "nested too deeply"
    if tag == "form" and (form or depth or not element.get("name")):
        return "a form stands alone, with a name"
    if tag == "form":
        inner = list(walk(element["elements"]))
        names = [e["name"] for e, *_ in inner if "name" in e]
        if len(set(names)) != len(names):
            return "names of a form's parts repeat"
        if not any(e.get("form_action_type") == "submit" for e, *_ in inner):
            return "a form without a button that submits"
    if tag in ("input", "multi_select_static") and not (form and element.get("name")):
        return f"{tag} needs a form, and a name"
    if "required" in element and not form:
        return "required is for forms"
    if tag == "markdown":
        return text_problem(element["content"])
    return _interactive(tag, element, form)


def _interactive(tag: str, element: Json, form: str) -> str:
    if tag == "button":
        if element.get("type", "default") not in _TYPES:
            return f"button type {element['type']}"
        if not element["text"]["content"].strip() or element["text"]["tag"] != "plain_text":
            return "a button without words"
        if form and not element.get("name"):
            return "a form's button needs a name"
        if "form_action_type" in element and not form:
            return "nothing to submit"
    for behavior in element.get("behaviors", ()):
        if behavior["type"] != "callback" or not isinstance(behavior["value"], dict):
            return f"behavior {behavior}"
    if tag == "input" and not 1 <= element.get("max_length", 1000) <= 1000:
        return "max_length"
    if "options" in element:
        values = [option["value"] for option in element["options"]]
        if not values or len(set(values)) != len(values):
            return "options"
        if not all(option["text"]["content"].strip() for option in element["options"]):
            return "an option without words"
        chosen = element.get("selected_values", [])
        if set(chosen) - set(values) or element.get("initial_option", values[0]) not in values:
            return "chosen is what is no option"
    return ""


def text_problem(content: str) -> str:
    """What is wrong with Markdown of a card."""
    if not 1 <= len(content) <= CONTENT:
        return f"content of {len(content)} characters"
    words = _CODE.sub("", content)
    if re.search(r"</?[A-Za-z]", words):
        return f"a tag: {words!r}"
    if re.search(r"!\[[^\]]*\]\((?!img_)", words):
        return "a picture that is not theirs"
    return ""
