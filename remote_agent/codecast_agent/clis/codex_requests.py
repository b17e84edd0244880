"""What Codex asks the person: commands, file changes, permissions, questions, forms.

"Always" is one option for each thing Codex can remember, with the text of what it allows:
the same command or the same files for this session, and a rule by a command's first words,
which Codex keeps in its own rules for every project. To decline lets the turn go on, to
cancel ends it; both are offered. Codex takes no words with a refusal, so they are given
into the running turn as a message (`say`).

Some requests are answered by the mode instead of the person (`codex_settings.allows`). An
edit is let through in mode `code` only where every path it touches, links resolved, is below
the working directory and outside the directories whose content is run or trusted (`places`).
"""

from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from ..protocol.errors import CodecastError
from . import codex_items as items
from .codex_content import Content
from .contract import Answer, Host
from .forms import Form
from .lines import first_line, many, new_id, obj, present, text_of
from .options import chosen
from .places import within

SESSION = "this session"
EVERYWHERE = "all your projects"
YES: Dict[str, Any] = {"action": "accept", "content": {}}
OUTSIDE_TURN = "The CLI waits for no such answer any more."

Build = Callable[[Answer], Dict[str, Any]]
Reply = Callable[[Any, Dict[str, Any]], None]
Judge = Callable[[str, bool], Optional[bool]]  # (kind, inside) -> yes, no or ask


class _Open:
    def __init__(self, native: Any, build: Build, thread: str) -> None:
        self.native = native
        self.build = build
        self.thread = thread  # empty for the conversation itself


