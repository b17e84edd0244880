"""Raises."""

from __future__ import annotations

from pathlib import Path

from ..figures import Result
from ..settings import Settings


async def measure(settings: Settings, home: Path) -> Result:
    raise AssertionError("41 events came of 42")
