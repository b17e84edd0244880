"""What a machine says of itself."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess
from tests.fixtures.programs import nvidia_smi

from .conftest import S1, Talk


def test_directories(relay: RelayProcess, tmp_path: Path) -> None:
    place = tmp_path / "a $(place)"
    (place / "sub").mkdir(parents=True)
    (place / "file").write_text("12345")
    (place / ".hidden").mkdir()
    (place / "broken").symlink_to("nowhere")
    answer = relay.call("host/directories", path=str(place))
    assert answer["path"] == str(place) and answer["parent"] == str(tmp_path)
    assert [(e["name"], e["is_dir"]) for e in answer["entries"]] == [("sub", True), ("file", False)]
    assert answer["entries"][1]["size"] == 5
    shown = relay.call("host/directories", path=str(place), hidden=True)["entries"]
    assert [e["name"] for e in shown] == [".hidden", "sub", "file"]
    assert "parent" not in relay.call("host/directories", path="/")


def test_home_is_the_default(new_relay: Callable[..., RelayProcess], tmp_path: Path) -> None:
    relay = new_relay(env={"HOME": str(tmp_path)})
    assert relay.call("host/directories")["path"] == str(tmp_path)
    assert relay.call("host/directories", path="~/x/..")["path"] == str(tmp_path)


def test_no_such_directory(relay: RelayProcess) -> None:
    with pytest.raises(CodecastError) as caught:
        relay.call("host/directories", path="/no/where")
    assert caught.value.code == "no_such_directory" and "/no/where" in caught.value.message


def test_info(new_relay: Callable[..., RelayProcess], tmp_path: Path) -> None:
    smi = "echo 'NVIDIA H100, 1024, 81559, 37'\necho 'Odd, [N/A], 2, [N/A]'"
    relay = new_relay(env=nvidia_smi(tmp_path, smi))
    info = relay.call("host/info")
    assert info["cpus"] == os.cpu_count()
    assert info["memory"]["total"] >= info["memory"]["available"] > 0
    assert info["disk"]["total"] >= info["disk"]["available"]
    assert info["gpus"][0] == {
        "name": "NVIDIA H100",
        "memory_used": 1 << 30,
        "memory_total": 81559 << 20,
        "utilization": 37,
    }
    assert info["gpus"][1]["memory_used"] is None
    assert info["kill_user_processes"] in (True, False) and info["uptime"] > 0


def test_figures_are_asked_for_once_by_many_pages(
    new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    smi = f"echo x >> '{asked}'\nsleep 0.3\necho 'A, 1, 2, 3'"
    relay = new_relay(env=nvidia_smi(tmp_path, smi))
    answers = [relay.send("host/info") for _ in range(5)]
    told = [answer.get(timeout=60)["result"] for answer in answers]
    assert told == [told[0]] * 5 and told[0]["gpus"][0]["name"] == "A"
    assert asked.read_text() == "x\n"


def test_hanging_driver_does_not_hold_the_relay_up(
    new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    relay = new_relay(env=nvidia_smi(tmp_path, "exec sleep 5"))
    answer = relay.send("host/info")
    relay.call("ping", n=1)
    assert answer.empty()
    relay.kill()


def test_clis(relay: RelayProcess) -> None:
    wanted = [{"cli": "scripted", "name": "Scripted", "found": True}]
    assert relay.call("host/clis") == relay.call("host/clis", refresh=True) == wanted


def test_processes(talk: Talk) -> None:
    talk.ask("spawn setsid")
    listed = [p for p in talk.relay.call("host/processes") if p["session"] == S1]
    assert [p["supervisor"] for p in listed].count(True) == 1
    by_pid = {p["pid"]: p for p in listed}
    assert by_pid[talk.cli()]["ppid"] == talk.supervisor
    assert len(listed) == 3
    for entry in listed:
        assert entry["memory"] > 0 and 0 <= entry["age"] < 600, time.time()
