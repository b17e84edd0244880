"""What is said and done when a CLI or its supervisor is gone: close what is open, end the rest.

Supervisors say it for their CLI and for a dead predecessor; a relay does it for any
supervisor it finds dead. Whoever does it holds the session's lock, so doing it twice at once
is impossible and a second time changes nothing.
"""

from typing import Any, Callable, Dict, List, Optional

from . import tree
from .journal import Journal, bounds, last_payload
from .ledger import Ledger
from .places import Lock, Place
from .protocol import records
from .protocol.errors import CodecastError

Event = Dict[str, Any]
_ORDERLY = (
    b'{"type":"session_state","state":"stopped"',
    b'{"type":"session_state","state":"exited"',
    b'{"type":"session_state","state":"failed"',
)
KILLED = CodecastError(
    "cli_failed",
    "The session's supervisor was killed, or its machine went down, and the CLI with it.",
    "Send a prompt to go on: the CLI resumes its conversation.",
)


def loose_ends(ledger: Ledger, problem: CodecastError, reason: str = "error") -> List[Event]:
    """The events that end open requests, the open turn and the prompts the CLI was given."""
    events: List[Event] = [
        {"type": "request_withdrawn", "request": request, "why": problem.message}
        for request in ledger.state["requests"]
    ]
    turn = ledger.state["turn"]
    ended: Dict[str, Any] = {}
    if reason == "error":
        ended["error"] = problem.to_json()
    # before the turn's end, which forgets whose it was
    prompts = [
        {"type": "prompt_state", "prompt": prompt, "state": _fate(ledger, prompt, reason), **ended}
        for prompt in ledger.given()
    ]
    if turn is not None:
        # until its last sign of life: the supervisor may have died days ago
        lasted = max(0.0, round(ledger.heard - turn["since"], 3))
        events.append(
            {
                "type": "turn_ended",
                "turn": turn["turn"],
                "reason": reason,
                "duration": lasted,
                **ended,
            }
        )
    return events + prompts


def _fate(ledger: Ledger, prompt: str, reason: str) -> str:
    if reason == "cancelled":
        return "cancelled"
    return "failed" if ledger.taken and prompt in ledger.in_turn() else "unknown"


def is_buried(place: Place) -> bool:
    """Whether the journal ends as an orderly one does."""
    return last_payload(place.journal).startswith(_ORDERLY)


def close(journal: Journal, ledger: Ledger, problem: CodecastError = KILLED) -> None:
    """Write what a dead supervisor could not say any more."""
    events = loose_ends(ledger, problem)
    if ledger.state["process"] in ("starting", "ready") and journal.seq:
        events.append({"type": "session_state", "state": "exited", "error": problem.to_json()})
    elif events or (journal.seq and not last_payload(journal.directory).startswith(_ORDERLY)):
        # queued prompts came after the CLI's end: say again how things stand, see `is_buried`
        events.append({"type": "session_state", "state": ledger.state["process"]})
    record(journal, ledger, events)


def record(journal: Journal, ledger: Ledger, events: List[Event]) -> None:
    """Append events for a session without a supervisor. Raises CodecastError("disk_full")."""
    if not events:
        return
    seq = journal.seq
    journal.append_or_refuse([records.dump(event) for event in events])
    for offset, event in enumerate(events):
        data = {key: value for key, value in event.items() if key != "type"}
        ledger.apply(seq + 1 + offset, 0.0, event["type"], data)


def bury(path: str) -> Optional[Dict[str, Any]]:
    """End what a dead supervisor left: its processes, then its journal; blocks.

    `{last_seq, killed}`, or None when somebody else holds the lock or the session is gone.
    """
    return _locked(path, bury_locked)


def _locked(path: str, work: Callable[[Place, Lock], Dict[str, Any]]) -> Optional[Dict[str, Any]]:
    """What it gives, or None when somebody else holds the lock or the session is gone."""
    place = Place(path)
    try:
        lock = place.lock()
    except FileNotFoundError:
        return None
    if lock is None:
        return None
    try:
        return work(place, lock)
    finally:
        lock.release()


def bury_locked(place: Place, lock: Lock) -> Dict[str, Any]:
    """`bury` for the one who holds `lock`, which proves that no supervisor lives."""
    assert lock.fd >= 0
    killed = tree.end(place.session)
    place.unlink_socket()
    journal = Journal(place.journal)
    try:
        if not is_buried(place):
            close(journal, Ledger.read(place.journal))
    finally:
        journal.close()
    return {"last_seq": bounds(place.journal)[1], "killed": killed}


def lay_to_rest(path: str, by: Dict[str, str]) -> Optional[Dict[str, Any]]:
    """`bury`, and say that a person stopped the session: what waits is cancelled."""

    def work(place: Place, lock: Lock) -> Dict[str, Any]:
        killed = bury_locked(place, lock)["killed"]
        ledger = Ledger.read(place.journal)
        events: List[Event] = [
            {"type": "prompt_state", "prompt": prompt, "state": "cancelled", **by}
            for prompt in ledger.waiting()
        ]
        if events or ledger.state["process"] != "stopped":
            events.append({"type": "session_state", "state": "stopped", **by})
        journal = Journal(place.journal)
        try:
            record(journal, ledger, events)
        finally:
            journal.close()
        return {"last_seq": bounds(place.journal)[1], "killed": killed}

    return _locked(path, work)
