"""The shapes of the API's answers, as plain dictionaries with known keys.

They say what `openapi.yaml` says. A newer server may send more keys than are named here.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Mode = Literal["auto", "code", "plan", "ask"]
Status = Literal["starting", "idle", "running", "waiting", "paused", "exited", "stopped", "failed"]
PromptState = Literal[
    "stored", "delivered", "queued", "running", "done", "failed", "cancelled", "unknown"
]


class Problem(TypedDict, total=False):
    code: str
    message: str
    hint: str
    detail: str
    data: dict[str, Any]


class Health(TypedDict):
    version: str
    protocol: int
    sessions: int
    machines: int
    uptime: float  # seconds
    problems: list[Problem]


class Machine(TypedDict, total=False):
    name: str
    kind: Literal["local", "ssh"]
    source: Literal["ssh_config", "codecast.yaml", "built-in"]
    host: str | None
    user: str | None
    port: int | None
    state: Literal["offline", "connecting", "online", "reconnecting", "failed"]
    error: Problem | None
    latency_ms: float | None
    hello: dict[str, Any] | None
    sessions: int
    defaults: dict[str, Any]
    since: float | None


class Check(TypedDict, total=False):
    name: str
    status: Literal["ok", "warning", "error", "skipped"]
    message: str
    hint: str
    detail: str
    code: str
    data: dict[str, Any]


class Examination(TypedDict):
    machine: str
    checks: list[Check]


class Cli(TypedDict, total=False):
    cli: str
    name: str
    found: bool
    path: str | None
    version: str | None
    logged_in: bool | None
    login_hint: str | None
    install: str | None
    note: str | None


class Conversation(TypedDict, total=False):
    cli: str
    native: str
    title: str
    cwd: str
    started: float
    updated: float
    size: int
    path: str
    messages: int
    session: str
    live: dict[str, Any]


class Entry(TypedDict, total=False):
    name: str
    is_dir: bool
    size: int | None
    mtime: float | None


class Directory(TypedDict, total=False):
    path: str
    parent: str | None
    entries: list[Entry]


class Process(TypedDict, total=False):
    pid: int
    session: str | None
    ppid: int
    age: float | None
    memory: int | None
    command: Any
    supervisor: bool


class State(TypedDict, total=False):
    """The fold over a session's events, see `codecast_agent.protocol.state`."""

    seq: int
    status: Status
    process: str
    pid: int | None
    turn: dict[str, Any] | None
    turns: int
    prompts: dict[str, Any]
    requests: dict[str, Any]
    settings: dict[str, Any]
    mode: str | None
    commands: list[dict[str, Any]]
    plan: list[dict[str, Any]]
    native: str | None
    title: str | None
    name: str | None
    cli_version: str | None
    usage: dict[str, Any]
    cost_usd: float | None
    context_used: int | None
    context_size: int | None
    worked: dict[str, Any]
    budget: dict[str, float]
    over_budget: dict[str, Any] | None
    error: Problem | None
    background: dict[str, Any]
    updated: float


class Session(TypedDict, total=False):
    id: str
    name: str
    machine: str
    cli: str
    cwd: str
    mode: str | None
    model: str | None
    owner: str
    created: float
    link: Literal["online", "offline"]
    delivery: Literal["stored", "started", "failed"]
    state: State
    last_seq: int
    error: Problem
    skills: dict[str, Any]  # of a start: {added, same, skipped: [{path, reason}], problem?}


class TurnUsage(TypedDict):
    turn: int
    started: float
    ended: float | None
    reason: str | None
    usage: dict[str, int]
    cost_usd: float | None
    seconds: float | None


class TotalUsage(TypedDict):
    turns: int
    usage: dict[str, int]
    cost_usd: float
    seconds: float
    context_used: int | None
    context_size: int | None


class Usage(TypedDict, total=False):
    session: str
    name: str
    machine: str
    cli: str
    turns: list[TurnUsage]
    total: TotalUsage
    budget: dict[str, float]
    over_budget: dict[str, Any] | None


class Prompt(TypedDict, total=False):
    id: str
    session: str
    text: str
    content: list[dict[str, Any]]
    state: PromptState
    created: float
    place: int
    by: str | None
    where: str | None
    steer: bool
    error: Problem | None


class Block(TypedDict, total=False):
    """A part of a prompt: text, image or resource_link."""

    type: Literal["text", "image", "resource_link"]
    text: str
    data: str
    mime_type: str
    uri: str
    name: str


class OfferedFile(TypedDict):
    path: str
    name: str
    size: int
    mtime: float
    offer: Literal["ask", "auto"]


class Request(TypedDict, total=False):
    """A permission request or a question: the fields of `request_opened` too."""

    request: str
    session: str
    kind: Literal["permission", "question"]
    title: str
    call: str
    description: str
    content: list[dict[str, Any]]
    options: list[dict[str, Any]]
    questions: list[dict[str, Any]]
    raw_input: Any
    seq: int
    opened: float
    outcome: Literal["open", "resolved", "withdrawn"]
    resolution: dict[str, Any] | None


Event = dict[str, Any]  # {seq, time, type, ...}: the fields depend on the type
Change = dict[
    str, Any
]  # {type: session | session_removed | machine | machine_removed | prompt, ...}


class EventPage(TypedDict):
    events: list[Event]
    last_seq: int
    more: bool


class Hit(TypedDict, total=False):
    session: str
    name: str
    machine: str
    seq: int
    time: float
    kind: str
    snippet: str
    marks: list[list[int]]
