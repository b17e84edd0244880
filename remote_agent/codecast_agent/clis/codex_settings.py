"""Codex's modes and models.

Codex has no list of modes but two axes, when to ask (approvalPolicy) and what a command may
write (sandboxPolicy), and a way of working together (plan or default):

    auto   never ask, no sandbox
    code   ask before everything, no sandbox; the adapter answers for edits inside the directory
    plan   never ask, everything read only: what wants to write fails; Codex's plan mode. The
           sandbox is a profile of ours, for the plain one lets rules through (`codex_launch`)
    ask    ask before everything, no sandbox

`on-request` would not do for `code`: Codex then runs commands in its sandbox unasked. Nor would
a sandbox behind the asking: a command that a person has allowed then runs inside or outside of
it by the way it is written, and what they have allowed fails. The policies go with every turn
and at every switch, never with the start of a thread, for a start with a writable sandbox makes
Codex write its trust in the directory into the person's config.toml. Every switch is made in
place but the one to `plan`: that takes a new process (see `CodexAdapter.set_mode`).
"""

from typing import Any, Dict, List, Optional

from .codex_launch import PLAN_PROFILE
from .contract import Host
from .lines import many, obj, present, text_of

POLICIES: Dict[str, Dict[str, Any]] = {
    "auto": {"approvalPolicy": "never", "sandboxPolicy": {"type": "dangerFullAccess"}},
    "code": {"approvalPolicy": "untrusted", "sandboxPolicy": {"type": "dangerFullAccess"}},
    "plan": {"approvalPolicy": "never", "permissions": PLAN_PROFILE},
    "ask": {"approvalPolicy": "untrusted", "sandboxPolicy": {"type": "dangerFullAccess"}},
}
# for the start of a thread: nothing is trusted, nothing can be written
GUARDED = {"approvalPolicy": "never", "sandbox": "read-only", "approvalsReviewer": "user"}
CHOICES = [
    ("ask", "Ask", "Asks before edits and commands"),
    ("code", "Edit", "Edits files of the directory, asks before commands"),
    ("plan", "Plan", "Reads only, and proposes a plan"),
    ("auto", "Full access", "Asks nothing, no sandbox"),
]
# how much a mode lets happen by itself
FREEDOM = {"plan": 0, "ask": 1, "code": 2, "auto": 3}


class Settings:
    """What is chosen and what can be."""

    def __init__(self, host: Host, mode: str, model: Optional[str]) -> None:
        self._host = host
        self.mode = mode
        self.wanted = model  # by the person; None leaves it to Codex's configuration
        self._model = ""  # that Codex has named
        self._effort: Any = None
        self._working = "default"  # Codex's collaboration mode
        self._models: List[Dict[str, Any]] = []

    def judge(self, kind: str, inside: bool) -> Optional[bool]:
        """The mode's answer to a request: yes, no, or None where a person decides.

        Codex asks nothing in `auto` and `plan`, but a turn keeps the policy it began with:
        after a switch in the middle of it, requests still come.
        """
        if self.mode == "auto":
            return True
        if self.mode == "plan":
            return False
        return True if self.mode == "code" and kind == "edit" and inside else None

    def thread(self, result: Dict[str, Any]) -> None:
        """The answer to the start of a thread: what applies to it."""
        self._model = text_of(result.get("model")) or self._model
        self._effort = result.get("reasoningEffort")
        self._tell("mode", "model")

    def updated(self, settings: Dict[str, Any]) -> bool:
        """`thread/settings/updated`; False where mode plan was not kept."""
        working = text_of(obj(settings.get("collaborationMode")).get("mode"))
        self._working = working or self._working
        self._effort = settings.get("effort")
        model = text_of(settings.get("model"))
        if model and model != self._model:
            self._model = model
            self._tell("model")
        sandbox = text_of(obj(settings.get("sandboxPolicy")).get("type"))
        return self.mode != "plan" or working != "plan" or sandbox in ("", "readOnly")

    def offered(self, models: Any) -> None:
        """`model/list`."""
        self._models = [
            present(
                value=text_of(obj(item).get("model")) or text_of(obj(item).get("id")),
                name=text_of(obj(item).get("displayName")) or None,
                description=text_of(obj(item).get("description")) or None,
            )
            for item in many(models)
            if obj(item).get("hidden") is not True
        ]
        self._models = [choice for choice in self._models if choice["value"]]
        self._tell("model")

    def mode_is(self, mode: str) -> None:
        self.mode = mode
        self._tell("mode")

    def model_is(self, model: str) -> None:
        self.wanted = self._model = model
        self._tell("model")

    def turn(self, mode: Optional[str] = None, model: Optional[str] = None) -> Dict[str, Any]:
        """The fields of `turn/start` and `thread/settings/update` for what is chosen."""
        mode, model = mode or self.mode, model or self.wanted
        fields: Dict[str, Any] = {**POLICIES[mode], "approvalsReviewer": "user"}
        if model:
            fields["model"] = model
        working = "plan" if mode == "plan" else "default"
        name = model or self._model
        if name and (working == "plan" or self._working != working):
            # it carries the model again, and the effort
            chosen = {"model": name, "reasoning_effort": self._effort}
            fields["collaborationMode"] = {"mode": working, "settings": chosen}
        return fields

    def _tell(self, *names: str) -> None:
        settings: Dict[str, Any] = {}
        fields: Dict[str, Any] = {}
        if "mode" in names:
            choices = [
                {"value": value, "name": name, "description": words, "class": value}
                for value, name, words in CHOICES
            ]
            settings["mode"] = {"value": self.mode, "choices": choices}
            fields["class"] = self.mode
        if "model" in names:
            settings["model"] = present(value=self._model or None, choices=self._models or None)
        self._host.emit("config_option_update", settings=settings, **fields)