class Requests:
    """The open requests of one process.

    `reply(native id, result)` answers one; `judge` is the mode's word; `say` gives words into
    the running turn.
    """

    def __init__(
        self,
        host: Host,
        cwd: str,
        content: Content,
        reply: Reply,
        judge: Judge,
        say: Callable[[str], None],
    ) -> None:
        self._host = host
        self._cwd = cwd
        self._content = content
        self._reply = reply
        self._judge = judge
        self._say = say
        self._open: Dict[str, _Open] = {}
        # told to Codex it would hold in mode plan too
        self._consented: Set[str] = set()  # tools of MCP servers that may run in this session

    def asked(self, native: Any, method: str, params: Dict[str, Any]) -> bool:
        """A request of Codex; False for one that is none of the person's."""
        if method == "item/commandExecution/requestApproval":
            self._command(native, params)
        elif method == "item/fileChange/requestApproval":
            self._files(native, params)
        elif method == "item/permissions/requestApproval":
            self._permissions(native, params)
        elif method == "item/tool/requestUserInput":
            self._questions(native, params)
        elif method == "mcpServer/elicitation/request":
            return self._form(native, params)
        else:
            return False
        return True

    def answer(self, request: str, answer: Answer) -> None:
        """Tell Codex. Raises CodecastError("bad_request" or "not_found")."""
        entry = self._open.get(request)
        if entry is None:
            raise CodecastError("not_found", OUTSIDE_TURN)
        result = entry.build(answer)
        del self._open[request]
        self._reply(entry.native, result)
        if answer.message and result.get("decision") == "decline":
            self._say(answer.message)

    def resolved(self, native: Any) -> None:
        """`serverRequest/resolved` for one that nobody here has answered."""
        for request, entry in list(self._open.items()):
            if entry.native == native and type(entry.native) is type(native):
                self._withdraw(request, "the CLI took the request back")

    def withdraw(self, why: str, agents: bool = False) -> None:
        """Nobody can answer the open ones any more; those of sub-agents only with `agents`."""
        for request, entry in list(self._open.items()):
            if agents or not entry.thread:
                self._withdraw(request, why)

    def _withdraw(self, request: str, why: str) -> None:
        del self._open[request]
        self._host.emit("request_withdrawn", request=request, why=why)

    def _show(self, native: Any, params: Dict[str, Any], build: Build, **fields: Any) -> None:
        request = new_id()
        parent = self._content.parent_of(params)
        self._open[request] = _Open(native, build, parent)
        if parent:
            fields["parent"] = parent
        call = text_of(params.get("itemId"))
        if call and "call" not in fields and self._content.knows(call):
            fields["call"] = call
        self._host.emit("request_opened", request=request, **fields)

    # ---- commands ----

    def _command(self, native: Any, params: Dict[str, Any]) -> None:
        verdict = self._judge("command", False)
        if verdict is not None:
            self._reply(native, {"decision": "accept" if verdict else "decline"})
            return
        command = items.command_of(text_of(params.get("command")))
        network = obj(params.get("networkApprovalContext"))
        host = text_of(network.get("host"))
        title = first_line(command) or "Command"
        if host:
            title = "Reach %s://%s" % (text_of(network.get("protocol")) or "https", host)
        options, decisions = self._command_options(command, params)
        self._show(
            native,
            params,
            _deciding(options, decisions),
            kind="permission",
            title=title,
            tool_kind="fetch" if host else "execute",
            options=options,
            raw_input=present(
                command=command or None,
                cwd=text_of(params.get("cwd")) or None,
                host=host or None,
                permissions=params.get("additionalPermissions"),
            ),
            **present(description=text_of(params.get("reason")) or None),
        )

    def _command_options(
        self, command: str, params: Dict[str, Any]
    ) -> Tuple[List[Dict[str, Any]], Dict[str, Any]]:
        options: List[Dict[str, Any]] = [
            {"id": "allow_once", "kind": "allow_once", "label": "Allow"},
            {
                "id": "allow_session",
                "kind": "allow_always",
                "label": "Allow this command for this session",
                "scope": SESSION,
                "rule": command,
            },
        ]
        decisions: Dict[str, Any] = {"allow_once": "accept", "allow_session": "acceptForSession"}
        words = [str(word) for word in many(params.get("proposedExecpolicyAmendment"))]
        if words:
            rule = " ".join(words)
            options.append(
                {
                    "id": "allow_rule",
                    "kind": "allow_always",
                    "label": first_line(
                        "Always allow commands that begin with `%s` (%s)" % (rule, EVERYWHERE)
                    ),
                    "scope": EVERYWHERE,
                    "rule": rule,
                }
            )
            amendment = {"execpolicy_amendment": words}
            decisions["allow_rule"] = {"acceptWithExecpolicyAmendment": amendment}
        for number, item in enumerate(many(params.get("proposedNetworkPolicyAmendments"))):
            host, action = text_of(obj(item).get("host")), text_of(obj(item).get("action"))
            if not host or action not in ("allow", "deny"):
                continue
            id = "%s_host_%d" % (action, number)
            verb = "allow" if action == "allow" else "refuse"
            options.append(
                {
                    "id": id,
                    "kind": "allow_always" if action == "allow" else "reject_always",
                    "label": "Always %s connections to %s" % (verb, host),
                    "scope": EVERYWHERE,
                    "rule": "%s %s" % (verb, host),
                }
            )
            amended = {"network_policy_amendment": {"host": host, "action": action}}
            decisions[id] = {"applyNetworkPolicyAmendment": amended}
        _refusals(options, decisions)
        return options, decisions

    # ---- files ----

    def _files(self, native: Any, params: Dict[str, Any]) -> None:
        changes = self._content.changes_of(text_of(params.get("itemId")))
        paths = items.touched(changes)
        root = text_of(params.get("grantRoot"))
        inside = bool(paths) and not root and all(within(path, self._cwd) for path in paths)
        verdict = self._judge("edit", inside)
        if verdict is not None:
            self._reply(native, {"decision": "accept" if verdict else "decline"})
            return
        title, kind = items.about_changes(changes, self._cwd)
        rule = root or ", ".join(paths)
        options: List[Dict[str, Any]] = [
            {"id": "allow_once", "kind": "allow_once", "label": "Allow"}
        ]
        if rule:
            label = "Allow edits below %s" % root if root else "Allow edits of these files"
            options.append(
                {
                    "id": "allow_session",
                    "kind": "allow_always",
                    "label": label + " for this session",
                    "scope": SESSION,
                    "rule": rule,
                }
            )
        decisions: Dict[str, Any] = {"allow_once": "accept", "allow_session": "acceptForSession"}
        _refusals(options, decisions)
        self._show(
            native,
            params,
            _deciding(options, decisions),
            kind="permission",
            title=title,
            tool_kind=kind,
            options=options,
            **present(
                description=text_of(params.get("reason")) or None,
                content=items.changes(changes) or None,
                locations=[{"path": path} for path in paths] or None,
                raw_input={"root": root} if root else None,
            ),
        )

    # ---- permissions asked for by themselves ----

    def _permissions(self, native: Any, params: Dict[str, Any]) -> None:
        wanted = obj(params.get("permissions"))
        granted = {key: value for key, value in wanted.items() if value is not None}
        verdict = self._judge("permissions", False)
        if verdict is not None:
            self._reply(native, {"permissions": granted if verdict else {}, "scope": "turn"})
            return
        rule = _permission_text(wanted)
        options = [
            {"id": "allow_once", "kind": "allow_once", "label": "Allow for this turn"},
            {
                "id": "allow_session",
                "kind": "allow_always",
                "label": "Allow for this session",
                "scope": SESSION,
                "rule": rule,
            },
            {"id": "reject_once", "kind": "reject_once", "label": "Reject"},
        ]

        def build(answer: Answer) -> Dict[str, Any]:
            option = chosen(answer, options)
            if option == "reject_once":
                return {"permissions": {}, "scope": "turn"}
            scope = "session" if option == "allow_session" else "turn"
            return {"permissions": granted, "scope": scope}

        self._show(
            native,
            params,
            build,
            kind="permission",
            title=first_line("More permissions: " + rule),
            tool_kind="other",
            options=options,
            raw_input=granted,
            **present(description=text_of(params.get("reason")) or None),
        )

    # ---- questions ----

    def _questions(self, native: Any, params: Dict[str, Any]) -> None:
        questions = []
        for item in many(params.get("questions")):
            asked = obj(item)
            options = [
                present(
                    label=text_of(obj(choice).get("label")),
                    description=text_of(obj(choice).get("description")) or None,
                )
                for choice in many(asked.get("options"))
            ]
            question: Dict[str, Any] = {
                "id": text_of(asked.get("id")),
                "text": text_of(asked.get("question")),
                "options": options,
                "multiple": False,
                "free_text": asked.get("isOther") is True or not options,
            }
            if text_of(asked.get("header")):
                question["header"] = asked["header"]
            questions.append(question)
        known = {question["id"]: question for question in questions}

        def build(answer: Answer) -> Dict[str, Any]:
            given = answer.answers or {}
            for id, said in given.items():
                if id not in known:
                    raise CodecastError(
                        "bad_request",
                        "There is no question %r." % id,
                        "The questions are: " + ", ".join(known),
                    )
                labels = [option["label"] for option in known[id]["options"]]
                strange = [word for word in said if word not in labels]
                if strange and not known[id]["free_text"]:
                    raise CodecastError(
                        "bad_request",
                        "%r is not among the choices." % strange[0],
                        "Choose: " + ", ".join(labels),
                    )
            return {"answers": {id: {"answers": said} for id, said in given.items() if said}}

        title = questions[0]["text"] if questions else "Question"
        self._show(native, params, build, kind="question", title=title, questions=questions)

    def _form(self, native: Any, params: Dict[str, Any]) -> bool:
        """An MCP server's form, or Codex asking whether one of its tools may run."""
        message = text_of(params.get("message"))
        server = text_of(params.get("serverName"))
        form = Form(params.get("requestedSchema"), message)
        if params.get("mode", "form") not in ("form", "openai/form", "openaiForm"):
            return False
        if not form.questions:
            self._consent(native, params, message, server)
            return True

        def build(answer: Answer) -> Dict[str, Any]:
            if answer.answers is None:
                return {"action": "decline"}
            return {"action": "accept", "content": form.content(answer.answers)}

        title = message or "Question of " + (server or "a server")
        self._show(native, params, build, kind="question", title=title, questions=form.questions)
        return True

    def _consent(self, native: Any, params: Dict[str, Any], message: str, server: str) -> None:
        """A form without fields: yes or no. So Codex asks for the tools of MCP servers."""
        about = obj(params.get("_meta"))
        tool = text_of(about.get("tool_name"))
        rule = "%s.%s" % (server, tool) if tool else server
        verdict = self._judge("tool", False)
        if verdict is None and rule in self._consented:
            verdict = True
        if verdict is not None:
            self._reply(native, YES if verdict else {"action": "decline"})
            return
        options = [
            {"id": "allow_once", "kind": "allow_once", "label": "Allow"},
            {
                "id": "allow_session",
                "kind": "allow_always",
                "label": "Allow %s for this session" % rule,
                "scope": SESSION,
                "rule": rule,
            },
            {"id": "reject_once", "kind": "reject_once", "label": "Reject"},
        ]

        def build(answer: Answer) -> Dict[str, Any]:
            option = chosen(answer, options)
            if option == "allow_session":
                self._consented.add(rule)
            return {"action": "decline"} if option == "reject_once" else YES

        self._show(
            native,
            params,
            build,
            kind="permission",
            title=first_line(message or "Use a tool of " + (server or "a server")),
            tool_kind="other",
            options=options,
            **present(
                raw_input=about.get("tool_params") or params.get("_meta"),
                description=text_of(about.get("tool_description")) or None,
            ),
        )


