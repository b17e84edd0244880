"""Requests as controls, and what a press of one means.

A token says nothing by itself: it is a hash of the request and of what the control does, so the
same event log gives the same tokens, before and after a restart of the bots.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codecast_jupyter.commands.words import one_line

from .platforms.contract import TOKEN_BYTES, Button, Choice, Control, Option, Style

Json = Mapping[str, Any]
# what was chosen so far, by (request, question): labels and own words
Picks = Mapping[tuple[str, str], tuple[str, ...]]


@dataclass(frozen=True)
class Action:
    """`what`: option (of a permission; `value` its id), refuse (with words), choose (among a
    question's options), words (of the person's own, for a question), decline."""

    request: str
    what: str
    value: str = ""
    always: bool = False  # it reaches beyond this one time


def token(*parts: str) -> str:
    """TOKEN_BYTES letters and digits."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest).decode().lower()[:TOKEN_BYTES]


def controls(session: str, request: Json, picks: Picks) -> list[tuple[Control, Action]]:
    """What is shown under an open request of a session (its id), each with what it does."""
    number = str(request.get("request"))
    found: list[tuple[Control, Action]] = []

    def button(action: Action, label: str, style: Style = "plain", asks: bool = False) -> None:
        made = token(session, number, action.what, action.value)
        found.append((Button(made, label, style, asks), action))

    if request.get("kind") != "question":
        refusing = None
        for option in request.get("options") or []:
            kind = str(option.get("kind", ""))
            label = one_line(option.get("label") or option.get("id"))
            style: Style = "danger" if kind.startswith("reject") else "good"
            if kind == "reject_once":
                refusing = refusing or option
            action = Action(number, "option", str(option.get("id")), kind == "allow_always")
            button(action, label, style if kind != "allow_always" else "plain")
        if refusing is not None:
            button(Action(number, "refuse", str(refusing["id"])), "✎ No, and say why", asks=True)
        return found
    for question in request.get("questions") or []:
        id = str(question.get("id"))
        labels = [str(option.get("label", "")) for option in question.get("options") or []]
        picked = picks.get((number, id), ())
        if labels:
            options = tuple(
                Option(one_line(o.get("label")), one_line(o.get("description") or ""))
                for o in question["options"]
            )
            header = one_line(question.get("header") or question.get("text") or "")
            chosen = tuple(labels.index(label) for label in picked if label in labels)
            many = bool(question.get("multiple"))
            choice = Choice(token(session, number, "choose", id), options, many, chosen, header)
            found.append((choice, Action(number, "choose", id)))
        if question.get("free_text") or not labels:
            several = len(request.get("questions") or []) > 1
            header = one_line(question.get("header") or "", 30)
            label = "✎ Own words" + (f": {header}" if several and header else "")
            button(Action(number, "words", id), label, asks=True)
    button(Action(number, "decline"), "Skip", "danger")
    return found


def actions(session: str, request: Json) -> dict[str, Action]:
    """By token."""
    return {control.token: action for control, action in controls(session, request, {})}
