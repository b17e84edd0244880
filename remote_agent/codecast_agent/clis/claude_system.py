"""What Claude tells about itself: settings, retries, background work, limits.

`system` messages and their kin. Those that say nothing to a person are listed in QUIET;
what is in no list becomes a notice that keeps the message.
"""

import time
from typing import Any, Callable, Dict, List

from .claude_launch import CHOICES, CLASSES
from .contract import Host
from .lines import clip, first_line, many, obj, present, text_of, whole

QUIET = frozenset(
    (
        "thinking_tokens",
        "session_state_changed",
        "hook_started",
        "hook_progress",
        "hook_response",
        "files_persisted",
        "task_progress",
        "plugin_install",
        "memory_recall",
        "worker_shutting_down",
        "elicitation_complete",
        "control_request_progress",
        "post_turn_summary",
        "turn_duration",
        "api_metrics",
    )
)
ENDED = {
    "completed": "completed",
    "failed": "failed",
    "killed": "stopped",
    "stopped": "stopped",
}


class Settings:
    """Model and mode: what can be chosen and what is set. Tells changes only.

    `own_auto` is set while the adapter itself answers permission requests with yes.
    """

    def __init__(self, host: Host, model: str, native_mode: str, bypass: bool) -> None:
        self._host = host
        self._models: List[Dict[str, Any]] = []
        self._resolved: Dict[str, str] = {}  # a model's name -> the model it means
        self._model = model or "default"
        self._mode = native_mode
        self._bypass = bypass  # whether Claude's own bypass mode can be chosen
        self.own_auto = False

    @property
    def reads_only(self) -> bool:
        """Whether Claude plans, and changes nothing."""
        return self._mode == "plan"

    def offered(self, models: Any) -> None:
        """The models of `initialize`; tells everything."""
        for item in many(models):
            model = obj(item)
            value = text_of(model.get("value"))
            if value:
                self._resolved[value] = text_of(model.get("resolvedModel"))
                self._models.append(
                    present(
                        value=value,
                        name=text_of(model.get("displayName")) or None,
                        description=text_of(model.get("description")) or None,
                    )
                )
        modes = []
        for value, name, description, ours in CHOICES:
            if value != "bypassPermissions" or self._bypass:
                choice = {"value": value, "name": name, "description": description}
                if ours:
                    choice["class"] = ours
                modes.append(choice)
        model_setting: Dict[str, Any] = {"value": self._model}
        if self._models:
            model_setting["choices"] = self._models
        self._tell(model=model_setting, mode={"value": self._mode, "choices": modes})

    def model_is(self, model: str) -> None:
        """The model chosen, by any of its names."""
        if model and model != self._model:
            self._model = model
            self._tell(model={"value": model})

    def model_runs(self, model: str) -> None:
        """The model a turn runs with: news only where the chosen name means another."""
        known = self._resolved.get(self._model)
        if model and known and model != known:
            self.model_is(model)

    def mode_is(self, native: str, own_auto: bool = False) -> None:
        """Claude's mode, and whether the adapter makes it `auto`."""
        if native and (native != self._mode or own_auto != self.own_auto):
            self._mode, self.own_auto = native, own_auto
            self._tell(mode={"value": native})

    def mode_announced(self, native: str) -> None:
        """Claude says which mode it is in; `auto` kept by us is its default mode."""
        if native != self._mode:
            self.mode_is(native)

    def _tell(self, **settings: Dict[str, Any]) -> None:
        fields: Dict[str, Any] = {"settings": settings}
        ours = "auto" if self.own_auto else CLASSES.get(self._mode)
        if ours and "mode" in settings:
            fields["class"] = ours
        self._host.emit("config_option_update", **fields)


