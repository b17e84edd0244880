"""Test every CLI with its real program: `clis.py [--latest] [arguments of pytest]`.

Without `--latest` they are those of the lock file. With it the newest of npm are installed into
a directory of their own, outside the lock, and the same tests run: a release that breaks us is
found before anybody updates to it. The end says of every CLI at which version what broke.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from prepare import CLIS, PYTHON, ROOT, environment

LATEST = ROOT / ".cache" / "clis-latest"
TESTS = ("tests/clis", "tests/contract")
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
# the beginning of its package's name -> what the tests call it
NAMES = {
    "@anthropic-ai/claude-code": "claude",
    "@openai/codex": "codex",
    "@google/gemini-cli": "gemini",
    "opencode": "opencode",
    "@agentclientprotocol/claude-agent-acp": "acp-agent",
}
OTHERS = "of no single CLI"


def npm(*arguments: str, cwd: Path = ROOT) -> str:
    """Its stdout; what it complains of goes to ours."""
    command = ["npm", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment(), stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def newest() -> dict[str, str]:
    """What to install: the packages of the lock file for this machine, at their newest."""
    manifest = json.loads((CLIS / "package.json").read_text())
    architecture = ARCHITECTURES[platform.machine()]
    wanted: dict[str, str] = {}
    for name, version in {**manifest["optionalDependencies"], **manifest["dependencies"]}.items():
        if version.startswith("npm:"):  # a platform is a version of the one package
            package = version[len("npm:") :].rpartition("@")[0]
            at = f"npm:{package}@{npm('view', package, 'version')}-linux-{architecture}"
        else:
            at = "latest"
        if "-linux-" not in name or name.endswith(architecture):
            wanted[name] = at
    return wanted


def install() -> None:
    """The newest, into LATEST."""
    LATEST.mkdir(parents=True, exist_ok=True)
    manifest = {"name": "codecast-latest-clis", "private": True, "dependencies": newest()}
    (LATEST / "package.json").write_text(json.dumps(manifest, indent=1))
    npm(
        *("install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"),
        *("--no-progress", "--prefer-online"),
        cwd=LATEST,
    )


def versions(modules: Path) -> dict[str, str]:
    """CLI -> `claude 2.1.329 (locked)`, of those installed there."""
    locked = json.loads((CLIS / "package-lock.json").read_text())["packages"]
    found: dict[str, str] = {}
    for key, entry in locked.items():
        name = key.removeprefix("node_modules/")
        cli = next((cli for start, cli in NAMES.items() if name.startswith(start)), None)
        package = modules / name / "package.json"
        if cli is None or not package.exists():
            continue
        version = json.loads(package.read_text())["version"]
        before = entry["version"]
        note = "as locked" if version == before else f"locked is {before}"
        found[cli] = f"{cli} {version} ({note})"
    return found


def cli_of(test: str) -> str:
    """The CLI that a test (`tests.contract.test_turns::test_x[claude]`) is about, by its name."""
    for part in (test.partition("[")[2], test.partition("[")[0]):
        words = part.replace("_", "-")
        for cli in sorted(NAMES.values(), key=len, reverse=True):
            if re.search(rf"(?<![a-z]){cli}(?![a-z])", words):
                return cli
    return OTHERS


def outcomes(results: Path) -> dict[str, list[str]]:
    """CLI -> a line for each of its tests that ran: empty, or which failed and why."""
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(results).iter("testcase"):
        test = f"{case.get('classname')}::{case.get('name')}"
        lines = found.setdefault(cli_of(test), [])
        problems = [*case.findall("failure"), *case.findall("error")]
        lines += [f"{test}\n        {_first(problem)}" for problem in problems] or [""]
    return found


def _first(problem: ElementTree.Element) -> str:
    return (problem.get("message") or "").strip().partition("\n")[0][:200]


def told(found: dict[str, list[str]], named: dict[str, str]) -> str:
    """The end of the output: a paragraph a CLI."""
    lines = ["", "Every CLI with its real program:"]
    for cli in [*named, *(cli for cli in found if cli not in named)]:
        tests = found.get(cli, [])
        broke = [test for test in tests if test]
        said = f"{len(broke)} of {len(tests)} BROKE" if broke else f"all {len(tests)} work"
        lines.append(f"  {named.get(cli, cli)}: {said if tests else 'no test ran'}")
        lines += [f"      {test}" for test in broke]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    env = environment()
    modules = CLIS / "node_modules"
    if arguments[:1] == ["--latest"]:
        arguments = arguments[1:]
        install()
        env["CODECAST_TEST_CLIS"] = os.fspath(LATEST)
        modules = LATEST / "node_modules"
    named = versions(modules)
    print("\n".join(named.values()), flush=True)
    with tempfile.TemporaryDirectory() as name:
        results = Path(name) / "results.xml"
        command = [str(PYTHON), "-m", "pytest", "--durations=15", f"--junitxml={results}"]
        done = subprocess.run([*command, *TESTS, *arguments], cwd=ROOT, env=env, check=False)
        if results.exists():
            print(told(outcomes(results), named), flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
