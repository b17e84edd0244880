"""What changed in a session's directory, by git: which files, and how.

Git is only asked, never told: no lock is taken, no index refreshed, and nothing that a
repository may configure for looking is run (monitors, external diffs, converters to text). It
runs in a child, for a repository may be large or lie on a slow disk.
"""

import os
from functools import partial
from typing import Any, Callable, Dict, List, Optional

from .helper import Helper
from .loop import Loop
from .protocol.errors import CodecastError
from .registry import Registry
from .waiter import Waiter

Params = Dict[str, Any]
WITHIN = 60.0  # seconds
FILES = 2000  # of one answer
LARGEST = 2 << 20  # bytes of one diff
_CAREFUL = [
    "git",
    "--no-optional-locks",
    "--literal-pathspecs",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=false",
    "-c",
    "core.hooksPath=/dev/null",
]
_DIFF = ["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=dirty"]
# the tree of nothing, which every repository knows: for one without a commit
_EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_KINDS = {"M": "changed", "T": "changed", "A": "added", "D": "deleted", "R": "renamed"}


def methods(loop: Loop, registry: Registry) -> "Dict[str, Callable[[Params, Waiter], None]]":
    """The `changes/*` methods by name."""

    def later(call: Callable[[str, Params], Any], params: Params, waiter: Waiter) -> None:
        def done(value: Any, problem: Optional[CodecastError]) -> None:
            if problem is None:
                waiter.reply(value)
            else:
                waiter.refuse(problem)

        cwd = registry.find(params.get("session")).place.read_meta().get("cwd")
        Helper(loop, partial(call, str(cwd or "/nowhere"), params), done, WITHIN)

    return {"changes/list": partial(later, listing), "changes/diff": partial(later, diff)}


def listing(cwd: str, params: Params) -> Params:
    """`{repository, root?, branch?, commit?, files, left_out?}` against the last commit.

    `files` are `[{path, kind, from?, added?, removed?}]` below the directory; `path` is
    relative to it, `kind` is changed, added, deleted, renamed, untracked or conflict, and the
    counts of lines are left out for binary ones. `repository` is false where there is none.
    """
    if _inside(cwd) is None:
        return {"repository": False, "files": []}
    root = _git(cwd, ["rev-parse", "--show-toplevel"]).decode("utf-8", "replace").rstrip("\n")
    words = ["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all"]
    told = _git(cwd, [*words, "--ignore-submodules=dirty", "--", "."])
    prefix = os.path.relpath(os.path.realpath(cwd), os.path.realpath(root))
    answer: Params = {"repository": True, "root": root}
    found: Dict[str, Params] = {}
    fields = iter(told.decode("utf-8", "surrogateescape").split("\0"))
    for field in fields:
        kind, _, rest = field.partition(" ")
        if kind == "#":
            name, _, value = rest.partition(" ")
            if name == "branch.head" and value != "(detached)":
                answer["branch"] = value
            elif name == "branch.oid" and value != "(initial)":
                answer["commit"] = value
        elif kind == "?":
            _put(found, prefix, rest, {"kind": "untracked"})
        elif kind == "u":
            _put(found, prefix, rest.split(" ", 9)[9], {"kind": "conflict"})
        elif kind == "1":
            _put(found, prefix, rest.split(" ", 7)[7], {"kind": _kind(rest[:2])})
        elif kind == "2":
            before = os.path.relpath(next(fields), prefix)
            _put(found, prefix, rest.split(" ", 8)[8], {"kind": _kind(rest[:2]), "from": before})
    base = _base(cwd)
    for path, counts in _counts(_git(cwd, [*_DIFF, "--numstat", "-z", "-M", base, "--", "."])):
        path = os.path.relpath(path, prefix)
        if path in found:
            found[path].update(counts)
    files = sorted(found.values(), key=lambda each: each["path"])
    answer["files"] = files[:FILES]
    if len(files) > FILES:
        answer["left_out"] = len(files) - FILES
    return answer


