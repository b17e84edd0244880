"""The vocabulary: every type of event, its fields and their shapes.

Content is ACP's (protocol version 1, `session/update`), in snake_case and with unified
diffs; control, which ACP lacks, is ours. TypeScript types and the documentation are
generated from the tables here. The vocabulary is append-only and readers are total: an
unknown type or field is kept, never an error.

Shapes: `string`, `number`, `integer`, `boolean`, `json` (anything), the name of a STRUCT,
`T[]` for a list; a field whose name ends with `?` may be absent.
"""

from typing import Any, Dict, List, NamedTuple


class Spec(NamedTuple):
    doc: str
    fields: Dict[str, str]


# Every event may also carry these.
COMMON: Dict[str, str] = {
    "turn?": "integer",  # the turn it belongs to
    "parent?": "string",  # the tool call of a sub-agent it came from
    "raw?": "json",  # the native message, left out where the fields say all of it
    # imported from the CLI's own record: it happened before the session was one of ours
    "history?": "boolean",
}

STRUCTS: Dict[str, Spec] = {
    "Content": Spec(
        "A content block, ACP's: `type` text (text), image (data, mime_type) or resource_link"
        " (uri). The uri `attachment:DIGITS/NAME` is a file sent with the prompt, also of an"
        " image then without data.",
        {
            "type": "string",
            "text?": "string",
            "data?": "string",
            "mime_type?": "string",
            "uri?": "string",
            "name?": "string",
        },
    ),
    "ToolContent": Spec(
        "What a tool call shows: `type` text (text) or diff (path, diff: unified, created,"
        " deleted).",
        {
            "type": "string",
            "text?": "string",
            "path?": "string",
            "diff?": "string",
            "created?": "boolean",
            "deleted?": "boolean",
        },
    ),
    "Location": Spec("A file a tool call touches.", {"path": "string", "line?": "integer"}),
    "PlanEntry": Spec(
        "A line of the to-do list; status pending, in_progress or completed.",
        {"content": "string", "status": "string", "priority?": "string"},
    ),
    "Command": Spec(
        "A slash command or skill the CLI offers.",
        {"name": "string", "description?": "string", "hint?": "string"},
    ),
    "Choice": Spec(
        "One value of a setting.",
        {"value": "string", "name?": "string", "description?": "string", "class?": "string"},
    ),
    "Setting": Spec(
        "A setting of the CLI: `model`, `mode` (its own list; `class` is our auto, code, plan or"
        " ask) or another.",
        {"value?": "string", "choices?": "Choice[]"},
    ),
    "Option": Spec(
        "An answer to a permission request. `kind` is ACP's: allow_once, allow_always, reject_once,"
        " reject_always. `rule` is the text of what `always` would allow; `ends_turn` tells that"
        " choosing it stops the CLI.",
        {
            "id": "string",
            "kind": "string",
            "label": "string",
            "scope?": "string",
            "rule?": "string",
            "ends_turn?": "boolean",
        },
    ),
    "QuestionOption": Spec("A choice.", {"label": "string", "description?": "string"}),
    "Question": Spec(
        "A question to the person; `multiple` allows several labels, `free_text` an own answer.",
        {
            "id": "string",
            "header?": "string",
            "text": "string",
            "options": "QuestionOption[]",
            "multiple": "boolean",
            "free_text": "boolean",
        },
    ),
    "Usage": Spec(
        "Tokens of a turn or message.",
        {
            "input_tokens?": "integer",
            "output_tokens?": "integer",
            "cache_read_tokens?": "integer",
            "cache_write_tokens?": "integer",
        },
    ),
    "Problem": Spec(
        "See `protocol.errors`; `status` is the HTTP status of a model API.",
        {
            "code": "string",
            "message": "string",
            "hint?": "string",
            "detail?": "string",
            "data?": "json",
            "status?": "integer",
            "retryable?": "boolean",
        },
    ),
    "Person": Spec(
        "Who did it, and on which surface (lab, notebook, shell, telegram, ...).",
        {"by?": "string", "where?": "string"},
    ),
}

