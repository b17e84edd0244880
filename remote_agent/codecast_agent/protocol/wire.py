"""Frames between hub and relay, and between relay and supervisor.

Both ways JSON-RPC 2.0 objects travel, one a line (the `jsonrpc` member is left out).
From relay to hub there is a second frame, told apart by its first byte:

    @CHANNEL LENGTH\n  followed by LENGTH bytes of whole journal records, or of a terminal's output

`CHANNEL` is the number the hub gave with `session/subscribe`, `terminal/open` or `file/get`. Shell
noise before the relay speaks is skipped by MARKER (see `codecast_agent.boot`).
"""

import json
from typing import Any, Dict, Iterator, List, NamedTuple, Union

from .errors import CodecastError

PROTOCOL = 1  # the major: raised only when an old peer could not follow
MARKER = b"\n\x1ecodecast "  # what a boot stub says begins with this
MAX_LINE = 96 << 20

# One constant from which both ends derive their patience (seconds).
PING_EVERY = 0.5
PING_MISSED = 2  # this many unanswered pings: the link counts as silent
LEASE = 45.0  # a relay that heard nothing for so long ends itself and its sshd

Message = Dict[str, Any]


class Block(NamedTuple):
    """Journal records of the session subscribed as `channel`."""

    channel: int
    data: bytes


def request(id: int, method: str, params: Message) -> bytes:
    return encode({"id": id, "method": method, "params": params})


def notification(method: str, params: Message) -> bytes:
    return encode({"method": method, "params": params})


def result(id: Any, value: Any) -> bytes:
    return encode({"id": id, "result": value})


def error(id: Any, problem: CodecastError) -> bytes:
    """JSON-RPC's error object; ours rides whole in `data`."""
    return encode(
        {"id": id, "error": {"code": -32000, "message": problem.message, "data": problem.to_json()}}
    )


def encode(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def block_header(channel: int, length: int) -> bytes:
    return b"@%d %d\n" % (channel, length)


class Decoder:
    """Bytes in, messages and blocks out; linear in the bytes however they are cut.

    Raises ValueError at what is no frame: the stream cannot be trusted any further.
    """

    def __init__(self) -> None:
        self._parts: List[bytes] = []
        self._size = 0
        self._want = 0  # bytes still missing before a parse can succeed (0: a line end)

    def feed(self, data: bytes) -> Iterator[Union[Message, Block]]:
        self._size += len(data)
        if (self._size < self._want) if self._want else (b"\n" not in data):
            if not self._want and self._size > MAX_LINE:
                raise ValueError("a frame of more than %d bytes" % MAX_LINE)
            self._parts.append(data)
            return
        buffer = data
        if self._parts:
            self._parts.append(data)
            buffer = b"".join(self._parts)
            self._parts = []
        start = self._want = 0
        while start < len(buffer):
            end = buffer.find(b"\n", start)
            if end < 0:
                break
            if buffer[start] == 0x40:  # @
                channel, length = map(int, buffer[start + 1 : end].split(b" "))
                if not 0 <= length <= MAX_LINE:
                    raise ValueError("a block of %d bytes" % length)
                stop = end + 1 + length
                if stop > len(buffer):
                    self._want = stop - start
                    break
                yield Block(channel, buffer[end + 1 : stop])
                start = stop
                continue
            if end > start:
                message = json.loads(buffer[start:end])
                if not isinstance(message, dict):
                    raise ValueError("a frame that is no object: %r" % buffer[start : start + 80])
                yield message
            start = end + 1
        self._size = len(buffer) - start
        if self._size:
            self._parts = [buffer[start:]]
