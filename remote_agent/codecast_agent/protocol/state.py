"""The fold: what a session is now, derived from its events and from nothing else.

A state is a plain JSON object, so that store, API and pages hold the same thing. The
TypeScript twin (`labextension/src/model/state.ts`) passes the same cases
(`tests/protocol/state_cases.json`).
"""

from typing import Any, Callable, Dict, List, Mapping

from .budget import LIMITS
from .events import TERMINAL_PROMPT_STATES

State = Dict[str, Any]


def initial() -> State:
    """The state before the first event.

    `status` is what a person is told: starting, idle, running, waiting (for an answer), paused
    (a limit of its budget is reached), exited, stopped or failed. `prompts` holds those not
    yet ended, in the order in which they are run; `requests` the open ones.
    """
    return {
        "seq": 0,
        "status": "starting",
        "process": "starting",
        "pid": None,
        "turn": None,  # the open turn: {turn, prompts, since}
        "turns": 0,
        "prompts": {},
        "requests": {},
        "settings": {},
        "mode": None,
        "commands": [],
        "plan": [],
        "native": None,
        "title": None,
        "name": None,
        "cli_version": None,
        "usage": {},
        "cost_usd": 0.0,
        "context_used": None,
        "context_size": None,
        "worked": {"seconds": 0.0, "since": None},  # while a turn ran and waited for nobody
        "budget": {},  # max_cost, max_turns, max_minutes: see `protocol.budget`
        "over_budget": None,  # the limit reached: {limit, value, max}
        "error": None,  # why the process or the last turn failed
        "background": {},
        "updated": 0.0,
    }


def apply(state: State, seq: int, time: float, type: str, data: Mapping[str, Any]) -> None:
    """Take one event into `state`, in place. An event already taken (`seq`) changes nothing."""
    if seq <= state["seq"]:
        return
    state["seq"] = seq
    state["updated"] = time
    step = _STEPS.get(type)
    if step is not None:
        step(state, time, data)
        state["status"] = status(state)
        _clock(state, time, data)


def status(state: State) -> str:
    """The one word for a person, by what matters most to them."""
    if state["process"] in ("failed", "stopped"):
        return str(state["process"])
    if state["requests"]:
        return "waiting"
    if state["turn"] is not None:
        return "running"
    if state["over_budget"] is not None and state["process"] in ("ready", "exited"):
        return "paused"
    if state["process"] == "ready":
        return "idle"
    return str(state["process"])


def waiting(state: State) -> List[str]:
    """The prompts the CLI was not given yet, in their order."""
    return [id for id, entry in state["prompts"].items() if entry["state"] == "queued"]


def _clock(state: State, time: float, data: Mapping[str, Any]) -> None:
    """Count the time in which a turn ran and nobody was waited for.

    The `duration` of a turn bounds what is counted: one that was found dead is ended late.
    """
    worked = state["worked"]
    runs = state["turn"] is not None and not state["requests"]
    if runs and worked["since"] is None:
        worked["since"] = time
    elif not runs and worked["since"] is not None:
        elapsed = max(0.0, time - worked["since"])
        duration = data.get("duration")
        if isinstance(duration, (int, float)):
            elapsed = min(elapsed, duration)
        worked["seconds"] += elapsed
        worked["since"] = None


def _session_state(state: State, time: float, data: Mapping[str, Any]) -> None:
    state["process"] = data.get("state")
    state["pid"] = data.get("pid") if data.get("state") in ("starting", "ready") else None
    if data.get("error") is not None or data.get("state") == "ready":
        state["error"] = data.get("error")
    if data.get("state") in ("exited", "stopped", "failed"):
        state["background"] = {}


def _turn_started(state: State, time: float, data: Mapping[str, Any]) -> None:
    state["turn"] = {"turn": data.get("turn"), "prompts": data.get("prompts", []), "since": time}
    state["turns"] += 1
    state["error"] = None


