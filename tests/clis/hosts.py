"""A supervisor for adapters in tests: it takes what they emit and checks that it may be."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

from codecast_agent.protocol import events, records, state
from codecast_agent.protocol.errors import CodecastError

Json = dict[str, Any]
CONTENT = frozenset(
    ("user_message_chunk", "agent_message_chunk", "agent_thought_chunk", "tool_call", "plan")
)


class RecordingHost:
    """Keeps `events`, `sent` messages and `timers`; every promise of an adapter is asserted."""

    def __init__(self) -> None:
        self.events: list[Json] = []
        self.sent: list[Json] = []
        self.log: list[tuple[str, Any]] = []  # events, sent messages and what was done, in order
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.chunks = 0  # taken as they were
        self.is_ready = False
        self.problem: CodecastError | None = None
        self.state = state.initial()
        self.broken: list[str] = []  # promises
        self._seq = 0  # a test may forget events
        self._turn = 0
        self._open_turn: int | None = None
        self._requests: set[str] = set()

    # -- the contract

    def emit(self, type: str, **fields: Any) -> None:
        event = {"type": type, **fields}
        try:
            assert events.problems(event) == [], events.problems(event)
            json.loads(records.dump(event))
            self._check(type, fields)
        except (AssertionError, ValueError) as problem:
            # an adapter survives what a message makes it do; a test must not
            self.broken.append(f"{problem}: {str(event)[:300]}")
            raise
        self.events.append(event)
        self.log.append(("event", event))
        self._seq += 1
        state.apply(self.state, self._seq, float(self._seq), type, fields)

    def emit_chunk(self, type: str, message: str, content: bytes) -> None:
        self.chunks += 1
        block = json.loads(content)
        assert content == json.dumps(block, separators=(",", ":")).encode("ascii")
        self.emit(type, message=message, content=block)

    def send(self, line: bytes) -> None:
        assert b"\n" not in line
        self.sent.append(json.loads(line))
        self.log.append(("sent", self.sent[-1]))

    def ready(self) -> None:
        assert not self.is_ready, "ready twice"
        self.is_ready = True
        self.log.append(("ready", None))

    def failed(self, problem: CodecastError) -> None:
        self.problem = problem
        self.log.append(("failed", problem))

    def after(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        entry = (seconds, call)
        self.timers.append(entry)
        return lambda: self.timers.remove(entry) if entry in self.timers else None

    def next_turn(self) -> int:
        self._turn += 1
        return self._turn

    def _check(self, type: str, fields: Json) -> None:
        if type == "turn_started":
            assert self._open_turn is None, "a turn inside a turn"
            self._open_turn = fields["turn"]
        elif type == "turn_ended":
            assert fields["turn"] == self._open_turn, "an end of another turn"
            self._open_turn = None
        elif type in CONTENT and "parent" not in fields:
            assert self._open_turn is not None, f"{type} outside a turn"
        elif type == "request_opened":
            assert fields["request"] not in self._requests
            self._requests.add(fields["request"])
        elif type == "request_withdrawn":
            assert fields["request"] in self._requests, "a request that is not open was withdrawn"
            self._requests.remove(fields["request"])

    # -- for tests

    def resolved(self, request: str) -> None:
        """What a supervisor notes when a person has answered."""
        self._requests.remove(request)

    def nothing_open(self) -> None:
        """Assert that every turn and request has ended."""
        assert self.broken == []
        assert self._open_turn is None, "a turn was left open"
        assert not self._requests, "a request was left open"

    @property
    def turn_open(self) -> bool:
        return self._open_turn is not None

    @property
    def open_requests(self) -> set[str]:
        return set(self._requests)

    def of(self, *types: str) -> list[Json]:
        return [event for event in self.events if event["type"] in types]

    def last(self, type: str) -> Json:
        return self.of(type)[-1]

    def unknown(self) -> list[Json]:
        """The notices about messages nobody understood."""
        words = ("Unknown", "not be understood", "not be read", "no message", "nobody asked")
        return [e for e in self.of("notice") if any(word in e["text"] for word in words)]

    def messages(self, type: str = "agent_message_chunk") -> list[str]:
        """The texts of the answer: chunks of a message joined, discarded ones left out."""
        texts: dict[str, str] = {}
        for event in self.events:
            if event["type"] == type and "parent" not in event:
                texts[event["message"]] = texts.get(event["message"], "") + event["content"]["text"]
            elif event["type"] == "message_discarded":
                texts.pop(event["message"], None)
        return list(texts.values())

    def calls(self) -> dict[str, Json]:
        """Tool calls, folded."""
        found: dict[str, Json] = {}
        for event in self.of("tool_call", "tool_call_update"):
            fields = {k: v for k, v in event.items() if k not in ("type", "raw")}
            found.setdefault(event["call"], {}).update(fields)
        return found


def ids() -> Callable[[], str]:
    """Readable ids for prompts: prompt-1, prompt-2, ..."""
    counter = itertools.count(1)
    return lambda: f"prompt-{next(counter)}"
