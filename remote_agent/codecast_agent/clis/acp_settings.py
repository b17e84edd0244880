"""Modes and models of an ACP agent: three ways to offer them, one way to tell them.

Agents list `modes` and `models` at session start, or `configOptions`, or both. Our four
modes are classes: each is mapped to one of the agent's own. Where the agent has none that
fits, auto and code are kept by us, who then answer its permission requests by that policy.
In plan we refuse what may write: many agents' own plan mode asks the person for it.
"""

import json
from typing import Any, Dict, List, NamedTuple, Optional

from .contract import Host
from .lines import many, obj, present, text_of
from .quirks import MODE_NAMES, TOLD_AS, Quirks

# what mode `code` lets through where we keep it ourselves
CODE_KINDS = frozenset(("read", "edit", "move", "search", "think"))
CHANGING = frozenset(("edit", "move"))  # of those; in the working directory alone


class Call(NamedTuple):
    """A JSON-RPC request that changes a setting, without its sessionId."""

    method: str
    params: Dict[str, Any]


class Settings:
    """What the agent offers and what is set."""

    def __init__(self, host: Host, quirks: Quirks) -> None:
        self._host = host
        self._quirks = quirks
        self._values: Dict[str, Dict[str, Any]] = {}  # name -> Setting
        self._options: Dict[str, str] = {}  # "mode" and "model" -> id of their configOption
        self._told: Dict[str, Any] = {}  # as it was told last
        self.mode = ""  # our class
        self.policy = ""  # the class we keep ourselves, or nothing

    def session(self, result: Dict[str, Any]) -> None:
        """Take the answer of session/new, load or resume; emits what it offers."""
        modes = obj(result.get("modes"))
        models = obj(result.get("models"))
        if modes:
            self._values["mode"] = self._setting(
                modes.get("currentModeId"), modes.get("availableModes"), "id"
            )
        if models:
            self._values["model"] = self._setting(
                models.get("currentModelId"), models.get("availableModels"), "modelId"
            )
        self._take_options(result.get("configOptions"))
        self._tell()

    def option_update(self, update: Dict[str, Any]) -> None:
        """`config_option_update`, or the answer of `session/set_config_option`."""
        if isinstance(update.get("configOptions"), list):
            self._take_options(update["configOptions"])
            self._tell()

    def mode_update(self, update: Dict[str, Any]) -> None:
        """`current_mode_update`: the agent changed its mode by itself."""
        native = text_of(update.get("currentModeId"))
        if native:
            self._values.setdefault("mode", {})["value"] = native
            self._tell()

    def mode_call(self, mode: str) -> Optional[Call]:
        """The request that sets our mode; None where there is nothing to send.

        Raises LookupError where the agent has no such mode and we cannot keep it for it.
        """
        native = self.native_mode(mode)
        if native is None:
            if mode in ("auto", "code"):
                # keep the agent in its asking mode, if it has one, and answer for the person
                native = self.native_mode("ask")
            elif mode == "plan" or self._choices():
                raise LookupError(mode)
        if native is None or native == self._values.get("mode", {}).get("value"):
            return None
        if "mode" in self._options:
            return _set_option(self._options["mode"], native)
        return Call("session/set_mode", {"modeId": native})

    def mode_is(self, mode: str) -> None:
        """The agent took the mode: tell it, and keep the policy where it has none of its own."""
        native = self.native_mode(mode)
        self.policy = mode if native is None and mode in ("auto", "code") else ""
        native = native or self.native_mode("ask")
        if native is not None:
            self._values.setdefault("mode", {})["value"] = native
        self.mode = mode
        self._tell()

    def model_call(self, model: str) -> Call:
        if "model" in self._options:
            return _set_option(self._options["model"], model)
        return Call("session/set_model", {"modelId": model})

    def model_is(self, model: str) -> None:
        self._values.setdefault("model", {})["value"] = model
        self._tell()

    def allows(self, kind: str, inside: bool) -> bool:
        """Whether the mode we keep ourselves lets a tool call of `kind` through.

        `inside`: it touches only the working directory.
        """
        fits = kind in CODE_KINDS and (inside or kind not in CHANGING)
        return self.policy == "auto" or (self.policy == "code" and fits)

    def refuses(self, kind: str) -> bool:
        """Whether the mode is one in which no answer may let a tool call of `kind` through."""
        return self.mode == "plan" and kind not in self._quirks.plan_kinds

    def native_mode(self, mode: str) -> Optional[str]:
        """The agent's own mode of our class."""
        offered = self._choices()
        named = self._quirks.modes
        for native in [named[mode]] if mode in named else [] if named else MODE_NAMES[mode]:
            if native in offered:
                return native
        return None

    def _choices(self) -> List[str]:
        choices = self._values.get("mode", {}).get("choices") or []
        return [choice["value"] for choice in choices]

    def _class(self, native: Any) -> Optional[str]:
        for mode in ("ask", "code", "plan", "auto"):
            if native is not None and self.native_mode(mode) == native:
                return mode
        return None

    def _setting(self, value: Any, choices: Any, key: str) -> Dict[str, Any]:
        setting: Dict[str, Any] = present(value=text_of(value) or None)
        setting["choices"] = [
            present(
                value=item[key],
                name=text_of(item.get("name")) or None,
                description=text_of(item.get("description")) or None,
            )
            for item in many(choices)
            if isinstance(item, dict) and isinstance(item.get(key), str)
        ]
        return setting

    def _take_options(self, options: Any) -> None:
        for item in many(options):
            option = obj(item)
            name = text_of(option.get("id"))
            if not name:
                continue
            category = text_of(option.get("category"))
            ours = category if category in ("mode", "model") else name
            if category in ("mode", "model"):
                self._options[category] = name
            choices: List[Any] = []
            for choice in many(option.get("options")):
                # a group of choices carries them as its own `options`
                inner = obj(choice).get("options")
                choices.extend(inner if isinstance(inner, list) else [choice])
            self._values[ours] = self._setting(option.get("currentValue"), choices, "value")

    def _tell(self) -> None:
        mode = self._values.get("mode")
        if mode is not None:
            if not self.policy:
                # switched by itself; an own mode of no class of ours leaves our word alone
                native = str(mode.get("value"))
                self.mode = self._class(native) or TOLD_AS.get(native) or self.mode
            for choice in mode.get("choices") or []:
                found = self._class(choice["value"])
                if found:
                    choice["class"] = found
        fields: Dict[str, Any] = {"settings": {k: dict(v) for k, v in self._values.items()}}
        if self.mode:
            fields["class"] = self.mode
        if (self._values or self.mode) and fields != self._told:
            self._told = json.loads(json.dumps(fields))
            self._host.emit("config_option_update", **fields)


def _set_option(option: str, value: str) -> Call:
    return Call("session/set_config_option", {"configId": option, "value": value})
