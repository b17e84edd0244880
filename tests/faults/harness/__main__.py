"""`python -m tests.faults.harness --prompts 1000 --seed 1`: rounds of faults, and a summary."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from .rig import opened
from .run import Round
from .schedule import FAULTS, make


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=9)
    parser.add_argument("--every", type=float, default=12.0)
    parser.add_argument("--kinds", default="")
    asked = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="cc-soak-") as name, opened(Path(name)) as rig:
        for seed in range(asked.seed, asked.seed + asked.rounds):
            kinds = tuple(asked.kinds.split(",")) if asked.kinds else tuple(FAULTS)
            schedule = make(
                seed, asked.prompts, sessions=asked.sessions, every=asked.every, kinds=kinds
            )
            verdict = Round(rig, schedule, lambda text: print("  " + text, flush=True)).run()
            print(
                f"seed {seed}: {verdict.counts}\n  {dict(verdict.faults)}\n  missed"
                f" {dict(verdict.missed)} in {verdict.seconds:.1f} s, {verdict.replays} replays,"
                f" {verdict.reloads} loads"
            )
            if verdict.findings:
                bad += 1
                print(verdict.complaint())
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