def _refusals(options: List[Dict[str, Any]], decisions: Dict[str, Any]) -> None:
    options.append({"id": "reject_once", "kind": "reject_once", "label": "Reject"})
    stop = {"id": "reject_stop", "kind": "reject_once", "label": "Reject and stop"}
    options.append({**stop, "ends_turn": True})
    decisions.update(reject_once="decline", reject_stop="cancel")


def _deciding(options: List[Dict[str, Any]], decisions: Dict[str, Any]) -> Build:
    def build(answer: Answer) -> Dict[str, Any]:
        return {"decision": decisions[chosen(answer, options)]}

    return build


def _permission_text(wanted: Dict[str, Any]) -> str:
    """Asked permissions in words."""
    said = []
    if obj(wanted.get("network")).get("enabled"):
        said.append("the network")
    files = obj(wanted.get("fileSystem"))
    for verb in ("read", "write"):
        paths = [str(path) for path in many(files.get(verb))]
        if paths:
            said.append("%s %s" % (verb, ", ".join(paths)))
    for item in many(files.get("entries")):
        entry = obj(item)
        where = obj(entry.get("path"))
        place = where.get("path") or where.get("pattern") or obj(where.get("value")).get("kind")
        said.append("%s %s" % (text_of(entry.get("access")), place))
    return "; ".join(said) or "unspecified"
