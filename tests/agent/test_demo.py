"""The real catalog and a real CLI behind the relay: our own, which needs no key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess

from .conftest import S1, Talk


@pytest.fixture
def relay(root: Path, tmp_path: Path) -> Iterator[RelayProcess]:
    with RelayProcess(root, env={"HOME": str(tmp_path)}) as relay:
        yield relay


@pytest.fixture
def talk(relay: RelayProcess, tmp_path: Path) -> Talk:
    relay.start(session=S1, cli="demo", cwd=str(tmp_path))
    talk = Talk(relay, S1, relay.subscribe(S1))
    talk.feed.wait("session_state", state="ready")
    return talk


@pytest.mark.parametrize(("kind", "written"), [("allow_once", True), ("reject_once", False)])
def test_file_changes_only_when_the_person_allows(
    talk: Talk, tmp_path: Path, kind: str, written: bool
) -> None:
    prompt = talk.prompt("write hello.txt: good morning")
    request = talk.feed.wait("request_opened").data
    option = next(each["id"] for each in request["options"] if each["kind"] == kind)
    assert not (tmp_path / "hello.txt").exists()
    talk.call("answer", request=request["request"], option=option)
    assert talk.ended(prompt) == "done"
    assert (tmp_path / "hello.txt").exists() is written


def test_interrupt_and_stop(talk: Talk) -> None:
    prompt = talk.prompt("write hello.txt: good morning")
    talk.feed.wait("request_opened")
    talk.call("interrupt")
    assert talk.ended(prompt) == "cancelled"
    talk.feed.wait("request_withdrawn")
    talk.call("stop")
    assert talk.relay.call("session/list")[0]["alive"] is False


def test_demo_is_in_the_catalog(relay: RelayProcess) -> None:
    assert "demo" in [entry["cli"] for entry in relay.call("host/clis") if entry["found"]]


def model_of(talk: Talk) -> str:
    """The model that the CLI says it uses."""
    told = [e.data["settings"].get("model") for e in talk.feed.of("config_option_update")]
    return str([each["value"] for each in told if each][-1])


def test_what_the_cli_refuses_is_told_to_the_asker_and_not_what_a_resume_starts_with(
    talk: Talk,
) -> None:
    """`/model` with a name that the CLI does not know made every later start fail."""
    talk.call("set_model", model="fast")
    with pytest.raises(CodecastError) as refused:
        talk.call("set_model", model="no-such-model")
    assert refused.value.code == "not_supported" and "no-such-model" in refused.value.message
    assert refused.value.hint
    talk.feed.wait("config_option_update", chosen={"model": "fast"})
    assert model_of(talk) == "fast" and not talk.feed.of("notice")
    talk.call("stop")
    assert talk.ask("slow 0.1") == "done"
    assert model_of(talk) == "fast"


def test_a_setting_that_a_start_refuses_is_tried_once(talk: Talk) -> None:
    talk.call("set_model", model="fast")
    talk.call("stop")
    talk.call("set_model", model="no-such-model")
    with pytest.raises(CodecastError) as refused:
        talk.call("resume")
    assert "no-such-model" in refused.value.message and refused.value.hint
    talk.feed.wait("config_option_update", asked={"model": None})
    assert model_of(talk) == "fast", "shown as set again"
    assert talk.ask("slow 0.1") == "done"
    assert model_of(talk) == "fast"
