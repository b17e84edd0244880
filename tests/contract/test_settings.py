"""Another model in the middle of a session of every CLI: the next prompt is answered by it."""

from __future__ import annotations

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.live import until

from .conftest import Session


def value(session: Session) -> str:
    return str(session.talk.state["settings"]["model"]["value"])


def switch(session: Session, model: str) -> None:
    session.talk.api.call("PATCH", session.talk.path, {"model": model})
    until(lambda: value(session) == model, f"the model is {model}")


def answered_by(session: Session, marker: str) -> str:
    """The model that a prompt with this marker was sent to."""
    session.ask(f"say:{marker}")
    asked = [e for e in session.world.model.log() if marker in e.get("prompt", "")]
    return str(asked[-1]["model"])


def test_the_next_prompt_is_answered_by_another_model(session: Session) -> None:
    before, other = value(session), session.cli.other_model
    assert before != other
    # some tell what can be chosen a moment after they are ready
    choices = until(lambda: session.talk.state["settings"]["model"].get("choices"), "the choices")
    offered = [choice["value"] for choice in choices]
    assert before in offered and other in offered
    name = other.rsplit("/", 1)[-1]
    assert name not in answered_by(session, f"by the first {session.talk.id}")
    switch(session, other)
    session.begin()
    assert name in answered_by(session, f"by the other {session.talk.id}")
    # what was said before the switch is known to the other one
    told = session.world.told(f"by the other {session.talk.id}")
    assert f"by the first {session.talk.id}" in told
    switch(session, before)


def test_the_model_outlives_the_process(session: Session) -> None:
    other = session.cli.other_model
    switch(session, other)
    session.ask("say:first")
    session.talk.stop()
    session.ask("say:back again")
    assert value(session) == other
    name = other.rsplit("/", 1)[-1]
    session.begin()
    assert name in answered_by(session, f"by the same {session.talk.id}")


def test_a_model_nobody_knows_is_refused_or_shown_as_set_and_can_be_left(session: Session) -> None:
    before, nonsense = value(session), "no-such-model-anywhere"
    refused = False
    try:
        session.talk.api.call("PATCH", session.talk.path, {"model": nonsense})
    except CodecastError as problem:
        refused = True
        assert problem.message and problem.hint
    id = session.prompt("say:by whom?")
    found = session.talk.wait_prompt(id, "done", "failed")
    if not refused and found["state"] == "done" and value(session) != nonsense:
        said = [e["text"] for e in session.events("notice") if e["level"] in ("warning", "error")]
        assert [text for text in said if nonsense in text], "neither taken nor refused"
    if found["state"] == "failed":
        assert session.talk.wait_event("turn_ended", after=session.at)["error"]["message"]
    if refused:  # nor does a start try what was refused
        session.talk.stop()
    else:
        switch(session, before)
    session.ask("say:still here")
    assert session.said.endswith("still here") and value(session) == before