def _turn_ended(state: State, time: float, data: Mapping[str, Any]) -> None:
    state["turn"] = None
    state["error"] = data.get("error")


def _prompt_state(state: State, time: float, data: Mapping[str, Any]) -> None:
    prompt, now = str(data.get("prompt")), data.get("state")
    if now in TERMINAL_PROMPT_STATES:
        state["prompts"].pop(prompt, None)
        return
    entry = state["prompts"].setdefault(prompt, {"prompt": prompt})
    entry["state"] = now
    for field in ("content", "by", "where", "steered"):
        if field in data:
            entry[field] = data[field]
    if "before" in data:
        _put_before(state["prompts"], prompt, str(data["before"]))


def _put_before(prompts: Dict[str, Any], prompt: str, before: str) -> None:
    """In front of another one, or to the end where that is not there."""
    prompts[prompt] = prompts.pop(prompt)
    order = list(prompts)
    if before in prompts and before != prompt:
        for each in order[order.index(before) : -1]:
            prompts[each] = prompts.pop(each)


def _request_opened(state: State, time: float, data: Mapping[str, Any]) -> None:
    request = {key: value for key, value in data.items() if key not in ("raw", "raw_input")}
    request["since"] = time
    state["requests"][str(data.get("request"))] = request


def _request_ended(state: State, time: float, data: Mapping[str, Any]) -> None:
    state["requests"].pop(str(data.get("request")), None)


def _config(state: State, time: float, data: Mapping[str, Any]) -> None:
    settings = data.get("settings")
    if isinstance(settings, dict):
        for name, setting in settings.items():
            if isinstance(setting, dict):
                state["settings"][name] = {**state["settings"].get(name, {}), **setting}
    if "class" in data:
        state["mode"] = data["class"]


def _info(state: State, time: float, data: Mapping[str, Any]) -> None:
    for field in ("native", "title", "cli_version", "name"):
        if field in data:
            state[field] = data[field]


def _usage(state: State, time: float, data: Mapping[str, Any]) -> None:
    for field in ("usage", "cost_usd", "context_used", "context_size"):
        if field in data:
            state[field] = data[field]


def _budget(state: State, time: float, data: Mapping[str, Any]) -> None:
    state["budget"] = {name: data[name] for name in LIMITS if data.get(name) is not None}
    state["over_budget"] = None


def _budget_reached(state: State, time: float, data: Mapping[str, Any]) -> None:
    state["over_budget"] = {name: data.get(name) for name in ("limit", "value", "max")}


def _commands(state: State, time: float, data: Mapping[str, Any]) -> None:
    state["commands"] = data.get("commands", [])


def _plan(state: State, time: float, data: Mapping[str, Any]) -> None:
    state["plan"] = data.get("entries", [])


def _gap(state: State, time: float, data: Mapping[str, Any]) -> None:
    # what was open before the gap may have ended inside it: never show it as open
    state["turn"] = None
    state["requests"] = {}


def _background(state: State, time: float, data: Mapping[str, Any]) -> None:
    task = str(data.get("task"))
    if data.get("state") == "running":
        state["background"][task] = data.get("title", task)
    else:
        state["background"].pop(task, None)


_STEPS: Dict[str, Callable[[State, float, Mapping[str, Any]], None]] = {
    "session_state": _session_state,
    "turn_started": _turn_started,
    "turn_ended": _turn_ended,
    "prompt_state": _prompt_state,
    "request_opened": _request_opened,
    "request_resolved": _request_ended,
    "request_withdrawn": _request_ended,
    "config_option_update": _config,
    "session_info_update": _info,
    "usage_update": _usage,
    "budget_update": _budget,
    "budget_reached": _budget_reached,
    "available_commands_update": _commands,
    "plan": _plan,
    "background": _background,
    "gap": _gap,
}

FOLDED = frozenset(_STEPS)  # the other types change nothing but `seq` and `updated`
