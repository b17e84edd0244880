"""JSON-RPC between us and a CLI: requests both ways, answers matched, notifications.

One object a message; how a message becomes a line is the adapter's (`write`), as is what
the messages mean.
"""

from typing import Any, Callable, Dict, Optional

from .lines import obj

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

Message = Dict[str, Any]
Done = Callable[[Dict[str, Any], Optional[Dict[str, Any]]], None]  # (result, error)


class JsonRpc:
    """One side of a connection.

    `asked(id, method, params, message)` is a request of the other side, to be answered by
    `result` or `refuse`; `notified(method, params, message)` needs none; `stray(message)` is an
    answer to nothing.
    """

    def __init__(
        self,
        write: Callable[[Message], None],
        asked: Callable[[Any, str, Dict[str, Any], Message], None],
        notified: Callable[[str, Dict[str, Any], Message], None],
        stray: Callable[[Message], None],
    ) -> None:
        self.write = write
        self._asked = asked
        self._notified = notified
        self._stray = stray
        self._waiting: Dict[int, Done] = {}
        self._last_id = 0

    def call(self, method: str, params: Dict[str, Any], done: Done) -> None:
        """Ask; `done` is called with the answer, unless the other side is gone before."""
        self._last_id += 1
        self._waiting[self._last_id] = done
        self.write({"id": self._last_id, "method": method, "params": params})

    def result(self, native: Any, result: Dict[str, Any]) -> None:
        self.write({"id": native, "result": result})

    def refuse(self, native: Any, code: int, text: str) -> None:
        self.write({"id": native, "error": {"code": code, "message": text}})

    def take(self, message: Message) -> None:
        """A message of the other side. Raises what the callbacks raise."""
        method = message.get("method")
        if isinstance(method, str):
            params = obj(message.get("params"))
            if message.get("id") is not None:
                self._asked(message["id"], method, params, message)
            else:
                self._notified(method, params, message)
            return
        done = self._waiting.pop(_number(message.get("id")), None)
        if done is None:
            self._stray(message)
        elif message.get("error") is not None:
            done({}, obj(message["error"]) or {"message": str(message["error"])})
        else:
            done(obj(message.get("result")), None)

    def gone(self) -> None:
        """The other side answers nothing any more."""
        self._waiting.clear()


def _number(id: Any) -> int:
    """Our id of an answer, 0 for none; some agents make strings of them."""
    if isinstance(id, str) and id.isdigit():
        return int(id)
    return id if isinstance(id, int) else 0
