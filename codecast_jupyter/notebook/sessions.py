"""Sessions begun, listed, and found by name or by what was said in them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from codecast_jupyter.client.types import Hit
from codecast_jupyter.client.types import Session as SessionData
from codecast_jupyter.commands.context import Context, on_machine, waiting
from codecast_jupyter.commands.sessions import ENDED, find, place
from codecast_jupyter.commands.words import age

from . import connection
from .performing import guided
from .session import Budget, Session
from .table import Table

if TYPE_CHECKING:
    from .machine import Machine


def table(found: Iterable[Session]) -> Table[Session]:
    return Table(found, Session._row, "No session runs.", lambda session: _flat(session.data))


def _flat(data: SessionData) -> Mapping[str, Any]:
    state = data.get("state") or {}
    kept = {k: v for k, v in data.items() if k not in ("state", "error", "skills")}
    used = {k: v for k, v in (state.get("usage") or {}).items() if isinstance(v, int)}
    more = ("status", "turns", "cost_usd", "title", "updated")
    return {**kept, **{name: state.get(name) for name in more}, **used}


def start(
    machine: str | Machine,
    directory: str | None = None,
    *,
    cli: str | None = None,
    mode: str | None = None,
    model: str | None = None,
    name: str | None = None,
    prompt: str | None = None,
    budget: Budget | None = None,
    create: bool = False,
    skills: bool = True,
    id: str | None = None,
) -> Session:
    """Start a session of a CLI in a directory of a machine.

    >>> s = cc.start("gpu-1", "~/project", cli="claude", mode="code")
    >>> s = cc.start("local", cli="demo", budget={"max_cost": 5})

    On `local` the kernel's own directory is meant where none is named. `mode` is auto, code,
    plan or ask. `create` makes the directory where it is missing. The same `id` (a UUID) again is
    the same session. Raises CodecastError with what stands in the way.
    """
    client = connection.client()
    where, path = place(Context(client.aio), str(machine), directory)
    id = id or str(uuid.uuid4())
    words = f"starting {cli or 'the CLI'} in {path} on {where} ..."

    async def create_it(context: Context) -> SessionData:
        async with waiting(context, words, where, id):
            return await client.aio.start(
                where,
                path,
                cli=cli,
                mode=mode,
                model=model,
                name=name,
                prompt=prompt,
                budget=budget,
                create_directory=create,
                skills=skills,
                id=id,
            )

    return Session(guided(lambda context: on_machine(context, where, lambda: create_it(context))))


def sessions(
    machine: str | None = None, status: str | None = None, all: bool = True
) -> Table[Session]:
    """Sessions, those of a machine or with a status only; without `all` none that has ended.

    >>> cc.sessions(status="waiting")
    """
    found = connection.client().sessions(machine, status, all=True)
    return table(
        Session(data)
        for data in found
        if all or (data.get("state") or {}).get("status") not in ENDED
    )


def session(name: str) -> Session:
    """By name, id, or the beginning of one. Raises CodecastError that names the nearest."""
    found: Any = connection.run(find(Context(connection.client().aio), name))
    return Session(found)


def search(query: str, limit: int = 50) -> Table[Hit]:
    """Words in all transcripts; "phrases", -words to exclude. The best hits first.

    >>> cc.search('"out of memory" -warning').to_frame()
    """
    found = connection.client().search(query, limit)
    return Table(found, _hit_row, f"Nothing found for {query!r}.", lambda hit: hit)


def _hit_row(hit: Hit) -> Mapping[str, Any]:
    return {
        "session": hit.get("name") or str(hit.get("session", ""))[:8],
        "machine": hit.get("machine"),
        "kind": hit.get("kind"),
        "age": age(hit.get("time")),
        "words": hit.get("snippet"),
    }
