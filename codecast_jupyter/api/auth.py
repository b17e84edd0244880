"""Who may call.

Jupyter authenticates; its `Authorizer` is asked for `read`, `write` or `execute` on the
resource `codecast`. One more way in: on a server with a password and no token, kernels hold
the token of our connection file. It opens these handlers and no other.
"""

from __future__ import annotations

import getpass
import hmac
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast
from urllib.parse import unquote

from jupyter_core.utils import ensure_async
from jupyter_server import CallContext
from jupyter_server.auth import User
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from codecast_jupyter.waiting import within

from ..control.actor import Actor

if TYPE_CHECKING:
    from ..control.hub import Hub

RESOURCE = "codecast"
HUB = "codecast_hub"  # keys of the web application's settings
READY = "codecast_ready"  # an asyncio.Event: the hub has started, or failed to
FAILED = "codecast_failed"  # what it failed with
KERNEL_TOKEN = "codecast_kernel_token"
START_LIMIT = 60.0  # seconds a request waits for the hub to start
KERNEL = User("kernel", "Kernel", "Kernel", "K")

Action = Literal["read", "write", "execute"]
Method = TypeVar("Method", bound=Callable[..., Any])


def permit(action: Action) -> Callable[[Method], Method]:
    """Only for people who are logged in and whom the Authorizer lets do `action`; else 403."""

    def wrap(method: Method) -> Method:
        return cast("Method", web.authenticated(authorized(action, RESOURCE)(method)))

    return wrap


def person(user: User) -> str:
    """Their name. Who only holds the server's token gets a random one from Jupyter, another
    at each request without a cookie: that is the server's owner."""
    if owns(user):
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # an account without a name
            return "owner"
    return str(user.username)


def owns(user: User) -> bool:
    """Whether it is who holds the server's own token, without an account."""
    anonymous = user.name.startswith("Anonymous ")
    return bool(anonymous and re.fullmatch("[0-9a-f]{32}", user.username))


class CodecastHandler(JupyterHandler):
    """What REST and WebSocket handlers share."""

    auth_resource = RESOURCE

    @property
    def hub(self) -> Hub:
        """Raises why it could not start."""
        if self.settings.get(FAILED) is not None:
            raise self.settings[FAILED]
        return cast("Hub", self.settings[HUB])

    @property
    def actor(self) -> Actor:
        """The person, and the surface as it calls itself. A surface that speaks for several (a
        chat bot) names the one; who holds the login stays named beside, save the server's owner."""
        where = self.request.headers.get("X-Codecast-Surface", "api")[:40]
        holder = person(self.current_user)
        named = unquote(self.request.headers.get("X-Codecast-By", ""))[:80].strip()
        if not named:
            return Actor(holder, where)
        return Actor(named if owns(self.current_user) else f"{named} via {holder}", where)

    async def prepare(self, **kwargs: Any) -> None:
        if self.has_kernel_token():
            CallContext.set(CallContext.JUPYTER_HANDLER, self)
            if not self.check_host():
                raise web.HTTPError(403)
            self.current_user = self._jupyter_current_user = KERNEL
            self._token_authenticated = True  # no XSRF, any origin: a header is explicit
            self.set_cors_headers()
        else:
            await super().prepare(**kwargs)
        if self.current_user:  # the server listens before the hub has opened its store
            await within(self.settings[READY].wait(), START_LIMIT)

    def has_kernel_token(self) -> bool:
        expected = self.settings.get(KERNEL_TOKEN)
        if not expected:
            return False
        _, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return hmac.compare_digest(token.strip().encode(), str(expected).encode())

    async def may(self, action: Action) -> bool:
        return bool(
            await ensure_async(
                self.authorizer.is_authorized(self, self.current_user, action, RESOURCE)
            )
        )
