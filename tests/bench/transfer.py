"""Files: from a machine and to it, against `ssh host cat`."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import time
from pathlib import Path

from .chorus import followed, singing
from .figures import Result, median
from .settings import Settings
from .site import HOST, Site, opened

SIZES = {"whole": 60 << 20, "quick": 32 << 20, "tiny": 1 << 20}


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    size = SIZES[settings.size]
    home.mkdir(parents=True, exist_ok=True)
    large = home / "large"
    large.write_bytes(os.urandom(size))
    digest = hashlib.sha256(large.read_bytes()).hexdigest()
    async with opened(home / "site") as site, singing(site, 1):
        site.config.write_text(f"files:\n  roots: ['{home}']\n")
        await site.hub.machines.get(HOST).link()
        await followed(site.hub, 1)
        plain, ours = [], []
        for _ in range(max(settings.rounds // 3, 1)):
            plain.append(await asyncio.to_thread(_plain, site, large))
            ours.append(await _get(site, large, digest))
    base = {"ssh host cat": size / median(plain) / 1e6}
    speed = size / median(ours) / 1e6
    result.add(f"a file of {size >> 20} MiB from a machine", speed, "MB/s", others=base, more=True)
    return result


def _plain(site: Site, large: Path) -> float:
    begin = time.perf_counter()
    done = subprocess.run(site.ssh("cat", str(large)), check=True, stdout=subprocess.PIPE)
    assert len(done.stdout) == large.stat().st_size
    return time.perf_counter() - begin


async def _get(site: Site, large: Path, digest: str) -> float:
    begin = time.perf_counter()
    found = await site.hub.files.open("choir-0000", str(large))
    pieces = [piece async for piece in found.pieces]
    took = time.perf_counter() - begin
    assert hashlib.sha256(b"".join(pieces)).hexdigest() == digest, "the file came damaged"
    return took
