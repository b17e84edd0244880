"""Run every check, tell what failed and where the time went: `check.py lint` or `check.py test`.

All steps run even after one has failed, so that one run tells everything; what failed is told
once more at the very end, where it is read. Most tests wait (for a machine, a page, a CLI), so
what only computes runs beside them, with less right to the processor than they have, and then
those tests that wait most and share nothing with the others; all of it is told in order when the
tests have ended, as their own words go to the terminal at once.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

from prepare import LABEXTENSION, PYTHON, ROOT, environment


class Step(NamedTuple):
    name: str
    command: list[str]
    folder: Path = ROOT
    report: Path | None = None  # the JUnit file it writes


class Result(NamedTuple):
    step: Step
    code: int
    seconds: float
    words: str = ""  # what it said, where that did not go to the terminal

    @property
    def told(self) -> list[str]:
        """What is said of it at the end, where it failed."""
        if not self.code:
            return []
        if self.step.report:
            unsaid = f"  no test: {self.step.name} itself, see its last words above"
            return failures(self.step.report) or [unsaid]
        return [f"  {self.step.name}", *last_lines(self.words)]


LINT = [
    Step("ruff", [str(PYTHON), "-m", "ruff", "check", "."]),
    Step("ruff format", [str(PYTHON), "-m", "ruff", "format", "--check", "."]),
    Step("mypy --strict", [str(PYTHON), "-m", "mypy"]),
    Step("tsc", ["node_modules/.bin/tsc", "--noEmit"], LABEXTENSION),
    Step("eslint", ["node_modules/.bin/eslint", ".", "--max-warnings", "0"], LABEXTENSION),
    Step("prettier", ["node_modules/.bin/prettier", "--check", "."], LABEXTENSION),
]
# one worker: the other processor is for the tests
QUIETLY = ["--maxWorkers=1", "--reporter=dot", "--silent=passed-only"]
VITEST = Step("vitest", ["node_modules/.bin/vitest", "run", *QUIETLY], LABEXTENSION)
# what its test would make itself, and wait for
KERNEL = Step("other kernel", [str(PYTHON), "-m", "tests.tools.other_kernel"])
REPORTS = ROOT / ".pytest_cache"
PYTEST = [str(PYTHON), "-m", "pytest"]
APART = ["tests/clis", "tests/contract"]  # the real CLIs, in worlds of their own
LAST_LINES = 30


def pytest(name: str, *arguments: str) -> Step:
    report = REPORTS / f"{name.replace(' ', '-')}.xml"
    return Step(name, [*PYTEST, f"--junitxml={report}", *arguments], report=report)


def main(what: str, extra: list[str]) -> int:
    results = [run(step) for step in LINT] if what == "lint" else everything(extra)
    print("\nWhere the time went")
    for result in results:
        ending = f"FAILED ({result.code})" if result.code else "ok"
        print(f"  {result.step.name:16} {result.seconds:7.1f} s  {ending}")
    told = [line for result in results if what != "lint" for line in result.told]
    if told:
        print("\nWhat failed", *told, sep="\n")
    return 1 if any(result.code for result in results) else 0


def everything(extra: list[str]) -> list[Result]:
    """pytest (`extra` are its arguments: then it alone chooses tests) and what runs beside it."""
    first, beside_it = ["--durations=25", *extra], [KERNEL, *LINT, VITEST]
    if not extra:
        first += [f"--ignore={tests}" for tests in APART]
        beside_it.append(pytest("pytest of CLIs", "-p", "no:cacheprovider", *APART))
    for step in (tests := pytest("pytest", *first)), *beside_it:
        if step.report:
            step.report.unlink(missing_ok=True)
    beside = Beside(beside_it)
    beside.start()
    try:
        result = run(tests)
        if beside.is_alive():
            print("\nThe tests have ended, what runs beside them not yet", flush=True)
        beside.join()
    finally:
        beside.end()
    print("\nBeside the tests")
    for one in beside.results:
        print(f"==> {one.step.name}\n{one.words}", end="", flush=True)
    return [*beside.results, result]


def run(step: Step) -> Result:
    """Its output to the terminal."""
    print(f"==> {step.name}", flush=True)
    begin = time.monotonic()
    done = subprocess.run(step.command, cwd=step.folder, env=environment(), check=False)
    return Result(step, done.returncode, time.monotonic() - begin)


class Beside(threading.Thread):
    """Steps one after the other, each with its output kept."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__(daemon=True)
        self.results: list[Result] = []
        self._steps = steps
        self._lock = threading.Lock()  # around what follows
        self._process: subprocess.Popen[str] | None = None
        self._over = False

    def run(self) -> None:
        for step in self._steps:
            begin = time.monotonic()
            with self._lock:
                if self._over:
                    return
                self._process = subprocess.Popen(
                    step.command if step.report else ["nice", "-n", "10", *step.command],
                    cwd=step.folder,
                    env={**environment(), "NO_COLOR": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    errors="replace",
                )
            words, _ = self._process.communicate()
            code = self._process.returncode
            self.results.append(Result(step, code, time.monotonic() - begin, words))

    def end(self) -> None:
        """Ctrl-C at the tests: nothing runs on without them."""
        with self._lock:
            self._over = True
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()


def failures(report: Path) -> list[str]:
    """The failed tests of a JUnit file, each with the end of what it said."""
    if not report.exists():
        return []
    lines: list[str] = []
    for case in ElementTree.parse(report).iter("testcase"):
        for kind in ("failure", "error"):
            for found in case.findall(kind):
                lines.append(f"  {kind}: {case.get('classname')}::{case.get('name')}")
                lines += last_lines(found.text or found.get("message") or "")
    return lines


def last_lines(words: str) -> list[str]:
    return [f"    {line}" for line in words.splitlines()[-LAST_LINES:]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
