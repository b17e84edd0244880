"""Where an edit may go that nobody is asked about."""

import os

# their content is run or trusted
PROTECTED = frozenset((".git", ".codex", ".agents", ".hg", ".svn"))


def within(path: str, cwd: str) -> bool:
    """Whether an edit of `path` stays in the working directory, links resolved."""
    root = os.path.realpath(cwd)
    real = os.path.realpath(os.path.join(root, path))
    if not real.startswith(root.rstrip("/") + "/"):
        return False
    return not PROTECTED.intersection(real[len(root) :].split("/"))
