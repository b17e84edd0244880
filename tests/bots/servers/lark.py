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

import asyncio
import base64
import html
import json
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from tests.bots.servers import lark_wire as wire
from tests.bots.servers.lark_api import APP, BOT, Call, Refused, Socket
from tests.bots.servers.lark_rules import problem, text_problem, walk

Json = dict[str, Any]
SCOPES = ["im:message", "im:message.p2p_msg:readonly", "im:message.group_at_msg:readonly",
          "im:message.group_msg", "im:resource", "cardkit:card:write", "cardkit:card:read",
          "contact:user.base:readonly"]  # fmt: skip
EVENTS = ["im.message.receive_v1", "im.chat.member.bot.deleted_v1", "im.chat.disbanded_v1"]
ACK = 3.0  # seconds
UP, PICTURE_UP = 30 << 20, 10 << 20


class LarkServer:
    """`pages` of an event are cut to `part` bytes; 0: never."""

    def __init__(self) -> None:
        self.chats: dict[str, Json] = {}
        self.messages: dict[str, Json] = {}  # in order
        self.cards: dict[str, Json] = {}
        self.files: dict[str, bytes] = {}
        self.reactions: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.calls: list[tuple[str, Json]] = []
        self.streamed: list[str] = []
        self.acks: dict[str, Json] = {}  # by event
        self.pushed: dict[str, int] = defaultdict(int)
        self.told: dict[str, bytes] = {}  # every event that was
        self.floods = 0
        self.unchanged = 0
        self.violations: list[str] = []
        self.fault: Callable[[str], str] = lambda what: ""
        self.refuses = ""  # words that no card may have
        self.scopes = list(SCOPES)
        self.events = list(EVENTS)
        self.part = 0
        self.mute = False  # pings are not answered
        self.connections = 0  # ever made
        self.tickets: list[str] = []
        self.tokens: list[str] = []
        self._sockets: list[Socket] = []
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._open: dict[str, tuple[bytes, int]] = {}  # pushed, not acknowledged
        self._keys: dict[str, str] = {}
        self._used: dict[str, deque[float]] = defaultdict(deque)
        self._count = 0
        self._loop = asyncio.new_event_loop()
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        self.port = ready.result(20)
        self.url = f"http://127.0.0.1:{self.port}"

    def _serve(self, ready: Future[int]) -> None:
        asyncio.set_event_loop(self._loop)

        async def begin() -> None:
            sockets = bind_sockets(0, "127.0.0.1")
            routes = [(r"/ws", Socket, {"server": self}), (r"(/.*)", Call, {"server": self})]
            self._http = HTTPServer(Application(routes), max_buffer_size=100 << 20)
            self._http.add_sockets(sockets)
            ready.set_result(sockets[0].getsockname()[1])

        self._loop.run_until_complete(begin())
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        self._http.stop()
        for socket in list(self._sockets):
            socket.close()
        await self._http.close_all_connections()
        for task in asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.05)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def _on_loop(self, do: Callable[[], Any]) -> Any:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(do())
            except BaseException as error:
                future.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return future.result(20)

    # -- faults

    def drop_connections(self) -> None:
        """As a cable that is pulled."""

        def drop() -> None:
            for socket in list(self._sockets):
                socket.abort()

        self._on_loop(drop)

    def forget_tokens(self) -> None:
        self._on_loop(self.tokens.clear)

    def expire(self, key: str) -> None:
        """A thing of the person's is gone."""
        self._on_loop(lambda: self.messages.pop(key))

    def close_streams(self) -> None:
        """As the platform does after ten minutes."""
        self._on_loop(lambda: [card.update(streaming=False) for card in self.cards.values()])

    def again(self, event: str) -> None:
        """The event once more, though it was acknowledged."""
        self._on_loop(lambda: self._push(event, self.told[event]))

    # -- what a person does and sees

    def private(self, chat: str) -> str:
        self.chats[chat] = {"type": "p2p"}
        return chat

    def group(self, chat: str) -> str:
        self.chats[chat] = {"type": "group"}
        return chat

    def says(self, chat: str, text: str, user: str, thread: str = "", reply_to: str = "",
             mention: bool = False) -> str:  # fmt: skip
        """The id of the message. `thread` is its root."""
        content = {"text": f"@_user_1 {text}" if mention else text}
        mentions = [{"key": "@_user_1", "id": {"open_id": BOT}, "name": "Codecast"}]
        more = {"mentions": mentions} if mention else {}
        return self._said(chat, user, "text", content, thread, reply_to, more)

    def sends(self, chat: str, name: str, data: bytes, user: str, kind: str = "file") -> str:
        key = f"{kind}_v3_{uuid.uuid4().hex}"
        self.files[key] = data
        content = {"file_key": key, "file_name": name} if kind == "file" else {"image_key": key}
        return self._said(chat, user, kind, content, "", "", {})

    def _said(self, chat: str, user: str, kind: str, content: Json, thread: str, reply_to: str,
              more: Json) -> str:  # fmt: skip
        id = f"om_{uuid.uuid4().hex}"
        message = {
            "message_id": id, "chat_id": chat, "chat_type": self.chats[chat]["type"],
            "message_type": kind, "content": json.dumps(content),
            "create_time": str(int(time.time() * 1000)), **more,
        }  # fmt: skip
        if thread:
            message.update(thread_id=f"omt_{thread[3:]}", root_id=thread, parent_id=thread)
        if reply_to:
            message.update(parent_id=reply_to)
            message.setdefault("root_id", reply_to)
        sender = {"sender_id": {"open_id": user}, "sender_type": "user", "tenant_key": "t1"}

        def keep() -> None:
            self.messages[id] = {"id": id, "chat": chat, "thread": thread, "mine": False}
            self._event("im.message.receive_v1", {"sender": sender, "message": message})

        self._on_loop(keep)
        return id

    def presses(self, message: str, label: str, user: str) -> str:
        """The id of the press. `label` is the beginning of the button's."""

        def press() -> str:
            button = next(
                e
                for e, _, form in walk(self._shown_card(message)["body"]["elements"])
                if e["tag"] == "button" and not form and e["text"]["content"].startswith(label)
            )
            action = {"tag": "button", "value": button["behaviors"][0]["value"]}
            return self._pressed(message, user, action)

        return str(self._on_loop(press))

    def chooses(self, message: str, option: str, user: str) -> str:
        """From a list outside of forms."""

        def press() -> str:
            elements = walk(self._shown_card(message)["body"]["elements"])
            chosen = next(e for e, *_ in elements if e["tag"] == "select_static")
            values = {o["text"]["content"]: o["value"] for o in chosen["options"]}
            value = chosen["behaviors"][0]["value"]
            action = {"tag": "select_static", "value": value, "option": values[option]}
            return self._pressed(message, user, action)

        return str(self._on_loop(press))

    def _pressed(self, message: str, user: str, action: Json) -> str:
        context = {"open_message_id": message, "open_chat_id": self.messages[message]["chat"]}
        event = {
            "operator": {"open_id": user, "tenant_key": "t1"},
            "token": "c-" + uuid.uuid4().hex,
            "action": action,
            "host": "im_message",
            "context": context,
        }
        return self._event("card.action.trigger", event)

    def submits(self, message: str, label: str, value: Any, user: str) -> str:
        """Fill in the form of which a field's placeholder begins with `label`."""

        def press() -> str:
            elements = list(walk(self._shown_card(message)["body"]["elements"]))
            field, form = next(
                (e, form) for e, _, form in elements
                if e["tag"] in ("input", "multi_select_static")
                and e["placeholder"]["content"].startswith(label)
            )  # fmt: skip
            given = value
            if field["tag"] == "multi_select_static":
                values = {o["text"]["content"]: o["value"] for o in field["options"]}
                given = [values[one] for one in value]
            button = next(e for e, _, f in elements if f == form and e["tag"] == "button")
            action = {
                "tag": "button",
                "name": button["name"],
                "value": button["behaviors"][0]["value"],
                "form_value": {field["name"]: given},
            }
            return self._pressed(message, user, action)

        return str(self._on_loop(press))

    def removes_bot(self, chat: str, user: str) -> None:
        event = {"chat_id": chat, "operator_id": {"open_id": user}}
        self._on_loop(lambda: self._event("im.chat.member.bot.deleted_v1", event))

    def visible(self, chat: str, thread: str = "") -> list[Json]:
        """The bot's messages that stand there, oldest first: `id`, `text`, `buttons`, ..."""

        def look() -> list[Json]:
            return [
                self._seen_as(m) for m in self.messages.values()
                if m["mine"] and m["chat"] == chat and m["thread"] == thread
            ]  # fmt: skip

        found: list[Json] = self._on_loop(look)
        return found

    def texts(self, chat: str, thread: str = "") -> list[str]:
        return [message["text"] for message in self.visible(chat, thread)]

    def _shown_card(self, message: str) -> Json:
        found: Json = self.cards[self.messages[message]["card"]]["json"]
        return found

    def _seen_as(self, message: Json) -> Json:
        seen = {key: message[key] for key in ("id", "kind", "reply_to", "file", "name")}
        seen.update(text=message["name"] or "", buttons=[], fields=[], streaming=False)
        if message["card"]:
            card = self.cards[message["card"]]
            elements = [e for e, *_ in walk(card["json"]["body"]["elements"])]
            text = elements[0].get("content") or elements[0]["text"]["content"]
            seen["text"] = html.unescape(text)
            seen["buttons"] = [e["text"]["content"] for e in elements if e["tag"] == "button"]
            seen["fields"] = [e["placeholder"]["content"] for e in elements if "placeholder" in e]
            seen["streaming"] = card["streaming"]
            seen["summary"] = card["json"]["config"]["summary"]["content"]
        return seen

    # -- events

    def _event(self, kind: str, event: Json) -> str:
        id = uuid.uuid4().hex
        header = {"event_id": id, "event_type": kind, "create_time": str(int(time.time() * 1000)),
                  "token": "", "app_id": APP, "tenant_key": "t1"}  # fmt: skip
        payload = {"schema": "2.0", "header": header, "event": event}
        self._push(id, json.dumps(payload, ensure_ascii=False).encode())
        return id

    def _push(self, id: str, payload: bytes) -> None:
        self.told[id] = payload
        if not self._sockets:
            self._waiting.append((id, payload))
            return
        self.pushed[id] += 1
        step = self.part or len(payload)
        parts = [payload[at : at + step] for at in range(0, len(payload), step)]
        for number, part in enumerate(parts):
            headers = {"type": "event", "message_id": id, "sum": str(len(parts)),
                       "seq": str(number), "trace_id": "t" + id}  # fmt: skip
            self._sockets[-1].send(wire.encode(wire.DATA, headers, part))
        self._loop.call_later(ACK, self._overdue, id, payload)

    def _overdue(self, id: str, payload: bytes) -> None:
        if id not in self.acks and self.pushed[id] < 5:
            self._push(id, payload)

    def joined(self, socket: Socket) -> None:
        self._sockets.append(socket)
        self.connections += 1
        while self._waiting:
            self._push(*self._waiting.popleft())

    def left(self, socket: Socket) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)

    def came(self, socket: Socket, data: bytes) -> None:
        frame = wire.decode(data)
        headers = frame["headers"]
        if frame["method"] == wire.CONTROL:
            if headers["type"] == "ping" and not self.mute:
                config = {"ReconnectCount": -1, "PingInterval": 120}
                answer = wire.encode(wire.CONTROL, {"type": "pong"}, json.dumps(config).encode())
                socket.send(answer)
            return
        words = json.loads(frame["payload"])
        if words["code"] != 200 or "biz_rt" not in headers:
            self.violations.append(f"an acknowledgement {words}")
        data = words.get("data")
        self.acks[headers["message_id"]] = json.loads(base64.b64decode(data)) if data else {}

    # -- calls

    def rate(self, what: str, most: int, seconds: float = 1.0) -> None:
        now, used = time.monotonic(), self._used[what]
        while used and now - used[0] > seconds:
            used.popleft()
        if len(used) >= most:
            self.floods += 1
            raise Refused(99991400, "request trigger frequency limit", 429, reset=1)
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
