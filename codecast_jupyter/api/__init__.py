"""The HTTP API below `/api/codecast/v1`: one file a resource, and `openapi.yaml` beside them.

Handlers check who calls and what was sent, call the hub, and answer. They hold no state.
"""

from __future__ import annotations

from typing import Any

from . import spec
from .base import ResourceHandler, UnknownHandler
from .events import EventsHandler
from .files import AttachmentsHandler, FilesHandler, OfferedHandler
from .health import HealthHandler, OpenApiHandler
from .machines import (
    ClisHandler,
    ConnectHandler,
    DirectoriesHandler,
    DisconnectHandler,
    DoctorHandler,
    HistoryHandler,
    HostKeyHandler,
    InfoHandler,
    KillHandler,
    MachineHandler,
    MachinesHandler,
    ProcessesHandler,
    SecretHandler,
)
from .prompts import PromptHandler, PromptsHandler
from .requests import AnswerHandler, RequestsHandler, SessionRequestsHandler
from .search import SearchHandler
from .sessions import (
    InterruptHandler,
    ResumeHandler,
    SessionHandler,
    SessionsHandler,
    StopHandler,
)
from .stream import StreamHandler
from .usage import UsageHandler, UsagesHandler

ROUTES: list[tuple[str, type[ResourceHandler]]] = [
    ("/health", HealthHandler),
    ("/openapi.yaml", OpenApiHandler),
    ("/machines", MachinesHandler),
    ("/machines/{machine}", MachineHandler),
    ("/machines/{machine}/connect", ConnectHandler),
    ("/machines/{machine}/disconnect", DisconnectHandler),
    ("/machines/{machine}/host-key", HostKeyHandler),
    ("/machines/{machine}/secret", SecretHandler),
    ("/machines/{machine}/doctor", DoctorHandler),
    ("/machines/{machine}/clis", ClisHandler),
    ("/machines/{machine}/history", HistoryHandler),
    ("/machines/{machine}/info", InfoHandler),
    ("/machines/{machine}/directories", DirectoriesHandler),
    ("/machines/{machine}/processes", ProcessesHandler),
    ("/machines/{machine}/processes/{session}", KillHandler),
    ("/sessions", SessionsHandler),
    ("/sessions/{session}", SessionHandler),
    ("/sessions/{session}/prompts", PromptsHandler),
    ("/sessions/{session}/prompts/{prompt}", PromptHandler),
    ("/sessions/{session}/attachments", AttachmentsHandler),
    ("/sessions/{session}/files", FilesHandler),
    ("/sessions/{session}/offered", OfferedHandler),
    ("/sessions/{session}/interrupt", InterruptHandler),
    ("/sessions/{session}/stop", StopHandler),
    ("/sessions/{session}/resume", ResumeHandler),
    ("/sessions/{session}/requests", SessionRequestsHandler),
    ("/sessions/{session}/requests/{request}/answer", AnswerHandler),
    ("/sessions/{session}/events", EventsHandler),
    ("/sessions/{session}/usage", UsageHandler),
    ("/usage", UsagesHandler),
    ("/requests", RequestsHandler),
    ("/search", SearchHandler),
]
STREAM = "/stream"

HANDLERS: list[tuple[Any, ...]] = [
    *((spec.pattern(route), handler, {"route": route}) for route, handler in ROUTES),
    (spec.pattern(STREAM), StreamHandler),
    (r"/api/codecast(?:/.*)?", UnknownHandler, {"route": ""}),
]
