"""Claude Code by its two-way stream-json protocol: one process, one conversation.

Here is the life cycle: start and hello, prompts, turns, control requests. What is said in a
turn is `claude_content` (its tools: `claude_tools`), what is asked `claude_requests`, what
Claude tells about itself `claude_system`, what a turn took `claude_usage`, errors
`claude_problems`, argv and modes `claude_launch`.

Turns: a prompt opens one at once; Claude opens its own (`system/init` unasked: a background
task has ended) and those are turns without prompts. `result` ends a turn, unless the prompt
that opened it has not been taken up yet (`command_lifecycle`): then it is the result of a
turn of Claude's own that crossed our prompt. A steered prompt is folded into the running
turn by Claude, or queued by it and answered in a turn of its own.
"""

from typing import Any, Callable, Dict, List, Optional

from ..protocol.errors import CodecastError
from . import claude_problems
from .claude_content import Content
from .claude_launch import MODES, native_mode, plan
from .claude_requests import Requests
from .claude_system import Settings, System
from .claude_usage import Usage
from .contract import Answer, Host, Launch, Process, Prompt, Settled, refused, unheard
from .lines import clip, encode, file_words, new_id, obj, parse, present, text_of

QUIET = frozenset(
    ("keep_alive", "prompt_suggestion", "tool_progress", "tool_use_summary", "auth_status")
)

Done = Callable[[Dict[str, Any], str], None]  # (response, error or nothing)


