"""The computer a run was made on, as far as its speed goes; its name is nobody's business."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

PACKAGES = ("asyncssh", "cryptography", "tornado", "aiohttp")


def describe() -> dict[str, str]:
    """`{cpu, cores, memory, kernel, python, openssh, packages}`."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr.strip()
    versions = (f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return {
        "cpu": model.group(1).strip() if model else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(memory.group(1)) / (1 << 20):.0f} GiB" if memory else "unknown",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "openssh": ssh.split(",")[0],
        "packages": ", ".join(versions),
    }
