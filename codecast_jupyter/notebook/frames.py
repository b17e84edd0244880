"""Results, events, costs and tool calls as pandas DataFrames. pandas is asked for when used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands.transcript import Transcript, tool_label

from .session import Session

if TYPE_CHECKING:
    import pandas

    from .run import Run

Json = Mapping[str, Any]
TIMES = ("time", "created", "updated", "began", "started", "ended")  # seconds since 1970, in UTC


def frame(rows: Sequence[Json]) -> pandas.DataFrame:
    """Rows, with times as timestamps (UTC). Raises `not_supported` without pandas."""
    try:
        import pandas
    except ImportError:
        raise CodecastError(
            "not_supported",
            "Tables need pandas, which is not installed in this kernel's environment.",
            "%pip install pandas",
        ) from None
    made = pandas.DataFrame(list(rows))
    for column in made.columns:
        if column in TIMES:
            made[column] = pandas.to_datetime(made[column], unit="s", utc=True)
    return made


def results(run: Run) -> pandas.DataFrame:
    """One line a task. Columns of the rows come first, under their own names unless taken."""
    rows = []
    for result in run.results:
        data = result.to_json()
        row, usage = data.pop("row"), data.pop("usage") or {}
        problem = data.pop("problem") or {}
        own = {(name if name not in data else f"row_{name}"): v for name, v in row.items()}
        rows.append({**own, **data, **usage, "problem": problem.get("message")})
    return frame(rows)


def events(sessions: Iterable[Session]) -> pandas.DataFrame:
    """One line an event: session, seq, time, type, and the event's other fields as `data`."""
    rows = []
    for session in sessions:
        for event in session.history():
            fixed = {name: event.get(name) for name in ("seq", "time", "type", "turn")}
            rest = {k: v for k, v in event.items() if k not in fixed and k != "raw"}
            rows.append(
                {"session": session.name, "machine": session.machine, **fixed, "data": rest}
            )
    return frame(rows)


def tool_calls(sessions: Iterable[Session]) -> pandas.DataFrame:
    """One line a tool call: session, kind, title, status, started, seconds, asked, paths."""
    rows = []
    for session in sessions:
        folded = Transcript()
        for event in session.history():
            folded.apply(event)
        asked = {e.data.get("call") for e in folded.entries if e.kind == "request"}
        for entry in folded.entries:
            if entry.kind == "tool":
                places = [str(place.get("path")) for place in entry.data.get("locations") or []]
                rows.append(
                    {
                        "session": session.name,
                        "machine": session.machine,
                        "cli": session.cli,
                        "kind": entry.data.get("kind"),
                        "title": tool_label(entry.data),
                        "status": entry.data.get("status"),
                        "started": entry.started,
                        "seconds": entry.seconds,
                        "asked": entry.id in asked,
                        "paths": places,
                    }
                )
    return frame(rows)


def costs(sessions: Iterable[Session]) -> pandas.DataFrame:
    """One line a turn: session, turn, started, seconds, reason, cost_usd, tokens."""
    rows = []
    for session in sessions:
        used = session.usage
        for turn in used.get("turns") or []:
            fixed = {k: v for k, v in turn.items() if k != "usage"}
            rows.append(
                {
                    "session": session.name,
                    "machine": session.machine,
                    "cli": session.cli,
                    **fixed,
                    **turn["usage"],
                }
            )
    return frame(rows)
