"""`make soak`: rounds of random faults until all prompts were sent, and the page of results.

    python -m tests.faults.harness --prompts 100000 --seed 1 --rounds 100

Each round has its own seed, counted up from `--seed`, and prompts/rounds prompts. A round that
breaks a promise prints what, what was done to it, and the command that does the same again;
the run goes on and ends with 1. Ctrl-C ends it early, with the results so far.
docs/reliability.md is rewritten by a run that was asked for at least 1,000 prompts;
`--no-page` leaves it alone.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from . import bars
from .report import Totals
from .rig import opened
from .run import Round
from .schedule import FAULTS, make

EACH = 1000  # prompts a round, unless told otherwise


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--every", type=float, default=10.0, help="prompts between two faults")
    parser.add_argument("--sessions", type=int, default=9)
    parser.add_argument("--kinds", default="", help="faults, separated by commas")
    parser.add_argument("--earlier", default="", help="a git revision to go back to and forth")
    parser.add_argument("--no-page", action="store_true")
    asked = parser.parse_args()
    kinds = tuple(asked.kinds.split(",")) if asked.kinds else tuple(FAULTS)
    rounds = asked.rounds or max(1, asked.prompts // EACH)
    each, totals = max(1, asked.prompts // rounds), Totals()
    with tempfile.TemporaryDirectory(prefix="codecast-soak-") as name:
        directory = Path(name)
        (directory / "rig").mkdir()
        with opened(directory / "rig", earlier=asked.earlier) as rig:
            for number in range(rounds):
                seed = asked.seed + number
                schedule = make(seed, each, sessions=asked.sessions, every=asked.every, kinds=kinds)
                _say(f"round {number + 1} of {rounds}, seed {seed}")
                try:
                    verdict = Round(rig, schedule, lambda text: _say("  " + text)).run()
                except KeyboardInterrupt:
                    _say("interrupted: what was done until now counts")
                    break
                totals.add(verdict)
                if verdict.findings:
                    print(verdict.complaint(), flush=True)
                _say(f"  {verdict.seconds:.0f} s; so far {totals.summary()}")
            if not asked.no_page and asked.prompts >= EACH:
                _say("measuring what a calm machine does")
                totals.write(bars.measure(rig, directory), asked.earlier)
                _say("docs/reliability.md has the results")
    _say(totals.summary())
    return 1 if totals.findings else 0


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
