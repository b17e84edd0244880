"""A relay and its supervisors stay small: what is heavy is loaded by those who need it."""

import contextlib
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.agent import AGENT, RelayProcess, clean_sessions, memory

HEAVY = {"asyncio", "ctypes", "_hashlib", "logging", "random", "secrets", "ssl", "tempfile"}
HEAVY |= {"threading", "subprocess", "uuid", "difflib", "http", "email", "shutil", "traceback"}
HEAVY |= {"base64", "contextlib", "copy", "glob", "_typing", "codecast_agent.files"}
SESSIONS = 8
RELAY_RSS = 14 * 1024  # KiB
SUPERVISOR_PSS = 3.8 * 1024  # KiB; most of it are pages that hold code which has run


@pytest.mark.parametrize(
    "more",
    [
        "",
        *(
            f"from codecast_agent.clis import catalog; catalog.adapter({cli!r})"
            for cli in ("claude", "codex", "gemini", "demo")
        ),
    ],
    ids=["relay", "claude", "codex", "gemini", "demo"],
)
def test_nothing_heavy_is_loaded(more: str) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        f"import codecast_agent.relay\n{more}\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(AGENT)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) & HEAVY == set()


def test_memory_of_a_relay_and_of_each_supervisor(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(clean_sessions(tmp_path / "root"))
        stack.enter_context(RelayProcess(tmp_path / "root"))  # compiles what is not compiled yet
        relay = stack.enter_context(RelayProcess(tmp_path / "root"))
        relay.call("session/list")
        assert memory(relay.pid)["Rss"] < RELAY_RSS
        names = [f"light-{tmp_path.name}-{number}" for number in range(SESSIONS)]
        for name in names:
            relay.start(session=name, cwd=str(tmp_path))
        feed = relay.subscribe(names[0])
        relay.prompt(names[0], "p1", "plan")
        feed.wait("turn_ended")
        sizes = [memory(relay.supervisor(name))["Pss"] for name in names]
        assert statistics.mean(sizes) < SUPERVISOR_PSS, sizes
        for removed in [relay.send("session/remove", session=name) for name in names]:
            assert "error" not in removed.get(timeout=60)


def test_stand_in_for_typing_does_what_ours_need() -> None:
    """Where types are checked the real one is used, so this runs as a relay does."""
    code = """if True:
        import sys; sys.path.insert(0, sys.argv[1])
        import codecast_agent
        from typing import Any, Callable, Dict, Generic, NamedTuple, Protocol, TypeVar, cast
        T = TypeVar("T", bound=Dict[str, "Callable[..., Any]"])
        class Pair(NamedTuple):
            "Two."
            left: int
            right: Dict[str, int] = {"a": 1}
            def sum(self) -> int:
                return self.left + sum(self.right.values())
        class Shape(Protocol): pass
        class Box(Generic[T], Shape): pass
        pair = Pair(2)
        assert pair == (2, {"a": 1}) and pair.sum() == 3 and pair._replace(left=3).left == 3
        assert Pair.__name__ == "Pair" and Pair.__doc__ == "Two." and cast(Any, 5) == 5
        assert Box() and "_typing" not in sys.modules
    """
    run = [sys.executable, "-I", "-S", "-c", code, str(AGENT)]
    assert subprocess.run(run, capture_output=True, text=True, check=False).stderr == ""
