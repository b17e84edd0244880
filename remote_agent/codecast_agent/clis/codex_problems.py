"""Codex's errors in our shape: a code, what to do, the HTTP status, whether to try again."""

import json
import re
from typing import Any, Dict, Optional, Tuple

from .http_status import passes
from .lines import clip, obj, present, text_of, whole

LOGIN_HINT = "Run `codex login` on that machine, or set OPENAI_API_KEY there."
HINTS = {
    "usageLimitExceeded": "Wait for the limit to reset, or check the account's plan.",
    "rateLimitExceeded": "Wait for the limit to reset, then send the prompt again.",
    "sessionBudgetExceeded": "Start another session, or raise the budget in Codex's settings.",
    "serverOverloaded": "Try again in a moment.",
    "flexUnavailable": "Try again in a moment.",
    "policyCapacityUnavailable": "Try again in a moment.",
    "internalServerError": "Try again in a moment.",
    "modelNotFound": "Choose another model.",
    "sandboxError": "Codex's sandbox does not work on that machine; see `codex sandbox --help`.",
}
AGAIN = frozenset(
    (
        "rateLimitExceeded",
        "serverOverloaded",
        "flexUnavailable",
        "policyCapacityUnavailable",
        "internalServerError",
        "httpConnectionFailed",
        "responseStreamConnectionFailed",
        "responseStreamDisconnected",
        "responseTooManyFailedAttempts",
    )
)
REFUSALS = frozenset(("cyberPolicy", "misalignmentPolicyViolation"))
STATUS = {"rateLimitExceeded": 429, "internalServerError": 500, "badRequest": 400}
_STATUS = re.compile(r"\bstatus:? (\d{3})\b")
_ATTEMPT = re.compile(r"(\d+)/(\d+)")
_BROKEN = re.compile(r"stream disconnected|error sending request|timed? ?out", re.I)


def kind_of(error: Dict[str, Any]) -> Tuple[str, Optional[int]]:
    """(codexErrorInfo's name, HTTP status where it is known)."""
    info = error.get("codexErrorInfo")
    kind, status = text_of(info), None
    if isinstance(info, dict) and info:
        kind = str(next(iter(info)))
        status = whole(obj(info[kind]).get("httpStatusCode"))
    if status is None:
        words = "%s %s" % (text_of(error.get("message")), text_of(error.get("additionalDetails")))
        found = _STATUS.search(words)
        status = int(found.group(1)) if found else STATUS.get(kind)
    return kind, status


def problem(error: Dict[str, Any]) -> Dict[str, Any]:
    """The `error` of `turn_ended` for a TurnError."""
    kind, status = kind_of(error)
    words = text_of(error.get("message")) or "Codex ended the turn with an error"
    inner = _json(words)
    if inner:
        words, refused = inner
        if status is None and refused == "invalid_request_error":
            status = 400
    detail = text_of(error.get("additionalDetails"))
    again = kind in AGAIN or passes(status)
    again = again or (kind in ("", "other") and bool(_BROKEN.search(words)))
    found: Dict[str, Any] = {"code": "model_error", "message": clip(words, 2000)}
    if kind == "unauthorized" or status == 401:
        found = {
            "code": "not_logged_in",
            "message": "Codex is not logged in, or its login is not accepted",
            "hint": LOGIN_HINT,
            "detail": clip(words, 2000),
        }
        again = False
    elif kind == "contextWindowExceeded":
        found["code"] = "too_large"
        found["hint"] = "Send /compact, or start another session."
    elif "exceeds the maximum length" in words:
        found["code"] = "too_large"
        found["hint"] = "Put it into a file on that machine and name the file."
    elif kind in HINTS or status == 429:
        found["hint"] = HINTS.get(kind, HINTS["rateLimitExceeded"])
    if detail and "detail" not in found:
        found["detail"] = clip(detail, 2000)
    if kind in ("usageLimitExceeded", "badRequest"):
        again = False
    return {**found, "retryable": again, **present(status=status)}


def retry(error: Dict[str, Any]) -> Dict[str, Any]:
    """The fields of `retry` for an error after which Codex asks again."""
    _, status = kind_of(error)
    words = text_of(error.get("message"))
    found = _ATTEMPT.search(words)
    text = text_of(error.get("additionalDetails")) or words
    return {
        "attempt": int(found.group(1)) if found else 1,
        **present(
            max=int(found.group(2)) if found else None,
            status=status,
            text=clip(text, 500) or None,
        ),
    }


def _json(words: str) -> Optional[Tuple[str, str]]:
    """(message, type) where the words are an API's error as it came."""
    if not words.startswith("{"):
        return None
    try:
        inner = obj(obj(json.loads(words)).get("error"))
    except (ValueError, RecursionError):
        return None
    message = text_of(inner.get("message"))
    return (message, text_of(inner.get("type"))) if message else None
