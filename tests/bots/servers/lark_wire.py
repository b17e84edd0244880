"""The frames of Lark's long connection, written down once more from what is published of them:
proto2 with `1 SeqID, 2 LogID, 3 service, 4 method` (varints), `5 headers {1 key, 2 value}`,
`6 payload_encoding, 7 payload_type, 8 payload, 9 LogIDNew` (bytes).
"""

from __future__ import annotations

from typing import Any

CONTROL, DATA = 0, 1
_NUMBERS = {1: "seq", 2: "log", 3: "service", 4: "method"}


def encode(method: int, headers: dict[str, str], payload: bytes = b"", service: int = 1) -> bytes:
    made = b"".join(
        _varint(number << 3) + _varint(value)
        for number, value in ((1, 1), (2, 2), (3, service), (4, method))
    )
    for key, value in headers.items():
        made += _bytes(5, _bytes(1, key.encode()) + _bytes(2, value.encode()))
    return made + (_bytes(8, payload) if payload else b"")


def decode(data: bytes) -> dict[str, Any]:
    """`headers`, `payload` and the numbers. Raises ValueError."""
    found: dict[str, Any] = {"headers": {}, "payload": b""}
    for number, value in _fields(data):
        if number in _NUMBERS:
            found[_NUMBERS[number]] = value
        elif number == 5:
            pair = dict(_fields(value))
            found["headers"][pair[1].decode()] = pair[2].decode()
        elif number == 8:
            found["payload"] = value
    missing = set(_NUMBERS.values()) - set(found)
    if missing:
        raise ValueError(f"required fields are missing: {missing}")
    return found


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def _fields(data: bytes) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        if key & 7 == 0:
            value, at = _read_varint(data, at)
            found.append((key >> 3, value))
        elif key & 7 == 2:
            size, at = _read_varint(data, at)
            if at + size > len(data):
                raise ValueError("a field is cut off")
            found.append((key >> 3, data[at : at + size]))
            at += size
        else:
            raise ValueError(f"wire type {key & 7}")
    return found
