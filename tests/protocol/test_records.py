"""Records survive any text, and no damage to one goes unseen."""

import json
import random

import pytest

from codecast_agent.protocol import records

TEXTS = [
    "",
    "plain",
    "line\nbreak\r\n",
    '"quoted" \\',
    "é 数据 🚀",
    "\ud800",
    "\x00\x1b[0m",
    "x" * 70_000,
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_what_is_written_is_read_whatever_the_text(text):
    payload = records.dump({"text": text, "type": "notice", "level": "info"})
    line = records.encode(7, 1_700_000_000_123_456, payload)
    assert line.count(b"\n") == 1, "one record, one line"
    event = records.decode(line.rstrip(b"\n"))
    assert event == records.Event(
        7, 1_700_000_000.123456, "notice", {"text": text, "level": "info"}
    )
    assert event.to_json()["type"] == "notice"
    assert records.type_of(payload) == b"notice"
    assert list(records.decode_block(line + line)) == [event, event]


def test_no_changed_byte_goes_unseen():
    line = records.encode(
        7, 1_700_000_000_000_000, records.dump({"type": "notice", "text": "word"})
    )
    start = line.index(b"{")
    for place in range(start, len(line) - 1):
        for bit in range(8):
            damaged = bytearray(line[:-1])
            damaged[place] ^= 1 << bit
            assert records.split(bytes(damaged)) is None


def test_a_torn_or_foreign_line_is_no_record_and_never_an_exception():
    line = records.encode(12, 1_700_000_000_000_000, records.dump({"type": "notice", "n": 1}))[:-1]
    for end in range(len(line)):
        assert records.decode(line[:end]) is None
    choose = random.Random(2)
    for _ in range(3000):
        junk = bytes(choose.randrange(256) for _ in range(choose.randrange(60)))
        assert records.decode(junk.replace(b"\n", b"")) is None


@pytest.mark.parametrize("payload", [b"[]", b'"x"', b"{}", b"5", b"{", b'{"no":"type"}'])
def test_a_record_whose_json_is_no_event_is_none(payload):
    assert records.decode(records.encode(1, 1, payload)[:-1]) is None


def test_a_block_with_a_broken_record_is_refused_and_not_skipped_over():
    good = records.encode(1, 1, records.dump({"type": "notice"}))
    with pytest.raises(ValueError, match="broken journal record"):
        list(records.decode_block(good + b"2 1 00000000 {}\n" + good))


def test_the_type_is_read_only_where_it_stands_first():
    assert records.type_of(json.dumps({"x": 1, "type": "t"}).encode()) == b""
    assert records.dump({"x": 1, "type": "t"}).startswith(b'{"type":"t"')
