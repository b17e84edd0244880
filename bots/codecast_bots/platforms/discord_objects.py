"""Discord's objects and ours: people, places, messages, components. Stateless: what a press means
is in its `custom_id`, so it works after any restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .contract import Button, Choice, Control, FileIn, Outgoing, Person, Place
from .discord_markdown import discord, escaped

Json = dict[str, Any]
THREADS = (10, 11, 12)  # types of channels
FORUMS = (15, 16)
WORDS, REPLY = 0, 19  # types of messages that people write
EPOCH = 1420070400000  # milliseconds: when the ids begin
MOST_ROWS, PER_ROW, MOST_OPTIONS = 5, 5, 25
LABEL, OPTION, PLACEHOLDER, MODAL_TITLE = 80, 100, 150, 45
BUTTON, ROW, SELECT, TEXT_INPUT = 2, 1, 3, 4  # types of components
STYLES = {"plain": 2, "good": 3, "danger": 4}
NO_EMBEDS, EPHEMERAL, SILENT = 1 << 2, 1 << 6, 1 << 12  # flags of a message
NOBODY: Json = {"parse": [], "replied_user": False}  # nobody is called by what an agent says
EMPTY = "\u200b"
PRESS, ASK, PICK = "p", "w", "s"  # kinds of a custom_id


def channel_of(place: Place) -> str:
    """Threads are channels, too."""
    return place.thread or place.chat


def moment(id: int | str) -> float:
    """When the thing of this id was made, in seconds since 1970."""
    return ((int(id) >> 22) + EPOCH) / 1000


def first_id(at: float) -> int:
    """The least id of that moment."""
    return max(0, int(at * 1000) - EPOCH) << 22


def person_of(user: Json, member: Json | None = None) -> Person:
    name = (member or {}).get("nick") or user.get("global_name") or user.get("username") or "?"
    return Person(str(user["id"]), str(name), bool(user.get("bot")))


def who_of(interaction: Json) -> Person:
    member = interaction.get("member")
    return person_of((member or interaction)["user"], member)


def written(message: Json) -> bool:
    """By a person, with their own words or files."""
    return (
        message.get("type") in (WORDS, REPLY)
        and not message.get("webhook_id")
        and not (message.get("author") or {}).get("bot")
    )


def edited_at(message: Json) -> str:
    """Empty where only a link's preview was added."""
    return str(message.get("edited_timestamp") or "")


def sent_at(message: Json) -> float:
    return datetime.fromisoformat(message["timestamp"]).timestamp()


def reply_of(message: Json) -> str | None:
    reference = message.get("message_reference") or {}
    return str(reference["message_id"]) if message["type"] == REPLY and reference else None


def addressed(message: Json, own: str) -> bool:
    """To the bot, in a channel of many."""
    answered = (message.get("referenced_message") or {}).get("author") or {}
    named = {str(user["id"]) for user in message.get("mentions") or []}
    return own in named or str(answered.get("id")) == own


def text_of(message: Json, own: str) -> str:
    """Without the bot's own name at the front; people by name instead of id."""
    text = str(message.get("content") or "")
    for mark in (f"<@{own}>", f"<@!{own}>"):
        if text.startswith(mark):
            text = text[len(mark) :].lstrip()
    for user in message.get("mentions") or []:
        if str(user["id"]) != own:
            name = f"@{user.get('global_name') or user.get('username')}"
            text = text.replace(f"<@{user['id']}>", name).replace(f"<@!{user['id']}>", name)
    return text


def files_of(message: Json) -> tuple[FileIn, ...]:
    """Their ids name the message, since the addresses end after a day."""
    return tuple(
        FileIn(
            f"{message['channel_id']}/{message['id']}/{file['id']}",
            str(file.get("filename") or "file"),
            file.get("size"),
            (file.get("content_type") or "").partition(";")[0] or None,
        )
        for file in message.get("attachments") or []
    )


# -- out


def content_of(out: Outgoing) -> str:
    return escaped(out.body) if out.plain else discord(out.body)


def payload(out: Outgoing) -> Json:
    """What creating and editing have in common."""
    content = content_of(out)
    if not content and (out.controls or not out.files):
        content = EMPTY
    rows = components(out.controls)
    return {"content": content, "components": rows, "allowed_mentions": NOBODY}


def components(controls: Sequence[Control]) -> list[Json]:
    """Lists first, then all buttons; what does not fit is left to typed answers."""
    rows: list[Json] = []
    for control in controls:
        if isinstance(control, Choice):
            rows += [{"type": ROW, "components": [made]} for made in _selects(control)]
    buttons = [_button(control) for control in controls if isinstance(control, Button)]
    needed = -(-len(buttons) // PER_ROW)
    del rows[MOST_ROWS - min(needed, MOST_ROWS - 1) :]
    for at in range(0, len(buttons), PER_ROW):
        rows.append({"type": ROW, "components": buttons[at : at + PER_ROW]})
    return rows[:MOST_ROWS]


def _button(button: Button) -> Json:
    return {
        "type": BUTTON,
        "style": STYLES[button.style],
        "label": button.label[:LABEL] or "?",
        "custom_id": f"{ASK if button.asks_text else PRESS}:{button.token}",
    }


def _selects(choice: Choice) -> list[Json]:
    """One, or for many options to choose one of, several."""
    found = []
    options = choice.options[:MOST_OPTIONS] if choice.many else choice.options
    for at in range(0, len(options), MOST_OPTIONS):
        part = options[at : at + MOST_OPTIONS]
        listed = [_option(o.label, o.description, at + n) for n, o in enumerate(part)]
        for option in listed:
            option["default"] = int(option["value"]) in choice.picked
        found.append(
            {
                "type": SELECT,
                "custom_id": f"{PICK}:{choice.token}:{at}",
                "options": listed,
                "placeholder": (choice.placeholder or "Choose")[:PLACEHOLDER],
                "min_values": 1,
                "max_values": len(part) if choice.many else 1,
            }
        )
    return found


def _option(label: str, description: str, number: int) -> Json:
    found: Json = {"label": label[:OPTION] or "?", "value": str(number)}
    if description.strip():
        found["description"] = description[:OPTION]
    return found


def modal(interaction: Json) -> Json:
    """The text field that a button asks for, named as the button is."""
    custom = str(interaction["data"]["custom_id"])
    label = next(
        (
            str(part.get("label"))
            for row in interaction["message"].get("components") or []
            for part in row.get("components") or []
            if part.get("custom_id") == custom
        ),
        "Your words",
    ).lstrip("✎ ")
    field = {
        "type": TEXT_INPUT, "custom_id": "text", "label": "Your words", "style": 2,
        "min_length": 1, "max_length": 4000, "required": True,
    }  # fmt: skip
    return {
        "custom_id": custom,
        "title": label[:MODAL_TITLE] or "Your words",
        "components": [{"type": ROW, "components": [field]}],
    }


def submitted(data: Json) -> str:
    """What was written into a modal."""
    for row in data.get("components") or []:
        for part in row.get("components") or [row.get("component") or {}]:
            if part.get("custom_id") == "text":
                return str(part.get("value") or "")
    return ""
