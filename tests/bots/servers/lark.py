"""A Lark of our own: strict as the real one's rules are published, failing where a test says.

Refuses bad cards, sequences that do not grow, streams that are closed, entities that are sent
twice, empty and large files; answers frequency codes above the published rates; sends an event
again that is not acknowledged in three seconds. `fault(what)` may say `429`, `500`, `close`
(nothing was done) or `close_after` (it was done, nobody is told); `what` is as
`POST /im/v1/messages`.

Runs on a thread of its own. What a person would see is `visible`; what a person does are `says`,
`presses`, `submits`.
"""

from __future__ import annotations

import html
import json
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bots.servers.lark_api import Call, Refused, Socket
from tests.bots.servers.lark_people import People
from tests.bots.servers.lark_rules import problem, text_problem, walk

Json = dict[str, Any]
SCOPES = ["im:message", "im:message.p2p_msg:readonly", "im:message.group_at_msg:readonly",
          "im:message.group_msg", "im:resource", "cardkit:card:write", "cardkit:card:read",
          "contact:user.base:readonly"]  # fmt: skip
EVENTS = ["im.message.receive_v1", "im.chat.member.bot.deleted_v1", "im.chat.disbanded_v1"]
UP, PICTURE_UP = 30 << 20, 10 << 20


class LarkServer(People):
    """`speed`: how many times faster its rates are than the real ones'."""

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__()
        self.speed = speed
        self.keep_calls = True
        self.directory = Path()  # for whoever plays with it
        self.reactions: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.calls: list[tuple[str, Json]] = []
        self.streamed: list[str] = []
        self.floods = 0
        self.unchanged = 0
        self.fault: Callable[[str], str] = lambda what: ""
        self.refuses = ""  # words that no card may have
        self.scopes = list(SCOPES)
        self.events = list(EVENTS)
        self.tickets: list[str] = []
        self.tokens: list[str] = []
        self._keys: dict[str, str] = {}
        self._used: dict[str, deque[float]] = defaultdict(deque)
        self._count = 0
        self.run()

    def routes(self) -> list[Any]:
        return [(r"/ws", Socket, {"server": self}), (r"(/.*)", Call, {"server": self})]

    # -- faults

    def forget_tokens(self) -> None:
        self.on_loop(self.tokens.clear)

    def expire(self, key: str) -> None:
        """A thing of the person's is gone."""
        self.on_loop(lambda: self.messages.pop(key))

    def close_streams(self) -> None:
        """As the platform does after ten minutes."""
        self.on_loop(lambda: [card.update(streaming=False) for card in self.cards.values()])

    # -- calls

    def too_many(self) -> Refused:
        # whole seconds are told; a server that is faster tells none
        reset = 1 if self.speed == 1 else 0
        return Refused(99991400, "request trigger frequency limit", 429, reset=reset)

    def rate(self, what: str, most: int, seconds: float = 1.0) -> None:
        now, used = time.monotonic(), self._used[what]
        while used and now - used[0] > seconds / self.speed:
            used.popleft()
        if len(used) >= most:
            self.floods += 1
            raise self.too_many()
        used.append(now)

    def _bad(self, words: str, code: int = 230099) -> Refused:
        self.violations.append(words)
        return Refused(code, f"Failed to create card content, ext=ErrCode: {words}")

    def do_card(self, given: Json) -> Json:
        if given.get("type") != "card_json":
            raise self._bad("type")
        if self.refuses and self.refuses in given["data"]:
            raise Refused(230028, "The messages do NOT pass the audit")
        card = json.loads(given["data"])
        found = problem(card)
        if found:
            raise self._bad(found)
        id = str(7_000_000_000_000_000_000 + len(self.cards))
        self.cards[id] = {"json": card, "sequence": 0, "sent": "", "changes": 0,
                          "streaming": card["config"].get("streaming_mode", False)}  # fmt: skip
        return {"card_id": id}

    def _changing(self, id: str, given: Json) -> Json:
        """The card, for a change in its order."""
        card = self.cards.get(id)
        if card is None:
            raise Refused(300305, "card not exist")
        self.rate(f"card {id}", 10)
        sequence = given.get("sequence")
        if not isinstance(sequence, int) or not card["sequence"] < sequence < 1 << 31:
            raise Refused(300317, "ErrMsg: sequence number compare failed; ")
        if not card["sent"]:
            self.violations.append("a card is changed that stands nowhere")
        card["sequence"] = sequence
        card["changes"] += 1
        return card

    def do_change(self, id: str, given: Json) -> Json:
        card = self._changing(id, given)
        new = json.loads(given["card"]["data"])
        found = problem(new)
        if found:
            raise self._bad(found)
        self.unchanged += new == card["json"]
        card.update(json=new, streaming=new["config"].get("streaming_mode", False))
        return {}

    def do_content(self, id: str, element: str, given: Json) -> Json:
        card = self._changing(id, given)
        if not card["streaming"]:
            raise Refused(300309, "ErrMsg: streaming mode is closed; ")
        found = text_problem(given["content"])
        if found:
            raise self._bad(found)
        target = next(
            (e for e, *_ in walk(card["json"]["body"]["elements"])
             if e.get("element_id") == element and e["tag"] == "markdown"), None
        )  # fmt: skip
        if target is None:
            raise self._bad(f"no element {element}", 300313)
        self.unchanged += target["content"] == given["content"]
        target["content"] = given["content"]
        self.streamed.append(html.unescape(given["content"]))
        return {}

    def do_settings(self, id: str, given: Json) -> Json:
        card = self._changing(id, given)
        config = json.loads(given["settings"])["config"]
        card["json"]["config"].update(config)
        card["streaming"] = card["json"]["config"].get("streaming_mode", False)
        return {}

    def do_convert(self, given: Json) -> Json:
        message = self.messages.get(given["message_id"])
        if message is None or not message.get("card"):
            raise Refused(300305, "no card in this message")
        return {"card_id": message["card"]}

    def do_message(self, given: Json, chat: str, to: str = "") -> Json:
        if chat not in self.chats:
            raise Refused(230001, "invalid receive_id")
        if self.chats[chat].get("left"):
            raise Refused(230002, "Bot/User can NOT be out of the chat.")
        key = given.get("uuid", "")
        if len(key) > 50:
            raise self._bad("uuid", 230001)
        if key in self._keys:
            return self._told(self.messages[self._keys[key]])
        self.rate(f"chat {chat}", 5)
        content = json.loads(given["content"])
        if len(given["content"].encode()) > 30 * 1024:
            raise Refused(230025, "The length of the message content reaches its limit.")
        thread = to if given.get("reply_in_thread") else ""
        if to and self.messages[to]["thread"]:
            thread = self.messages[to]["thread"]
        id = f"om_{uuid.uuid4().hex}"
        message: Json = {
            "id": id, "chat": chat, "thread": thread, "mine": True, "kind": given["msg_type"],
            "reply_to": to, "card": "", "file": "", "name": "",
            "created": int(time.time() * 1000),
        }  # fmt: skip
        if given["msg_type"] == "interactive":
            message["card"] = self._entity(content, id)
        elif given["msg_type"] in ("file", "image"):
            message["file"] = content[f"{given['msg_type']}_key"]
            if message["file"] not in self.files:
                raise self._bad("file_key", 230055)
            message["name"] = self.names.get(message["file"], "")
        else:
            raise self._bad(f"msg_type {given['msg_type']}", 230001)
        self.messages[id] = message
        if key:
            self._keys[key] = id
        return self._told(message)

    def _entity(self, content: Json, message: str) -> str:
        id = str((content.get("data") or {}).get("card_id"))
        if content.get("type") != "card" or id not in self.cards:
            raise self._bad("no card", 200621)
        if self.cards[id]["sent"]:
            raise self._bad("the card was sent already")
        self.cards[id]["sent"] = message
        return id

    def _told(self, message: Json) -> Json:
        told = {"message_id": message["id"], "chat_id": message["chat"],
                "create_time": str(message["created"]), "msg_type": message["kind"]}  # fmt: skip
        return {**told, "thread_id": f"omt_{message['thread'][3:]}"} if message["thread"] else told

    def do_reply(self, to: str, given: Json) -> Json:
        if to not in self.messages:
            raise Refused(230011, "The message was withdrawn.")
        return self.do_message(given, self.messages[to]["chat"], to)

    def do_upload(self, kind: str, given: Json, files: Json) -> Json:
        sent = next(iter(files.values()))[0]
        data: bytes = sent["body"]
        if not data:
            raise self._bad("an empty file", 234010)
        if len(data) > (UP if kind == "file" else PICTURE_UP):
            raise self._bad("a large file", 234006)
        if kind == "image" and not data.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF")):
            raise Refused(234011, "Can't regonnize the image format.")
        key = f"{kind}_v3_{uuid.uuid4().hex}"
        self.files[key] = data
        self.names[key] = given.get("file_name", [sent["filename"]])[0]
        return {f"{kind}_key": key}

    def token(self) -> str:
        self._count += 1
        made = f"t-g104{self._count}{uuid.uuid4().hex}"
        self.tokens.append(made)
        return made

    def ticket(self) -> str:
        made = uuid.uuid4().hex
        self.tickets.append(made)
        return (
            f"ws://127.0.0.1:{self.port}/ws?device_id=7001&service_id=33554678"
            f"&access_key={uuid.uuid4().hex}&ticket={made}"
        )
