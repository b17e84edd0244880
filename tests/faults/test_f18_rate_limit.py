"""F18: the model's provider says no more for now: the turn ends and says so, what waits goes on
waiting or runs as it was told, and the same words can be sent again."""

from __future__ import annotations

from tests.fixtures.live import until
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World


def test_a_limit_ends_the_turn_and_the_same_words_can_be_sent_again(claude: World) -> None:
    talk = claude.talk(claude.project(), "claude", mode="ask")
    id = talk.prompt("fail:429")
    failed = talk.wait_prompt(id, "failed")
    assert failed["error"]["code"] == "model_error"
    assert failed["error"]["status"] == 429
    assert failed["error"]["retryable"] is True
    assert "limit" in failed["error"]["hint"] and "again" in failed["error"]["hint"]
    retries = [event for event in talk.events() if event["type"] == "retry"]
    assert retries, "that it tries again is told while it does"
    told = claude.shell("show", talk.show()["name"])
    assert "429" in told.out or "limit" in told.out
    until(lambda: talk.state["status"] == "idle", "the session lives on")

    # the limit is over: nothing was lost with the turn, and nothing was sent by itself meanwhile
    before = len(talk.prompts())
    talk.ask("say:there is room again")
    assert len(talk.prompts()) == before + 1
    assert "there is room again" in text_of(talk.events())
    assert_whole(talk.events())


def test_root_runs_it_without_asking(claude: World) -> None:
    """Claude refuses to skip permissions for root; ours does not need it to."""
    project = claude.project()
    talk = claude.talk(project, "claude", mode="auto")
    talk.ask("bash:id -u > who.txt")
    assert (project / "who.txt").read_text() == "0\n"
    assert not [event for event in talk.events() if event["type"] == "request_opened"]
