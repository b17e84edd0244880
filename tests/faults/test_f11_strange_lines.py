"""F11: a line that is no JSON, a line of 20 MB, half a letter, no letter at all."""

from __future__ import annotations

from pathlib import Path

from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World


def test_a_line_that_is_no_json_becomes_a_notice(world: World, project: Path) -> None:
    talk = world.talk(project, "scripted")
    noise = b"Warning: deprecated\n{half a json\n\xff\xfe\x00 binary\n"
    talk.ask(f"say before.\nbytes {noise.hex()}\nsay after.")
    events = talk.events()
    assert_whole(events)
    assert text_of(events) == "before.after."
    notices = [event["text"] for event in events if event["type"] == "notice"]
    assert any("Warning: deprecated" in text for text in notices)
    assert any("{half a json" in text for text in notices)
    assert any("binary" in text for text in notices)


def test_a_line_of_20_mb_arrives_whole(world: World, project: Path) -> None:
    talk = world.talk(project, "scripted")
    talk.ask("big 20000000\nsay end")
    said = text_of(talk.events())
    assert len(said) == 20_000_003
    assert said == "x" * 20_000_000 + "end"


def test_a_letter_in_two_halves_is_one_letter(world: World, project: Path) -> None:
    talk = world.talk(project, "scripted")
    talk.ask("halves naïve € 漢字 🚀")
    assert text_of(talk.events()) == "naïve € 漢字 🚀"


def test_bytes_that_are_no_utf8_cost_a_letter_not_the_message(world: World, project: Path) -> None:
    talk = world.talk(project, "scripted")
    talk.ask("latin Grüße\nsay !")
    events = talk.events()
    assert_whole(events)
    assert text_of(events) == "Gr��e!"
    assert [e for e in events if e["type"] == "notice" and "UTF-8" in e["text"]]
