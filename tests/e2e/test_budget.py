"""The real Claude Code on another host stops at its budget, also while nobody is there."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Model
from tests.fixtures.live import until
from tests.fixtures.world import World


def test_a_reached_budget_outlives_links_and_servers_and_a_higher_one_goes_on(
    far: World, model: Model, project: Path
) -> None:
    talk = far.talk(project, "claude", mode="ask", budget={"max_cost": 0.05})
    first = talk.prompt("usage:1000:10\nslow:10:300\nsay: cheap.")
    dear = talk.prompt("usage:2000000:100\nsay:dear.")
    later = talk.prompt("say:later.")
    far.kill_server()  # nobody watches from here on
    talk.wait_status("paused")
    states = [talk.prompts()[id]["state"] for id in (first, dear, later)]
    assert states == ["done", "done", "queued"]
    reached = talk.wait_event("budget_reached")
    assert (reached["limit"], reached["max"]) == ("max_cost", 0.05)
    asked = len(model.finished(talk.state["native"]))

    usage = talk.api.get(f"/sessions/{talk.id}/usage")
    cheap, costly = usage["turns"]
    assert 0 < cheap["cost_usd"] < 0.05 < costly["cost_usd"]
    assert costly["usage"]["input_tokens"] >= 2_000_000
    total = usage["total"]["cost_usd"]
    assert abs(total - cheap["cost_usd"] - costly["cost_usd"]) < 1e-6
    assert usage["over_budget"]["value"] == round(total, 6)
    told = far.shell("usage", talk.id)
    assert told.code == 0 and "spent" in told.out

    # the queue waits, whatever ends and comes back
    talk.api.post(f"/sessions/{talk.id}/stop")
    more = talk.prompt("say:more.")
    until(lambda: talk.prompts()[more]["state"] == "queued", "the prompt is on the machine")
    assert len(model.finished(talk.state["native"])) == asked

    raised = far.shell("budget", talk.id, "--max-cost", "1000")
    assert raised.code == 0, raised.err
    talk.wait_prompt(more, "done")
    after = talk.api.get(f"/sessions/{talk.id}/usage")
    assert after["over_budget"] is None
    assert after["total"]["cost_usd"] > total, "what was spent before the restart counts"


def test_minutes_and_turns_stop_a_turn_and_the_next(far: World, project: Path) -> None:
    talk = far.talk(project, "claude", mode="ask", budget={"max_minutes": 0.05, "max_turns": 2})
    slow = talk.prompt("slow:2000:50")
    talk.wait_prompt(slow, "cancelled")
    assert talk.wait_event("budget_reached")["limit"] == "max_minutes"
    assert talk.wait_status("paused")["turn"] is None
    far.shell("budget", talk.id, "--max-minutes", "none")
    talk.ask("say:hello.")
    assert talk.wait_event("budget_reached", limit="max_turns")["value"] == 2
