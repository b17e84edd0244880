"""Run every check, tell what failed and where the time went: `check.py lint` or `check.py test`.

All steps run even after one has failed, so that one run tells everything; what failed is told
once more at the very end, where it is read.
"""

from __future__ import annotations

import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from prepare import LABEXTENSION, PYTHON, ROOT, environment

Step = tuple[str, list[str], Path]

LINT: list[Step] = [
    ("ruff", [str(PYTHON), "-m", "ruff", "check", "."], ROOT),
    ("ruff format", [str(PYTHON), "-m", "ruff", "format", "--check", "."], ROOT),
    ("mypy --strict", [str(PYTHON), "-m", "mypy"], ROOT),
    ("tsc", ["node_modules/.bin/tsc", "--noEmit"], LABEXTENSION),
    ("eslint", ["node_modules/.bin/eslint", ".", "--max-warnings", "0"], LABEXTENSION),
    ("prettier", ["node_modules/.bin/prettier", "--check", "."], LABEXTENSION),
]
REPORT = ROOT / ".pytest_cache" / "report.xml"
PYTEST = [str(PYTHON), "-m", "pytest", "--durations=25", f"--junitxml={REPORT}"]
TEST: list[Step] = [*LINT, ("pytest", PYTEST, ROOT)]
LAST_LINES = 30


def main(what: str, extra: list[str]) -> int:
    steps = LINT if what == "lint" else TEST
    results: list[tuple[str, int, float]] = []
    REPORT.unlink(missing_ok=True)
    for name, command, folder in steps:
        print(f"==> {name}", flush=True)
        begin = time.monotonic()
        arguments = [*command, *extra] if name == "pytest" else command
        done = subprocess.run(arguments, cwd=folder, env=environment(), check=False)
        results.append((name, done.returncode, time.monotonic() - begin))
    print("\nWhere the time went")
    for name, code, seconds in results:
        print(f"  {name:16} {seconds:7.1f} s  {'ok' if code == 0 else f'FAILED ({code})'}")
    if what == "test" and results[-1][1]:
        print("\nWhat failed")
        for line in failures(REPORT) or ["  no test: pytest itself, see its last words above"]:
            print(line)
    return 1 if any(code for _, code, _ in results) else 0


def failures(report: Path) -> list[str]:
    """The failed tests of a JUnit file, each with the end of what it said."""
    if not report.exists():
        return []
    lines: list[str] = []
    for case in ElementTree.parse(report).iter("testcase"):
        for kind in ("failure", "error"):
            for found in case.findall(kind):
                lines.append(f"  {kind}: {case.get('classname')}::{case.get('name')}")
                told = (found.text or found.get("message") or "").splitlines()[-LAST_LINES:]
                lines += [f"    {line}" for line in told]
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
