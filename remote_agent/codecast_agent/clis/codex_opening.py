"""How a Codex thread begins: hello, login, a new thread or one resumed or forked.

Prompts carry their id (`clientUserMessageId`), and Codex keeps it: `given` has those of the
last turns of a resumed thread, which need not be given again.
"""

import os
from typing import Any, Callable, Dict, Optional, Set

from ..protocol.errors import CodecastError
from . import codex_problems as problems
from .codex_launch import key_provider
from .codex_settings import GUARDED
from .contract import Host, Launch
from .jsonrpc import JsonRpc
from .lines import clip, many, obj, text_of

IN_USE = "already has an active writer"
NO_RECORD = ("no rollout", "invalid session id")
LOOK_BACK = 3  # turns of a resumed thread whose prompts are remembered


class Opening:
    """`opened(thread id, result)` is called before the host is told that Codex is ready."""

    def __init__(
        self,
        host: Host,
        launch: Launch,
        rpc: JsonRpc,
        opened: Callable[[str, Dict[str, Any]], None],
    ) -> None:
        self._host = host
        self._launch = launch
        self._rpc = rpc
        self._opened = opened
        self._provider: Dict[str, Any] = {}  # of the thread, where we bring the key
        self._resumed = False
        self.given: Set[str] = set()

    def begin(self) -> None:
        client = {"name": "codecast", "title": "Codecast", "version": "1"}
        params = {"clientInfo": client, "capabilities": {"experimentalApi": True}}
        self._rpc.call("initialize", params, self._initialized)

    def _initialized(self, result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
        if error is not None:
            self._fail("Codex did not start", error)
            return
        self._rpc.write({"method": "initialized"})
        fields = {"cli": "codex"}
        version = text_of(result.get("userAgent")).split(" ")[0].rpartition("/")[2]
        if version[:1].isdigit():
            fields["cli_version"] = version
        self._host.emit("session_info_update", **fields)
        self._rpc.call("account/read", {}, self._account)

    def _account(self, result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
        if error is None and result.get("requiresOpenaiAuth") is True and not result.get("account"):
            self._provider = key_provider(self._launch.env or os.environ)
            if not self._provider:
                self._host.failed(
                    CodecastError("not_logged_in", "Codex is not logged in", problems.LOGIN_HINT)
                )
                return
        native = self._launch.native
        if native is None:
            self._rpc.call("thread/start", self._where(), self._thread)
            return
        self._resumed = True
        method = "thread/fork" if self._launch.fork else "thread/resume"
        params = {"threadId": native, "excludeTurns": True, **self._where()}
        self._rpc.call(method, params, self._taken_up)

    def _taken_up(self, result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
        words = message_of(error) if error is not None else ""
        if error is None:
            self._thread(result, None)
        elif IN_USE in words:
            self._host.failed(
                CodecastError(
                    "session_in_use",
                    "Another process has this Codex session open",
                    "Close it there, or fork the session.",
                    detail=clip(words, 2000),
                )
            )
        elif any(reason in words for reason in NO_RECORD):
            self._host.emit(
                "notice",
                level="warning",
                text="The earlier conversation could not be resumed: Codex has no record of it."
                " It starts without it.",
            )
            self._resumed = False
            self._rpc.call("thread/start", self._where(), self._thread)
        else:
            self._fail("Codex could not take up the session", error)

    def _where(self) -> Dict[str, Any]:
        fields: Dict[str, Any] = {"cwd": self._launch.cwd, **GUARDED, **self._provider}
        if self._launch.model:
            fields["model"] = self._launch.model
        return fields

    def _thread(self, result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
        id = text_of(obj(result.get("thread")).get("id"))
        if error is not None or not id:
            self._fail("Codex could not begin a session", error or {})
            return
        self._opened(id, result)
        if self._resumed:
            params = {"threadId": id, "limit": LOOK_BACK, "sortDirection": "desc"}
            self._rpc.call("thread/turns/list", params, self._past)
        else:
            self._host.ready()

    def _past(self, result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
        for turn in many(result.get("data")):
            for item in many(obj(turn).get("items")):
                if text_of(obj(item).get("clientId")):
                    self.given.add(item["clientId"])
        self._host.ready()

    def _fail(self, what: str, error: Dict[str, Any]) -> None:
        self._host.failed(
            CodecastError(
                "cli_failed",
                what,
                "Check Codex's config.toml on that machine; `codex doctor` may say more.",
                detail=clip(message_of(error), 2000),
            )
        )


def message_of(error: Dict[str, Any]) -> str:
    """The words of a JSON-RPC error."""
    return text_of(error.get("message")) or "no reason given"
