"""The machines of the client without a server: names with states."""

from __future__ import annotations

import time
from collections.abc import Sized
from typing import Any

from codecast_agent.protocol.errors import CodecastError

Json = dict[str, Any]


def _conversation(cli: str, native: str, title: str, **more: Any) -> Json:
    times = {"started": time.time() - 7200, "updated": time.time() - 3600}
    about = {"cli": cli, "native": native, "title": title, "cwd": "/home/me/x", "size": 4096}
    return {**about, **times, **more}


class FakeMachines:
    known: Sized  # the sessions
    calls: list[tuple[Any, ...]]

    def __init__(self) -> None:
        self.machine_states: dict[str, str] = {"local": "online", "gpu-1": "offline"}
        self.obstacle: list[CodecastError] = []  # what the next connects fail with
        live = {"pid": 7, "program": "codex", "since": 1.0, "reason": "Codex is in it."}
        self.conversations: list[Json] = [
            _conversation("claude", "3a5278d9-ad95-41a8-8c6a-441d87f1b3ec", "Why | NaN?"),
            _conversation("codex", "01a1fb94-2533-76d3-81f4-3cb0ecfb21ff", "Tidy", live=live),
            _conversation("opencode", "ses_e046c3e13ffeVuV2JYvfAk52V0", "Ours", session="s-1"),
        ]

    def _machine(self, name: str) -> Json:
        if name not in self.machine_states:
            raise CodecastError("not_found", f"There is no machine {name!r}.", "codecast machines")
        return {
            "name": name,
            "kind": "local" if name == "local" else "ssh",
            "source": "ssh_config",
            "host": f"{name}.example",
            "user": "me",
            "port": 22,
            "state": self.machine_states[name],
            "sessions": len(self.known),
            "latency_ms": 1.5,
            "defaults": {},
            "since": time.time(),
        }

    async def machines(self) -> list[Json]:
        return [self._machine(name) for name in self.machine_states]

    async def machine(self, name: str) -> Json:
        return self._machine(name)

    async def put_machine(self, name: str, config: Json) -> Json:
        self.calls.append(("put_machine", name, config))
        self.machine_states[name] = "offline"
        return self._machine(name)

    async def remove_machine(self, name: str) -> None:
        del self.machine_states[name]

    async def connect_machine(self, name: str) -> Json:
        self._machine(name)
        if self.obstacle:
            raise self.obstacle.pop(0)
        self.machine_states[name] = "online"
        return self._machine(name)

    async def disconnect_machine(self, name: str) -> Json:
        self.machine_states[name] = "offline"
        return self._machine(name)

    async def accept_host_key(self, name: str, fingerprint: str) -> Json:
        self.calls.append(("accept_host_key", name, fingerprint))
        return self._machine(name)

    async def give_secret(self, name: str, prompt: str, value: str) -> Json:
        self.calls.append(("give_secret", name, prompt, value))
        return self._machine(name)

    async def machine_info(self, name: str) -> Json:
        return {
            "cpu": 8,
            "memory": {"total": 64e9, "available": 32e9},
            "load": [0.1, 0.2, 0.3],
            "gpus": [],
        }

    async def doctor(self, name: str) -> Json:
        self._machine(name)
        checks = [
            {"name": "connect", "status": "ok", "message": "connected"},
            {"name": "python", "status": "error", "message": "no python3", "hint": "install it"},
        ]
        return {"machine": name, "checks": checks}

    async def clis(self, name: str, refresh: bool = False) -> list[Json]:
        return [
            {"cli": "demo", "name": "Demo", "found": True, "version": "1", "logged_in": True},
            {"cli": "claude", "name": "Claude Code", "found": False, "install": "npm i -g claude"},
        ]

    async def machine_history(
        self,
        name: str,
        cli: str | None = None,
        query: str | None = None,
        limit: int | None = None,
        cwd: str | None = None,
    ) -> list[Json]:
        self._machine(name)
        return [c for c in self.conversations if cli in (None, c["cli"])][:limit]

    async def directories(self, name: str, path: str | None = None, hidden: bool = False) -> Json:
        return {
            "path": "/home/me",
            "entries": [{"name": "project", "is_dir": True, "size": 1, "mtime": 1.0}],
        }

    async def processes(self, name: str) -> list[Json]:
        return [
            {
                "pid": 7,
                "session": "s",
                "ppid": 1,
                "age": 3.0,
                "memory": 1800000,
                "command": "sup",
                "supervisor": True,
            }
        ]

    async def kill(self, name: str, session: str) -> Json:
        return {"killed": [7]}
