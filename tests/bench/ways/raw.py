"""The base: `ssh host program`, its output read by a program that does nothing else."""

from __future__ import annotations

import asyncio
import json
import subprocess

from .. import processes
from ..site import PYTHON, SOURCE, Site
from .contract import Trial, Way, check

READER = __file__.replace("raw.py", "reader.py")


class Raw(Way):
    name = "raw ssh"

    def __init__(self, site: Site) -> None:
        self._site = site

    async def open(self) -> None:
        """Each trial has a connection of its own."""

    async def carry(self, rate: float, count: int) -> Trial:
        command = self._site.ssh(*PYTHON, str(SOURCE), "raw", str(rate), str(count))
        before = set(self._site.remote()["sshd"])
        process = await asyncio.create_subprocess_exec(
            *PYTHON,
            READER,
            str(count),
            *command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=1 << 28,
        )
        assert process.stdout is not None
        try:
            line = await process.stdout.readline()
            mine = [each.pid for each in processes.tree(process.pid)]
            sshd = [pid for pid in self._site.remote()["sshd"] if pid not in before]
            cost = {"hub": processes.cpu(mine), "sshd": processes.cpu(sshd)}
        finally:
            await process.communicate(b"")
        found = json.loads(line)
        check(found["n"], count)
        return Trial(
            [each / 1e6 for each in found["t"]],
            (found["last"] - found["first"]) / 1e9,
            {place: spent / count * 1e6 for place, spent in cost.items()},
        )

    async def close(self) -> None:
        """Nothing is left of a trial."""