EVENTS: Dict[str, Spec] = {
    # content, ACP's
    "user_message_chunk": Spec(
        "What the CLI was told, where it was not one of our prompts (adopted history, a turn of"
        " its own).",
        {"message": "string", "content": "Content"},
    ),
    "agent_message_chunk": Spec(
        "Text of the answer; chunks of one `message` append.",
        {"message": "string", "content": "Content"},
    ),
    "agent_thought_chunk": Spec(
        "Text of the reasoning; chunks of one `message` append.",
        {"message": "string", "content": "Content"},
    ),
    "tool_call": Spec(
        "A tool call, by id: an upsert. `kind` is ACP's (read, edit, delete, move, search, execute,"
        " think, fetch, other), `status` pending, in_progress, completed or failed.",
        {
            "call": "string",
            "title": "string",
            "kind": "string",
            "status": "string",
            "content?": "ToolContent[]",
            "locations?": "Location[]",
            "raw_input?": "json",
            "raw_output?": "json",
        },
    ),
    "tool_call_update": Spec(
        "Changed fields of a tool call; one never seen before is created by it.",
        {
            "call": "string",
            "title?": "string",
            "kind?": "string",
            "status?": "string",
            "content?": "ToolContent[]",
            "locations?": "Location[]",
            "raw_input?": "json",
            "raw_output?": "json",
        },
    ),
    "tool_output_delta": Spec(
        "More output of a running tool call.", {"call": "string", "text": "string"}
    ),
    "plan": Spec("The whole to-do list, each time.", {"entries": "PlanEntry[]"}),
    "available_commands_update": Spec("The slash commands now offered.", {"commands": "Command[]"}),
    "config_option_update": Spec(
        "Settings that changed, by name (`model`, `mode`, ...); `class` is the mode in our words."
        " `chosen` has, by name, what a person set and the CLI took: it is started with that"
        " again. `asked` has what only its next start can show; null takes it back.",
        {
            "settings": "json",
            "class?": "string",
            "chosen?": "json",
            "asked?": "json",
            "by?": "string",
            "where?": "string",
        },
    ),
    "session_info_update": Spec(
        "`native` is the CLI's own session id: journaled before its first event is shown.",
        {
            "native?": "string",
            "title?": "string",
            "cwd?": "string",
            "cli?": "string",
            "cli_version?": "string",
            "name?": "string",
        },
    ),
    "usage_update": Spec(
        "Cost in US dollars of the whole session so far, and the context window in tokens.",
        {
            "usage?": "Usage",
            "cost_usd?": "number",
            "context_used?": "integer",
            "context_size?": "integer",
        },
    ),
    # control, ours
    "budget_update": Spec(
        "The whole budget, each time: US dollars, turns, and minutes in which a turn ran and nobody"
        " was waited for. What is absent is unlimited. It lifts `budget_reached`.",
        {
            "max_cost?": "number",
            "max_turns?": "integer",
            "max_minutes?": "number",
            "by?": "string",
            "where?": "string",
        },
    ),
    "budget_reached": Spec(
        "`limit` is max_cost, max_turns or max_minutes. The session is `paused`: the running turn"
        " is interrupted, no prompt is begun, what waits stays queued, until the budget is raised.",
        {"limit": "string", "value": "number", "max": "number"},
    ),
    "session_state": Spec(
        "The CLI's process: `starting`, `ready`, `exited` (by itself or killed: the next prompt"
        " resumes it), `stopped` (by a person) or `failed` (it never became ready).",
        {
            "state": "string",
            "pid?": "integer",
            "code?": "integer",
            "signal?": "integer",
            "resumed?": "boolean",
            "error?": "Problem",
            "by?": "string",
            "where?": "string",
        },
    ),
    "turn_started": Spec(
        "`prompts` is empty for a turn the CLI began by itself.",
        {"turn": "integer", "prompts": "string[]"},
    ),
    "turn_ended": Spec(
        "`reason` is end_turn, cancelled, refusal, error, max_tokens or max_turn_requests.",
        {
            "turn": "integer",
            "reason": "string",
            "error?": "Problem",
            "usage?": "Usage",
            "cost_usd?": "number",
            "duration?": "number",
        },
    ),
    "prompt_state": Spec(
        "`state` is queued (with the content, also when edited), running, done, failed, cancelled"
        " or unknown (nobody can tell whether the CLI took it). `steered` marks one put into a"
        " running turn. `before`, of a queued one, moves it in front of another queued one, or to"
        " the end where it is empty; `move` is the id of that, by which it is done once, `mover`"
        " who did it.",
        {
            "prompt": "string",
            "state": "string",
            "content?": "Content[]",
            "steered?": "boolean",
            "before?": "string",
            "move?": "string",
            "mover?": "Person",
            "by?": "string",
            "where?": "string",
            "error?": "Problem",
        },
    ),
    "request_opened": Spec(
        "A permission request (`kind` permission: options) or a question (`kind` question:"
        " questions). `call` is its tool call; title, content and raw_input suffice to show it"
        " without one.",
        {
            "request": "string",
            "kind": "string",
            "title": "string",
            "call?": "string",
            "description?": "string",
            "tool_kind?": "string",
            "content?": "ToolContent[]",
            "locations?": "Location[]",
            "raw_input?": "json",
            "options?": "Option[]",
            "questions?": "Question[]",
        },
    ),
    "request_resolved": Spec(
        "The one answer. `option` for a permission; `answers` maps a question's id to labels and"
        " own words; `declined` when the person would not answer.",
        {
            "request": "string",
            "option?": "string",
            "label?": "string",
            "answers?": "json",
            "declined?": "boolean",
            "message?": "string",
            "by?": "string",
            "where?": "string",
        },
    ),
    "request_withdrawn": Spec(
        "Nobody can answer it any more.", {"request": "string", "why": "string"}
    ),
    "message_discarded": Spec("A retry starts this message's text anew.", {"message": "string"}),
    "retry": Spec(
        "The model API failed and is asked again.",
        {
            "attempt": "integer",
            "max?": "integer",
            "delay_ms?": "integer",
            "status?": "integer",
            "text?": "string",
        },
    ),
    "background": Spec(
        "Work that outlives or accompanies the turn; `state` running, completed, failed or"
        " stopped.",
        {"task": "string", "state": "string", "title?": "string", "text?": "string"},
    ),
    "notice": Spec(
        "Words for the person; `level` info, warning or error. Unknown native messages arrive so.",
        {"level": "string", "text": "string"},
    ),
    "gap": Spec(
        "Events `first` to `last` cannot be had any more; said, never silent.",
        {"first": "integer", "last": "integer", "why": "string"},
    ),
}

