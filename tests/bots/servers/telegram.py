"""A Bot API server: strict as the real one's rules are published, and it fails where a test says.

Refuses unchanged edits, bad or crossing entities, text beyond 4,096 units, keyboards beyond
their limits, unknown chats and ids; answers 429 with `retry_after` above the published rates
(calls that come too early prolong it); ends the older of two pollers. `fault(method)` may say
`409`, `429`, `500`, `close` (nothing was done) or `close_after` (it was done, nobody is
told). It may go `deaf`.

Runs on a thread of its own. What a person would see is `visible`; what a person does are
`says`, `presses`, `edits`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from tests.bots.servers.telegram_http import TOKEN, File, Method
from tests.bots.servers.telegram_rules import Refused, check, problem_of, units_of

Json = dict[str, Any]
T = TypeVar("T")
BOT = 123456789
COUNTED = {"sendMessage", "editMessageText", "editMessageCaption", "sendDocument", "sendPhoto",
           "sendMediaGroup"}  # fmt: skip
__all__ = ["BOT", "TOKEN", "TelegramServer", "problem_of"]


class TelegramServer:
    """`speed`: how many times faster its rates are than the real ones'. `first`: as many messages
    were in its chats before."""

    def __init__(self, speed: float = 1.0, first: int = 0) -> None:
        self.speed = speed
        self.chats: dict[int, Json] = {}
        self.messages: dict[int, dict[int, Json]] = defaultdict(dict)
        self.drafts: dict[tuple[int, int], list[str]] = defaultdict(list)
        self.calls: list[tuple[float, str, Json]] = []
        self.answers: list[tuple[str, str]] = []
        self.actions: list[tuple[int, str]] = []
        self.floods = 0
        self.unchanged = 0
        self.violations: list[str] = []
        self.fault: Callable[[str], str] = lambda method: ""
        self.commands: list[Json] = []
        self.files: dict[str, bytes] = {}
        self.refuses = ""  # words that no message may have
        self.keep_calls = True
        self.deaf = False  # polls are heard and never answered
        self.directory = Path()  # for whoever plays with it
        self._private_id = first
        self._group_ids: dict[int, int] = defaultdict(lambda: first)
        self._updates: deque[Json] = deque()
        self._update_id = 1000
        self._poller: object | None = None
        self._sent_at: dict[int, deque[float]] = defaultdict(deque)
        self._silence: dict[int, float] = {}
        self._topic = 100
        self._loop = asyncio.new_event_loop()
        self._arrived: asyncio.Event | None = None
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        self.port = ready.result(20)
        self.url = f"http://127.0.0.1:{self.port}"

    def _serve(self, ready: Future[int]) -> None:
        asyncio.set_event_loop(self._loop)

        async def begin() -> None:
            self._arrived = asyncio.Event()
            sockets = bind_sockets(0, "127.0.0.1")
            routes = [(r"/bot([^/]+)/(\w+)", Method, {"server": self}),
                      (r"/file/bot([^/]+)/(.+)", File, {"server": self})]  # fmt: skip
            self._http = HTTPServer(
                Application(routes, log_function=lambda handler: None), max_buffer_size=100 << 20
            )
            self._http.add_sockets(sockets)
            ready.set_result(sockets[0].getsockname()[1])

        self._loop.run_until_complete(begin())
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        self._http.stop()
        await self._http.close_all_connections()
        for task in asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.05)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def close_connections(self) -> None:
        """As a cable that is pulled."""
        asyncio.run_coroutine_threadsafe(self._http.close_all_connections(), self._loop).result(20)

    # -- what a person does and sees

    def private(self, user: int) -> int:
        self.chats[user] = {"id": user, "type": "private", "first_name": f"User {user}"}
        return user

    def group(self, chat: int, forum: bool = False) -> int:
        self.chats[chat] = {"id": chat, "type": "supergroup", "title": "Group",
                            **({"is_forum": True} if forum else {})}  # fmt: skip
        return chat

    def says(self, chat: int, text: str, user: int = 0, reply_to: int = 0, thread: int = 0,
             **more: Any) -> int:  # fmt: skip
        """The id of the message."""
        return self._on_loop(lambda: self._says(chat, text, user, reply_to, thread, more))

    def _says(self, chat: int, text: str, user: int, reply_to: int, thread: int, more: Json) -> int:
        id = self._next_id(chat)
        message: Json = {"message_id": id, "date": int(time.time()), "chat": self.chats[chat],
                         "from": self.user(user or chat), **more}  # fmt: skip
        message["caption" if more else "text"] = text
        if not text:
            message.pop("caption" if more else "text")
        if thread:
            message.update(message_thread_id=thread, is_topic_message=True)
        if reply_to:
            target = self.messages[chat][reply_to]
            message["reply_to_message"] = _shown(target)
        self.messages[chat][id] = {**message, "mine": False}
        self._update("message", message)
        return id

    def edits(self, chat: int, id: int, text: str) -> None:
        def edit() -> None:
            message = self.messages[chat][id]
            message["text"] = text
            shown = {key: value for key, value in message.items() if key != "mine"}
            self._update("edited_message", {**shown, "edit_date": int(time.time())})

        self._on_loop(edit)

    def presses(self, chat: int, id: int, label: str, user: int = 0) -> str:
        """The id of the press. `label` is the beginning of the button's."""

        def press() -> str:
            message = self.messages[chat][id]
            buttons = [b for row in message["reply_markup"]["inline_keyboard"] for b in row]
            button = next(b for b in buttons if b["text"].startswith(label))
            return self._press(message, button["callback_data"], user or chat)

        return self._on_loop(press)

    def presses_data(self, chat: int, id: int, data: str, user: int = 0) -> str:
        return self._on_loop(lambda: self._press(self.messages[chat][id], data, user or chat))

    def _press(self, message: Json, data: str, user: int) -> str:
        query = str(self._update_id + 1)
        self._update(
            "callback_query",
            {
                "id": query,
                "from": self.user(user),
                "data": data,
                "chat_instance": "1",
                "message": _shown(message),
            },
        )
        return query

    def user(self, id: int) -> Json:
        return {"id": id, "is_bot": id == BOT, "first_name": f"User {id}"}

    def file(self, name: str, data: bytes) -> Json:
        """A document for `says(..., document=...)`."""
        self.files[name] = data
        return {"file_id": name, "file_unique_id": name, "file_name": name, "file_size": len(data)}

    def visible(self, chat: int, thread: int = 0) -> list[Json]:
        """The bot's messages that stand there, oldest first."""
        return self._on_loop(lambda: [
            dict(m) for _, m in sorted(self.messages[chat].items())
            if m["mine"] and m.get("message_thread_id", 0) == thread
        ])  # fmt: skip

    def texts(self, chat: int, thread: int = 0) -> list[str]:
        return [m.get("text") or m.get("caption") or "" for m in self.visible(chat, thread)]

    def buttons(self, message: Json) -> list[str]:
        rows = (message.get("reply_markup") or {}).get("inline_keyboard") or []
        return [button["text"] for row in rows for button in row]

    def _on_loop(self, do: Callable[[], T]) -> T:
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(do())
            except BaseException as error:
                future.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return future.result(20)

    def _update(self, kind: str, value: Json) -> None:
        self._update_id += 1
        self._updates.append({"update_id": self._update_id, kind: value})
        assert self._arrived is not None
        self._arrived.set()

    # -- the API

    def _next_id(self, chat: int) -> int:
        """Private chats of a bot count together, each group by itself."""
        if chat > 0:
            self._private_id += 1
            return self._private_id
        self._group_ids[chat] += 1
        return self._group_ids[chat]

    async def call(self, method: str, given: Json, files: dict[str, list[Any]]) -> Any:
        handler = getattr(self, f"do_{method}", None)
        if handler is None:
            raise Refused(404, f"Not Found: method {method}")
        if method == "getUpdates":
            return await self.do_getUpdates(given)
        if method in COUNTED:
            self._rate(int(given["chat_id"]))
        return handler(given, files)

    def _rate(self, chat: int) -> None:
        """About one a second in a chat with short bursts; 20 a minute in a group; edits too."""
        now = time.monotonic()
        until = self._silence.get(chat, 0.0)
        if now < until:
            self.floods += 1
            self._silence[chat] = until + 1.0 / self.speed
            raise self._too_many(self._silence[chat] - now)
        recent = self._sent_at[chat]
        span, most = (60.0, 20) if chat < 0 else (6.0, 8)
        while recent and now - recent[0] > span / self.speed:
            recent.popleft()
        if len(recent) >= most:
            self.floods += 1
            self._silence[chat] = now + (8.0 if chat < 0 else 3.0) / self.speed
            raise self._too_many(self._silence[chat] - now)
        recent.append(now)

    def _too_many(self, seconds: float) -> Refused:
        # the real one says whole seconds; a server that is faster says parts of one
        wait = max(1, round(seconds)) if self.speed == 1 else round(seconds + 0.01, 3)
        return Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)

    async def do_getUpdates(self, given: Json) -> Any:
        mine = self._poller = object()
        assert self._arrived is not None
        self._arrived.set()  # the other poller looks
        offset = int(given.get("offset") or 0)
        while self._updates and self._updates[0]["update_id"] < offset:
            self._updates.popleft()
        if self.deaf:
            await asyncio.Event().wait()  # for ever
        deadline = time.monotonic() + min(float(given.get("timeout") or 0), 50)
        while not self._updates and time.monotonic() < deadline:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), deadline - time.monotonic())
            except (asyncio.TimeoutError, asyncio.CancelledError):
                break
            if self._poller is not mine:
                raise Refused(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure"
                    " that only one bot instance is running",
                )
        return list(self._updates)[: int(given.get("limit") or 100)]

    def do_getMe(self, given: Json, files: Any) -> Json:
        return {"id": BOT, "is_bot": True, "first_name": "Codecast", "username": "codecast_bot",
                "can_join_groups": True, "can_read_all_group_messages": False,
                "supports_inline_queries": False}  # fmt: skip

    def do_getWebhookInfo(self, given: Json, files: Any) -> Json:
        return {"url": "", "has_custom_certificate": False, "pending_update_count": 0}

    def do_getMyCommands(self, given: Json, files: Any) -> Any:
        return self.commands

    def do_setMyCommands(self, given: Json, files: Any) -> bool:
        commands = given["commands"]
        check(len(commands) <= 100, "too many commands")
        for command in commands:
            name = command["command"]
            plain = name.replace("_", "").isalnum() and name.islower() and len(name) <= 32
            check(plain, "BOT_COMMAND_INVALID")
            check(1 <= len(command["description"]) <= 256, "BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands = commands
        return True

    def do_sendMessage(self, given: Json, files: Any) -> Json:
        text, entities = self._text(given, "text", "entities", 4096)
        check(bool(text), "Bad Request: message text is empty")
        return self._new(given, text=text, entities=entities)

    def _new(self, given: Json, **content: Any) -> Json:
        chat = self._chat(given)
        thread = int(given.get("message_thread_id") or 0)
        if thread and thread not in self.chats[chat].get("topics", ()):
            raise Refused(400, "Bad Request: message thread not found")
        id = self._next_id(chat)
        message = {
            "message_id": id, "date": int(time.time()), "chat": self.chats[chat],
            "from": self.user(BOT), "mine": True, "silent": bool(given.get("disable_notification")),
            "edits": 0, "reply_markup": self._markup(given), **content,
        }  # fmt: skip
        if thread:
            message.update(message_thread_id=thread, is_topic_message=True)
        reply = given.get("reply_parameters")
        if reply and int(reply["message_id"]) in self.messages[chat]:
            message["reply_to"] = int(reply["message_id"])
        self.messages[chat][id] = message
        for key in list(self.drafts):
            if key[0] == chat:
                del self.drafts[key]
        return _shown(message)

    def _chat(self, given: Json) -> int:
        chat = int(given["chat_id"])
        if chat not in self.chats:
            raise Refused(400, "Bad Request: chat not found")
        if self.chats[chat].get("blocked"):
            raise Refused(403, "Forbidden: bot was blocked by the user")
        return chat

    def _mine(self, given: Json) -> Json:
        message = self.messages[self._chat(given)].get(int(given["message_id"]))
        if message is None:
            raise Refused(400, "Bad Request: message to edit not found")
        if not message["mine"]:
            raise Refused(400, "Bad Request: message can't be edited")
        return message

    def do_editMessageText(self, given: Json, files: Any) -> Json:
        message = self._mine(given)
        if "document" in message or "photo" in message:
            raise Refused(400, "Bad Request: there is no text in the message to edit")
        text, entities = self._text(given, "text", "entities", 4096)
        check(bool(text), "Bad Request: message text is empty")
        return self._changed(message, given, text=text, entities=entities)

    def do_editMessageCaption(self, given: Json, files: Any) -> Json:
        message = self._mine(given)
        if "document" not in message and "photo" not in message:
            raise Refused(400, "Bad Request: there is no caption in the message to edit")
        text, entities = self._text(given, "caption", "caption_entities", 1024)
        return self._changed(message, given, caption=text, entities=entities)

    def _changed(self, message: Json, given: Json, **content: Any) -> Json:
        content["reply_markup"] = self._markup(given)
        if all(message.get(key) == value for key, value in content.items()):
            self.unchanged += 1
            raise Refused(
                400,
                "Bad Request: message is not modified: specified new message content"
                " and reply markup are exactly the same as a current content",
            )
        message.update(content)
        message["edits"] += 1
        return _shown(message)

    def do_deleteMessage(self, given: Json, files: Any) -> bool:
        chat = self._chat(given)
        if self.messages[chat].pop(int(given["message_id"]), None) is None:
            raise Refused(400, "Bad Request: message to delete not found")
        return True

    def do_sendMessageDraft(self, given: Json, files: Any) -> bool:
        chat = self._chat(given)
        check(self.chats[chat]["type"] == "private", "Bad Request: method is for private chats")
        check(int(given["draft_id"]) != 0, "Bad Request: DRAFT_ID_INVALID")
        text, _ = self._text(given, "text", "entities", 4096)
        self.drafts[chat, int(given["draft_id"])].append(text)
        return True

    def do_sendChatAction(self, given: Json, files: Any) -> bool:
        self.actions.append((self._chat(given), given["action"]))
        return True

    def do_answerCallbackQuery(self, given: Json, files: Any) -> bool:
        text = given.get("text") or ""
        check(len(text) <= 200, "Bad Request: MESSAGE_TOO_LONG")
        self.answers.append((str(given["callback_query_id"]), text))
        return True

    def do_createForumTopic(self, given: Json, files: Any) -> Json:
        chat = self._chat(given)
        check(bool(self.chats[chat].get("is_forum")), "Bad Request: the chat is not a forum")
        check(1 <= len(given["name"]) <= 128, "Bad Request: TOPIC_TITLE_INVALID")
        self._topic += 1
        self.chats[chat].setdefault("topics", {})[self._topic] = given["name"]
        return {"message_thread_id": self._topic, "name": given["name"], "icon_color": 7322096}

    def do_editForumTopic(self, given: Json, files: Any) -> bool:
        topics = self.chats[self._chat(given)].get("topics", {})
        thread, name = int(given["message_thread_id"]), given["name"]
        check(thread in topics, "Bad Request: message thread not found")
        check(1 <= len(name) <= 128, "Bad Request: TOPIC_TITLE_INVALID")
        check(topics[thread] != name, "Bad Request: TOPIC_NOT_MODIFIED")
        topics[thread] = name
        return True

    def do_sendDocument(self, given: Json, files: dict[str, list[Any]]) -> Json:
        return self._file_message(given, files, "document", 50 << 20)

    def do_sendPhoto(self, given: Json, files: dict[str, list[Any]]) -> Json:
        return self._file_message(given, files, "photo", 10 << 20)

    def _file_message(self, given: Json, files: Any, kind: str, most: int) -> Json:
        sent = next(iter(files.values()))[0]
        if len(sent["body"]) > most:
            raise Refused(413, "Request Entity Too Large")
        check(bool(sent["body"]), "Bad Request: file must be non-empty")
        text, entities = self._text(given, "caption", "caption_entities", 1024)
        name = sent["filename"]
        self.files[name] = sent["body"]
        document = {"file_id": name, "file_unique_id": name, "file_name": name}
        shown = document if kind == "document" else [{**document, "width": 1, "height": 1}]
        return self._new(given, caption=text, entities=entities, **{kind: shown})

    def do_sendMediaGroup(self, given: Json, files: dict[str, list[Any]]) -> list[Json]:
        media = given["media"]
        check(2 <= len(media) <= 10, "Bad Request: wrong number of media")
        made = []
        for item in media:
            name = item["media"].removeprefix("attach://")
            one = {**given, **{k: v for k, v in item.items() if k.startswith("caption")}}
            made.append(self._file_message(one, {name: files[name]}, "document", 50 << 20))
        return made

    def do_getFile(self, given: Json, files: Any) -> Json:
        data = self.files[given["file_id"]]
        if len(data) > 20 << 20:
            raise Refused(400, "Bad Request: file is too big")
        return {"file_id": given["file_id"], "file_unique_id": "u", "file_size": len(data),
                "file_path": f"documents/{given['file_id']}"}  # fmt: skip

    # -- rules

    def _markup(self, given: Json) -> Json | None:
        markup: Json | None = given.get("reply_markup")
        if markup is None:
            return None
        rows = markup.get("inline_keyboard")
        if rows is not None:
            check(sum(map(len, rows)) <= 100, "Bad Request: reply markup is too long")
            for row in rows:
                check(len(row) <= 8, "Bad Request: too many buttons in a row")
                for button in row:
                    data = button.get("callback_data", "").encode()
                    if not 1 <= len(data) <= 64:
                        self.violations.append(f"callback_data of {len(data)} bytes")
                        raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
                    check(bool(button["text"].strip()), "Bad Request: BUTTON_TEXT_INVALID")
        return markup

    def _text(self, given: Json, name: str, entities: str, most: int) -> tuple[str, list[Json]]:
        """The text as it is kept, with its entities; refuses what the rules refuse."""
        text = str(given.get(name) or "")
        if given.get("parse_mode"):
            self.violations.append("parse_mode")
        if self.refuses and self.refuses in text:
            raise Refused(400, "Bad Request: it is not taken")
        units = units_of(text.strip())
        if units > most or len(text.encode()) > 32768:
            self.violations.append(f"{name} of {units}")
            raise Refused(400, "Bad Request: message is too long")
        found = given.get(entities) or []
        problem = problem_of(text, found)
        if problem:
            self.violations.append(problem)
            raise Refused(400, f"Bad Request: can't parse entities: {problem}")
        return text.strip(), found


def _shown(message: Json) -> Json:
    """As the API tells it."""
    keep = ("message_id", "date", "chat", "from", "text", "caption", "message_thread_id",
            "is_topic_message", "reply_markup", "document", "photo")  # fmt: skip
    shown = {key: message[key] for key in keep if message.get(key) is not None}
    if "inline_keyboard" not in (shown.get("reply_markup") or {}):
        shown.pop("reply_markup", None)
    shown["chat"] = {k: v for k, v in shown["chat"].items() if k not in ("topics", "blocked")}
    return shown
