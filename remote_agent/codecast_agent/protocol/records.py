"""The journal's record: one line, numbered, dated, checked.

    SEQ TIME_US CRC32 JSON\n

SEQ counts from 1 without holes, TIME_US is microseconds since 1970 on the machine's
clock, CRC32 (8 hex digits) covers the JSON, and the JSON is one event that begins with
`{"type":"<type>"`, so that a reader can pick by type without parsing. The journal's
bytes are also the wire's bytes: a replay is a block copy.
"""

import json
import zlib
from typing import Any, Callable, Dict, Iterable, Iterator, NamedTuple, Optional, Tuple

MAX_RECORD = 80 << 20  # a CLI's line of 64 MiB, escaped and wrapped


class Event(NamedTuple):
    """A numbered event. `time` is in seconds since 1970; `data` has all fields but `type`."""

    seq: int
    time: float
    type: str
    data: Dict[str, Any]

    def to_json(self) -> Dict[str, Any]:
        """`{seq, time, type, ...fields}`: the API's shape of an event."""
        return {"seq": self.seq, "time": self.time, "type": self.type, **self.data}


def _encoder() -> Callable[[Any, int], Iterable[str]]:
    """Gives the pieces of compact ASCII JSON. `json` makes its C encoder anew for every call,
    which takes longer than an event: here it is made once, where it is what we know."""
    plain = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)
    try:
        encode = json.encoder.encode_basestring_ascii
        made: Any = json.encoder.c_make_encoder  # type: ignore[attr-defined]
        make = made(None, plain.default, encode, None, ":", ",", False, False, True)
        trial = {"a": ["\u00e9", 1, 1.5, None, True, {}, {"b": [[]]}]}
        if "".join(make(trial, 0)) == plain.encode(trial):
            return make  # type: ignore[no-any-return]
    except Exception:  # another Python's json: its own way is as right
        pass
    return lambda value, depth: [plain.encode(value)]


_pieces = _encoder()


def dump(event: Dict[str, Any]) -> bytes:
    """Compact JSON with `type` first. Lone surrogates survive as escapes."""
    if next(iter(event), "") != "type":
        rest = {key: value for key, value in event.items() if key != "type"}
        event = {"type": event["type"], **rest}
    return "".join(_pieces(event, 0)).encode("ascii")


def encode(seq: int, time_us: int, payload: bytes) -> bytes:
    """A record of `payload`, which is the JSON of one event (see `dump`)."""
    return b"%d %d %08x %s\n" % (seq, time_us, zlib.crc32(payload), payload)


def split(line: bytes) -> Optional[Tuple[int, int, bytes]]:
    """`(seq, time_us, payload)` of a record without its line end; None when it is broken."""
    try:
        seq, time_us, crc, payload = line.split(b" ", 3)
        if int(crc, 16) != zlib.crc32(payload):
            return None
        return int(seq), int(time_us), payload
    except ValueError:
        return None


def decode(line: bytes) -> Optional[Event]:
    """The event of a record; None when the record is broken."""
    parts = split(line)
    if parts is None:
        return None
    seq, time_us, payload = parts
    try:
        data = json.loads(payload)
        kind = data.pop("type")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    return Event(seq, time_us / 1e6, str(kind), data)


def type_of(payload: bytes) -> bytes:
    """The event's type, read without parsing the JSON."""
    end = payload.find(b'"', 9)
    return payload[9:end] if payload.startswith(b'{"type":"') else b""


def decode_block(block: bytes) -> Iterator[Event]:
    """The events of whole records. Raises ValueError at a broken one: a link must not skip."""
    for line in block.split(b"\n"):
        if line:
            event = decode(line)
            if event is None:
                raise ValueError("broken journal record: %r" % line[:80])
            yield event
