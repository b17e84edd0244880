"""A form's JSON schema shown as questions, and the answers put back into its values.

ACP's elicitation and the one MCP servers use through Claude are the same: an object of flat
properties. A property `NAME_custom` is the free text that belongs to question `NAME`.
"""

from typing import Any, Dict, List

from ..protocol.errors import CodecastError
from .lines import many, obj, text_of

CUSTOM = "_custom"


class Form:
    """`questions` are ready for `request_opened`; empty when the schema cannot be shown."""

    def __init__(self, schema: Any, message: str) -> None:
        properties = obj(obj(schema).get("properties"))
        self._schemas = {name: obj(value) for name, value in properties.items()}
        self._values: Dict[str, Dict[str, Any]] = {}  # question -> label -> value
        self.questions: List[Dict[str, Any]] = []
        for name, field in self._schemas.items():
            if not (name.endswith(CUSTOM) and name[: -len(CUSTOM)] in self._schemas):
                self.questions.append(self._question(name, field))
        if len(self.questions) == 1 and message:
            self.questions[0]["text"] = message

    def _question(self, name: str, field: Dict[str, Any]) -> Dict[str, Any]:
        self._values[name] = {}
        options = []
        for choice in _choices(field):
            self._values[name][choice["label"]] = choice.pop("value")
            options.append(choice)
        title, text = text_of(field.get("title")), text_of(field.get("description"))
        if title.endswith("?") and not text.endswith("?"):
            title, text = text, title  # some title a field with the question itself
        question: Dict[str, Any] = {
            "id": name,
            "text": text or title or name,
            "options": options,
            "multiple": field.get("type") == "array",
            "free_text": not options or name + CUSTOM in self._schemas,
        }
        if title:
            question["header"] = title
        return question

    def content(self, answers: Dict[str, List[str]]) -> Dict[str, Any]:
        """The form's values. Raises CodecastError("bad_request")."""
        found: Dict[str, Any] = {}
        for name, given in answers.items():
            if name not in self._values:
                raise CodecastError("bad_request", "There is no question %r." % name)
            labels = self._values[name]
            known = [labels[label] for label in given if label in labels]
            own = "\n".join(label for label in given if label not in labels)
            field = self._schemas[name]
            if own and labels:
                if name + CUSTOM not in self._schemas:
                    raise CodecastError(
                        "bad_request",
                        "%r is not among the choices." % own,
                        "Choose: " + ", ".join(labels),
                    )
                found[name + CUSTOM] = own
            elif own:
                found[name] = _typed(own, text_of(field.get("type")))
            if known:
                found[name] = known if field.get("type") == "array" else known[0]
        return found


def _choices(field: Dict[str, Any]) -> List[Dict[str, Any]]:
    if field.get("type") == "boolean":
        return [{"label": "Yes", "value": True}, {"label": "No", "value": False}]
    source = obj(field.get("items")) if field.get("type") == "array" else field
    found: List[Dict[str, Any]] = []
    for item in many(source.get("oneOf")) or many(source.get("anyOf")):
        entry = obj(item)
        if "const" in entry:
            choice = {"label": str(entry.get("title", entry["const"])), "value": entry["const"]}
            if text_of(entry.get("description")):
                choice["description"] = entry["description"]
            found.append(choice)
    for value in many(source.get("enum")):
        found.append({"label": str(value), "value": value})
    return found


def _typed(text: str, kind: str) -> Any:
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
    except ValueError:
        raise CodecastError("bad_request", "%r is no %s." % (text, kind)) from None
    return text
