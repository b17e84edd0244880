"""The judge: what every journal, the store, each surface and the agents themselves have on record.

Each rule is one promise. What it finds is a `Finding`, in words a person can follow to the
place; a run without any has kept all promises.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from codecast_agent.protocol import records

from .people import Told
from .surfaces import ENDED, Shown, digest

Json = dict[str, Any]
LOST = re.compile(r"The machine lost the events from (\d+) to (\d+)")


class Finding(NamedTuple):
    rule: str
    session: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: session {self.session}: {self.text}"


class Evidence(NamedTuple):
    """Of one session, gathered when all is quiet."""

    session: str
    machine: str
    journal: list[Json]  # read from the machine's disk
    store: list[Json]  # read from the hub's file
    prompts: dict[str, str]  # id -> state, as the store has it
    order: list[str]  # ids as they were stored
    witness: list[Json]
    shown: list[Shown]
    told: Told
    lost_power: int
    killed: bool  # by a fault


class Counts(NamedTuple):
    prompts: int
    events: int
    states: Counter[str]
    requests: int
    gaps: int


def read_journal(directory: Path) -> list[Json]:
    """Every record, its checksum proven."""
    events: list[Json] = []
    for path in sorted(directory.glob("*.j")):
        for event in records.decode_block(path.read_bytes()):
            events.append(event.to_json())
    return events


def read_store(path: Path, session: str) -> tuple[list[Json], dict[str, str], list[str]]:
    """Events, states of prompts, and the order in which they were stored."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        found = db.execute("SELECT num FROM sessions WHERE id = ?", (session,)).fetchone()
        if found is None:
            return [], {}, []
        rows = db.execute(
            "SELECT seq, time, body FROM events WHERE session = ? ORDER BY seq", found
        ).fetchall()
        prompts = db.execute(
            "SELECT id, state FROM prompts WHERE session = ? ORDER BY num", found
        ).fetchall()
    finally:
        db.close()
    events = [{"seq": seq, "time": time / 1e6, **json.loads(body)} for seq, time, body in rows]
    return events, dict(prompts), [id for id, _ in prompts]


def read_witness(path: Path) -> list[Json]:
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines]


