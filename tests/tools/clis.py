"""Test every CLI with its real program: `clis.py [--latest] [arguments of pytest]`.

Without `--latest` they are those of the lock file. With it the newest of npm are installed into
a directory of their own, outside the lock, their versions are printed, and the same tests run:
a release that breaks us is found before anybody updates to it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from prepare import CLIS, PYTHON, ROOT, environment

LATEST = ROOT / ".cache" / "clis-latest"
TESTS = ("tests/clis", "tests/contract")
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}


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
    """The newest, into LATEST; prints their versions beside those of the lock file."""
    LATEST.mkdir(parents=True, exist_ok=True)
    manifest = {"name": "codecast-latest-clis", "private": True, "dependencies": newest()}
    (LATEST / "package.json").write_text(json.dumps(manifest, indent=1))
    npm(
        *("install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"),
        *("--no-progress", "--prefer-online"),
        cwd=LATEST,
    )
    locked = json.loads((CLIS / "package-lock.json").read_text())["packages"]
    for name in sorted(manifest["dependencies"]):
        key = f"node_modules/{name}"
        version = json.loads((LATEST / key / "package.json").read_text())["version"]
        before = locked[key]["version"]
        note = "as locked" if version == before else f"locked is {before}"
        print(f"  {name:40} {version:20} {note}", flush=True)


def main(arguments: list[str]) -> int:
    env = environment()
    if arguments[:1] == ["--latest"]:
        arguments = arguments[1:]
        install()
        env["CODECAST_TEST_CLIS"] = os.fspath(LATEST)
    command = [str(PYTHON), "-m", "pytest", "--durations=15", *TESTS, *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
