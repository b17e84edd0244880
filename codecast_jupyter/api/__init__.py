"""The HTTP API below `/api/codecast/v1`: one file a resource, and `openapi.yaml` beside them.

Handlers check who calls and what was sent, call the hub, and answer. They hold no state.
"""

from __future__ import annotations

from typing import Any

from . import spec
from .base import ResourceHandler, UnknownHandler
from .editing import ChangesHandler, DiffHandler, EditedHandler, TreeHandler
from .events import EventsHandler
from .export import ExportHandler
from .files import AttachmentsHandler, OfferedHandler
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
from .prompts import MoveHandler, PromptHandler, PromptsHandler
from .requests import AnswerHandler, RequestsHandler, SessionRequestsHandler
from .search import SearchHandler
from .sessions import (
    InterruptHandler,
    ResumeHandler,
    SessionHandler,
    SessionsHandler,
    StopHandler,
)
from .sockets import SocketHandler
from .stream import StreamHandler
from .terminals import TerminalHandler, TerminalsHandler, TerminalSocket
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
    ("/sessions/{session}/prompts/{prompt}/move", MoveHandler),
    ("/sessions/{session}/attachments", AttachmentsHandler),
    ("/sessions/{session}/files", EditedHandler),
    ("/sessions/{session}/tree", TreeHandler),
    ("/sessions/{session}/changes", ChangesHandler),
    ("/sessions/{session}/diff", DiffHandler),
    ("/sessions/{session}/export", ExportHandler),
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
    ("/terminals", TerminalsHandler),
    ("/terminals/{terminal}", TerminalHandler),
]
SOCKETS: list[tuple[str, type[SocketHandler]]] = [
    ("/stream", StreamHandler),
    ("/terminals/websocket/{terminal}", TerminalSocket),
]

HANDLERS: list[tuple[Any, ...]] = [
    *((spec.pattern(route), handler, {"route": route}) for route, handler in ROUTES),
    *((spec.pattern(route), handler) for route, handler in SOCKETS),
    (r"/api/codecast(?:/.*)?", UnknownHandler, {"route": ""}),
]
