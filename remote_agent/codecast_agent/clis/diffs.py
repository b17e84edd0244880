"""Unified diffs, the one shape in which every CLI's file changes are kept.

CLIs tell a change as whole old and new texts, as a replaced piece, or as hunks; pages and
chats want one form that says what changed without the whole file.
"""

from typing import Any, Dict, List, Optional

CONTEXT = 3
# difflib is quadratic at worst: beyond this many lines the change is told as one hunk
MAX_LINES = 4000
NO_NEWLINE = "\\ No newline at end of file"


def unified(old: Optional[str], new: Optional[str], path: str) -> str:
    """The diff from `old` to `new`; None is a file that is not there. Empty when equal."""
    before = _lines(old or "")
    after = _lines(new or "")
    if before == after:
        return ""
    if len(before) + len(after) > MAX_LINES:
        hunks = _one_hunk(before, after)
    else:
        import difflib  # Claude and Codex tell hunks: their sessions need none of it

        # the two header lines are ours
        hunks = list(difflib.unified_diff(before, after, n=CONTEXT, lineterm="\n"))[2:]
    return _header(path, old is None, new is None) + "".join(_ended(line) for line in hunks)


def from_patch(patch: Any, path: str, created: bool = False) -> str:
    """The diff of Claude's `structuredPatch`; empty when there is nothing that fits."""
    out: List[str] = []
    for hunk in patch if isinstance(patch, list) else []:
        if not isinstance(hunk, dict) or not isinstance(hunk.get("lines"), list):
            continue
        numbers: List[int] = []
        for name in ("oldStart", "oldLines", "newStart", "newLines"):
            if isinstance(hunk.get(name), int):
                numbers.append(hunk[name])
        if len(numbers) != 4:
            continue
        out.append("@@ -%d,%d +%d,%d @@\n" % tuple(numbers))
        out.extend(str(line) + "\n" for line in hunk["lines"])
    return _header(path, created, False) + "".join(out) if out else ""


def content(old: Optional[str], new: Optional[str], path: str) -> Dict[str, Any]:
    """A ToolContent block of the change from `old` to `new`."""
    block: Dict[str, Any] = {"type": "diff", "path": path, "diff": unified(old, new, path)}
    if old is None and new is not None:
        block["created"] = True
    if new is None and old is not None:
        block["deleted"] = True
    return block


def _header(path: str, created: bool, deleted: bool) -> str:
    return "--- %s\n+++ %s\n" % (
        "/dev/null" if created else path,
        "/dev/null" if deleted else path,
    )


def _lines(text: str) -> List[str]:
    """Lines with their ends; only a line feed ends one (a form feed does not)."""
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _ended(line: str) -> str:
    return line if line.endswith("\n") else line + "\n" + NO_NEWLINE + "\n"


def _one_hunk(before: List[str], after: List[str]) -> List[str]:
    """What differs between the common beginning and end, as one hunk."""
    top = 0
    limit = min(len(before), len(after))
    while top < limit and before[top] == after[top]:
        top += 1
    bottom = 0
    while bottom < limit - top and before[-1 - bottom] == after[-1 - bottom]:
        bottom += 1
    start = max(0, top - CONTEXT)
    tail = min(CONTEXT, bottom)
    gone = before[top : len(before) - bottom]
    came = after[top : len(after) - bottom]
    ending = before[len(before) - bottom : len(before) - bottom + tail]
    kept = top - start + tail
    old, new = kept + len(gone), kept + len(came)
    head = "@@ -%d,%d +%d,%d @@\n" % (
        start + (1 if old else 0),
        old,
        start + (1 if new else 0),
        new,
    )
    return [
        head,
        *(" " + line for line in before[start:top]),
        *("-" + line for line in gone),
        *("+" + line for line in came),
        *(" " + line for line in ending),
    ]
