"""What REST interfaces have in common, whatever library speaks them."""

from __future__ import annotations

from collections.abc import AsyncIterable
from pathlib import Path

from .contract import Rejected, TooBig


class Refused(Rejected):
    """`code` is the platform's."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"{words} ({code})")
        self.code = code


def reason(error: BaseException) -> str:
    """In words, also of an error that has none."""
    return str(error).strip() or type(error).__name__


async def save(parts: AsyncIterable[bytes], to: Path, limit: int) -> None:
    """Raises TooBig before more than `limit` bytes were written."""
    taken = 0
    with to.open("wb") as file:
        async for part in parts:
            taken += len(part)
            if taken > limit:
                raise TooBig(f"it has more than {limit} bytes")
            file.write(part)