class System:
    """`system/*`, `rate_limit_event` and the like."""

    def __init__(self, host: Host, settings: Settings, retried: Callable[[], None]) -> None:
        self._host = host
        self._settings = settings
        self._retried = retried
        self._tasks: Dict[str, str] = {}  # running in the background -> how it ended, if known

    def message(self, message: Dict[str, Any]) -> None:
        """A `system` message (but `init`, which is the turn's)."""
        kind = text_of(message.get("subtype"))
        if kind in QUIET:
            return
        step = {
            "status": self._status,
            "api_retry": self._retry,
            "compact_boundary": self._compacted,
            "commands_changed": self.commands,
            "task_started": self._task_started,
            "task_updated": self._task_updated,
            "task_notification": self._task_ended,
            "background_tasks_changed": self._tasks_are,
            "informational": self._informational,
            "notification": self._informational,
            "local_command_output": self._informational,
            "permission_denied": self._denied,
            "model_refusal_fallback": self._refused,
            "model_refusal_no_fallback": self._refused,
        }.get(kind)
        if step is None:
            self._notice("info", "Unknown from Claude: system message %s" % clip(kind, 60), message)
        else:
            step(message)

    def rate_limit(self, message: Dict[str, Any]) -> None:
        """`rate_limit_event`: told when it concerns the person."""
        info = obj(message.get("rate_limit_info"))
        status = info.get("status")
        if status == "allowed":
            return
        near = status == "allowed_warning"
        text = "A usage limit is %s" % ("near" if near else "reached")
        kind = text_of(info.get("rateLimitType")).replace("_", " ")
        resets = info.get("resetsAt")
        text += " (%s)" % kind if kind else ""
        if isinstance(resets, (int, float)) and 0 < resets < 1 << 40:
            text += "; it resets at " + time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(resets))
        self._notice("info" if near else "warning", text + ".", message)

    def commands(self, message: Dict[str, Any]) -> None:
        """The slash commands of `initialize` or `commands_changed`."""
        commands = []
        for item in many(message.get("commands")):
            command = obj(item)
            if text_of(command.get("name")):
                commands.append(
                    present(
                        name=command["name"],
                        description=text_of(command.get("description")) or None,
                        hint=text_of(command.get("argumentHint")) or None,
                    )
                )
        self._host.emit("available_commands_update", commands=commands)

    def _status(self, message: Dict[str, Any]) -> None:
        if text_of(message.get("permissionMode")):
            self._settings.mode_announced(message["permissionMode"])
        if message.get("status") == "compacting":
            self._notice("info", "The conversation is being compacted.")
        if message.get("compact_result") == "failed":
            why = text_of(message.get("compact_error")) or "no reason given"
            self._notice("warning", "The conversation could not be compacted: " + why)

    def _retry(self, message: Dict[str, Any]) -> None:
        self._retried()
        words = text_of(message.get("error")).replace("_", " ")
        self._host.emit(
            "retry",
            attempt=whole(message.get("attempt")) or 1,
            **present(
                max=whole(message.get("max_retries")),
                delay_ms=whole(message.get("retry_delay_ms")),
                status=whole(message.get("error_status")),
                text=words if words and words != "unknown" else None,
            ),
        )

    def _compacted(self, message: Dict[str, Any]) -> None:
        about = obj(message.get("compact_metadata"))
        before, after = whole(about.get("pre_tokens")), whole(about.get("post_tokens"))
        text = "The conversation was compacted"
        if before and after:
            text += " from %d to %d tokens" % (before, after)
        elif before:
            text += " (it had %d tokens)" % before
        self._notice("info", text + ".", message)

    # ---- background work ----

    def _task_started(self, message: Dict[str, Any]) -> None:
        if message.get("is_backgrounded") is True and message.get("ambient") is not True:
            self._running(message)

    def _running(self, message: Dict[str, Any]) -> None:
        task = text_of(message.get("task_id"))
        if task and task not in self._tasks:
            self._tasks[task] = ""
            title = first_line(text_of(message.get("description")))
            self._host.emit("background", task=task, state="running", title=title or task)

    def _task_updated(self, message: Dict[str, Any]) -> None:
        task, patch = text_of(message.get("task_id")), obj(message.get("patch"))
        if patch.get("is_backgrounded") is True:
            self._running({**message, "description": patch.get("description")})
        if task in self._tasks and text_of(patch.get("status")) in ENDED:
            self._tasks[task] = ENDED[patch["status"]]  # its notification follows, with words

    def _task_ended(self, message: Dict[str, Any]) -> None:
        self._end(
            text_of(message.get("task_id")),
            ENDED.get(text_of(message.get("status")), "completed"),
            text_of(message.get("summary")),
        )

    def _tasks_are(self, message: Dict[str, Any]) -> None:
        tasks = [obj(task) for task in many(message.get("tasks"))]
        for task in tasks:
            if task.get("ambient") is not True:
                self._running(task)
        alive = {text_of(task.get("task_id")) for task in tasks}
        for gone in [task for task in self._tasks if task not in alive]:
            self._end(gone, self._tasks[gone] or "completed", "")

    def _end(self, task: str, state: str, text: str) -> None:
        if self._tasks.pop(task, None) is not None:
            more = present(text=text or None)
            self._host.emit("background", task=task, state=state, **more)

    # ---- words ----

    def _informational(self, message: Dict[str, Any]) -> None:
        text = text_of(message.get("content")) or text_of(message.get("text"))
        level = "warning" if message.get("level") == "warning" else "info"
        if text:
            self._notice(level, text)

    def _denied(self, message: Dict[str, Any]) -> None:
        words = text_of(message.get("message")) or "not allowed"
        self._notice(
            "warning", "%s was refused: %s" % (text_of(message.get("tool_name")), words), message
        )

    def _refused(self, message: Dict[str, Any]) -> None:
        words = text_of(message.get("content")) or "The model refused."
        self._notice("warning", words, message)

    def _notice(self, level: str, text: str, raw: Any = None) -> None:
        self._host.emit("notice", level=level, text=text, **present(raw=raw))
