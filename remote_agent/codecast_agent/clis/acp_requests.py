"""What an ACP agent asks the person: permissions, and forms (elicitation) as questions.

A request is kept from its arrival to its answer or withdrawal; the native answer is built
here, and nowhere is one invented: where the mode is one we keep ourselves, the person has
given the answer with the mode.
"""

from typing import Any, Callable, Dict, List, Tuple

from ..protocol.errors import CodecastError
from . import acp_tools
from .acp_content import Content
from .acp_settings import Settings
from .contract import Answer, Host
from .forms import Form
from .lines import clip, many, new_id, obj, text_of
from .places import within
from .quirks import Quirks

OPTION_KINDS = frozenset(("allow_once", "allow_always", "reject_once", "reject_always"))
ALLOWING = ("allow_once", "allow_always")
REFUSING = ("reject_once", "reject_always")
CANCELLED = {"outcome": {"outcome": "cancelled"}}

# builds the result of a JSON-RPC request; raises CodecastError("bad_request")
Build = Callable[[Answer], Dict[str, Any]]


class _Open:
    def __init__(self, native: Any, build: Build, withdrawn: Dict[str, Any]) -> None:
        self.call = ""  # that a permission is about
        self.allowing: List[str] = []  # options
        self.native = native
        self.build = build
        self.withdrawn = withdrawn  # the result that tells the agent nobody will answer


