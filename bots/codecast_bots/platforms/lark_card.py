"""A message as a card of Lark (JSON 2.0): the words, then its controls.

What a press brings back (`value`) says itself where it was made: Lark tells neither the kind of
chat nor the thread. Words and several choices come by forms, which are sent whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .contract import Button, Choice, Control, Outgoing, Place, TooBig
from .lark_markdown import lark, summary

Json = dict[str, Any]
BODY = "body"  # the element that is streamed into
BIGGEST = 28_000  # bytes of a card; 30 KB are taken, with what is around it
LABEL = 60
BUTTONS = 6  # options that are drawn as buttons; more are a list
MOST_OPTIONS = 100
WORDS, PICKED = "words", "picked"  # fields of forms
_TYPES = {"good": "primary", "danger": "danger", "plain": "default"}
STREAMING = {
    "print_frequency_ms": {"default": 40},
    "print_step": {"default": 4},
    "print_strategy": "fast",  # what is behind is shown at once when more comes
}


def words_of(out: Outgoing) -> str:
    """What stands in the card; never empty, which the platform refuses."""
    return (out.body if out.plain else lark(out.body)).strip() or "…"


def card(out: Outgoing, place: Place) -> Json:
    """Raises TooBig."""
    config: Json = {
        "update_multi": True,
        "enable_forward_interaction": False,
        "streaming_mode": out.live,
        "summary": {"content": summary(out.body) or "…"},
    }
    if out.live:
        config["streaming_config"] = STREAMING
    text: Json = {"tag": "markdown", "element_id": BODY, "content": words_of(out)}
    if out.plain:
        text = {"tag": "div", "element_id": BODY, "text": _plain(words_of(out))}
    made = {
        "schema": "2.0",
        "config": config,
        "body": {"elements": [text, *controls(out.controls, place)]},
    }
    taken = len(dumped(made).encode("utf-8", "surrogatepass"))
    if taken > BIGGEST:
        raise TooBig(f"the card has {taken} bytes, of {BIGGEST}")
    return made


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def controls(given: Sequence[Control], place: Place) -> list[Json]:
    """Buttons beside each other as they fit, one below the other the rest."""
    found: list[Json] = []
    row: list[Json] = []

    def finish() -> None:
        if row:
            columns = [{"tag": "column", "width": "auto", "elements": [one]} for one in row]
            found.append({"tag": "column_set", "flex_mode": "flow", "columns": columns})
            row.clear()

    for control in given:
        value = {"t": control.token, "c": place.chat, "r": place.thread or "", "k": place.kind}
        if isinstance(control, Button) and not control.asks_text:
            row.append(_button(control.label, _TYPES[control.style], value))
            continue
        finish()
        if isinstance(control, Button):
            found.append(_words(control, value))
        elif control.many:
            found.append(_several(control, value))
        elif len(control.options) <= BUTTONS:
            for number, option in enumerate(control.options):
                chosen = number in control.picked
                label = ("✓ " if chosen else "") + option.label
                made = _button(
                    label, "primary" if chosen else "default", {**value, "v": str(number)}
                )
                found.append({**made, "width": "fill"})
        else:
            found.append(_list(control, value))
    finish()
    return found


def _plain(content: str) -> Json:
    return {"tag": "plain_text", "content": content}


def _button(label: str, type: str, value: Json) -> Json:
    return {
        "tag": "button",
        "type": type,
        "text": _plain(label[:LABEL] or "?"),
        "behaviors": [{"type": "callback", "value": value}],
    }


def _form(value: Json, field: Json, label: str) -> Json:
    """A field that must be filled in, and the button that sends it."""
    field = {**field, "required": True, "width": "fill"}
    submit = {
        **_button(label, "primary", value),
        "name": f"ok_{value['t']}",
        "form_action_type": "submit",
    }
    columns = [
        {"tag": "column", "width": "weighted", "weight": 1, "elements": [field]},
        {"tag": "column", "width": "auto", "elements": [submit]},
    ]
    row = {"tag": "column_set", "flex_mode": "none", "columns": columns}
    return {"tag": "form", "name": f"form_{value['t']}", "elements": [row]}


def _words(control: Button, value: Json) -> Json:
    field = {
        "tag": "input",
        "name": WORDS,
        "max_length": 1000,
        "placeholder": _plain(control.label[:LABEL]),
    }
    return _form(value, field, "Send")


def _several(control: Choice, value: Json) -> Json:
    field = {
        "tag": "multi_select_static",
        "name": PICKED,
        **_offered(control),
        "selected_values": [str(number) for number in control.picked],
    }
    return _form(value, field, "Done")


def _list(control: Choice, value: Json) -> Json:
    made: Json = {
        "tag": "select_static",
        "width": "fill",
        **_offered(control),
        "behaviors": [{"type": "callback", "value": value}],
    }
    if control.picked:
        made["initial_option"] = str(control.picked[0])
    return made


def _offered(control: Choice) -> Json:
    options = [
        {"text": _plain(option.label[:100] or "?"), "value": str(number)}
        for number, option in enumerate(control.options[:MOST_OPTIONS])
    ]
    return {"placeholder": _plain(control.placeholder[:LABEL] or "Choose"), "options": options}