class ClaudeAdapter:
    """The adapter of one Claude process; see `contract.Adapter`."""

    def __init__(self, host: Host, launch: Launch) -> None:
        self._host = host
        self._launch = launch
        self._plan = plan(launch)
        own_auto = self._plan.own_auto
        mode = native_mode(launch.mode, own_auto)
        self._settings = Settings(host, launch.model or "", mode, not own_auto)
        self._settings.own_auto = own_auto and launch.mode == "auto"
        self._content = Content(host, launch.cwd)
        self._usage = Usage(host, self._content, launch.cost_usd)
        self._system = System(host, self._settings, self._content.retried)
        self._requests = Requests(host, launch.cwd, self._respond)
        self._waiting: Dict[str, Done] = {}  # our control requests
        self._native = self._plan.native
        self._ready = False
        self._turn: Optional[int] = None
        self._prompt = ""  # that opened the turn
        self._taken = False  # Claude has taken it up
        self._lifecycle = False  # this Claude tells what becomes of prompts
        self._steered: List[str] = []  # given to Claude, not taken up
        self._next: List[str] = []  # taken up, for the turn about to begin
        self._kept: List[str] = []  # steered, in no turn yet: the turn they were for has ended
        self._interrupted = False
        self._api_error: Dict[str, Any] = {}  # the last synthetic message about a failure

    # ---- starting ----

    def launch(self) -> Process:
        # the to-do tools are offered to programs only on request
        return Process(self._plan.argv, {"CLAUDE_CODE_ENABLE_TODO_TOOLS": "1"})

    def begin(self) -> None:
        self._host.emit("session_info_update", native=self._native, cli="claude")
        if self._plan.lost is not None:
            self._notice(
                "warning",
                "The earlier conversation could not be resumed: Claude has no record of it."
                " It starts without it.",
            )
        if self._settings.own_auto:
            self._say_own_auto()
        self._control({"subtype": "initialize"}, self._initialized)

    def _initialized(self, response: Dict[str, Any], error: str) -> None:
        if error:
            self._host.failed(
                CodecastError("cli_failed", "Claude Code did not start", detail=clip(error, 2000))
            )
            return
        version = text_of(response.get("claude_code_version"))
        if version:
            self._host.emit("session_info_update", cli_version=version)
        self._settings.offered(response.get("models"))
        self._system.commands(response)
        account = obj(response.get("account"))
        keyless = account.get("tokenSource") == "none" and not text_of(account.get("apiKeySource"))
        if keyless and account.get("apiProvider") == "firstParty":
            self._notice("warning", "Claude Code is not logged in. " + claude_problems.LOGIN_HINT)
        self._ready = True
        self._host.ready()

    # ---- turns ----

    def prompt(self, prompt: Prompt) -> None:
        self._prompt, self._taken = prompt.id, False
        self._start_turn([prompt.id])
        self._send_prompt(prompt)

    def steer(self, prompt: Prompt) -> None:
        if self._turn is None:
            raise CodecastError(
                "conflict", "No turn is running.", "Send it as a prompt of its own."
            )
        self._steered.append(prompt.id)
        self._send_prompt(prompt)

    def interrupt(self) -> None:
        if self._turn is None:
            return
        self._interrupted = True
        self._control({"subtype": "interrupt", "cancel_queued": True}, _nothing)
        self._requests.withdraw("the turn was interrupted")

    def _send_prompt(self, prompt: Prompt) -> None:
        self._send(
            {
                "type": "user",
                "uuid": prompt.id,
                "session_id": "",
                "parent_tool_use_id": None,
                "message": {
                    "role": "user",
                    "content": [_block(block) for block in prompt.content],
                },
            }
        )

    def _start_turn(self, prompts: List[str]) -> None:
        self._turn = self._host.next_turn()
        self._interrupted = False
        self._api_error = {}
        self._content.begin_turn()
        self._host.emit("turn_started", turn=self._turn, prompts=prompts)

    def _own_turn(self) -> None:
        """Something of a turn came: it is the open one, or one that Claude begins now."""
        if self._turn is None:
            prompts, self._next = self._next, []
            self._kept = [prompt for prompt in self._kept if prompt not in prompts]
            self._prompt, self._taken = "", True
            self._start_turn(prompts)

    def _end_turn(self, reason: str, **fields: Any) -> None:
        self._content.end_turn()
        self._requests.withdraw("the turn has ended")
        if self._lifecycle and not self._interrupted:
            for prompt in self._steered:
                if prompt not in self._kept:
                    self._kept.append(prompt)
                    self._host.emit("prompt_state", prompt=prompt, state="running", steered=False)
        turn, self._turn = self._turn, None
        self._host.emit("turn_ended", turn=turn, reason=reason, **fields)

    def _life(self, message: Dict[str, Any]) -> None:
        """`command_lifecycle`: queued, started, completed or cancelled, by a prompt's id."""
        self._lifecycle = True
        prompt, state = text_of(message.get("command_uuid")), message.get("state")
        if state == "started":
            if prompt == self._prompt:
                self._taken = True
            elif prompt in self._steered:
                self._steered.remove(prompt)
                if self._turn is None:
                    self._next.append(prompt)
        elif state in ("completed", "cancelled"):
            if prompt in self._steered:
                self._steered.remove(prompt)
            if prompt in self._next:
                self._next.remove(prompt)
            if prompt in self._kept:
                self._kept.remove(prompt)
                ended = "done" if state == "completed" else "cancelled"
                self._host.emit("prompt_state", prompt=prompt, state=ended)
            if prompt == self._prompt and self._turn is not None:
                # no result came for it: a prompt that was no turn of the model's
                self._end_turn("end_turn" if state == "completed" else "cancelled")

    def _init(self, message: Dict[str, Any]) -> None:
        """`system/init`: a turn begins."""
        self._own_turn()
        native = text_of(message.get("session_id"))
        if native and native != self._native:
            self._native = native
            self._host.emit("session_info_update", native=native)
        self._settings.model_runs(text_of(message.get("model")))
        if text_of(message.get("permissionMode")):
            self._settings.mode_announced(message["permissionMode"])

    def _assistant(self, message: Dict[str, Any]) -> None:
        if text_of(message.get("parent_tool_use_id")):
            self._content.assistant(message)  # of a sub-agent, which may outlive the turn
            return
        self._own_turn()
        if obj(message.get("message")).get("model") == "<synthetic>" and message.get("error"):
            self._api_error = message  # told as the turn's error
        else:
            self._content.assistant(message)

    def _result(self, message: Dict[str, Any]) -> None:
        if self._turn is None and message.get("is_error") is True:
            if self._ready:
                self._unknown("an error outside a turn", message)
            else:
                self._host.failed(claude_problems.ended(message))
            return
        self._own_turn()
        fields = self._usage.take(message)
        crossed = obj(message.get("origin")).get("kind") == "task-notification"
        if self._prompt and not self._taken and (self._lifecycle or crossed):
            return
        text = text_of(message.get("result"))
        ending = text_of(message.get("terminal_reason"))
        if message.get("is_error") is not True and not ending.startswith("aborted"):
            if text and not self._content.spoke:
                self._content.say("t%d.result" % (self._turn or 0), text)
            reason = {"refusal": "refusal", "max_tokens": "max_tokens"}.get(
                text_of(message.get("stop_reason")), "end_turn"
            )
            self._end_turn(reason, **fields)
            return
        if self._interrupted or ending.startswith("aborted"):
            self._end_turn("cancelled", **fields)
        elif message.get("subtype") == "error_max_turns":
            self._end_turn("max_turn_requests", **fields)
        else:
            problem = claude_problems.problem(message, self._api_error)
            self._end_turn("error", error=problem, **fields)

    # ---- settings ----

    def set_mode(self, mode: str, settled: Settled = unheard) -> bool:
        if mode not in MODES:
            raise CodecastError("bad_request", "There is no mode %r." % mode)
        own_auto = self._plan.own_auto and mode == "auto"
        native = native_mode(mode, self._plan.own_auto)

        def done(response: Dict[str, Any], error: str) -> None:
            if error:
                settled(refused("Claude", "mode", mode, error))
                return
            self._settings.mode_is(text_of(response.get("mode")) or native, own_auto)
            if own_auto:
                self._say_own_auto()
            settled(None)

        self._control({"subtype": "set_permission_mode", "mode": native}, done)
        return True

    def set_model(self, model: str, settled: Settled = unheard) -> bool:
        def done(response: Dict[str, Any], error: str) -> None:
            if error:
                settled(refused("Claude", "model", model, error))
                return
            self._settings.model_is(model)
            settled(None)

        self._control({"subtype": "set_model", "model": model}, done)
        return True

    def _say_own_auto(self) -> None:
        self._notice(
            "info",
            "Claude refuses its mode without questions to root: Codecast answers its permission"
            " requests with yes instead.",
        )

    # ---- requests ----

    def answer(self, request: str, answer: Answer) -> None:
        self._requests.answer(request, answer)

    def exited(self, problem: CodecastError) -> None:
        self._requests.withdraw("the CLI ended", agents=True)
        self._waiting.clear()
        if self._turn is not None:
            self._end_turn("error", error=problem.to_json())
        self._content.exited()

    def _asked(self, message: Dict[str, Any]) -> None:
        request, asked = text_of(message.get("request_id")), obj(message.get("request"))
        kind = text_of(asked.get("subtype"))
        if kind == "can_use_tool" and request:
            if not text_of(asked.get("agent_id")):
                self._own_turn()
            settings = self._settings
            self._requests.asked(request, asked, settings.own_auto, settings.reads_only)
            return
        if kind == "elicitation" and request:
            if self._requests.form(request, asked):
                return
            self._respond(request, {"action": "cancel"})
            self._unknown("a form that cannot be shown", message)
            return
        self._refuse(request, "Codecast does not offer %s" % clip(kind, 60))
        self._unknown("control request %s" % clip(kind, 60), message)

    # ---- the wire ----

    def line(self, line: bytes) -> None:
        message = parse(self._host, line)
        if message is None:
            return
        try:
            self._message(message)
        except Exception as problem:  # a wrong shape must cost one message, not the session
            self._notice("error", "A message of Claude could not be read: %r" % problem, message)
            if message.get("type") == "control_request":
                self._refuse(text_of(message.get("request_id")), "it could not be read")

    def _message(self, message: Dict[str, Any]) -> None:
        kind = text_of(message.get("type"))
        if kind == "stream_event":
            if not text_of(message.get("parent_tool_use_id")):
                self._own_turn()
            self._content.stream(message)
        elif kind == "assistant":
            self._assistant(message)
        elif kind == "user":
            self._content.user(message)
        elif kind == "system" and message.get("subtype") == "init":
            self._init(message)
        elif kind == "system":
            self._system.message(message)
        elif kind == "result":
            self._result(message)
        elif kind == "control_request":
            self._asked(message)
        elif kind == "control_response":
            self._answered(obj(message.get("response")), message)
        elif kind == "control_cancel_request":
            self._requests.withdrawn(text_of(message.get("request_id")))
        elif kind == "command_lifecycle":
            self._life(message)
        elif kind == "rate_limit_event":
            self._system.rate_limit(message)
        elif kind not in QUIET:
            self._unknown("message %s" % clip(kind, 60), message)

    def _answered(self, response: Dict[str, Any], message: Dict[str, Any]) -> None:
        done = self._waiting.pop(text_of(response.get("request_id")), None)
        if done is None:
            self._unknown("an answer nobody asked for", message)
        elif response.get("subtype") == "error":
            done({}, text_of(response.get("error")) or "unknown error")
        else:
            done(obj(response.get("response")), "")

    def _control(self, request: Dict[str, Any], done: Done) -> None:
        id = new_id()
        self._waiting[id] = done
        self._send({"type": "control_request", "request_id": id, "request": request})

    def _respond(self, request: str, response: Dict[str, Any]) -> None:
        answer = {"subtype": "success", "request_id": request, "response": response}
        self._send({"type": "control_response", "response": answer})

    def _refuse(self, request: str, error: str) -> None:
        """Claude must not wait for what will never come."""
        response = {"subtype": "error", "request_id": request, "error": error}
        self._send({"type": "control_response", "response": response})

    def _send(self, message: Dict[str, Any]) -> None:
        self._host.send(encode(message))

    def _notice(self, level: str, text: str, raw: Any = None) -> None:
        self._host.emit("notice", level=level, text=text, **present(raw=raw))

    def _unknown(self, what: str, message: Dict[str, Any]) -> None:
        self._notice("info", "Unknown from Claude: " + what, message)


def _block(block: Dict[str, Any]) -> Dict[str, Any]:
    """The API's content block of ours."""
    if block.get("type") == "image":
        source = {
            "type": "base64",
            "media_type": block.get("mime_type") or "image/png",
            "data": block.get("data", ""),
        }
        return {"type": "image", "source": source}
    if block.get("type") == "resource_link":
        return {"type": "text", "text": file_words(block)}
    return {"type": "text", "text": str(block.get("text", ""))}


def _nothing(response: Dict[str, Any], error: str) -> None:
    """For requests whose answer says nothing."""
