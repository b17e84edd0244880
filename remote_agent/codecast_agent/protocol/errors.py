"""One shape for everything that goes wrong.

An error says what happened (`message`), what to do (`hint`) and, where a program
said more than we can, its own words (`detail`: a tail of stderr, say). `code` is a
stable word for programs. It travels unchanged from a supervisor through relay, hub
and API to the surface where the person waits.
"""

from typing import Any, Dict, Optional

# code -> HTTP status with which the API answers it
CODES = {
    "bad_request": 400,
    "forbidden": 403,  # not logged in, or not allowed by the server's Authorizer
    "not_found": 404,
    "conflict": 409,
    "already_resolved": 409,  # a request that somebody has answered
    "no_such_directory": 422,
    "cli_missing": 422,
    "cli_failed": 422,  # the CLI ended before it was ready
    "not_logged_in": 422,  # the CLI has no valid account or key
    "model_error": 502,  # the model API refused or failed
    "not_supported": 422,  # this CLI cannot do that
    "session_in_use": 409,  # another process writes this CLI session
    "too_large": 413,
    "unknown_host_key": 424,
    "changed_host_key": 424,
    "auth_failed": 424,
    "secret_needed": 424,  # a passphrase, password or one-time code
    "unreachable": 424,
    "no_python": 424,
    "no_place": 424,  # no directory of the machine can hold our files
    "bootstrap_failed": 424,
    "protocol_mismatch": 424,
    "link_lost": 503,
    "disk_full": 507,
    "internal": 500,
}


class CodecastError(Exception):
    """An error a person can act on.

    `data` holds what the code promises beside the words: `changed_host_key` and
    `unknown_host_key` carry `fingerprint`, `already_resolved` carries `by` and `where`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        detail: str = "",
        data: Optional[Dict[str, Any]] = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.detail = detail
        self.data = data or {}

    def to_json(self) -> Dict[str, Any]:
        """`{code, message, hint?, detail?, data?}`"""
        out: Dict[str, Any] = {"code": self.code, "message": self.message}
        for name in ("hint", "detail", "data"):
            value = getattr(self, name)
            if value:
                out[name] = value
        return out

    @classmethod
    def from_json(cls, value: Any) -> "CodecastError":
        """Total: whatever came over a wire becomes an error one can show."""
        if not isinstance(value, dict):
            return cls("internal", str(value))
        data = value.get("data")
        return cls(
            str(value.get("code", "internal")),
            str(value.get("message", "unknown error")),
            str(value.get("hint", "")),
            str(value.get("detail", "")),
            data if isinstance(data, dict) else None,
        )

    def __str__(self) -> str:
        parts = [self.message]
        if self.hint:
            parts.append(self.hint)
        if self.detail:
            parts.append(self.detail)
        return "\n".join(parts)
