"""What Codex tells outside of turns: warnings, limits, servers, its name for the session.

Also what can be typed after a slash: `/compact`, and the skills of the directory, which are
given to Codex with the prompt that begins with their name.
"""

import time
from typing import Any, Callable, Dict, List, Optional, Set

from .contract import Host
from .lines import clip, first_line, many, obj, present, text_of

QUIET = frozenset(
    (
        "thread/started",
        "thread/status/changed",
        "thread/readState/changed",
        "thread/environment/connected",
        "thread/environment/disconnected",
        "thread/goal/updated",
        "thread/goal/cleared",
        "thread/prediction/updated",
        "thread/queue/changed",
        "thread/section/changed",
        "thread/attachment/updated",
        "thread/compacted",  # the item of the same says it
        "turn/diff/updated",  # the sum of the file changes
        "turn/moderationMetadata",
        "hook/started",
        "hook/completed",
        "item/reasoning/summaryPartAdded",
        "item/commandExecution/terminalInteraction",
        "item/fileChange/outputDelta",
        "item/autoApprovalReview/started",
        "item/autoApprovalReview/completed",
        "account/updated",
        "account/login/completed",
        "app/list/updated",
        "fs/changed",
        "model/safetyBuffering/updated",
        "model/verification",
        "modelProvider/authRecoveryStarted",
        "modelProvider/authRecoveryCompleted",
        "project/changed",
        "remoteControl/status/changed",
        "mcpServer/oauthLogin/completed",
    )
)
WARNINGS = {
    "warning": "warning",
    "guardianWarning": "warning",
    "configWarning": "info",
    "deprecationNotice": "info",
}
NEAR = 90  # per cent of a usage limit that are told
COMPACT = {"name": "compact", "description": "Summarise the conversation to free its context"}


class News:
    """Of one process. `list_skills` asks for the skills again."""

    def __init__(self, host: Host, list_skills: Callable[[], None]) -> None:
        self._host = host
        self._list_skills = list_skills
        self._skills: Dict[str, str] = {}  # name -> path
        self._said: Set[str] = set()

    def told(self, method: str, params: Dict[str, Any], message: Dict[str, Any]) -> None:
        """A notification that is about no content."""
        if method in WARNINGS:
            text = text_of(params.get("message")) or text_of(params.get("summary"))
            details = text_of(params.get("details"))
            self._once(WARNINGS[method], text + (" " + details if details else ""))
        elif method == "thread/name/updated":
            if text_of(params.get("threadName")):
                self._host.emit("session_info_update", title=params["threadName"])
        elif method == "model/rerouted":
            names = text_of(params.get("fromModel")), text_of(params.get("toModel"))
            self._notice("warning", "Codex uses %s in place of %s." % names[::-1])
        elif method == "mcpServer/startupStatus/updated":
            if params.get("status") == "failed":
                words = text_of(params.get("error")) or "no reason given"
                text = "The MCP server %s failed: %s" % (text_of(params.get("name")), words)
                self._once("warning", clip(text, 1000))
        elif method == "account/rateLimits/updated":
            self._limits(obj(params.get("rateLimits")))
        elif method == "skills/changed":
            self._list_skills()
        elif method not in QUIET:
            text = "Unknown from Codex: notification %s" % clip(method, 60)
            self._notice("info", text, message)

    def skills(self, result: Dict[str, Any]) -> None:
        """`skills/list`: what can be typed after a slash."""
        commands: List[Dict[str, Any]] = [dict(COMPACT)]
        self._skills = {}
        for entry in many(result.get("data")):
            for item in many(obj(entry).get("skills")):
                skill = obj(item)
                name = text_of(skill.get("name"))
                if not name or skill.get("enabled") is False or name in self._skills:
                    continue
                self._skills[name] = text_of(skill.get("path"))
                words = obj(skill.get("interface")).get("shortDescription")
                words = text_of(words) or text_of(skill.get("description"))
                commands.append(present(name=name, description=first_line(words) or None))
        self._host.emit("available_commands_update", commands=commands)

    def skill(self, text: str) -> Optional[Dict[str, Any]]:
        """The skill that a prompt begins with, as input for Codex."""
        name = text[1:].split(None, 1)[0] if text[:1] == "/" and text[1:].strip() else ""
        path = self._skills.get(name)
        return {"type": "skill", "name": name, "path": path} if path else None

    def _limits(self, limits: Dict[str, Any]) -> None:
        if limits.get("rateLimitReachedType"):
            self._once("warning", "A usage limit is reached." + _resets(limits))
            return
        for name in ("primary", "secondary"):
            used = obj(limits.get(name)).get("usedPercent")
            if isinstance(used, (int, float)) and used >= NEAR:
                self._once("info", "A usage limit is near." + _resets({name: limits[name]}))

    def _once(self, level: str, text: str) -> None:
        """Codex repeats itself at every thread and turn."""
        if text and text not in self._said:
            self._said.add(text)
            self._notice(level, text)

    def _notice(self, level: str, text: str, raw: Any = None) -> None:
        self._host.emit("notice", level=level, text=text, **present(raw=raw))


def _resets(limits: Dict[str, Any]) -> str:
    """When the fullest window is empty again."""
    windows = [obj(limits.get(name)) for name in ("primary", "secondary")]
    fullest = max(windows, key=lambda window: window.get("usedPercent") or 0)
    at = fullest.get("resetsAt")
    if not isinstance(at, (int, float)) or not 0 < at < 1 << 40:
        return ""
    return " It resets at %s." % time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
