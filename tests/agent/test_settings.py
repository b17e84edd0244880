"""Mode, model and name: in place where the CLI can, else by a restart nobody notices."""

import pytest

from codecast_agent.protocol.errors import CodecastError

from .conftest import S1, Talk


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
    assert talk.feed.of("config_option_update")[-1].data["class"] == "plan"
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
    assert talk.feed.of("config_option_update")[-1].data["class"] == "plan"
    assert talk.relay.call("session/list")[0]["meta"]["name"] == "nice"


@pytest.mark.parametrize(
    ("verb", "params"),
    [("set_mode", {"mode": "fast"}), ("set_model", {"model": ""}), ("rename", {"name": 3})],
)
def test_bad_setting(talk: Talk, verb: str, params: dict[str, object]) -> None:
    with pytest.raises(CodecastError) as caught:
        talk.call(verb, **params)
    assert caught.value.code == "bad_request"
