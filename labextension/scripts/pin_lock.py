"""Move the exact versions under `resolutions` of package.json into yarn.lock.

The registry can hold half of a JupyterLab release, and yarn then finds no candidates. To
take another release: put the versions of one train into `resolutions`, run `jlpm install`,
run this script (package.json ends without `resolutions`), run `jlpm install` again. From
then on `jlpm install --immutable` keeps those versions.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1]


def main() -> None:
    package, lock_file = FOLDER / "package.json", FOLDER / "yarn.lock"
    manifest, lock = json.loads(package.read_text()), lock_file.read_text()
    wanted: dict[str, set[str]] = {}  # package -> the ranges that dependents ask for
    for name, spec in re.findall(r'^    "?(@?[\w./-]+)"?: "?(?:npm:)?([^"\n]+)"?$', lock, re.M):
        wanted.setdefault(name, set()).add(spec)
    for name, pin in manifest.pop("resolutions", {}).items():
        if specs := sorted(wanted.get(name, ())):
            key = ", ".join(f"{name}@npm:{spec}" for spec in specs)
            lock = re.sub(
                rf'^"{re.escape(name)}@npm:{re.escape(pin)}":$', f'"{key}":', lock, flags=re.M
            )
    lock_file.write_text(lock)
    package.write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
