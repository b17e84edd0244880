"""Reads a pipe as plainly as it can be done: `reader.py COUNT COMMAND...`, standard library only.

Blocking reads, lines parsed as JSON. Prints one JSON line `{n, t, first, last}` (numbers, dated
latencies in ns, ns), then holds the command until its own input ends: it is to be weighed.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    count = int(sys.argv[1])
    process = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    fd = process.stdout.fileno()
    numbers, latencies = [], []
    rest, first, now = b"", 0, 0
    while len(numbers) < count:
        data = os.read(fd, 1 << 18)
        if not data:
            break
        now = time.monotonic_ns()
        first = first or now
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            event = json.loads(line)
            numbers.append(event["i"])
            latencies.append(now - event["t"])
    print(json.dumps({"n": numbers, "t": latencies, "first": first, "last": now}), flush=True)
    sys.stdin.buffer.read()
    process.stdin.close()
    process.wait()


main()