MODES = ("auto", "code", "plan", "ask")  # our classes of a CLI's own modes

WAITING_PROMPT_STATES = ("stored", "delivered", "queued")  # two at the hub, one on the machine
TERMINAL_PROMPT_STATES = frozenset({"done", "failed", "cancelled", "unknown"})


def text(value: str) -> Dict[str, Any]:
    """A text content block."""
    return {"type": "text", "text": value}


def plain_text(content: List[Dict[str, Any]]) -> str:
    """The text of content blocks, for previews, search and CLIs that take text alone."""
    return "\n".join(str(block["text"]) for block in content if block.get("type") == "text")


def problems(event: Dict[str, Any]) -> List[str]:
    """What is wrong with an event we are about to write; empty when it fits the vocabulary."""
    spec = EVENTS.get(str(event.get("type")))
    if spec is None:
        return ["unknown type %r" % event.get("type")]
    found = []
    allowed = {**COMMON, **spec.fields}
    for name in spec.fields:
        if not name.endswith("?") and name not in event:
            found.append("%s: %s is missing" % (event["type"], name))
    for name, value in event.items():
        if name == "type":
            continue
        if name in allowed:
            shape = allowed[name]
        elif name + "?" in allowed:
            shape = allowed[name + "?"]
        else:
            found.append("%s: %s is no field" % (event["type"], name))
            continue
        found.extend("%s.%s" % (event["type"], p) for p in _misfits(name, value, shape))
    return found


_PLAIN: Dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "json": object,
}


def _misfits(name: str, value: Any, shape: str) -> List[str]:
    if shape.endswith("[]"):
        if not isinstance(value, list):
            return ["%s is no list" % name]
        return [
            p
            for index, item in enumerate(value)
            for p in _misfits("%s[%d]" % (name, index), item, shape[:-2])
        ]
    if shape in _PLAIN:
        return [] if isinstance(value, _PLAIN[shape]) else ["%s is no %s" % (name, shape)]
    if not isinstance(value, dict):
        return ["%s is no %s" % (name, shape)]
    fields = STRUCTS[shape].fields
    found = [
        "%s.%s is missing" % (name, key)
        for key in fields
        if not key.endswith("?") and key not in value
    ]
    for key, item in value.items():
        inner = fields.get(key) or fields.get(key + "?")
        if inner is None:
            found.append("%s.%s is no field of %s" % (name, key, shape))
        else:
            found.extend(_misfits("%s.%s" % (name, key), item, inner))
    return found