class Requests:
    """The open requests of one agent process. `reply(native id, result)` answers one."""

    def __init__(
        self,
        host: Host,
        quirks: Quirks,
        content: Content,
        settings: Settings,
        reply: Callable[[Any, Dict[str, Any]], None],
        cwd: str,
    ) -> None:
        self._cwd = cwd
        self._host = host
        self._quirks = quirks
        self._content = content
        self._settings = settings
        self._reply = reply
        self._open: Dict[str, _Open] = {}

    def permission(self, native: Any, params: Dict[str, Any]) -> None:
        """`session/request_permission`."""
        call = obj(params.get("toolCall"))
        fields, _left = acp_tools.fields(call, self._quirks.tags)
        kind = fields.pop("kind", "other")
        fields.pop("status", None)
        fields.pop("raw_output", None)
        options = self._options(params.get("options"), kind)
        if self._settings.allows(kind, self._is_inside(fields)):
            found = _first(options, ALLOWING)
            if found:
                self._reply(native, _selected(found))
                return
        fields.setdefault("title", "Permission")
        if self._settings.refuses(text_of(call.get("kind")) or kind):
            found = _first(options, REFUSING)
            self._reply(native, _selected(found) if found else CANCELLED)
            self._host.emit(
                "notice",
                level="info",
                text="Refused, for nothing is changed in mode plan: %s"
                % clip(fields["title"], 200),
            )
            return
        if kind == "execute":  # nothing has run: text is about the command
            texts = [block["text"] for block in fields.pop("content", ()) if "text" in block]
            if texts:
                fields["description"] = "\n".join(texts)
        name = text_of(call.get("toolCallId"))
        if name:
            known = {key: value for key, value in fields.items() if key != "description"}
            self._content.expect(name, kind=kind, **known)
            fields["call"] = name

        def build(answer: Answer) -> Dict[str, Any]:
            if answer.option is None and answer.declined:
                refusing = _first(options, REFUSING)
                return _selected(refusing) if refusing else CANCELLED
            if answer.option not in [option["id"] for option in options]:
                raise CodecastError(
                    "bad_request",
                    "there is no option %r" % answer.option,
                    "Choose one of: " + ", ".join(option["id"] for option in options),
                )
            if answer.message:
                self._host.emit(
                    "notice",
                    level="warning",
                    text="This CLI takes no words with an answer; send them as a prompt.",
                )
            return _selected(str(answer.option))

        request = self._remember(native, build, CANCELLED)
        self._open[request].call = name
        self._open[request].allowing = [o["id"] for o in options if o["kind"] in ALLOWING]
        self._host.emit(
            "request_opened",
            request=request,
            kind="permission",
            tool_kind=kind,
            options=options,
            **fields,
        )

    def _is_inside(self, fields: Dict[str, Any]) -> bool:
        """Whether all it touches is known and below the working directory."""
        blocks = [*fields.get("locations", ()), *fields.get("content", ())]
        paths = [block["path"] for block in blocks if "path" in block]
        return bool(paths) and all(within(path, self._cwd) for path in paths)

    def form(self, native: Any, params: Dict[str, Any]) -> bool:
        """`elicitation/create`; False where the form cannot be shown as questions."""
        message = text_of(params.get("message"))
        form = Form(params.get("requestedSchema"), message)
        if params.get("mode", "form") != "form" or not form.questions:
            return False

        def build(answer: Answer) -> Dict[str, Any]:
            if answer.answers is None:
                return {"action": "decline"}
            return {"action": "accept", "content": form.content(answer.answers)}

        fields: Dict[str, Any] = {}
        if text_of(params.get("toolCallId")):
            fields["call"] = params["toolCallId"]
        self._host.emit(
            "request_opened",
            request=self._remember(native, build, {"action": "cancel"}),
            kind="question",
            title=message or form.questions[0]["text"],
            questions=form.questions,
            **fields,
        )
        return True

    def answer(self, request: str, answer: Answer) -> None:
        """Tell the agent. Raises CodecastError("bad_request" or "not_found")."""
        entry = self._open.get(request)
        if entry is None:
            raise CodecastError("not_found", "the CLI waits for no such answer any more")
        result = entry.build(answer)
        del self._open[request]
        if entry.call:
            self._content.answered(entry.call, answer.option in entry.allowing)
        self._reply(entry.native, result)

    def waiting(self) -> bool:
        """Whether a person is asked something."""
        return bool(self._open)

    def cancelled(self, native: Any) -> None:
        """The agent itself takes a request back (`$/cancel_request`)."""
        for request, entry in list(self._open.items()):
            if entry.native == native and type(entry.native) is type(native):
                self._withdraw(request, "the CLI took the request back", tell=True)

    def withdraw(self, why: str, tell: bool) -> None:
        """Nobody can answer the open ones any more; `tell` the agent where it still listens."""
        for request in list(self._open):
            self._withdraw(request, why, tell)

    def _withdraw(self, request: str, why: str, tell: bool) -> None:
        entry = self._open.pop(request)
        self._host.emit("request_withdrawn", request=request, why=why)
        if tell:
            self._reply(entry.native, entry.withdrawn)

    def _remember(self, native: Any, build: Build, withdrawn: Dict[str, Any]) -> str:
        request = new_id()
        self._open[request] = _Open(native, build, withdrawn)
        return request

    def _options(self, items: Any, of: str) -> List[Dict[str, Any]]:
        options = []
        for item in many(items):
            option = obj(item)
            if not text_of(option.get("optionId")):
                continue
            kind = text_of(option.get("kind"))
            if kind not in OPTION_KINDS:
                kind = "reject_always"  # never one that a mode of ours would choose
            entry = {
                "id": option["optionId"],
                "kind": kind,
                "label": text_of(option.get("name")) or option["optionId"],
            }
            if kind == "allow_always" and of in self._quirks.always:
                entry.update(rule=self._quirks.always[of], scope=self._quirks.always_scope)
            if self._quirks.reject_ends_turn and kind.startswith("reject"):
                entry["ends_turn"] = True
            options.append(entry)
        return options


def _selected(option: str) -> Dict[str, Any]:
    return {"outcome": {"outcome": "selected", "optionId": option}}


def _first(options: List[Dict[str, Any]], kinds: Tuple[str, ...]) -> str:
    """The id of the first option of the first of `kinds` that is offered."""
    found = [o["id"] for kind in kinds for o in options if o["kind"] == kind]
    return str(found[0]) if found else ""
