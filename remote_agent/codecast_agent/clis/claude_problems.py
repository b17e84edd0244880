"""Claude's errors in our shape: a code, what to do, the HTTP status, whether to try again."""

from typing import Any, Dict

from ..protocol.errors import CodecastError
from .http_status import passes
from .lines import clip, first_line, present, text_of, whole

LOGIN_HINT = "Run `claude` once on that machine and use /login, or set ANTHROPIC_API_KEY there."
HINTS = {
    "billing_error": "Check the account's plan or credit.",
    "rate_limit": "Wait for the limit to reset, then send the prompt again.",
    "overloaded": "Try again in a moment.",
    "server_error": "Try again in a moment.",
    "model_not_found": "Choose another model.",
    "max_output_tokens": "Ask for less at once.",
    "cloud_credential_error": "Renew the cloud credentials on that machine.",
}
TOO_LONG = "prompt is too long"
NOT_LOGGED_IN = frozenset(("authentication_failed", "oauth_org_not_allowed", "account_on_hold"))
AGAIN = ("rate_limit", "overloaded", "server_error")


def problem(message: Dict[str, Any], api_error: Dict[str, Any]) -> Dict[str, Any]:
    """The `error` of `turn_ended` for a `result`, and the synthetic message before it, if any."""
    kind = text_of(api_error.get("error"))
    words = text_of(message.get("result")) or _errors(message)
    words = clip(words or "Claude ended the turn with an error", 2000)
    status = whole(message.get("api_error_status"))
    if status is None:
        status = whole(api_error.get("api_error_status"))
    if kind in NOT_LOGGED_IN or status == 401:
        found = {
            "code": "not_logged_in",
            "message": "Claude Code is not logged in, or its login is not accepted",
            "hint": LOGIN_HINT,
            "detail": words,
        }
    elif words.lower().startswith(TOO_LONG):
        found = {
            "code": "too_large",
            "message": "The prompt is longer than the model takes",
            "hint": "Put it into a file on that machine and name the file.",
            "detail": words,
        }
    else:
        found = {"code": "model_error", "message": words}
        if kind in HINTS:
            found["hint"] = HINTS[kind]
    again = kind in AGAIN or passes(status)
    return {**found, "retryable": again, **present(status=status)}


def ended(message: Dict[str, Any]) -> CodecastError:
    """Of a result before any turn: why Claude ends."""
    words = _errors(message) or text_of(message.get("result")) or "no reason given"
    return CodecastError(
        "cli_failed",
        "Claude Code ended: " + first_line(words, 300),
        detail=clip(words, 2000),
    )


def _errors(message: Dict[str, Any]) -> str:
    errors = message.get("errors")
    return "; ".join(str(error) for error in errors) if isinstance(errors, list) else ""
