"""Never ends, and leaves a process that wants to outlive it."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from ..figures import Result
from ..settings import Settings


async def measure(settings: Settings, home: Path) -> Result:
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    (home.parent.parent / "left-behind").write_text(str(child.pid))
    await asyncio.sleep(1000)
    return Result()
