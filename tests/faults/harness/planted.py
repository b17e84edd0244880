"""Mistakes planted on purpose, to prove that the oracle would find them.

Each is a few words changed in a copy of the sources; the product has no switch for any.
`copy_with` makes the copy, and a rig then runs hub and agents from it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import codecast_agent
import codecast_jupyter

AGENT = Path(codecast_agent.__file__).resolve().parent
HUB = Path(codecast_jupyter.__file__).resolve().parent


class Change(NamedTuple):
    """`old` stands once in the file `path` (below the package's parent) and becomes `new`."""

    path: str
    old: str
    new: str


# the machine says that it has a prompt, and lets the disk have it some time later
ACKNOWLEDGED_BEFORE_FSYNC = (
    Change(
        "codecast_agent/scribe.py",
        "self.journal.append_or_refuse([records.dump(event)])",
        "self.journal.append([records.dump(event)])",
    ),
    Change("codecast_agent/scribe.py", "SYNC_EVERY = 1.0", "SYNC_EVERY = 30.0"),
)
# the CLI has a prompt before the disk knows that it runs
GIVEN_BEFORE_FSYNC = (
    Change(
        "codecast_agent/session.py",
        "        self.scribe.urgent = True\n        try:\n",
        "        try:\n",
    ),
    Change("codecast_agent/scribe.py", "SYNC_EVERY = 1.0", "SYNC_EVERY = 30.0"),
)
# a cursor is answered from the event it names, which its owner has already
REPLAYED_FROM_THE_CURSOR = (
    Change("codecast_agent/journal.py", "int(number) > after:", "int(number) >= after:"),
    Change(
        "codecast_jupyter/control/feed.py",
        "rows = topic.after(cursor)",
        "rows = topic.after(max(0, cursor - 1) if cursor == after else cursor)",
    ),
    Change(
        "codecast_jupyter/control/feed.py",
        "partial(read, topic.num, cursor)",
        "partial(read, topic.num, max(0, cursor - 1) if cursor == after else cursor)",
    ),
)
# a request that is over takes another answer
ANSWERED_TWICE = (
    Change(
        "codecast_agent/requests.py",
        '    request = ledger.state["requests"].get(id)\n',
        '    request = ledger.state["requests"].get(id) or ledger.answers.get("of " + id)\n'
        '    ledger.answers["of " + id] = request or {}\n',
    ),
    Change("codecast_agent/requests.py", "if request is None:", "if not request:"),
    Change(
        "codecast_agent/clis/acp_requests.py",
        "        self._open: Dict[str, _Open] = {}\n",
        "        self._open: Dict[str, _Open] = {}\n        self._over: Dict[str, _Open] = {}\n",
    ),
    Change(
        "codecast_agent/clis/acp_requests.py",
        "        entry = self._open.get(request)\n",
        "        entry = self._open.get(request) or self._over.get(request)\n",
    ),
    Change(
        "codecast_agent/clis/acp_requests.py",
        "        del self._open[request]\n",
        "        self._over[request] = entry\n        self._open.pop(request, None)\n",
    ),
)


def copy_with(changes: Iterable[Change], directory: Path) -> Path:
    """A copy of the packages that the changes are in; its PYTHONPATH entry."""
    for package in (AGENT, HUB):
        if any(change.path.startswith(package.name + "/") for change in changes):
            ignored = shutil.ignore_patterns("__pycache__", "labextension")
            shutil.copytree(package, directory / package.name, ignore=ignored)
    for change in changes:
        file = directory / change.path
        text = file.read_text()
        assert text.count(change.old) == 1, f"{change.path} has changed: {change.old!r}"
        file.write_text(text.replace(change.old, change.new))
    return directory
