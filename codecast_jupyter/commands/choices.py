"""What a typed answer means.

One reading for every surface where people type: numbers, y (once), a (always), n (no),
labels; for questions labels, numbers with commas, or own words where allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codecast_agent.protocol.errors import CodecastError

from .table import nearest
from .words import one_line

Json = Mapping[str, Any]
LETTERS = {
    "y": ("allow_once", "allow_always"),
    "yes": ("allow_once", "allow_always"),
    "a": ("allow_always",),
    "always": ("allow_always",),
    "n": ("reject_once", "reject_always"),
    "no": ("reject_once", "reject_always"),
    "never": ("reject_always",),
}


def letter(option: Json, options: Sequence[Json]) -> str:
    """The letter that picks this option: y, a, n; empty when an earlier one has it."""
    for key in ("y", "a", "n"):
        picked = _by_letter(options, key)
        if picked is not None and picked is option:
            return key
    return ""


def hint(request: Json) -> str:
    """What can be typed, in a few characters: `1-3, y/a/n`."""
    if request.get("kind") == "question":
        questions = request.get("questions") or []
        if not questions:
            return "text"
        question = questions[0]
        parts = []
        count = len(question.get("options") or [])
        if count:
            parts.append(
                f"1-{count}" + (", several with commas" if question.get("multiple") else "")
            )
        if question.get("free_text") or not count:
            parts.append("own words")
        return " or ".join(parts)
    options = request.get("options") or []
    letters = "/".join(key for key in ("y", "a", "n") if _by_letter(options, key) is not None)
    return ", ".join(part for part in (f"1-{len(options)}" if options else "", letters) if part)


def permission(request: Json, text: str) -> Json:
    """The answer `{option, message?}` that `text` means; words after a refusal are its message.

    Raises CodecastError("bad_request") that lists the choices.
    """
    options: Sequence[Json] = request.get("options") or []
    text = text.strip()
    head, _, rest = text.partition(" ")
    whole = _pick(options, text)
    if whole is not None:
        return {"option": whole["id"]}
    picked = _pick(options, head.rstrip(",:;"))
    if picked is not None and rest and str(picked.get("kind", "")).startswith("reject"):
        return {"option": picked["id"], "message": rest.strip()}
    raise CodecastError(
        "bad_request", f"{one_line(text, 60)!r} is none of the choices.", _listed(options)
    )


def _pick(options: Sequence[Json], word: str) -> Json | None:
    if word.isdecimal():
        number = int(word)
        return options[number - 1] if 1 <= number <= len(options) else None
    lower = word.lower()
    for option in options:
        if word == option.get("id") or lower == str(option.get("label", "")).lower():
            return option
    return _by_letter(options, lower)


def _by_letter(options: Sequence[Json], word: str) -> Json | None:
    for kind in LETTERS.get(word, ()):
        for option in options:
            if option.get("kind") == kind:
                return option
    return None


def _listed(options: Sequence[Json]) -> str:
    lines = []
    for number, option in enumerate(options, 1):
        key = letter(option, options)
        lines.append(
            f"{number}{' or ' + key if key else ''}: {one_line(option.get('label', ''), 70)}"
        )
    return "Choose " + "; ".join(lines) if lines else "This request has no choices."


def question(asked: Json, text: str) -> list[str]:
    """The labels and own words that `text` means for one question.

    Raises CodecastError("bad_request").
    """
    labels = [str(option.get("label", "")) for option in asked.get("options") or []]
    free = bool(asked.get("free_text")) or not labels
    text = text.strip()
    if not text:
        raise CodecastError("bad_request", "The answer is empty.", _question_hint(labels, free))
    exact = _label(labels, text)
    if exact is not None:
        return [exact]
    if asked.get("multiple"):
        parts = [part.strip() for part in text.split(",") if part.strip()]
        found = [_label(labels, part) for part in parts]
        if all(label is not None for label in found) or (free and any(found)):
            chosen = [label or part for label, part in zip(found, parts, strict=True)]
            return list(dict.fromkeys(chosen))
    number = text.isdecimal() and bool(labels)
    if free and not number:
        return [text]
    near = nearest(text, labels)
    raise CodecastError(
        "bad_request",
        f"{one_line(text, 60)!r} is none of the choices."
        + (f" Did you mean {near!r}?" if near else ""),
        _question_hint(labels, free),
    )


def _label(labels: list[str], text: str) -> str | None:
    if text.isdecimal():
        return labels[int(text) - 1] if 1 <= int(text) <= len(labels) else None
    return next((label for label in labels if label.lower() == text.lower()), None)


def _question_hint(labels: list[str], free: bool) -> str:
    listed = "; ".join(f"{n}: {one_line(label, 60)}" for n, label in enumerate(labels, 1))
    if not listed:
        return "Answer in your own words."
    return f"Choose {listed}" + (", or answer in your own words." if free else "")


def answer(request: Json, texts: list[str]) -> Json:
    """The body of an answer: for a question one text each (a single question takes them all)."""
    if request.get("kind") != "question":
        return permission(request, " ".join(texts))
    questions: Sequence[Json] = request.get("questions") or []
    if len(questions) == 1:
        texts = [" ".join(texts)]
    if len(texts) != len(questions):
        asked = "; ".join(
            f"{n}. {one_line(q.get('text', ''), 80)}" for n, q in enumerate(questions, 1)
        )
        raise CodecastError(
            "bad_request",
            f"This request asks {len(questions)} questions and got {len(texts)} answers.",
            f"Give one word (or quoted text) for each: {asked}",
        )
    return {
        "answers": {q["id"]: question(q, text) for q, text in zip(questions, texts, strict=True)}
    }


def told(request: Json, body: Json) -> str:
    """What was answered, in words."""
    if body.get("declined"):
        return "declined"
    if "option" in body and body["option"] is not None:
        for option in request.get("options") or []:
            if option.get("id") == body["option"]:
                return one_line(option.get("label") or option.get("id"))
        return one_line(body["option"])
    answers = body.get("answers") or {}
    return "; ".join(
        one_line(", ".join(map(str, value)) if isinstance(value, list) else value)
        for value in answers.values()
    )
