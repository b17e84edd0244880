"""`codecast` over the fake client: what a pty test runs. The session is called brave-otter."""

from __future__ import annotations

import os
import sys
from typing import Any

from codecast_jupyter import cli, serving
from tests.commands.fakes import FakeClient


async def connect(server: str | None, start: bool = True, say: Any = None) -> Any:
    client = FakeClient()
    session = client.add()
    await session.emit("session_state", state="ready", pid=1)
    for number in range(int(os.environ.get("FAKE_HISTORY", "0"))):
        await session.emit("notice", level="info", text=f"old {number}")
    if os.environ.get("FAKE_PROMPT"):
        await client.prompt("brave-otter", os.environ["FAKE_PROMPT"], id="before")
    return client


serving.connect = connect
sys.exit(cli.main(sys.argv[1:]))
