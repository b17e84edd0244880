"""Frames arrive whole however the bytes are cut, in linear time."""

import random

import pytest

from codecast_agent.protocol import wire
from codecast_agent.protocol.errors import CodecastError


def conversation(choose):
    """Bytes of random frames, and the frames."""
    data, frames = b"", []
    for number in range(choose.randrange(1, 30)):
        if choose.random() < 0.5:
            size = choose.choice([0, 1, 5, 70, 5000])
            body = bytes(choose.choice(b"@\n{}5 \xff") for _ in range(size))
            data += wire.block_header(number, size) + body
            frames.append(wire.Block(number, body))
        else:
            text = "".join(choose.choice('@\n"é🚀\ud800 x') for _ in range(choose.randrange(50)))
            message = {"id": number, "method": "m", "params": {"text": text}}
            data += wire.encode(message)
            frames.append(message)
        if choose.random() < 0.1:
            data += b"\n"
    return data, frames


@pytest.mark.parametrize("seed", range(60))
def test_frames_cut_anywhere_arrive_whole_and_in_order(seed):
    choose = random.Random(seed)
    data, frames = conversation(choose)
    decoder, got, at = wire.Decoder(), [], 0
    longest = choose.choice([1, 3, 100, 10_000])
    while at < len(data):
        step = choose.randrange(1, longest + 1)
        got.extend(decoder.feed(data[at : at + step]))
        at += step
    assert got == frames


def test_every_single_cut_of_a_block_between_messages():
    data = wire.request(1, "ping", {}) + wire.block_header(3, 4) + b"@1 2" + wire.result(1, None)
    frames = [
        {"id": 1, "method": "ping", "params": {}},
        wire.Block(3, b"@1 2"),
        {"id": 1, "result": None},
    ]
    for cut in range(len(data) + 1):
        decoder = wire.Decoder()
        assert [*decoder.feed(data[:cut]), *decoder.feed(data[cut:])] == frames


@pytest.mark.parametrize(
    "data",
    [b"[1]\n", b"{\n", b"5\n", b"@x 5\n", b"@1\n", b"hello\n", b"@1 -9\n", b"@1 999999999999\n"],
)
def test_what_is_no_frame_is_an_error(data):
    with pytest.raises(ValueError):
        list(wire.Decoder().feed(data))


def test_a_line_without_end_is_refused_before_it_eats_the_memory(monkeypatch):
    monkeypatch.setattr(wire, "MAX_LINE", 1000)
    decoder = wire.Decoder()
    with pytest.raises(ValueError, match="more than 1000"):
        for _ in range(100):
            list(decoder.feed(b"x" * 100))


def test_a_large_block_in_small_pieces_is_joined_once(monkeypatch):
    """Joining at each piece would copy 64 MiB a thousand times."""
    size, piece = 16 << 20, 16 << 10
    body = b"r" * size
    data = wire.block_header(1, size) + body
    decoder, copied = wire.Decoder(), 0
    frames = []
    for at in range(0, len(data), piece):
        before = len(decoder._parts)
        frames.extend(decoder.feed(data[at : at + piece]))
        copied += len(decoder._parts) <= before
    assert [len(frame.data) for frame in frames] == [size]
    assert copied <= 3, "parts are gathered, not joined"


def test_an_error_crosses_the_wire_unchanged():
    problem = CodecastError("already_resolved", "by ann", "h", "d", {"by": "ann", "where": "lab"})
    (message,) = wire.Decoder().feed(wire.error(7, problem))
    back = CodecastError.from_json(message["error"]["data"])
    assert back.to_json() == problem.to_json()
    assert CodecastError.from_json("garbage").code == "internal"
    assert CodecastError.from_json({"data": 5}).to_json()["code"] == "internal"
