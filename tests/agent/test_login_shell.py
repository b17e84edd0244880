"""The login shell is asked once for many starts, and its failing keeps nobody from working."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.agent import Feed, RelayProcess

Make = Callable[..., RelayProcess]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / ".bash_profile"


@pytest.fixture
def real_relay(root: Path, tmp_path: Path) -> Iterator[Make]:
    """Relays with the real catalog, whose person has bash and a home of their own."""
    with ExitStack() as stack:

        def make(preload: str = "") -> RelayProcess:
            env = {"HOME": str(tmp_path), "SHELL": "/bin/bash"}
            return stack.enter_context(RelayProcess(root, env=env, preload=preload))

        yield make


def begin(relay: RelayProcess, cwd: Path, **params: Any) -> Feed:
    session = f"shell-{uuid.uuid4().hex[:8]}"
    relay.start(session=session, cwd=str(cwd), **params)
    return relay.subscribe(session)


def cli_environment(feed: Feed) -> dict[str, str]:
    pid = feed.wait("session_state", state="ready").data["pid"]
    pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def counted(profile: Path, more: str = "") -> Path:
    log = profile.with_name("asked")
    profile.write_text(f"echo asked >> {log}\nexport GREETING='good day'\n{more}\n")
    return log


def test_it_is_asked_once_for_many_starts(real_relay: Make, profile: Path, tmp_path: Path) -> None:
    log = counted(profile, "sleep 0.5")
    relay = real_relay()
    answers = [
        relay.send("session/start", session=f"many-{uuid.uuid4().hex[:8]}", cli="demo", mode="ask")
        for _ in range(3)
    ]
    assert all("result" in answer.get(timeout=60) for answer in answers)
    assert cli_environment(begin(relay, tmp_path))["GREETING"] == "good day"
    assert log.read_text().split() == ["asked"]


def test_the_report_of_clis_saves_the_first_start_the_asking(
    real_relay: Make, profile: Path, tmp_path: Path
) -> None:
    log = counted(profile)
    relay = real_relay()
    relay.call("host/clis")
    assert cli_environment(begin(relay, tmp_path))["GREETING"] == "good day"
    assert log.read_text().split() == ["asked"]


def test_a_changed_start_up_file_is_read_again(
    real_relay: Make, profile: Path, tmp_path: Path
) -> None:
    counted(profile)
    relay = real_relay()
    begin(relay, tmp_path)
    profile.write_text("export GREETING='good night'\n")
    assert cli_environment(begin(relay, tmp_path))["GREETING"] == "good night"


def test_an_old_answer_is_asked_anew(real_relay: Make, profile: Path, tmp_path: Path) -> None:
    log = counted(profile)
    relay = real_relay("from codecast_agent.clis import environment as e; e.MAX_AGE = 0.0")
    begin(relay, tmp_path)
    before = len(log.read_text().split())
    begin(relay, tmp_path)
    assert len(log.read_text().split()) > before


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sleep 300", "did not answer within 1 seconds"),
        ("setsid sleep 5 & exec sleep 300", "did not answer within 1 seconds"),
        ("exit 3", "ended before it answered (exit code 3)"),
    ],
)
def test_a_shell_that_fails_is_a_notice_and_no_error(
    real_relay: Make, profile: Path, tmp_path: Path, text: str, why: str
) -> None:
    profile.write_text(text + "\n")
    relay = real_relay("from codecast_agent.clis import environment as e; e.TIMEOUT = 1")
    feed = begin(relay, tmp_path)
    notice = feed.wait("notice", level="warning").data["text"]
    assert why in notice and "/bin/bash" in notice and "start-up files" in notice
    feed.wait("session_state", state="ready")


def test_a_start_says_what_it_waits_for(real_relay: Make, profile: Path, tmp_path: Path) -> None:
    counted(profile)
    relay = real_relay("import codecast_agent.starting as starting; starting.PATIENCE = 0.0")
    feed = begin(relay, tmp_path)
    session = feed.wait("session_state", state="ready") and relay.call("session/list")[0]["session"]
    told = [n["params"] for n in relay.notifications if n["method"] == "progress"]
    assert {each["session"] for each in told} == {session}
    assert [each["text"] for each in told] == [
        "asking the login shell for its environment",
        "starting demo",
        "waiting until demo is ready",
        "",
    ]


def test_a_report_of_clis_says_what_it_waits_for(real_relay: Make) -> None:
    relay = real_relay()
    relay.call("host/clis", refresh=True)
    told = [n["params"] for n in relay.notifications if n["method"] == "progress"]
    assert [each["text"] for each in told] == [
        "asking the login shell and the CLIs for their versions",
        "",
    ]


def test_a_start_that_fails_says_nothing_more(real_relay: Make, tmp_path: Path) -> None:
    relay = real_relay()
    answer = relay.send("session/start", session="fails", cli="mine", command=["/no/such"]).get()
    assert answer["error"]["data"]["code"] == "cli_missing"
    told = [n["params"]["text"] for n in relay.notifications if n["method"] == "progress"]
    assert told[-2:] == ["starting mine", ""]
