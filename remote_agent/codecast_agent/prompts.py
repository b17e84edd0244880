"""The prompts of a session: accepted once, in order, changed only while they wait.

The queue is not kept here: it is in the ledger, which is the journal. These functions say
what may happen to a prompt and which event tells of it.
"""

from typing import Any, Dict, List, Optional, Tuple

from .clis.contract import Prompt
from .ledger import Ledger
from .protocol.errors import CodecastError
from .protocol.events import problems

Event = Dict[str, Any]
LIMIT = 64 << 20  # characters of text and data in one prompt
_DONE = frozenset({"end_turn", "max_tokens", "max_turn_requests", "refusal"})


def person(params: Dict[str, Any]) -> Dict[str, str]:
    """Who asks, and where: the fields `by` and `where`."""
    return {key: str(params[key]) for key in ("by", "where") if params.get(key)}


def _id(what: str, params: Dict[str, Any]) -> str:
    id = params.get(what)
    if not isinstance(id, str) or not 0 < len(id) <= 200:
        raise CodecastError("bad_request", "A %s needs an id chosen by its sender." % what)
    return id


def read(params: Dict[str, Any]) -> Tuple[Prompt, Event]:
    """The prompt in `params` and the event that queues it.

    Raises CodecastError("bad_request") or CodecastError("too_large").
    """
    id, content = _id("prompt", params), params.get("content")
    if not isinstance(content, list) or not content:
        raise CodecastError("bad_request", "The prompt is empty.", "Say something.")
    event = {
        "type": "prompt_state",
        "prompt": id,
        "state": "queued",
        "content": content,
        **person(params),
    }
    wrong = problems(event)
    if wrong:
        raise CodecastError("bad_request", "The prompt's content is malformed.", detail=wrong[0])
    size = sum(len(block.get("text", "")) + len(block.get("data", "")) for block in content)
    if size > LIMIT:
        raise CodecastError(
            "too_large",
            "The prompt has %d MiB; %d can be sent." % (size >> 20, LIMIT >> 20),
            "Put it into a file on the machine and name the file.",
        )
    return Prompt(id, content), event


def check_waiting(ledger: Ledger, params: Dict[str, Any]) -> str:
    """The id of a prompt that can still be changed. Raises `not_found` or `conflict`."""
    id = str(params.get("prompt"))
    if id not in ledger.known:
        raise CodecastError("not_found", "No prompt %s was sent to this session." % id)
    entry = ledger.state["prompts"].get(id)
    if entry is None:
        raise CodecastError("conflict", "The prompt is no longer waiting: it has ended.")
    if entry["state"] != "queued":
        raise CodecastError(
            "conflict",
            "The prompt is no longer waiting: the CLI has it already.",
            "Interrupt the turn, or send another prompt.",
        )
    return id


def moved(ledger: Ledger, params: Dict[str, Any]) -> Optional[Event]:
    """The event that puts a waiting prompt in front of `before`, or to the end where that is
    None; None when this `move` was made already.

    Raises `bad_request`, `not_found` or `conflict`: one of the two waits no longer.
    """
    move, before = _id("move", params), params.get("before")
    if move in ledger.moves:
        return None
    id = check_waiting(ledger, params)
    if before is not None:
        if before == id:
            raise CodecastError("bad_request", "A prompt cannot be put in front of itself.")
        if before not in ledger.waiting():
            raise CodecastError(
                "conflict",
                "The prompt that it was to be put in front of is no longer waiting.",
                "Look at the queue, and move it once more.",
            )
    event = {"type": "prompt_state", "prompt": id, "state": "queued", "before": before or ""}
    by = person(params)
    return {**event, "move": move, **({"mover": by} if by else {})}


def cancelled(id: str, params: Dict[str, Any]) -> Event:
    return {"type": "prompt_state", "prompt": id, "state": "cancelled", **person(params)}


def failed(id: str, problem: CodecastError) -> Event:
    return {"type": "prompt_state", "prompt": id, "state": "failed", "error": problem.to_json()}


def at_turn_end(ids: List[str], reason: str, error: Optional[Dict[str, Any]]) -> List[Event]:
    """What becomes of the prompts of a turn that ended for `reason`."""
    state = "done" if reason in _DONE else "cancelled" if reason == "cancelled" else "failed"
    extra = {"error": error} if error is not None and state == "failed" else {}
    return [{"type": "prompt_state", "prompt": id, "state": state, **extra} for id in ids]
