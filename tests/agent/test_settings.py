"""Mode, model and name: in place where the CLI can, else by a restart nobody notices."""

from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess, until

from .conftest import S1, Talk, begin

HASTY = "import codecast_agent.choices; codecast_agent.choices.ANSWER_WITHIN = 0.1"


def mode_of(talk: Talk) -> str:
    told = talk.feed.of("config_option_update")
    return str([e.data["class"] for e in told if "class" in e.data][-1])


def test_mode_in_place(talk: Talk) -> None:
    pid = talk.cli()
    talk.call("set_mode", mode="auto")
    talk.feed.wait("config_option_update", **{"class": "auto"})
    assert talk.ask("say x") == "done"
    assert talk.cli() == pid
    assert talk.relay.call("session/list")[0]["meta"]["mode"] == "auto"


def test_mode_by_restart_at_the_next_idle_moment(talk: Talk) -> None:
    pid = talk.cli()
    first = talk.prompt("wait")
    talk.feed.wait("turn_started")
    talk.call("set_mode", mode="plan")
    second = talk.prompt("say second")
    assert talk.cli() == pid
    talk.prompt("go", steer=True)
    assert talk.ended(first) == talk.ended(second) == "done"
    assert talk.cli() != pid
    assert [e.data["state"] for e in talk.feed.of("session_state")] == [
        "starting",
        "ready",
        "ready",
    ]
    assert mode_of(talk) == "plan"
    assert {e.data["native"] for e in talk.feed.of("session_info_update")} == {"native-" + S1}


def test_model_by_restart_while_idle(talk: Talk) -> None:
    pid = talk.cli()
    before = talk.feed.last_seq
    talk.call("set_model", model="big-one")
    talk.feed.wait("session_state", after=before, state="ready")
    assert talk.cli() != pid
    assert talk.ask("say x") == "done"


def test_setting_of_a_stopped_session_is_for_its_next_start(talk: Talk) -> None:
    talk.call("stop")
    talk.call("set_mode", mode="plan")
    talk.call("rename", name="nice")
    assert talk.feed.wait("session_info_update", name="nice")
    assert talk.ask("say x") == "done"
    assert mode_of(talk) == "plan"
    assert talk.relay.call("session/list")[0]["meta"]["name"] == "nice"


@pytest.mark.parametrize(
    ("verb", "params"),
    [("set_mode", {"mode": "fast"}), ("set_model", {"model": ""}), ("rename", {"name": 3})],
)
def test_bad_setting(talk: Talk, verb: str, params: dict[str, object]) -> None:
    with pytest.raises(CodecastError) as caught:
        talk.call(verb, **params)
    assert caught.value.code == "bad_request"


def started_with(talk: Talk) -> str:
    """The model that the CLI was started with last, as its argv says."""
    return Path(f"/proc/{talk.cli()}/cmdline").read_bytes().split(b"\0")[-2].decode()


def restarted(talk: Talk) -> str:
    """Likewise, after it was ended and started again."""
    talk.call("stop")
    assert talk.ask("say x") == "done"
    return started_with(talk)


def test_what_the_cli_took_is_what_it_is_started_with_whoever_died(talk: Talk) -> None:
    talk.call("set_model", model="in-place", by="ann", where="lab")
    talk.feed.wait("config_option_update", chosen={"model": "in-place"}, by="ann", where="lab")
    place = next(talk.relay.root.glob(f"hosts/*/sessions/{S1}"))
    meta = place / "meta.json"
    meta.write_text(meta.read_text().replace("in-place", "of-long-ago"))
    assert restarted(talk) == "in-place", "the journal has it"


def test_a_cli_that_does_not_answer_keeps_nobody_waiting_and_gets_it_at_its_next_start(
    new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    talk = begin(new_relay(preload=HASTY), S1, tmp_path)
    talk.call("set_model", model="in-place-silent")
    notice = talk.feed.wait("notice").data
    assert "has not said whether it takes the model in-place-silent" in notice["text"]
    assert talk.ask("settle in-place-silent unknown here") == "done"
    assert "unknown here" in talk.feed.wait("notice", level="error").data["text"]
    assert restarted(talk) == "-", "refused in the end"
    talk.call("set_model", model="in-place-silent")
    until(lambda: len(talk.feed.of("notice")) == 3, "told again")
    assert restarted(talk) == "in-place-silent"
    assert talk.feed.of("config_option_update")[-1].data["chosen"] == {"model": "in-place-silent"}
    assert restarted(talk) == "in-place-silent"


def test_a_cli_that_dies_of_a_setting_is_resumed_without_it(talk: Talk) -> None:
    with pytest.raises(CodecastError) as died:
        talk.call("set_model", model="in-place-death")
    assert died.value.code == "cli_failed" and died.value.hint
    assert talk.ask("say x") == "done"
    assert started_with(talk) == "-"
