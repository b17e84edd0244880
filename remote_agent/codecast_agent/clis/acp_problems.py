"""An ACP agent's JSON-RPC errors in our shape: a code, what to do, whether to try again."""

import json
from typing import Any, Dict

from ..protocol.errors import CodecastError
from .http_status import passes
from .lines import clip, obj, text_of

AUTH_REQUIRED = -32000


def problem(cli: str, error: Dict[str, Any], login_hint: str) -> Dict[str, Any]:
    """A turn's error; agents put an HTTP status into its code."""
    code = error.get("code")
    message = words(error)
    name = obj(error.get("data")).get("errorName")  # OpenCode's
    status = code if isinstance(code, int) and 400 <= code < 600 else None
    if code == AUTH_REQUIRED or status in (401, 403) or name == "ProviderAuthError":
        found: Dict[str, Any] = {
            "code": "not_logged_in",
            "message": "%s is not logged in" % cli,
            "hint": login_hint,
            "detail": clip(message, 2000),
        }
    else:
        found = {"code": "model_error", "message": clip(message, 2000)}
        if name == "APIError":  # whatever the model's server refused; its status is not told
            found["hint"] = "If it is the login that was refused: " + login_hint
    if status is not None:
        found["status"] = status
        found["retryable"] = passes(status)
    return found


def failure(cli: str, what: str, error: Dict[str, Any], login_hint: str) -> CodecastError:
    """Why the session cannot be."""
    found = problem(cli, error, login_hint)
    if found["code"] == "not_logged_in":
        return CodecastError.from_json(found)
    return CodecastError("cli_failed", "%s %s" % (cli, what), detail=clip(words(error), 2000))


def words(error: Dict[str, Any]) -> str:
    """What a JSON-RPC error says, its details too."""
    message = _plain(text_of(error.get("message"))) or "unknown error"
    data = error.get("data")
    details = obj(data).get("details") or obj(data).get("message") if data else None
    if isinstance(data, str):
        details = data
    if isinstance(details, str) and _plain(details) not in message:
        generic = message.rstrip(".").lower() in ("internal error", "unknown error")
        message = _plain(details) if generic else "%s: %s" % (message, _plain(details))
    return message


def _plain(text: str) -> str:
    """The words of an error: without JSON-RPC's own name for it, and out of an API's JSON."""
    start = "Internal error: "
    text = text[len(start) :] if text.startswith(start) else text
    try:
        told = obj(obj(json.loads(text)).get("error")) if text[:1] == "{" else {}
    except (ValueError, RecursionError):
        told = {}
    return text_of(told.get("message")) or text
