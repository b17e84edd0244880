"""What every REST handler does alike: checked input, JSON answers, one shape of error."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from http.client import responses
from typing import Any, TypeVar, cast

from jupyter_server.base.handlers import APIHandler
from tornado import web

from codecast_agent.protocol.errors import CODES, CodecastError
from codecast_agent.protocol.events import text as text_block

from . import spec
from .auth import CodecastHandler

T = TypeVar("T")
MAX_BODY = 64 << 20  # bytes; more than any prompt, less than what hurts
_CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "not_supported",
    413: "too_large",
}


class ResourceHandler(CodecastHandler, APIHandler):
    """A resource of the API; `route` is its path in `openapi.yaml`."""

    route: str

    def initialize(self, route: str) -> None:
        self.route = route

    @property
    def _track_activity(self) -> bool:  # type: ignore[override]
        # pages poll what they read; only what a person does is activity
        return self.request.method not in ("GET", "HEAD")

    @property
    def _verb(self) -> str:
        return str(self.request.method).lower()

    def body(self) -> dict[str, Any]:
        """Raises `bad_request` or `too_large`; called after the decorators let the person in."""
        if len(self.request.body) > MAX_BODY:
            raise CodecastError(
                "too_large",
                f"the body has {len(self.request.body) >> 20} MB, of {MAX_BODY >> 20} MB allowed",
                "Put the text into a file on the machine and name it in the prompt.",
            )
        return spec.check_body(self.route, self._verb, self.request.body)

    def query(self) -> dict[str, Any]:
        """Raises `bad_request`."""
        return spec.check_query(self.route, self._verb, self.request.query_arguments)

    def answer(self, value: Any, status: int = 200) -> None:
        self.set_status(status)
        self.finish(json.dumps(value))

    def done(self) -> None:
        self.set_status(204)
        self.finish()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        problem = as_problem(status_code, kwargs.get("exc_info", (None, None, None))[1])
        if status_code == 403 and not problem.hint:
            problem.hint = self._way_in(problem)
        if problem.code in CODES and status_code == 500:
            self.set_status(CODES[problem.code])
        self.finish(json.dumps(problem.to_json()))

    def _way_in(self, problem: CodecastError) -> str:
        if not getattr(self, "_jupyter_current_user", None):
            return "Log in, or send the server's token in the header Authorization: token ..."
        if "_xsrf" in problem.message:
            return "Send the cookie _xsrf as the header X-XSRFToken too, or a token."
        return "The server's Authorizer decides; ask who runs it."

    def log_exception(self, *exc_info: Any) -> None:
        if isinstance(exc_info[1], CodecastError):
            self.log.info("codecast: %s: %s", exc_info[1].code, exc_info[1].message)
        else:
            super().log_exception(*exc_info)


class UnknownHandler(ResourceHandler):
    """Every path that is no resource: an error in our shape instead of a page."""

    async def prepare(self, **kwargs: Any) -> None:
        await super().prepare(**kwargs)
        if not self.current_user:
            raise web.HTTPError(403)
        raise CodecastError(
            "not_found",
            f"the API has no path {self.request.path}",
            f"Paths are listed in {self.base_url}{spec.BASE[1:]}/openapi.yaml.",
        )


def as_problem(status: int, error: BaseException | None) -> CodecastError:
    """Whatever a handler raised, as something a person can be shown."""
    if isinstance(error, CodecastError):
        return error
    words = responses.get(status, "unknown error")
    if isinstance(error, web.HTTPError):
        message = error.log_message or ""
        if error.args and message:
            message = message % error.args
        return CodecastError(_CODES.get(status, "internal"), message or words)
    if error is not None:
        return CodecastError(
            "internal",
            "the server met an error of its own",
            "The Jupyter server's log tells where.",
            f"{type(error).__name__}: {error}",
        )
    return CodecastError(_CODES.get(status, "internal"), words)


def content_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The content blocks of a prompt, given as `text` or `content`."""
    if "content" in body:
        return list(body["content"])
    return [text_block(body["text"])]


def closing(items: AsyncIterator[T]) -> aclosing[AsyncGenerator[T, None]]:
    """Ends a feed's iterator at once when its reader leaves, instead of when it is collected."""
    return aclosing(cast("AsyncGenerator[T, None]", items))
