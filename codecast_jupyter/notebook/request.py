"""What an agent asks: a permission or a question, answered once, wherever that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client.types import Request as RequestData
from codecast_jupyter.commands import choices
from codecast_jupyter.commands.render.markdown import request as request_markdown
from codecast_jupyter.commands.words import who

from .connection import client
from .table import Table

# What a program says to a request: an answer as a person would type it, or None to leave it to
# people. A text stands for a function that always says it.
Policy = Callable[["Request"], "str | None"] | str


class Request:
    """An open or ended request of a session.

    >>> for request in cc.requests():
    ...     print(request.title, request.choices)
    ...     request.answer("y")
    """

    def __init__(self, data: RequestData) -> None:
        self.data = data

    @property
    def id(self) -> str:
        return str(self.data["request"])

    @property
    def session(self) -> str:
        """The session's id."""
        return str(self.data.get("session", ""))

    @property
    def kind(self) -> str:
        """permission or question."""
        return str(self.data.get("kind", ""))

    @property
    def title(self) -> str:
        return str(self.data.get("title", ""))

    @property
    def tool_kind(self) -> str:
        """What the agent wants to do: read, edit, execute, ...; empty for a question."""
        return str(self.data.get("tool_kind", ""))

    @property
    def paths(self) -> list[str]:
        """The files it is about, as far as the CLI says."""
        named = [place.get("path") for place in self.data.get("locations") or []]  # type: ignore[attr-defined]
        named += [block.get("path") for block in self.data.get("content") or []]
        return list(dict.fromkeys(str(path) for path in named if path))

    @property
    def command(self) -> str:
        """The command it wants to run; empty for anything else."""
        raw = self.data.get("raw_input")
        command = raw.get("command") if isinstance(raw, dict) else None
        return command if isinstance(command, str) else " ".join(command or [])

    @property
    def choices(self) -> list[str]:
        """What can be answered: labels of a permission's options, or of the first question."""
        options = self.data.get("options") or []
        for question in self.data.get("questions") or []:
            options = question.get("options") or []
            break
        return [str(option.get("label") or "") for option in options]

    @property
    def outcome(self) -> str:
        """open, resolved or withdrawn, when it was last asked."""
        return str(self.data.get("outcome", "open"))

    def answer(self, *words: str) -> Request:
        """Answer as in the shell: a number, y (once), a (always), n (no), a label, own words; one
        argument a question where several are asked.

        Raises CodecastError: `bad_request` lists the choices, `already_resolved` says by whom.
        """
        body: Any = choices.answer(self.data, list(words))
        return self._resolved(body)

    def decline(self) -> Request:
        """Tell the agent that nobody will answer."""
        return self._resolved({"declined": True})

    def _resolved(self, body: Mapping[str, Any]) -> Request:
        try:
            self.data = client().answer(self.session, self.id, **body)
        except CodecastError as error:
            if error.code == "already_resolved":
                raise already(error) from None
            raise
        return self

    def _row(self) -> Mapping[str, Any]:
        return {
            "request": self.id,
            "session": self.session[:8],
            "title": self.title,
            "choices": ", ".join(self.choices),
            "outcome": self.outcome,
        }

    def _repr_markdown_(self) -> str:
        return request_markdown(self.data)

    def __repr__(self) -> str:
        return f"<Request {self.kind} {self.title!r}: {self.outcome}>"


def already(error: CodecastError) -> CodecastError:
    person = who(error.data)
    by = f" {person}" if person.startswith("on ") else f" by {person}" if person else ""
    return CodecastError(
        error.code, f"It was answered already{by}.", "Nothing was changed by this answer."
    )


def decided(policy: Policy | None, request: Request) -> str | None:
    """What a policy says to a request. Whatever it raises is its own."""
    if policy is None or isinstance(policy, str):
        return policy
    return policy(request)


def requests() -> Table[Request]:
    """The open requests of all sessions, the oldest first."""
    found = [Request(data) for data in client().requests()]
    return Table(found, Request._row, "Nothing waits for an answer.", lambda r: r.data)
