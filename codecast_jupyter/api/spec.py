"""`openapi.yaml`, read once: the one definition of what a request may carry.

A route is written as in the file (`/sessions/{session}`); bodies and queries are checked
against the file, so that it cannot drift from what the server takes. A misfit is a
`bad_request` that names the field and, for an unknown one, the nearest that exists.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]

from codecast_agent.protocol.errors import CodecastError

FILE = Path(__file__).with_name("openapi.yaml")
BASE = "/api/codecast/v1"


@cache
def document() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded: dict[str, Any] = yaml.load(FILE.read_text(encoding="utf-8"), Loader=loader)
    return loaded


def pattern(route: str) -> str:
    """A route as tornado's regular expression, below the server's base URL."""
    return BASE + re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(route))


def resolve(value: dict[str, Any]) -> dict[str, Any]:
    """Follow a `$ref` within the file."""
    if "$ref" not in value:
        return value
    found: Any = document()
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolve(found)


@cache
def operation(route: str, verb: str) -> dict[str, Any]:
    found: dict[str, Any] = document()["paths"][route][verb]
    return found


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """For a schema that may refer to the file's components."""
    return Draft202012Validator({**schema, "components": document()["components"]})


@cache
def _body(route: str, verb: str) -> tuple[Draft202012Validator, bool] | None:
    body = operation(route, verb).get("requestBody")
    if body is None:
        return None
    return validator(body["content"]["application/json"]["schema"]), bool(body.get("required"))


@cache
def _frame() -> dict[str, Draft202012Validator]:
    frames = document()["components"]["schemas"]["ClientFrame"]["oneOf"]
    return {frame["properties"]["type"]["const"]: validator(frame) for frame in frames}


def parse(data: bytes | str, what: str = "the body") -> Any:
    """JSON that came in. Raises `bad_request` with the place of the mistake."""
    try:
        return json.loads(data)
    except UnicodeDecodeError as error:
        raise CodecastError("bad_request", f"{what} is not UTF-8: {error}") from None
    except json.JSONDecodeError as error:
        raise CodecastError(
            "bad_request",
            f"{what} is no JSON: {error.msg} at line {error.lineno}, column {error.colno}",
        ) from None
    except RecursionError:
        raise CodecastError("bad_request", f"{what} is nested too deeply") from None


def check_body(route: str, verb: str, data: bytes) -> dict[str, Any]:
    """The body of a request as its handler may trust it."""
    rule = _body(route, verb)
    if rule is None:
        if data.strip() not in (b"", b"{}", b"null"):
            raise CodecastError("bad_request", f"{verb.upper()} {route} takes no body")
        return {}
    check, required = rule
    if not data.strip():
        if required:
            raise CodecastError("bad_request", "the body is missing", _fields(check.schema))
        return {}
    body: dict[str, Any] = parse(data)
    _check(check, body)
    return body


def check_query(route: str, verb: str, given: Mapping[str, list[bytes]]) -> dict[str, Any]:
    """The query of a request, each value in its type.

    `token` and `no_track_activity` are Jupyter's, `_` and `_xsrf` are pages' own.
    """
    rules = {
        rule["name"]: rule
        for rule in map(resolve, operation(route, verb).get("parameters", []))
        if rule["in"] == "query"
    }
    values: dict[str, Any] = {}
    for name, texts in given.items():
        if name in ("token", "no_track_activity", "_", "_xsrf"):
            continue
        if name not in rules:
            raise _unknown([name], rules, "parameter")
        values[name] = _convert(name, rules[name]["schema"], texts[-1].decode("utf-8", "replace"))
        _check(validator(rules[name]["schema"]), values[name], name)
    for name, rule in rules.items():
        if rule.get("required") and name not in values:
            raise CodecastError(
                "bad_request", f"the parameter {name!r} is missing", data={"field": name}
            )
    return values


def check_frame(message: str | bytes) -> dict[str, Any]:
    """A frame a surface sent on the WebSocket."""
    frame = parse(message, "the frame")
    if not isinstance(frame, dict):
        raise CodecastError("bad_request", f"the frame must be an object, not {_kind(frame)}")
    kinds = _frame()
    kind = frame.get("type")
    if not isinstance(kind, str) or kind not in kinds:
        raise CodecastError(
            "bad_request",
            f"unknown frame type {kind!r}" if "type" in frame else "the frame has no type",
            _nearest(str(kind), kinds) + f"Types: {', '.join(kinds)}.",
            data={"field": "type"},
        )
    _check(kinds[kind], frame)
    return frame


