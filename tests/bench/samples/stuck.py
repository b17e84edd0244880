"""Never ends, and leaves processes that want to outlive it: one has forgotten its environment."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from ..figures import Result
from ..settings import Settings


async def measure(settings: Settings, home: Path) -> Result:
    marked = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    words = [sys.executable, "-c", "import time; time.sleep(1000)", f"{home}/named"]
    named = subprocess.Popen(words, start_new_session=True, env={"PATH": os.environ["PATH"]})
    (home.parent.parent / "left-behind").write_text(f"{marked.pid} {named.pid}")
    await asyncio.sleep(1000)
    return Result()