def _put(found: "Dict[str, Params]", prefix: str, path: str, about: Params) -> None:
    path = os.path.relpath(path, prefix)  # git names them from the repository's top
    try:
        path.encode("utf-8")
    except UnicodeError:
        return  # JSON cannot carry it
    found[path] = {"path": path, **about}


def _kind(codes: str) -> str:
    """Of the two letters of a status, index and files."""
    for code in codes:
        if code in "ADR":
            return _KINDS[code]
    return "changed"


def _counts(told: bytes) -> "List[tuple[str, Params]]":
    """Of `--numstat -z`: a rename has an empty path, and its two names follow."""
    found = []
    fields = iter(told.decode("utf-8", "surrogateescape").split("\0"))
    for field in fields:
        parts = field.split("\t", 2)
        if len(parts) < 3:
            continue
        path = parts[2]
        if not path:
            next(fields, "")
            path = next(fields, "")
        if parts[0].isdigit() and parts[1].isdigit():
            found.append((path, {"added": int(parts[0]), "removed": int(parts[1])}))
    return found


def diff(cwd: str, params: Params) -> Params:
    """`{session, path, from?}`: `{path, diff, binary?, cut?}`, unified, against the last commit."""
    path = params.get("path")
    if not isinstance(path, str) or not path or "\0" in path or os.path.isabs(path):
        raise CodecastError("bad_request", "A changed file is named by its path.")
    if _inside(cwd) is None:
        raise CodecastError("not_found", "%s is in no git repository." % cwd)
    before = params.get("from")
    paths = [path, before] if isinstance(before, str) and before else [path]
    told = _git(cwd, [*_DIFF, "-M", _base(cwd), "--", *paths])
    if not told and not _git(cwd, ["ls-files", "--", path]):
        whole = os.path.join(cwd, path)
        if os.path.islink(whole) or not os.path.isfile(whole):
            raise CodecastError("not_found", "There is no file %s." % path)
        # an untracked one is all new; that there is a difference is status 1
        told = _git(cwd, [*_DIFF, "--no-index", "--", "/dev/null", path], (0, 1))
    answer: Params = {"path": path}
    if len(told) > LARGEST:
        told, answer["cut"] = told[: told.rfind(b"\n", 0, LARGEST) + 1], True
    answer["diff"] = told.decode("utf-8", "replace")
    if "\nBinary files " in "\n" + answer["diff"]:
        answer["binary"] = True
    return answer


def _base(cwd: str) -> str:
    told = _git(cwd, ["rev-parse", "--verify", "--quiet", "HEAD"], (0, 1))
    return told.decode("ascii", "replace").strip() or _EMPTY


def _inside(cwd: str) -> Optional[str]:
    """The repository's own directory; None outside of any. Raises CodecastError."""
    try:
        return _git(cwd, ["rev-parse", "--git-dir"]).decode("utf-8", "replace")
    except CodecastError as problem:
        if "not a git repository" in problem.detail:
            return None
        raise


def _git(cwd: str, words: List[str], fine: "tuple[int, ...]" = (0,)) -> bytes:
    """What it says. Raises CodecastError with its own words."""
    import subprocess  # only ever in a child of the relay

    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_PAGER": "cat"}
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_EXTERNAL_DIFF"):
        env.pop(name, None)
    try:
        done = subprocess.run(
            [*_CAREFUL, *words],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as problem:
        if not os.path.isdir(cwd):
            raise CodecastError("no_such_directory", "%s is not there any more." % cwd) from problem
        raise CodecastError(
            "not_supported", "There is no git on the machine.", "Install git there."
        ) from problem
    except OSError as problem:
        raise CodecastError("forbidden", "%s: %s." % (cwd, problem.strerror)) from problem
    if done.returncode not in fine:
        raise CodecastError(
            "not_supported",
            "git cannot tell what changed in %s." % cwd,
            "Its own words say why.",
            done.stderr.decode("utf-8", "replace").strip()[-2000:],
        )
    return done.stdout
