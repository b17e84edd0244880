"""A session begins once, wherever it may, and says why when it does not; then nothing is left."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess, marked, until

from .conftest import S1, Talk, begin


def nothing_left(relay: RelayProcess, session: str) -> bool:
    left = [*relay.root.glob("hosts/*/sessions/*"), *relay.root.glob("hosts/*/sessions/.*")]
    return not left and not marked(session) and session not in str(relay.call("host/processes"))


def refused(relay: RelayProcess, tmp_path: Path, **params: Any) -> CodecastError:
    with pytest.raises(CodecastError) as caught:
        relay.start(**{"session": S1, "cli": "scripted", "cwd": str(tmp_path), **params})
    until(lambda: nothing_left(relay, S1), "nothing is left of a session that did not start")
    return caught.value


def test_cli_that_exits_at_start_tells_code_and_stderr(relay: RelayProcess, tmp_path: Path) -> None:
    problem = refused(relay, tmp_path, env={"SCRIPTED_START": "exit 3"})
    assert problem.code == "cli_failed"
    assert "exit code 3 before it was ready" in problem.message
    assert problem.detail == "I refuse: exit 3"


def test_cli_that_is_never_ready(new_relay: Callable[..., RelayProcess], tmp_path: Path) -> None:
    relay = new_relay(preload="import codecast_agent.life as life; life.READY_WITHIN = 0.5")
    problem = refused(relay, tmp_path, env={"SCRIPTED_START": "mute"})
    assert problem.code == "cli_failed" and "not ready within" in problem.message


def test_cli_that_is_not_logged_in(relay: RelayProcess, tmp_path: Path) -> None:
    problem = refused(relay, tmp_path, env={"SCRIPTED_START": "not-logged-in"})
    assert (problem.code, problem.message) == ("not_logged_in", "log in first")


def test_missing_cli(relay: RelayProcess, tmp_path: Path) -> None:
    assert refused(relay, tmp_path, cli="missing").hint == "Install it."
    assert refused(relay, tmp_path, cli="unknown").code == "cli_missing"
    problem = refused(relay, tmp_path, command=["/nowhere/cli"])
    assert problem.code == "cli_missing" and "/nowhere/cli" in problem.message


def test_missing_directory(relay: RelayProcess, tmp_path: Path) -> None:
    problem = refused(relay, tmp_path, cwd=str(tmp_path / "no" / "where"))
    assert problem.code == "no_such_directory"
    assert str(tmp_path / "no" / "where") in problem.message
    (tmp_path / "file").write_text("")
    assert refused(relay, tmp_path, cwd=str(tmp_path / "file")).code == "no_such_directory"
    assert refused(relay, tmp_path, cwd="a\0b").code == "bad_request"


def test_created_directory_goes_when_the_start_fails(relay: RelayProcess, tmp_path: Path) -> None:
    cwd = tmp_path / "a" / "b"
    refused(relay, tmp_path, cwd=str(cwd), create_directory=True, env={"SCRIPTED_START": "exit 1"})
    assert not (tmp_path / "a").exists()
    talk = begin(relay, S1, cwd, create_directory=True)
    talk.ask("cwd")
    assert talk.said() == [str(cwd)]


@pytest.mark.parametrize(
    "name",
    ["with space", 'quo"te', "apo'strophe", "$(touch pwned)", "-dash", "new\nline", "ümläut"],
)
def test_any_path_is_just_a_path(relay: RelayProcess, tmp_path: Path, name: str) -> None:
    cwd = tmp_path / name
    cwd.mkdir()
    talk = begin(relay, S1, cwd)
    talk.ask("cwd")
    assert talk.said() == [str(cwd)]
    assert list(tmp_path.rglob("pwned")) == []


def test_paths_begin_at_home(new_relay: Callable[..., RelayProcess], tmp_path: Path) -> None:
    (tmp_path / "proj").mkdir()
    relay = new_relay(env={"HOME": str(tmp_path)})
    for number, (cwd, wanted) in enumerate(
        [("~", tmp_path), ("~/proj", tmp_path / "proj"), ("proj", tmp_path / "proj")]
    ):
        talk = begin(relay, f"{S1}-{number}", Path(cwd))
        talk.ask("cwd")
        assert talk.said() == [str(wanted)]


@pytest.mark.parametrize(
    "params",
    [
        {"session": "../x"},
        {"session": ""},
        {"session": ".hidden"},
        {"session": "x" * 100},
        {"mode": "yolo"},
        {"command": "sh -c"},
        {"env": {"A": 1}},
        {"cli": None},
    ],
)
def test_bad_parameters(relay: RelayProcess, tmp_path: Path, params: dict[str, Any]) -> None:
    assert refused(relay, tmp_path, **params).code == "bad_request"


def test_repeated_start_finds_the_session(
    talk: Talk, new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    answer = talk.relay.start(session=S1, cli="scripted", cwd=str(tmp_path))
    assert answer["created"] is False and answer["last_seq"] >= 4
    assert new_relay().start(session=S1, cli="scripted", cwd="/")["created"] is False
    assert len(talk.feed.of("session_state")) == 2


def test_start_again_after_the_link_broke_in_the_middle(
    new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    first = new_relay()
    first.send("session/start", session=S1, cli="scripted", mode="ask", cwd=str(tmp_path))
    until(lambda: list(first.root.glob(f"hosts/*/sessions/{S1}/sup.sock")), "it has begun")
    first.kill()
    second = new_relay()
    assert second.start(session=S1, cli="scripted", cwd=str(tmp_path))["session"] == S1
    states = [e.data["state"] for e in begin(second, S1, tmp_path).feed.of("session_state")]
    assert states == ["starting", "ready"]


def test_start_that_failed_unseen_is_told_when_asked_again(
    new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    first = new_relay(preload="import codecast_agent.life as life; life.READY_WITHIN = 1")
    env = {"SCRIPTED_START": "mute"}
    first.send("session/start", session=S1, cli="scripted", mode="ask", cwd="/", env=env)
    until(lambda: list(first.root.glob(f"hosts/*/sessions/{S1}/sup.sock")), "it has begun")
    first.kill()
    problem = refused(new_relay(), tmp_path, env=env)
    assert problem.code == "cli_failed"


def test_24_starts_at_once(new_relay: Callable[..., RelayProcess], tmp_path: Path) -> None:
    relays = [new_relay(), new_relay()]
    answers = [
        relays[n % 2].send(
            "session/start", session=f"{S1}-{n}", cli="scripted", mode="ask", cwd=str(tmp_path)
        )
        for n in range(24)
    ]
    assert all(answer.get(timeout=120)["result"]["created"] for answer in answers)
    listed = {entry["session"]: entry["alive"] for entry in relays[0].call("session/list")}
    assert listed == {f"{S1}-{n}": True for n in range(24)}


def test_two_relays_start_one_session(
    new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    relays = [new_relay(), new_relay()]
    answers: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda relay=relay: answers.append(
                relay.start(session=S1, cli="scripted", cwd=str(tmp_path))
            )
        )
        for relay in relays
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["created"] for answer in answers) == [False, True]
    assert len(marked(S1)) == 1


def test_directory_path_longer_than_a_sockets_address(
    new_relay: Callable[..., RelayProcess], root: Path, tmp_path: Path
) -> None:
    deep = root / ("d" * 120)
    deep.mkdir(mode=0o700)
    relay = new_relay(root=deep)
    talk = begin(relay, S1, tmp_path)
    assert talk.ask("say x") == "done"
    talk.call("remove")


def test_environment_reaches_the_cli_and_stays_on_the_machine(
    relay: RelayProcess, tmp_path: Path
) -> None:
    talk = begin(relay, S1, tmp_path, env={"KEY": "secret-value"})
    talk.ask("env KEY\nenv CODECAST_SESSION\nenv SCRIPTED")
    assert talk.said() == ["secret-value", S1, "1"]
    assert "secret-value" not in json.dumps(relay.call("session/list"))
    assert "secret-value" not in json.dumps(relay.call("host/processes"))
    argv = Path(f"/proc/{talk.supervisor}/cmdline").read_bytes()
    assert b"secret-value" not in argv


def test_files_are_their_owners_alone(talk: Talk) -> None:
    talk.ask("stderr x\nsay x")
    for path in [talk.relay.root, *talk.relay.root.rglob("*")]:
        assert path.lstat().st_mode & 0o077 == 0, path


def test_nothing_of_the_relay_leaks_into_the_cli(talk: Talk) -> None:
    fds = sorted(int(path.name) for path in Path(f"/proc/{talk.cli()}/fd").iterdir())
    assert fds == [0, 1, 2]
    assert os.getsid(talk.cli()) == talk.cli()
    assert Path(f"/proc/{talk.cli()}/oom_score_adj").read_text().strip() == "300"
    links = {path.readlink() for path in Path(f"/proc/{talk.supervisor}/fd").iterdir()}
    pipes = {Path(f"/proc/{talk.relay.pid}/fd/{fd}").readlink() for fd in (0, 1)}
    assert not links & pipes


def test_resume_by_native_id(relay: RelayProcess, tmp_path: Path) -> None:
    talk = begin(relay, S1, tmp_path, native="from-elsewhere")
    assert talk.feed.wait("session_info_update").data["native"] == "from-elsewhere"
    assert talk.feed.wait("session_state", state="ready").data["resumed"] is True


def test_prompt_restarts_after_a_restart_failed(
    new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    relay = new_relay()
    talk = begin(relay, S1, tmp_path)
    talk.call("stop")
    meta = next(relay.root.glob(f"hosts/*/sessions/{S1}/meta.json"))
    good = meta.read_text()
    meta.write_text(json.dumps({**json.loads(good), "env": {"SCRIPTED_START": "exit 5"}}))
    assert talk.ask("say never") == "failed"
    failed = talk.feed.of("session_state")[-1].data
    assert failed["state"] == "failed" and failed["code"] == 5
    assert "I refuse" in failed["error"]["detail"]
    with pytest.raises(CodecastError) as caught:
        talk.call("resume")
    assert caught.value.code == "cli_failed"
    assert [entry["alive"] for entry in relay.call("session/list")] == [True]
    talk.call("stop")
    meta.write_text(good)
    assert talk.ask("say again") == "done"


def test_half_made_directories_are_tidied_up(
    new_relay: Callable[..., RelayProcess], root: Path
) -> None:
    first = new_relay()
    sessions = next(root.glob("hosts/*/sessions"))
    old, young = sessions / ".old-7", sessions / ".young-8"
    for path in (old, young):
        path.mkdir()
        (path / "meta.json").write_text("{}")
    os.utime(old, (0, 0))
    first.close()
    assert new_relay().call("session/list") == []
    until(lambda: not old.exists(), "an old one goes")
    assert young.exists()
