"""The process of every CLI dies, or begins by hand: the conversation goes on, with its context."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.live import assert_nothing_left, gone, kill, living, of_session
from tests.fixtures.transcripts import assert_whole

from .conftest import Session

Fresh = Callable[..., Session]
# one prompt by hand, all tools allowed
ONCE = {
    "claude": ["-p"],
    "codex": ["exec", "--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check"],
    "gemini": ["--skip-trust", "--yolo", "-p"],
    "opencode": ["run"],
}


def remembers(session: Session, marker: str, words: str) -> None:
    """The next prompt reaches a model that is told `words` too."""
    session.ask(f"say:{marker}")
    assert session.said.endswith(marker)
    assert words in session.world.told(marker), "the model was not told the earlier words"


@pytest.mark.parametrize("when", ["streaming", "asking", "idle"])
def test_killed_it_says_so_and_resumes_with_its_context(session: Session, when: str) -> None:
    words = f"heliotrope {when} {session.talk.id}"
    session.ask(f"say:{words}")
    native, pid = session.talk.state["native"], session.talk.state["pid"]
    before = of_session(session.talk.id)
    id = ""
    if when == "streaming":
        id = session.prompt("say:Now slowly. ", "slow:300:50")
        session.talk.wait_text("token3 ", after=session.at)
    elif when == "asking":
        id = session.prompt("bash:touch never.txt")
        request = session.talk.wait_request()
    kill(pid)
    if id:
        failed = session.talk.wait_prompt(id, "failed")
        ended = session.talk.wait_event("turn_ended", after=session.at, reason="error")
        assert "killed by SIGKILL" in ended["error"]["message"] and ended["error"]["hint"]
        assert failed["error"]["message"]
    if when == "asking":
        session.talk.wait_event("request_withdrawn", request=request["request"])
    session.talk.wait_status("exited")
    gone(before)
    assert_nothing_left(session.talk.id)
    remembers(session, f"resumed after {when} {session.talk.id}", words)
    assert session.talk.state["native"] == native
    assert session.talk.state["pid"] != pid and living(session.talk.state["pid"])
    assert not (session.cwd / "never.txt").exists()
    assert not [e for e in session.events("notice") if "could not be resumed" in e["text"]]
    assert_whole(session.talk.events())


def test_stopped_it_resumes_with_its_context(session: Session) -> None:
    words = f"amaranth {session.talk.id}"
    session.ask(f"say:{words}")
    session.talk.stop()
    session.talk.wait_status("stopped")
    assert_nothing_left(session.talk.id)
    remembers(session, f"resumed after a stop {session.talk.id}", words)


def test_forked_it_goes_on_beside_the_first(session: Session, fresh: Fresh) -> None:
    words = f"celadon {session.talk.id}"
    session.ask(f"say:{words}")
    native = session.talk.state["native"]
    if session.cli.lacks("fork"):
        with pytest.raises(CodecastError) as refused:
            fresh(native=native, fork=True, history=True, cwd=session.cwd)
        assert refused.value.code == "not_supported" and refused.value.hint
        return
    read = not session.cli.lacks("adopt")  # what it keeps
    other = fresh(native=native, fork=True, history=read, cwd=session.cwd)
    other.begin()
    remembers(other, f"said in the fork {other.talk.id}", words)
    assert other.talk.state["native"] != native
    remembers(session, f"said in the first {session.talk.id}", words)
    told = session.world.told(f"said in the first {session.talk.id}")
    assert "said in the fork" not in told
    assert session.talk.state["native"] == native


def test_begun_by_hand_it_is_adopted_with_its_history(session: Session, fresh: Fresh) -> None:
    if session.cli.lacks("adopt"):
        with pytest.raises(CodecastError) as refused:
            fresh(native="any", history=True)
        assert refused.value.code == "not_supported" and refused.value.hint
        return
    world, name = session.world, session.cli.name
    cwd = world.project()
    words = f"periwinkle in {cwd.name} of {name}"
    done = subprocess.run(
        [str(world.programs[name]), *ONCE[name], f"say:{words}"],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "SHELL": "/bin/sh", "TERM": "xterm", **world.env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = world.api.get("/machines/gpu/history", cli=name, cwd=str(cwd))
    (found,) = [each for each in listed if each["cwd"] == str(cwd)]
    adopted = fresh(native=found["native"], history=True, cwd=cwd)
    history = [event for event in adopted.talk.events() if event.get("history")]
    assert words in str(history)
    adopted.begin()
    remembers(adopted, f"adopted by us {adopted.talk.id}", words)
    with pytest.raises(CodecastError) as twice:
        fresh(native=found["native"], history=True, cwd=cwd)
    assert twice.value.code == "session_in_use"