def _convert(name: str, schema: dict[str, Any], text: str) -> Any:
    kind = schema.get("type", "string")
    try:
        if kind == "integer":
            return int(text)
        if kind == "boolean":
            return {"true": True, "1": True, "": True, "false": False, "0": False}[text.lower()]
        if kind == "array":
            return [item for item in text.split(",") if item]
    except (ValueError, KeyError):
        raise CodecastError(
            "bad_request",
            f"{name!r} must be {_article(kind)}, not {text!r}",
            data={"field": name},
        ) from None
    return text


def _check(check: Draft202012Validator, value: Any, name: str = "") -> None:
    # unknown fields first: a misspelt one also makes the right one missing
    order = {"additionalProperties": 0, "type": 1, "enum": 1, "required": 2}
    errors = sorted(check.iter_errors(value), key=lambda error: order.get(str(error.validator), 3))
    if errors:
        raise _explain(errors[0], name)


def _explain(error: ValidationError, name: str) -> CodecastError:
    path = name or error.json_path.removeprefix("$").removeprefix(".")
    what = repr(path) if path else "the body"
    schema, value, rule = error.schema, error.instance, error.validator
    assert isinstance(schema, dict)
    fields = schema.get("properties", {})
    if rule == "additionalProperties":
        return _unknown([key for key in value if key not in fields], fields, "field", path)
    if rule == "required":
        missing = next(key for key in schema["required"] if key not in value)
        return _bad(
            _join(path, missing), f"the field {_join(path, missing)!r} is missing", _fields(schema)
        )
    if rule == "type":
        wanted = schema["type"]
        kinds = [wanted] if isinstance(wanted, str) else list(wanted)
        return _bad(path, f"{what} must be {' or '.join(map(_article, kinds))}, not {_kind(value)}")
    if rule in ("enum", "const"):
        allowed = [str(choice) for choice in schema.get("enum", [schema.get("const")])]
        choices = f"{'one of ' if len(allowed) > 1 else ''}{', '.join(allowed)}"
        return _bad(path, f"{what} must be {choices}, not {value!r}", _nearest(str(value), allowed))
    if rule == "oneOf" and all(set(one) == {"required"} for one in schema["oneOf"]):
        names = [one["required"][0] for one in schema["oneOf"]]
        given = [one for one in names if one in value]
        if given:
            return _bad(given[1], f"{' and '.join(map(repr, given))} cannot be given together")
        return _bad(
            names[0], f"the field {' or '.join(map(repr, names))} is missing", _fields(schema)
        )
    if rule == "minProperties":
        return _bad(path, "the body is empty", _fields(schema))
    return _bad(path, f"{what}: {error.message[:300]}")


def _bad(field: str, message: str, hint: str = "") -> CodecastError:
    return CodecastError(
        "bad_request", message, hint.strip(), data={"field": field} if field else None
    )


def _unknown(names: list[str], known: Iterable[str], what: str, path: str = "") -> CodecastError:
    known = list(known)
    near = difflib.get_close_matches(names[0], known, 1, 0.5)
    problem = _bad(
        _join(path, names[0]),
        f"unknown {what} {', '.join(repr(_join(path, name)) for name in names)}",
        _nearest(names[0], known) + (f"{what.title()}s: {', '.join(known)}." if known else ""),
    )
    if near:
        problem.data["nearest"] = near[0]
    return problem


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"Did you mean {near[0]!r}? " if near else ""


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _fields(schema: Any) -> str:
    names = ", ".join(schema.get("properties", {}))
    return f"Fields: {names}." if names else ""


def _kind(value: Any) -> str:
    names = {
        dict: "object",
        list: "array",
        str: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
    }
    return _article(names.get(type(value), "null"))


def _article(kind: str) -> str:
    words = {"object": "an object", "array": "a list", "integer": "a whole number", "null": "null"}
    return words.get(kind, f"a {kind}")
