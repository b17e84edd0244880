"""The daemon of the way by port forward: events of a program over HTTP, as server-sent events.

`daemon.py DIRECTORY` prints its port on 127.0.0.1. `POST /run {rate, count}` starts the source;
`GET /events?after=N` streams. Durable like ours: lines are numbered and appended to a journal
before anyone sees them, synced once a second. Ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from aiohttp import web

SOURCE = Path(__file__).parents[1] / "source.py"


class Journal:
    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._dirty = False
        self.lines: list[bytes] = []
        self.grew = asyncio.Event()

    def append(self, lines: list[bytes]) -> None:
        start = len(self.lines) + 1
        block = b"".join(b"%d %s\n" % (seq, line) for seq, line in enumerate(lines, start))
        os.write(self._fd, block)
        self._dirty = True
        self.lines.extend(lines)
        self.grew.set()
        self.grew = asyncio.Event()

    async def sync(self) -> None:
        while True:
            await asyncio.sleep(1)
            if self._dirty:
                self._dirty = False
                await asyncio.to_thread(os.fdatasync, self._fd)


async def run(request: web.Request) -> web.Response:
    journal: Journal = request.app["journal"]
    asked = await request.json()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(SOURCE), "raw", str(asked["rate"]), str(asked["count"])),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )

    async def pump() -> None:
        assert process.stdout is not None
        rest, left = b"", int(asked["count"])
        while left:
            data = await process.stdout.read(1 << 18)
            if not data:
                break
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            if lines:
                left -= len(lines)
                journal.append(lines)
        await process.communicate(b"")

    request.app["runs"].append(asyncio.create_task(pump()))
    return web.json_response({"after": len(journal.lines)})


async def events(request: web.Request) -> web.StreamResponse:
    journal: Journal = request.app["journal"]
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    at = int(request.query["after"])
    try:
        while True:
            grew = journal.grew
            if at < len(journal.lines):
                lines = journal.lines[at : at + 2000]
                block = [b"id: %d\ndata: %s\n\n" % (n, x) for n, x in enumerate(lines, at + 1)]
                at += len(lines)
                await answer.write(b"".join(block))
            else:
                await grew.wait()
    except ConnectionResetError:
        return answer


async def main() -> None:
    app = web.Application()
    app["journal"] = Journal(Path(sys.argv[1]) / "journal")
    app["runs"] = []
    app.add_routes([web.post("/run", run), web.get("/events", events)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    syncing = asyncio.create_task(app["journal"].sync())
    await asyncio.to_thread(sys.stdin.buffer.read)
    syncing.cancel()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