class Oracle:
    """`judge` each session, then read `findings` and `counts`."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.states: Counter[str] = Counter()
        self.events = self.requests = self.gaps = self.prompts = 0

    def judge(self, found: Evidence) -> None:
        self._case = found
        self.events += len(found.journal)
        self._journal()
        self._ends()
        self._store()
        self._surfaces()
        fates = self._prompts()
        self._runs(fates)
        self._requests()

    def find(self, rule: str, text: str) -> None:
        self.findings.append(Finding(rule, self._case.session, text))

    @property
    def counts(self) -> Counts:
        return Counts(self.prompts, self.events, self.states, self.requests, self.gaps)

    # -- events

    def _journal(self) -> None:
        """Numbers from 1 on, once and in order; turns open and close."""
        seqs = [event["seq"] for event in self._case.journal]
        if seqs != list(range(1, len(seqs) + 1)):
            self.find("journal without holes", _first_break(seqs))
        open_turn = None
        for event in self._case.journal:
            if event["type"] == "turn_started":
                if open_turn is not None:
                    self.find(
                        "one turn at a time", f"turn {event['turn']} began within {open_turn}"
                    )
                open_turn = event["turn"]
            elif event["type"] == "turn_ended":
                if open_turn != event["turn"]:
                    self.find(
                        "one turn at a time", f"turn {event['turn']} ended, open was {open_turn}"
                    )
                open_turn = None

    def _ends(self) -> None:
        """A CLI ends because a fault or we ended it, and of nothing else."""
        for event in self._case.journal:
            ended = event["type"] == "session_state" and event["state"] in ("exited", "failed")
            if ended and event.get("error") and not self._case.killed:
                self.find("only what is told to end ends", _short(event))

    def _store(self) -> None:
        """The store is the journal, and where it is not, a gap says so."""
        store, journal = self._case.store, self._case.journal
        gaps = [event for event in store if event["type"] == "gap"]
        self.gaps += len(gaps)
        if len(gaps) > self._case.lost_power:
            self.find(
                "a gap only where power was lost",
                f"{len(gaps)} gaps, power lost {self._case.lost_power} times: {gaps[:3]}",
            )
        lost: set[int] = {gap["seq"] for gap in gaps}
        for gap in gaps:
            told = LOST.search(str(gap.get("why")))
            if told:
                lost.update(range(int(told[1]), int(told[2]) + 1))
        kept = [event for event in store if event["seq"] not in lost]
        if len(kept) != len(journal):
            self.find(
                "the store has every event once",
                f"{len(kept)} stored, {len(journal)} in the journal ({len(lost)} told as lost)",
            )
        for mine, theirs in zip(kept, journal, strict=False):
            if _body(mine) != _body(theirs):
                self.find(
                    "the store has every event once",
                    f"stored as {mine['seq']}: {_short(mine)}; in the journal as"
                    f" {theirs['seq']}: {_short(theirs)}",
                )
                break

    def _surfaces(self) -> None:
        """What was shown is what is stored: whole, once, in order."""
        stored = {event["seq"]: digest(event) for event in self._case.store}
        for shown in self._case.shown:
            for text in shown.wrong[:3]:
                self.find("shown once, in order", f"at the {shown.surface}: {text}")
            for seq, known in shown.digests:
                if stored.get(seq) != known:
                    self.find(
                        "what was shown is stored", f"at the {shown.surface}: event {seq} differs"
                    )
                    break
            if shown.last != len(stored):
                self.find(
                    "all is shown", f"the {shown.surface} saw {shown.last} of {len(stored)} events"
                )

    # -- prompts

    def _prompts(self) -> dict[str, str]:
        """Every accepted prompt is there once and has ended; the order is kept, but for those
        that somebody moved."""
        case, told = self._case, self._case.told
        by_tag: dict[str, list[str]] = {}  # tag -> ids in the journal
        fates: dict[str, str] = {}  # id -> the last state
        arrived: list[str] = []
        for event in case.journal:
            if event["type"] != "prompt_state":
                continue
            id = event["prompt"]
            fates[id] = event["state"]
            if event["state"] == "queued" and id not in arrived:
                arrived.append(id)
                by_tag.setdefault(_tag(event), []).append(id)
        for tag, ids in by_tag.items():
            if len(ids) > 1:
                self.find("no prompt is doubled", f"{tag} is in the journal as {ids}")
        for tag in told.accepted:
            id = told.ids.get(tag, "")
            self.prompts += 1
            state = case.prompts.get(id)
            if state is None:
                self.find("no prompt is lost", f"{tag} was accepted and is not in the store")
                continue
            self.states[state] += 1
            if state not in ENDED:
                self.find("no prompt is lost", f"{tag} was accepted and is {state} for ever")
            if id in fates and fates[id] != state:
                self.find(
                    "one fate", f"{tag} is {fates[id]} in the journal and {state} in the store"
                )
            if id not in fates and state not in ("cancelled", "failed"):
                self.find("no prompt is lost", f"{tag} is {state} and in no journal")
        for tag in told.refused:
            if by_tag.get(tag):
                self.find("a refused prompt is not kept", f"{tag} was refused and is there")
        moved = {told.ids[move.tag] for move in told.moves}
        stored = [id for id in case.order if id in fates]
        if stored != arrived and not moved:
            self.find(
                "order is kept", f"stored {_differ(stored, arrived)} as they came on the machine"
            )
        sent = [told.ids[tag] for tag in told.accepted if told.ids.get(tag) in fates]
        sent = [id for id in sent if id not in moved]
        if sent != [id for id in arrived if id in set(sent)]:
            self.find("order is kept", "prompts did not arrive as they were sent")
        running = [
            event["prompt"]
            for event in case.journal
            if event["type"] == "prompt_state" and event["state"] == "running"
        ]
        if len(running) != len(set(running)):
            twice = [id for id, count in Counter(running).items() if count > 1]
            self.find("each prompt runs once", f"run twice by the journal: {twice}")
        stored = [id for id in case.order if id in set(running)]
        if stored != running:
            self.find("order is kept", f"stored {_differ(stored, running)} as they ran")
        self._queue()
        self._moves(running)
        return fates

    def _queue(self) -> None:
        """Each prompt that ran was the next one, after all that moved it."""
        queue: list[str] = []
        moves: Counter[str] = Counter()
        for event in self._case.journal:
            if event["type"] != "prompt_state":
                continue
            id, before = event["prompt"], event.get("before")
            if event["state"] == "running" and queue[:1] != [id]:
                self.find("order is kept", f"{id} ran while {queue[:3]} waited")
            if event["state"] != "queued" or before is not None:
                queue = [each for each in queue if each != id]
            if event["state"] == "queued" and id not in queue:
                queue.insert(queue.index(before) if before in queue else len(queue), id)
            moves.update([event["move"]] if "move" in event else [])
        twice = [move for move, count in moves.items() if count > 1]
        if twice:
            self.find("each move is made once", f"twice in the journal: {twice}")

    def _moves(self, running: list[str]) -> None:
        """Who was told that one prompt stands before another sees it run before that, unless
        one of the two was, or may have been, moved otherwise."""
        told = self._case.told
        for number, move in enumerate(told.moves):
            pair = {move.tag, move.before}
            others = [*(m for m in told.moves[:number] if not m.sure), *told.moves[number + 1 :]]
            if not move.sure or not move.before or any(other.tag in pair for other in others):
                continue
            first, then = (told.ids[tag] for tag in (move.tag, move.before))
            if {first, then} <= set(running) and running.index(first) > running.index(then):
                self.find("a move counts", f"{move.tag} was put before {move.before}, ran after it")

    def _runs(self, fates: dict[str, str]) -> None:
        """What the agent itself was given and said."""
        case, told = self._case, self._case.told
        got = Counter(str(line["got"]) for line in case.witness if "got" in line)
        texts: dict[str, str] = {}
        for line in case.witness:
            if "got" in line:
                texts[line["got"]] = line["text"]
        said = {line["ended"]: line["said"] for line in case.witness if "ended" in line}
        heard: dict[str, list[int]] = {}
        for event in case.journal:
            if event["type"] == "agent_message_chunk":
                head = str(event["content"].get("text", "")).split(" ", 1)[0]
                tag, _, number = head.rpartition(":")
                heard.setdefault(tag, []).append(int(number or -1))
        for tag, times in got.items():
            if times > 1:
                self.find("each prompt runs once", f"the agent was given {tag} {times} times")
            if tag not in told.texts:
                self.find("nothing is invented", f"the agent was given {tag}, which nobody sent")
        for tag, possible in told.texts.items():
            id = told.ids.get(tag, "")
            state = fates.get(id, case.prompts.get(id, ""))
            if state == "done":
                if got[tag] != 1:
                    self.find("each prompt runs once", f"{tag} is done, given {got[tag]} times")
                numbers = heard.get(tag, [])
                if numbers != list(range(said.get(tag, -1))):
                    self.find(
                        "every word is kept",
                        f"{tag}: {said.get(tag)} chunks said, in the journal {numbers[:20]}",
                    )
            if tag in told.cancelled and (got[tag] or state != "cancelled"):
                self.find("a cancelled prompt never runs", f"{tag} is {state}, given {got[tag]}")
            if tag in texts:
                allowed = [possible[-1], *told.maybe_texts.get(tag, [])]
                if texts[tag] not in allowed:
                    self.find("the last edit counts", f"{tag} ran as {texts[tag]!r}: {allowed}")
            numbers = heard.get(tag, [])
            if numbers != sorted(set(numbers)):
                self.find("every word is kept", f"{tag}: words out of order or doubled: {numbers}")

    # -- requests

    def _requests(self) -> None:
        """Each is over, was answered once at most, and the agent heard that answer."""
        case = self._case
        calls: dict[str, str] = {}
        outcome: dict[str, list[Json]] = {}
        for event in case.journal:
            if event["type"] == "request_opened":
                self.requests += 1
                calls[event["request"]] = str(event.get("call"))
                outcome.setdefault(event["request"], [])
            elif event["type"] in ("request_resolved", "request_withdrawn"):
                outcome.setdefault(event["request"], []).append(event)
        answered: dict[str, list[str]] = {}
        for line in case.witness:
            if "answered" in line:
                answered.setdefault(line["answered"], []).append(line["option"])
        if "nobody asked" in answered:
            self.find("a request is answered once", f"the agent heard {answered['nobody asked']}")
        for request, ends in outcome.items():
            tag = calls.get(request, "?")
            resolved = [end for end in ends if end["type"] == "request_resolved"]
            if len(ends) != 1:
                kinds = [(end["type"], end.get("where"), end.get("option")) for end in ends]
                self.find("a request is answered once", f"{tag} ended {len(ends)} times: {kinds}")
            heard = answered.get(tag, [])
            if len(heard) > 1:
                self.find("a request is answered once", f"the agent heard {heard} to {tag}")
            told = [(end.get("where"), end.get("option")) for end in resolved]
            if heard and [option for _, option in told] != heard:
                self.find("the answer is the agent's", f"{tag}: heard {heard}, told {told}")
            winners = case.told.winners.get(tag, [])
            wrong = [each for each in set(winners) if each not in told]
            if wrong:
                self.find("one answer wins", f"{tag}: {wrong} were told they won; it is {told}")
        self._delivered(calls, outcome, answered)

    def _delivered(
        self, calls: dict[str, str], outcome: dict[str, list[Json]], answered: dict[str, list[str]]
    ) -> None:
        """A resolved request whose agent heard nothing belongs to a turn that was broken off."""
        broken: set[str] = set()
        for event in self._case.journal:
            if event["type"] == "prompt_state" and event["state"] in ("failed", "unknown"):
                broken.add(event["prompt"])
            if event["type"] == "prompt_state" and event["state"] == "cancelled":
                broken.add(event["prompt"])
        ids = self._case.told.ids
        for request, ends in outcome.items():
            tag = calls.get(request, "?")
            resolved = [end for end in ends if end["type"] == "request_resolved"]
            if resolved and not answered.get(tag) and ids.get(tag) not in broken:
                self.find("the answer is delivered", f"{tag}: {resolved} never reached the agent")


def _body(event: Json) -> Json:
    return {key: value for key, value in event.items() if key not in ("seq", "time")}


def _tag(event: Json) -> str:
    text = "".join(block.get("text", "") for block in event.get("content") or [])
    return text.split(" ", 1)[0]


def _short(event: Json) -> str:
    return json.dumps(event)[:160]


def _first_break(seqs: list[int]) -> str:
    for before, after in zip([0, *seqs], seqs, strict=False):
        if after != before + 1:
            return f"{after} comes after {before}"
    return f"{len(seqs)} records"


def _differ(first: list[str], second: list[str]) -> str:
    for one, other in zip(first, second, strict=False):
        if one != other:
            return f"{one} where {other} stands"
    return f"{len(first)} where {len(second)} stand"
