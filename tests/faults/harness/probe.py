"""The Python of a machine under test: `probe.py CONTROL -I -S -c CODE`, as the hub runs it.

It runs CODE as that Python would, with two things changed from outside, for the relay and
the supervisors forked from it. What was synced is noted (`CONTROL/synced`: path and size,
after the disk's word), so that the power can be cut: see `machine.Machine.power_off`. And
the clock can be set wrong by the seconds in `CONTROL/skew` (a double), at any time.
"""

import mmap
import os
import struct
import sys
import time
from pathlib import Path

CONTROL = sys.argv[1]


def watch_syncs() -> None:
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        size = os.fstat(fd).st_size  # what is written while the disk works is not promised
        real(fd)
        line = f"{size} {Path(f'/proc/self/fd/{fd}').readlink()}\n"
        # opened anew: supervisors close descriptors they do not know, and numbers come back
        log = os.open(CONTROL + "/synced", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(log, line.encode())
        os.close(log)

    os.fdatasync = fdatasync  # type: ignore[assignment]


def skew_clock() -> None:
    with open(CONTROL + "/skew", "rb") as file:
        wrong = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    real = time.time

    def skewed() -> float:
        return real() + float(struct.unpack_from("d", wrong)[0])

    time.time = skewed


watch_syncs()
skew_clock()
at = sys.argv.index("-c")
code = sys.argv[at + 1]
sys.argv = ["-c", *sys.argv[at + 2 :]]
exec(code, {"__name__": "__main__"})
