"""What Claude asks the person: permissions (`can_use_tool`), questions, plans, forms.

A request is rendered from itself alone, for a tool call it names may never have been told.
"Always" is one option for each rule Claude suggests, with the rule's text; nothing else may
widen what Claude is allowed.
"""

from typing import Any, Callable, Dict, List

from ..protocol.errors import CodecastError
from . import claude_tools as tools
from .contract import Answer, Host
from .forms import Form
from .lines import many, obj, text_of
from .options import chosen

REFUSED = "The user does not want this. Do not try it another way; ask what to do instead."
READS_ONLY = "Nothing is changed in plan mode. Propose it as a part of the plan."
READING = frozenset(("read", "search", "fetch", "think"))  # kinds of tools
SCOPES = {
    "session": "this session",
    "localSettings": "this project, for you",
    "projectSettings": "this project, for everybody",
    "userSettings": "all your projects",
    "cliArg": "this session",
}
# what the person decides even where everything else is allowed
PERSONAL = frozenset(("AskUserQuestion", "ExitPlanMode"))

Build = Callable[[Answer], Dict[str, Any]]


class _Open:
    def __init__(self, build: Build, agent: bool) -> None:
        self.build = build
        self.agent = agent  # asked by a sub-agent, which outlives the turn


class Requests:
    """The open requests of one process. `reply(request id, response)` answers one."""

    def __init__(self, host: Host, cwd: str, reply: Callable[[str, Dict[str, Any]], None]) -> None:
        self._host = host
        self._cwd = cwd
        self._reply = reply
        self._open: Dict[str, _Open] = {}

    def asked(
        self, request: str, asked: Dict[str, Any], allow: bool, reads_only: bool = False
    ) -> None:
        """`can_use_tool`; `allow`: the person's mode has answered it, with yes.

        `reads_only`: with no for all that may write, which Claude's plan mode asks for.
        """
        if request in self._open:
            return
        name = text_of(asked.get("tool_name"))
        given = obj(asked.get("input"))
        personal = name in PERSONAL or asked.get("requires_user_interaction") is True
        if allow and not personal:
            self._reply(request, {"behavior": "allow", "updatedInput": given})
            return
        if reads_only and not personal and tools.kind(name) not in READING:
            self._reply(request, {"behavior": "deny", "message": READS_ONLY})
            return
        fields: Dict[str, Any] = {"raw_input": given}
        if text_of(asked.get("tool_use_id")):
            fields["call"] = asked["tool_use_id"]
        if name == "AskUserQuestion" and isinstance(given.get("questions"), list):
            build = self._questions(given, fields)
        elif name == "ExitPlanMode":
            build = self._plan(given, fields)
        else:
            build = self._permission(name, given, asked, fields)
        self._open[request] = _Open(build, bool(text_of(asked.get("agent_id"))))
        self._host.emit("request_opened", request=request, **fields)

    def form(self, request: str, asked: Dict[str, Any]) -> bool:
        """`elicitation`: an MCP server's form; False where it cannot be shown."""
        message = text_of(asked.get("message"))
        form = Form(asked.get("requested_schema"), message)
        if asked.get("mode", "form") != "form" or not form.questions:
            return False

        def build(answer: Answer) -> Dict[str, Any]:
            if answer.answers is None:
                return {"action": "decline"}
            return {"action": "accept", "content": form.content(answer.answers)}

        self._open[request] = _Open(build, False)
        server = text_of(asked.get("mcp_server_name"))
        self._host.emit(
            "request_opened",
            request=request,
            kind="question",
            title=text_of(asked.get("title")) or message or "Question of " + (server or "a server"),
            questions=form.questions,
        )
        return True

    def answer(self, request: str, answer: Answer) -> None:
        """Tell Claude. Raises CodecastError("bad_request" or "not_found")."""
        entry = self._open.get(request)
        if entry is None:
            raise CodecastError("not_found", "The CLI waits for no such answer any more.")
        response = entry.build(answer)
        del self._open[request]
        self._reply(request, response)

    def withdrawn(self, request: str) -> None:
        """`control_cancel_request`: Claude takes it back."""
        if self._open.pop(request, None) is not None:
            why = "the CLI took the request back"
            self._host.emit("request_withdrawn", request=request, why=why)

    def withdraw(self, why: str, agents: bool = False) -> None:
        """Nobody can answer the open ones any more; those of sub-agents only with `agents`."""
        for request, entry in list(self._open.items()):
            if agents or not entry.agent:
                del self._open[request]
                self._host.emit("request_withdrawn", request=request, why=why)

    # ---- the three kinds ----

    def _permission(
        self, name: str, given: Dict[str, Any], asked: Dict[str, Any], fields: Dict[str, Any]
    ) -> Build:
        description = text_of(asked.get("description")) or text_of(asked.get("decision_reason"))
        title = tools.title(name, given, self._cwd)
        if description and description not in title:
            fields["description"] = description
        content, places = tools.changes(name, given), tools.locations(given)
        blocked = text_of(asked.get("blocked_path"))
        if blocked and not places:
            places = [{"path": blocked}]
        if content:
            fields["content"] = content
        if places:
            fields["locations"] = places
        suggestions: Dict[str, Dict[str, Any]] = {}
        options = [{"id": "allow_once", "kind": "allow_once", "label": "Allow"}]
        for suggestion in many(asked.get("permission_suggestions")):
            option = _always(obj(suggestion), len(suggestions))
            if option is not None and not _suppressed(asked, obj(suggestion)):
                suggestions[option["id"]] = obj(suggestion)
                options.append(option)
        options.append({"id": "reject_once", "kind": "reject_once", "label": "Reject"})
        fields.update(kind="permission", title=title, tool_kind=tools.kind(name), options=options)

        def build(answer: Answer) -> Dict[str, Any]:
            option = chosen(answer, options)
            if option == "reject_once":
                return {"behavior": "deny", "message": answer.message or REFUSED}
            response: Dict[str, Any] = {"behavior": "allow", "updatedInput": given}
            if option in suggestions:
                response["updatedPermissions"] = [suggestions[option]]
            return response

        return build

    def _plan(self, given: Dict[str, Any], fields: Dict[str, Any]) -> Build:
        options = [
            {"id": "allow_once", "kind": "allow_once", "label": "Carry out the plan"},
            {
                "id": "allow_edits",
                "kind": "allow_always",
                "label": "Carry out the plan, edit files without asking",
                "scope": SCOPES["session"],
                "rule": "mode: acceptEdits",
            },
            {"id": "reject_once", "kind": "reject_once", "label": "Keep planning"},
        ]
        plan = text_of(given.get("plan"))
        if plan:
            fields["content"] = [{"type": "text", "text": plan}]
        fields.update(
            kind="permission",
            title="Leave plan mode and carry out the plan?",
            tool_kind="think",
            options=options,
        )

        def build(answer: Answer) -> Dict[str, Any]:
            option = chosen(answer, options)
            if option == "reject_once":
                return {"behavior": "deny", "message": answer.message or "Keep planning."}
            response: Dict[str, Any] = {"behavior": "allow", "updatedInput": given}
            if option == "allow_edits":
                response["updatedPermissions"] = [
                    {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
                ]
            return response

        return build

    def _questions(self, given: Dict[str, Any], fields: Dict[str, Any]) -> Build:
        questions: List[Dict[str, Any]] = []
        for number, item in enumerate(given["questions"]):
            native = obj(item)
            question: Dict[str, Any] = {
                "id": "q%d" % number,
                "text": text_of(native.get("question")),
                "options": [],
                "multiple": native.get("multiSelect") is True,
                "free_text": True,
            }
            if text_of(native.get("header")):
                question["header"] = native["header"]
            for choice in many(native.get("options")):
                option = {"label": text_of(obj(choice).get("label"))}
                if text_of(obj(choice).get("description")):
                    option["description"] = obj(choice)["description"]
                question["options"].append(option)
            questions.append(question)
        title = questions[0]["text"] if questions else "Question"
        fields.update(kind="question", title=title, questions=questions)
        texts = {question["id"]: question["text"] for question in questions}

        def build(answer: Answer) -> Dict[str, Any]:
            if answer.answers is None:
                refused = answer.message or "The user declined to answer."
                return {"behavior": "deny", "message": refused}
            unknown = [id for id in answer.answers if id not in texts]
            if unknown:
                raise CodecastError(
                    "bad_request",
                    "There is no question %r." % unknown[0],
                    "The questions are: " + ", ".join(texts),
                )
            answers = {texts[id]: ", ".join(said) for id, said in answer.answers.items() if said}
            return {"behavior": "allow", "updatedInput": {**given, "answers": answers}}

        return build


def _suppressed(asked: Dict[str, Any], suggestion: Dict[str, Any]) -> bool:
    return asked.get("suppress_always_allow_rule") is True and suggestion.get("type") == "addRules"


def _always(suggestion: Dict[str, Any], number: int) -> Any:
    """The option of one permission suggestion; None for one that allows nothing."""
    kind = suggestion.get("type")
    if kind == "addRules" and suggestion.get("behavior") == "allow":
        rules = [_rule(obj(rule)) for rule in many(suggestion.get("rules"))]
        text = ", ".join(rule for rule in rules if rule)
        label = "Always allow " + text
    elif kind == "addDirectories":
        text = ", ".join(str(directory) for directory in many(suggestion.get("directories")))
        label = "Allow work in " + text
    elif kind == "setMode":
        text = "mode: " + text_of(suggestion.get("mode"))
        label = {
            "acceptEdits": "Allow all edits",
            "bypassPermissions": "Allow everything",
        }.get(text_of(suggestion.get("mode")), "Change to " + text)
    else:
        return None
    scope = SCOPES.get(text_of(suggestion.get("destination")), "")
    option = {
        "id": "always_%d" % number,
        "kind": "allow_always",
        "label": "%s (%s)" % (label, scope) if scope else label,
        "rule": text,
    }
    if scope:
        option["scope"] = scope
    return option if text else None


def _rule(rule: Dict[str, Any]) -> str:
    """A rule as Claude's settings write it: `Bash(touch x *)`."""
    tool, content = text_of(rule.get("toolName")), text_of(rule.get("ruleContent"))
    return "%s(%s)" % (tool, content) if content else tool
