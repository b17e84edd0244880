"""Frames of Lark's long connection, by lark-oapi's own codec.

Only the codec is loaded: the packages around it import eleven thousand modules at once (168 MB),
and their client never stops. A library that is whole in memory already is used as it is.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

Json = dict[str, Any]


@contextmanager
def _hollow(*names: str) -> Iterator[None]:
    """These packages without what their `__init__` imports; gone again afterwards, so that who
    imports them later gets the real ones."""
    made = []
    try:
        for name in names:
            if name in sys.modules:
                continue
            spec = find_spec(name)
            if spec is None or spec.submodule_search_locations is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            package = ModuleType(name)
            package.__path__ = list(spec.submodule_search_locations)
            package.__spec__ = spec
            sys.modules[name] = package
            made.append(name)
        yield
    finally:
        for name in made:
            del sys.modules[name]


with _hollow("lark_oapi", "lark_oapi.ws"):
    _Frame: Any = import_module("lark_oapi.ws.pb.pbbp2_pb2").Frame
    const: Any = import_module("lark_oapi.ws.const")
    _enum: Any = import_module("lark_oapi.ws.enum")

CONTROL, DATA = _enum.FrameType.CONTROL.value, _enum.FrameType.DATA.value
PING, PONG = _enum.MessageType.PING.value, _enum.MessageType.PONG.value
EVENT = _enum.MessageType.EVENT.value


class Frame:
    """A frame that came; `headers` by key."""

    def __init__(self, data: bytes) -> None:
        """Raises ValueError for what is no frame."""
        self._frame = _Frame()
        try:
            self._frame.ParseFromString(data)
        except Exception as error:  # the codec has errors of its own
            raise ValueError(f"no frame: {error}") from None
        self.headers: Mapping[str, str] = {h.key: h.value for h in self._frame.headers}

    @property
    def method(self) -> int:
        return int(self._frame.method)

    @property
    def payload(self) -> bytes:
        return bytes(self._frame.payload)

    def number(self, name: str, otherwise: int) -> int:
        value = self.headers.get(name, "")
        return int(value) if value.isdecimal() else otherwise

    def answer(self, data: Json | None, milliseconds: int) -> bytes:
        """The acknowledgement: the same frame; `data` is shown by the platform (a toast)."""
        header = self._frame.headers.add()
        header.key, header.value = const.HEADER_BIZ_RT, str(milliseconds)
        words: Json = {"code": 200}
        if data is not None:
            words["data"] = base64.b64encode(json.dumps(data).encode()).decode()
        self._frame.payload = json.dumps(words).encode()
        return bytes(self._frame.SerializeToString())


def ping(service: int) -> bytes:
    frame = _Frame()
    header = frame.headers.add()
    header.key, header.value = const.HEADER_TYPE, PING
    frame.service, frame.method, frame.SeqID, frame.LogID = service, CONTROL, 0, 0
    return bytes(frame.SerializeToString())
