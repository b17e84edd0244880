"""Logs without secrets: ours, and those of the libraries, some of which write tokens into URLs."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable

# these tell whole URLs at INFO
_CHATTY = ("httpx", "httpcore", "telegram", "discord", "lark", "Lark", "websockets", "aiohttp")
_SHAPES = re.compile(
    r"(?<!\d)\d{6,12}:[\w-]{30,}"  # a Telegram token
    r"|(?<=[?&])(?:token|access_key|ticket)=[^&\s]+"
    r"|\b[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}"  # a Discord token
    r"|aW50ZXJhY3Rpb24[\w=-]+"  # of an answer to Discord's buttons, in its addresses
    r"|(?<=Bearer )[\w.~+/-]+"
    r"|\bt-[\w-]{24,}"  # a tenant's token of Lark
)


class Redacting(logging.Formatter):
    """Replaces known secrets, and what has the shape of one, in whatever is written, tracebacks
    too."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = sorted((s for s in secrets if len(s) > 3), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        return self.redact(super().format(record))

    def redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _SHAPES.sub("***", text)


def set_up(secrets: Iterable[str], level: int = logging.INFO) -> None:
    """One handler on stderr for everything; handlers that were there are taken away, since
    their formatters know no secret."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting(secrets))
    root = logging.getLogger()
    for other in list(root.handlers):
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _CHATTY:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.handlers.clear()  # Lark's library writes to stdout by one of its own
