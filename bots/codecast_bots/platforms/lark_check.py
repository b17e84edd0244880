"""`codecast bots check` for Lark: what is missing, and the page of the console that gives it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from .contract import BadCredentials, Check, PlatformError
from .lark_events import NEEDED, PRESS
from .lark_http import Http, console

# what each scope is for; any one of a line is enough
SCOPES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("im:message", "im:message:send_as_bot"), "send messages"),
    (("im:message", "im:message.p2p_msg:readonly", "im:message.p2p_msg"), "hear private messages"),
    (("im:resource",), "take and send files"),
    (("cardkit:card:write",), "write cards"),
    (("cardkit:card:read",), "find its cards again after a restart"),
)
WISHED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("im:message.group_at_msg:readonly", "im:message.group_at_msg"), "be mentioned in groups"),
    (("im:message.group_msg",), "hear what is said in the threads of groups without a mention"),
    (("im:message", "im:message.reactions:write_only"), "show that it works, by a reaction"),
    (("contact:user.base:readonly", "contact:contact.base:readonly"), "show people's names"),
)


async def checks(http: Http) -> list[Check]:
    pages = console(http.url, http.app_id)
    if not http.app_id:
        hint = "Credentials & Basic Info of the app shows it (cli_...)."
        return [Check("app", "error", "app_id is not set in codecast.yaml", hint)]
    try:
        await http.token()
    except BadCredentials as error:
        return [Check("credentials", "error", str(error))]
    except PlatformError as error:
        return [Check("connection", "error", str(error))]
    found = [Check("credentials", "ok", f"Lark takes those of {http.app_id}")]
    found.append(await _bot(http, pages))
    found += await _scopes(http, pages)
    found.append(await _events(http, pages))
    found.append(await _connection(http, pages))
    return found


async def _bot(http: Http, pages: str) -> Check:
    hint = f"Add the feature Bot, then release a version: {pages}/bot"
    try:
        bot = (await http.call("GET", "/bot/v3/info")).get("bot") or {}
    except PlatformError as error:
        return Check("bot", "error", f"the app has no bot: {error}", hint)
    if bot.get("activate_status") not in (None, 2):
        words = "the bot is not active: no version of the app is released and enabled"
        return Check("bot", "warning", words, f"Create a version and release it: {pages}/version")
    return Check("bot", "ok", f"it is {bot.get('app_name')} ({bot.get('open_id')})")


async def _scopes(http: Http, pages: str) -> list[Check]:
    try:
        listed = (await http.call("GET", "/application/v6/scopes"))["data"].get("scopes") or []
    except PlatformError as error:
        return [Check("scopes", "warning", f"they cannot be looked up: {error}", f"{pages}/auth")]
    granted = {str(s["scope_name"]) for s in listed if s.get("grant_status") == 1}
    found = []
    for status, lines in (("error", SCOPES), ("warning", WISHED)):
        missing = [(names[0], what) for names, what in lines if not granted & set(names)]
        if missing:
            # the first name of a line may be a large one: ask for the smallest
            wanted = ",".join(
                names[-1] if names[0] == "im:message" and len(names) == 2 else names[0]
                for names, what in lines
                if not granted & set(names)
            )
            what = "; ".join(f"to {what}" for _, what in missing)
            hint = f"Add {wanted} and release a version: {pages}/auth?q={quote(wanted, safe=':,')}"
            found.append(Check("scopes", status, f"missing: {what}", hint))  # type: ignore[arg-type]
    return found or [Check("scopes", "ok", "all that is used is granted")]


async def _events(http: Http, pages: str) -> Check:
    where = (
        f"Events & Callbacks, with `codecast bots` running: receive events by long connection and"
        f" add {', '.join(NEEDED)}; callbacks by long connection, too, and add {PRESS}; release a"
        f" version: {pages}/event"
    )
    try:
        answer = await http.call(
            "GET", "/application/v6/applications/me/app_versions",
            params={"lang": "en_us", "page_size": "5", "order": "1"},
        )  # fmt: skip
    except PlatformError:
        words = "which are subscribed cannot be looked up"
        return Check("events", "warning", words, where)
    items: list[dict[str, Any]] = answer["data"].get("items") or []
    released = next((item for item in items if item.get("status") == 1), None)
    if released is None:
        words = "no version of the app was released"
        return Check("events", "error", words, f"Create a version: {pages}/version")
    events = {str(e.get("event_type")) for e in released.get("event_infos") or []}
    events |= {str(name) for name in released.get("events") or []}
    missing = [name for name in NEEDED if name not in events]
    if NEEDED[0] in missing:
        return Check("events", "error", f"not subscribed: {', '.join(missing)}", where)
    if missing:
        return Check("events", "warning", f"not subscribed: {', '.join(missing)}", where)
    return Check("events", "ok", f"subscribed; presses need the callback {PRESS}, too")


async def _connection(http: Http, pages: str) -> Check:
    hint = f"Only an app of your own company can have it: {pages}/event"
    try:
        where = await http.endpoint()
        async with connect(where.url, open_timeout=10, close_timeout=2, ping_interval=None):
            pass
    except (PlatformError, OSError, WebSocketException) as error:
        words = str(error) if isinstance(error, PlatformError) else type(error).__name__
        return Check("long connection", "error", f"it does not open: {words}", hint)
    return Check("long connection", "ok", "it opens")
