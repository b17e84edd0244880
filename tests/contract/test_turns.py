"""A turn of every CLI: thoughts, text, usage, what can be chosen."""

from __future__ import annotations

import base64

from .conftest import Session

PIXEL = (  # a PNG of one
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD"
    "hgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_thoughts_and_text_stream_once_and_whole(session: Session) -> None:
    end = session.ask("think:pondering deeply", "say:hello from the model of the contract")
    assert end["reason"] == "end_turn"
    assert session.said == "hello from the model of the contract"
    thought = "".join(e["content"]["text"] for e in session.events("agent_thought_chunk"))
    assert "pondering deeply" in thought
    # streamed, and numbered without a hole by the time it is stored
    numbers = [event["seq"] for event in session.talk.events()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(session.events("agent_message_chunk")) > 1
    assert not [e for e in session.events("notice") if "raw" in e], "something was not understood"


def test_tokens_of_a_turn_are_told(session: Session) -> None:
    end = session.ask("usage:12345:67", "say:counted")
    assert end["usage"]["input_tokens"] == 12345
    assert end["usage"]["output_tokens"] == 67
    usage = session.talk.api.get(f"{session.talk.path}/usage")
    assert usage


def test_cost_is_told_where_the_cli_tells_it(session: Session) -> None:
    session.ask("usage:10000:1000", "say:paid")
    cost = session.talk.state.get("cost_usd")
    if session.cli.lacks("cost"):
        assert not cost
    else:
        assert cost > 0


def test_what_it_is_and_what_can_be_chosen_is_told(session: Session) -> None:
    session.ask("say:hello")
    state = session.talk.state
    assert state["mode"] == "ask"
    assert state["native"] and state["pid"]
    assert session.cli.other_model in [c["value"] for c in state["settings"]["model"]["choices"]]


def test_an_image_reaches_the_model_and_another_file_by_its_path(session: Session) -> None:
    image, data = session.cwd / "pixel.png", session.cwd / "data.bin"
    image.write_bytes(base64.b64decode(PIXEL))
    data.write_bytes(bytes(range(256)))
    marker = f"with a picture {session.talk.id}"
    attached = [f"--attach={path}" for path in (image, data)]
    done = session.world.shell("send", session.talk.id, f"say:{marker}", *attached, "--wait")
    assert done.code == 0, done.err
    sent = session.world.told(marker)
    assert PIXEL in sent
    assert "data.bin" in sent and str(session.world.ground.directory(session.talk.id)) in sent
