"""What a session's journal says is so: the fold, and what only the machine needs beside it.

A supervisor keeps one over the events it writes, a new supervisor and a burial read it back
from the journal. Only control events are parsed; chunks are told apart by their prefix.
"""

import json
from typing import Any, Dict, List, Mapping, Set

from .journal import scan
from .protocol import records, state

# Any of these in a turn is a sign that the CLI took the prompt.
SIGNS = frozenset(
    [
        "agent_message_chunk",
        "agent_thought_chunk",
        "tool_call",
        "tool_call_update",
        "tool_output_delta",
        "plan",
        "usage_update",
        "request_opened",
        "retry",
        "message_discarded",
    ]
)
_SIGNS = frozenset(sign.encode() for sign in SIGNS)
_READ = frozenset(
    [
        b"session_state",
        b"turn_started",
        b"turn_ended",
        b"prompt_state",
        b"request_opened",
        b"request_resolved",
        b"request_withdrawn",
        b"session_info_update",
        b"config_option_update",
        b"usage_update",
        b"budget_update",
        b"budget_reached",
    ]
)


class Ledger:
    """`state` is the fold (`protocol.state`) without content.

    `known` has every prompt ever accepted, `moves` every move of one, `answers` and `withdrawn`
    every request that is over, `turn` the last number given to a turn, `taken` says whether the
    CLI has shown that it took the open turn's prompt, `steered` the prompts put into the open
    turn, `was_ready` whether the CLI ever was, `has_budget` whether a budget was ever said,
    `tells_cost` is False when turns have ended and nothing was said of their cost, `chosen` and
    `asked` are the settings a person made, by name: those the CLI took, and those it has not said
    a word of (`choices`), `heard` is when the last event came (seconds since 1970).
    """

    def __init__(self) -> None:
        self.state: state.State = state.initial()
        self.known: Set[str] = set()
        self.moves: Set[str] = set()
        self.answers: Dict[str, Dict[str, Any]] = {}
        self.withdrawn: Set[str] = set()
        self.turn = 0
        self.taken = False
        self.steered: Set[str] = set()
        self.was_ready = False
        self.has_budget = False
        self.tells_cost = True
        self._cost_told = False
        self.chosen: Dict[str, str] = {}
        self.asked: Dict[str, str] = {}
        self.heard = 0.0

    @classmethod
    def read(cls, directory: str) -> "Ledger":
        """From the journal below `directory`."""
        ledger = cls()
        seq = time_us = 0
        for seq, time_us, payload in scan(directory):
            kind = records.type_of(payload)
            if kind in _READ:
                data = json.loads(payload)
                ledger.apply(seq, time_us / 1e6, data.pop("type"), data)
            elif kind in _SIGNS:
                ledger.taken = True
        ledger.state["seq"] = seq
        ledger.heard = time_us / 1e6
        return ledger

    def pass_over(self, seq: int, time: float, type: str) -> None:
        """Take one event of a type that the fold does not look at."""
        self.state["seq"] = seq
        self.state["updated"] = self.heard = time
        if type in SIGNS:
            self.taken = True

    def apply(self, seq: int, time: float, type: str, data: Mapping[str, Any]) -> None:
        """Take one event."""
        state.apply(self.state, seq, time, type, data)
        self.heard = time
        if type in SIGNS:
            self.taken = True
        if type not in state.FOLDED:
            return
        if type == "prompt_state":
            self.known.add(str(data.get("prompt")))
            if "move" in data:
                self.moves.add(str(data["move"]))
            if data.get("steered"):
                self.steered.add(str(data.get("prompt")))
            elif data.get("steered") is False:  # the CLI keeps it for a turn of its own
                self.steered.discard(str(data.get("prompt")))
        elif type == "turn_started":
            self.turn = max(self.turn, int(data.get("turn") or 0))
            self.taken = False
            self.steered = set()
        elif type == "request_resolved":
            self.answers[str(data.get("request"))] = {
                key: data[key] for key in ("by", "where", "option") if key in data
            }
        elif type == "request_withdrawn":
            self.withdrawn.add(str(data.get("request")))
        elif type == "session_state" and data.get("state") == "ready":
            self.was_ready = True
        elif type == "budget_update":
            self.has_budget = True
        elif type == "config_option_update":
            self.chosen.update(data.get("chosen") or {})
            for name, value in (data.get("asked") or {}).items():
                if value is None:
                    self.asked.pop(name, None)
                else:
                    self.asked[name] = value
        elif type == "usage_update" and "cost_usd" in data:
            self._cost_told = self.tells_cost = True
        elif type == "turn_ended" and data.get("reason") == "end_turn":
            self.tells_cost = self._cost_told

    def waiting(self) -> List[str]:
        """The prompts the CLI was not given yet, in their order."""
        return state.waiting(self.state)

    def given(self) -> List[str]:
        """The prompts the CLI was given and that have not ended."""
        return [id for id, entry in self.state["prompts"].items() if entry["state"] == "running"]

    def in_turn(self) -> List[str]:
        """Those of `given` that belong to the open turn."""
        turn = self.state["turn"]
        own = set(turn["prompts"]) | self.steered if turn is not None else set()
        return [id for id in self.given() if id in own]

    def idle(self) -> bool:
        """No turn is open and no prompt is with the CLI."""
        return self.state["turn"] is None and not self.given()
