"""The tasks of a run: which prompt, for which CLI, on which machine.

A task's session and prompts have ids made of the run's name and all that the task is. Whoever
asks the same again, from another kernel or another computer, names the same sessions and
prompts, which the hub and the machines take once.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError

Row = Mapping[str, Any]
Prompt = str | Callable[[Row], str]
SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/codecast-jupyter/runs")


class Task(NamedTuple):
    """`key` is what people read; `identity` also has what was asked."""

    key: str
    number: int  # from 0
    machine: str
    cli: str | None
    repeat: int  # from 1
    label: str  # of the row; empty without rows
    row: Row
    prompt: str
    directory: str
    mode: str | None
    model: str | None
    fixed: bool  # the machine is part of the task, and not where there was room

    def identity(self, run: str) -> str:
        where = self.machine if self.fixed else None
        asked = (self.prompt, self.directory, self.mode, self.model)
        return json.dumps([run, self.key, where, self.cli, self.repeat, self.label, *asked])

    def session(self, run: str) -> str:
        """The id of its session."""
        return str(uuid.uuid5(SPACE, self.identity(run)))

    def prompt_id(self, run: str, attempt: int = 1) -> str:
        """The id of its prompt; another one where the attempts before it have failed."""
        return str(uuid.uuid5(SPACE, f"{self.identity(run)} attempt {attempt}"))


def tasks(
    prompt: Prompt,
    rows: Any = None,
    *,
    machines: Sequence[str],
    clis: Sequence[str | None],
    repeat: int,
    spread: bool,
    directory: str,
    mode: str | None,
    model: str | None,
) -> list[Task]:
    """Every row for every CLI, `repeat` times, on every machine; with `spread` each on one of
    them, in turn. Raises CodecastError("bad_request") for a template that does not fit.
    """
    listed = labelled(rows)
    _check(listed, machines, clis, repeat)
    places: list[Sequence[str | None]] = [machines] if not spread else [[None]]
    made: list[Task] = []
    for label, row in listed:
        for machine in places[0]:
            for cli in clis:
                for number in range(1, repeat + 1):
                    where = machine or machines[len(made) % len(machines)]
                    parts = [
                        where if len(machines) > 1 and not spread else "",
                        (cli or "") if len(clis) > 1 else "",
                        label,
                        f"#{number}" if repeat > 1 else "",
                    ]
                    key = "/".join(part for part in parts if part) or "1"
                    values = {**row, "machine": where, "cli": cli or "", "repeat": number}
                    values |= {"row": label, "task": _slug(key)}
                    templated = rows is not None
                    made.append(
                        Task(
                            key=key,
                            number=len(made),
                            machine=where,
                            cli=cli,
                            repeat=number,
                            label=label,
                            row=row,
                            prompt=_prompt(prompt, values, templated),
                            directory=filled(directory, values, "The directory"),
                            mode=mode,
                            model=model,
                            fixed=not spread,
                        )
                    )
    return made


def _check(
    rows: Sequence[Any], machines: Sequence[str], clis: Sequence[str | None], repeat: int
) -> None:
    empty = [
        words
        for words, found in (("no row", rows), ("no machine", machines), ("no CLI", clis))
        if not found
    ]
    if empty or repeat < 1:
        raise CodecastError(
            "bad_request",
            f"There is nothing to do: {', '.join(empty) or 'it is to be done no time'}.",
            "Name at least one row, machine and CLI, and a `repeat` of 1 or more.",
        )
    labels = [label for label, _ in rows]
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise CodecastError(
            "bad_request",
            f"Several rows are called {sorted(twice)[0]!r}: tasks are told apart by that.",
            "Give the DataFrame an index without repetitions: frame.reset_index().",
        )


def labelled(rows: Any) -> list[tuple[str, Row]]:
    """Rows with their labels, of a DataFrame, a mapping of rows, or a list of rows or values."""
    if rows is None:
        return [("", {})]
    if hasattr(rows, "iterrows"):
        return [(str(label), dict(row)) for label, row in rows.iterrows()]
    if isinstance(rows, Mapping):
        return [(str(label), _row(row)) for label, row in rows.items()]
    if isinstance(rows, str) or not isinstance(rows, Iterable):
        raise CodecastError(
            "bad_request",
            f"{type(rows).__name__} is no table of rows.",
            "Give a DataFrame, a list of dicts, or a list of values ({value} in the prompt).",
        )
    return [(str(number), _row(row)) for number, row in enumerate(rows, 1)]


def _row(row: Any) -> Row:
    if isinstance(row, Mapping):
        return {str(key): value for key, value in row.items()}
    return {"value": row}


def _prompt(prompt: Prompt, values: Row, templated: bool) -> str:
    if callable(prompt):
        return str(prompt(values))
    # without rows there is nothing to fill in, and braces are the person's own
    return filled(prompt, values, "The prompt") if templated else prompt


def filled(template: str, values: Row, what: str) -> str:
    """`template.format(**values)`. Raises CodecastError that names the columns there are."""
    if "{" not in template and "}" not in template:
        return template
    try:
        return template.format_map(dict(values))
    except KeyError as error:
        raise CodecastError(
            "bad_request",
            f"{what} names {{{error.args[0]}}}, which no row has.",
            f"There are {', '.join(f'{{{name}}}' for name in values)}; {{{{ and }}}} are braces.",
        ) from None
    except (ValueError, IndexError, AttributeError) as error:
        raise CodecastError(
            "bad_request", f"{what} is no template: {error}.", "Write {{ and }} for braces."
        ) from None


def _slug(key: str) -> str:
    """A key as the name of a directory or session."""
    return re.sub(r"[^\w.-]+", "-", key).strip("-._") or "1"


def session_name(run: str, task: Task) -> str:
    return f"{_slug(run)[:48]}-{task.number + 1:02}"
