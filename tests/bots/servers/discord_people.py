"""A person with Discord, before our server of it."""

from __future__ import annotations

import re
from typing import Any

from tests.bots.servers.discord import DiscordServer, now
from tests.bots.servers.watching import Watcher
from tests.fixtures.live import until

Json = dict[str, Any]
OPTION_TYPES = {str: 3, bool: 5}


class Person(Watcher):
    """Somebody in one channel (or thread)."""

    def __init__(self, server: DiscordServer, user: Json, channel: str) -> None:
        self.server, self.user, self.channel = server, user, channel

    def at(self, channel: str) -> Person:
        return Person(self.server, self.user, channel)

    # -- doing

    def says(self, text: str, reply_to: str = "", **files: bytes) -> str:
        """The id of the message; `files` by name, with `__` for a dot."""
        server, bot = self.server, self.server.me
        more: Json = {}
        if f"<@{bot['id']}>" in text:
            more["mentions"] = [bot]

        def say() -> str:
            if reply_to:
                to = server.messages[self.channel].get(reply_to)
                reference = {"message_id": reply_to, "channel_id": self.channel, "type": 0}
                more.update(type=19, message_reference=reference, referenced_message=to)
            listed = [server.attach(name.replace("__", "."), d) for name, d in files.items()]
            return str(server.add(self.channel, self.user, text, attachments=listed, **more)["id"])

        return server.on_loop(say)

    def edits(self, message: str, text: str, preview: bool = False) -> None:
        """`preview`: only a link's preview is added."""

        def edit() -> None:
            found = self.server.messages[self.channel][message]
            if not preview:
                found.update(content=text, edited_timestamp=now())
            self.server.emit("MESSAGE_UPDATE", self.server.told(found))

        self.server.on_loop(edit)

    def commands(self, name: str, /, **options: Any) -> str:
        """The id of the interaction; only what is registered can be chosen."""
        return self._command(2, name, options, "")

    def completes(self, name: str, option: str, typed: str, /, **given: Any) -> list[str]:
        id = self._command(4, name, {**given, option: typed}, option)
        answer = self._answer(id)
        return [choice["value"] for choice in answer["data"]["choices"]]

    def _command(self, kind: int, name: str, options: Json, focused: str) -> str:
        command = next(c for c in self.server.registered if c["name"] == name)
        known = {o["name"]: o for o in command["options"]}
        listed: list[Json] = []
        for key, value in options.items():
            option = known[key.replace("_", "-")]
            assert option["type"] == OPTION_TYPES[type(value)], key
            part: Json = {"name": option["name"], "type": option["type"], "value": value}
            if key == focused:
                assert option.get("autocomplete"), f"{key} completes nothing"
                part["focused"] = True
            elif option.get("choices"):
                assert value in [c["value"] for c in option["choices"]], value
            listed.append(part)
        missing = {o["name"] for o in known.values() if o.get("required")}
        missing -= {part["name"] for part in listed}
        assert focused or not missing, f"{missing} must be given"
        data = {"id": command["id"], "name": name, "type": 1, "options": listed}
        server = self.server
        return server.on_loop(lambda: server.interact(kind, self.channel, self.user, data))

    def presses(self, message: Json, label: str) -> str:
        """The id of the interaction; the button's label begins so."""
        return self._press(message, self._button(message, label))

    def chooses(self, message: Json, placeholder: str, *labels: str) -> str:
        part = self._part(message, lambda p: p["type"] == 3 and p["placeholder"] == placeholder)
        values = {o["label"]: o["value"] for o in part["options"]}
        assert part["min_values"] <= len(labels) <= part["max_values"]
        return self._press(message, part, [values[label] for label in labels])

    def writes(self, message: Json, label: str, text: str) -> str:
        """Press a button that opens a text field, fill it in, send it."""
        part = self._button(message, label)
        opened = self._answer(self._press(message, part))
        assert opened["type"] == 9, opened
        (row,) = opened["data"]["components"]
        field = {"type": 4, "custom_id": row["components"][0]["custom_id"], "value": text}
        data = {"custom_id": opened["data"]["custom_id"],
                "components": [{"type": 1, "components": [field]}]}  # fmt: skip
        return self._interact(5, message, data)

    def _press(self, message: Json, part: Json, values: list[str] | None = None) -> str:
        data: Json = {"custom_id": part["custom_id"], "component_type": part["type"], "id": 1}
        if values is not None:
            data["values"] = values
        return self._interact(3, message, data)

    def _interact(self, kind: int, message: Json, data: Json) -> str:
        server = self.server

        def begin() -> str:
            now_ = server.outside(server.messages[self.channel][message["id"]])
            return server.interact(kind, self.channel, self.user, data, message=now_)

        return server.on_loop(begin)

    def _button(self, message: Json, label: str) -> Json:
        return self._part(message, lambda p: p["type"] == 2 and p["label"].startswith(label))

    def _part(self, message: Json, fits: Any) -> Json:
        def look() -> Json | None:
            rows = self.server.messages[self.channel][message["id"]]["components"]
            return next((p for row in rows for p in row["components"] if fits(p)), None)

        return until(look, "the control is there")

    # -- seeing

    def _answer(self, interaction: str) -> Json:
        found = self.server.interactions[interaction]
        until(lambda: found["answer"], "the interaction is answered")
        answer: Json = found["answer"]
        return answer

    def told(self, interaction: str) -> str:
        """What was said to this person alone; empty where it was only taken."""
        answer = self._answer(interaction)
        data = answer.get("data") or {}
        assert answer["type"] != 4 or data.get("flags", 0) & 64 or data["content"]
        return plain(data.get("content", ""))

    def seen(self) -> list[Json]:
        """The bot's messages: `id`, `text`, `buttons`, `lists`, `files`, `silent`."""

        def look() -> list[Json]:
            listed = self.server.messages[self.channel].values()
            mine = [m for m in listed if m["author"]["id"] == self.server.me["id"]]
            return [seen_as(m) for m in mine if not m.get("_for")]

        return self.server.on_loop(look)


def seen_as(message: Json) -> Json:
    parts = [p for row in message["components"] for p in row["components"]]
    return {
        "id": message["id"],
        "text": plain(message["content"]),
        "buttons": [p["label"] for p in parts if p["type"] == 2],
        "lists": {
            p["placeholder"]: [o["label"] for o in p["options"]] for p in parts if p["type"] == 3
        },
        "picked": [
            o["label"] for p in parts if p["type"] == 3 for o in p["options"] if o.get("default")
        ],
        "files": {a["filename"]: a["id"] for a in message["attachments"]},
        "silent": bool(message["flags"] & 4096),
        "reply_to": str((message.get("message_reference") or {}).get("message_id", "")),
    }


def plain(text: str) -> str:
    """Without backslashes that only protect."""
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", text)
