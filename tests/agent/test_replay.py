"""What a subscriber gets is the journal's bytes from its cursor on, whatever happens meanwhile."""

import time
from collections.abc import Callable

import pytest

from codecast_agent import streams
from codecast_agent.protocol import records
from tests.fixtures.agent import RelayProcess

from .conftest import S1, Talk


def test_replay_from_any_cursor_is_the_files_tail(talk: Talk) -> None:
    talk.ask("flood 300")
    journal = talk.relay.journal(S1)
    lines = journal.splitlines(keepends=True)
    for after in (0, 1, 2, 7, 100, 150, len(lines) - 1, len(lines)):
        feed = talk.relay.subscribe(S1, after=after)
        feed.wait_seq(len(lines) if after < len(lines) else 0)
        assert bytes(feed.bytes) == b"".join(lines[after:])
        talk.relay.call("session/unsubscribe", channel=feed.channel)


def test_replay_of_100_000_events_over_segments_while_more_arrive(
    talk: Talk, new_relay: Callable[..., RelayProcess]
) -> None:
    prompt = talk.prompt("flood 100000")
    feeds = [talk.feed]
    for after in (0, 5000, 50_000):
        talk.feed.wait_seq(after)
        feeds.append(new_relay().subscribe(S1, after=after))
    for feed in feeds:
        feed.wait("prompt_state", prompt=prompt, state="done")
    journal = talk.relay.journal(S1)
    assert len(list(talk.relay.root.glob(f"hosts/*/sessions/{S1}/journal/*.j"))) > 1
    for feed, after in zip(feeds, (0, 0, 5000, 50_000), strict=True):
        assert bytes(feed.bytes) == b"".join(journal.splitlines(keepends=True)[after:])
    assert len([e for e in feeds[0].events if e.type == "agent_message_chunk"]) == 100_000
    started = time.monotonic()
    again = new_relay().subscribe(S1)
    again.wait("prompt_state", prompt=prompt, state="done")
    assert time.monotonic() - started < 30
    assert bytes(again.bytes) == journal


def test_cursor_beyond_the_end_is_said(talk: Talk) -> None:
    last = talk.relay.call("session/list")[0]["last_seq"]
    assert talk.relay.call("session/subscribe", session=S1, channel=9, after=last + 1) == {
        "last_seq": last,
        "reset": True,
    }
    talk.ask("say more")
    assert (
        talk.relay.call("session/subscribe", session=S1, channel=9, after=last)["last_seq"] > last
    )


def test_line_of_64_mib_passes_and_a_longer_one_is_told(talk: Talk) -> None:
    size = (64 << 20) - 200
    assert talk.ask(f"big {size}\nsay after") == "done"
    assert [len(text) for text in talk.said()] == [size, 5]
    assert talk.ask(f"big {65 << 20}\nsay still") == "done"
    assert talk.said()[2:] == ["still"]
    assert "65 MiB" in talk.feed.wait("notice").data["text"]
    late = talk.relay.subscribe(S1)
    late.wait_seq(talk.feed.last_seq)
    late.assert_is_journal()


def test_other_sessions_words_pass_while_a_long_record_is_sent(
    talk: Talk, new_relay: Callable[..., RelayProcess]
) -> None:
    talk.ask(f"big {48 << 20}")
    late = talk.relay.subscribe(S1)
    assert talk.relay.call("ping", n=7)["n"] == 7
    late.wait_seq(talk.feed.last_seq)
    status = (f"/proc/{talk.relay.pid}/status", f"/proc/{talk.supervisor}/status")
    with open(status[0]) as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    assert peak < 40_000, "the relay must not hold the record"


def test_words_that_are_no_utf_8_and_no_json(talk: Talk) -> None:
    assert talk.ask("raw fffe0a\nraw 0a\nraw 7b7d0a\nsay fine") == "done"
    assert talk.feed.wait("notice").data["raw"] == "\\xff\\xfe"
    assert talk.said() == ["fine"]


def test_half_a_character_is_put_together(talk: Talk) -> None:
    head = b'{"event":{"type":"agent_message_chunk","message":"m","content":{"type":"text","text":"'
    whole = head + "ü€".encode() + b'"}}}\n'
    parts = "\nslow 0.05\n".join("raw " + whole[i : i + 45].hex() for i in range(0, len(whole), 45))
    assert talk.ask(parts) == "done"
    assert talk.said() == ["ü€"]


def test_adapters_mistake_is_a_notice_and_the_session_goes_on(talk: Talk) -> None:
    line = b'{"event": {"type": "explode"}}\n'
    assert talk.ask("raw " + line.hex() + "\nsay fine") == "done"
    notice = talk.feed.wait("notice").data
    assert notice["level"] == "error" and "ZeroDivisionError" in notice["text"]


@pytest.mark.parametrize("step", [1, 3, 1000, 5000])
def test_lines_are_the_same_however_they_are_cut(step: int) -> None:
    data = b"".join(b"%d" % n * (n % 50) + b"\n" for n in range(300)) + b"rest"
    lines = streams.Lines(1 << 20)
    got = [line for i in range(0, len(data), step) for line in lines.feed(data[i : i + step])[0]]
    assert got == data.split(b"\n")[:-1]
    assert lines.rest() == b"rest"


@pytest.mark.parametrize("step", [1, 7, 100])
def test_too_long_lines_are_counted_and_the_next_ones_kept(step: int) -> None:
    data = b"short\n" + b"x" * 11 + b"\n" + b"y" * 10 + b"\n" + b"z" * 12
    lines = streams.Lines(10)
    got, too_long = [], []
    for i in range(0, len(data), step):
        more, long = lines.feed(data[i : i + step])
        got += more
        too_long += long
    assert got == [b"short", b"y" * 10]
    assert too_long == [11]
    assert lines.rest() == 12


def test_records_fit_the_vocabulary(talk: Talk) -> None:
    talk.ask("say x")
    from codecast_agent.protocol.events import problems

    for event in records.decode_block(talk.relay.journal(S1)):
        assert problems({"type": event.type, **event.data}) == []
