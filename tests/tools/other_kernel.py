"""An environment of another Python with what a kernel needs, and none of our other packages.

It is fetched from PyPI, so it is made once. `python -m tests.tools.other_kernel` makes it before
the test that uses it would have to wait for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache"


def wanted() -> list[str]:
    """What docs/notebook.md tells a person to install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: list[str] = project["optional-dependencies"]["kernel"]
    return found


def oldest_other() -> str:
    """The oldest Python that the package may run on and this is not; else this one."""
    found: dict[tuple[int, ...], str] = {}
    names = [f"python3.{minor}" for minor in range(10, 20)]
    paths = [*filter(None, map(shutil.which, names))]
    paths += [str(path) for path in Path.home().glob(".pyenv/versions/3.*/bin/python3")]
    for path in paths:
        code = "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        version = tuple(map(int, done.stdout.strip().split("."))) if done.returncode == 0 else ()
        if version >= (3, 10) and version != sys.version_info[:2]:
            found.setdefault(version, path)
    return found[min(found)] if found else sys.executable


def made() -> Path:
    """Its interpreter; who comes while it is made waits for it."""
    python, packages = oldest_other(), wanted()
    key = hashlib.sha256(json.dumps([python, packages]).encode()).hexdigest()[:12]
    home = CACHE / f"kernel-{key}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "kernel.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "ready").exists():
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([python, "-m", "venv", str(home)], check=True)
            pip = [home / "bin" / "python", "-m", "pip", "install", "-q", "--retries", "10"]
            subprocess.run([*pip, "--disable-pip-version-check", *packages], check=True)
            # as `pip install --no-deps codecast-jupyter` would: our packages, and no others
            ours = home / "ours"
            ours.mkdir()
            for folder in ("codecast_jupyter", "remote_agent/codecast_agent"):
                (ours / Path(folder).name).symlink_to(ROOT / folder)
            [site] = home.glob("lib/python*/site-packages")
            (site / "ours.pth").write_text(f"{ours}\n")
            (home / "ready").touch()
    return home / "bin" / "python"


if __name__ == "__main__":
    try:
        print(made())
    except subprocess.CalledProcessError as error:  # the test tries it again, and fails if need be
        print(error)
