"""Bad input gets a 400 that names the field and what it was probably meant to be."""

from __future__ import annotations

from typing import Any

import pytest

from codecast_jupyter.api.base import MAX_BODY
from tests.api.conftest import Api
from tests.fixtures.fake_hub import FakeHub

START = {"machine": "local", "cwd": "/tmp"}
PROMPTS = "/sessions/{session}/prompts"
ANSWER = "/sessions/{session}/requests/{request}/answer"

CASES: list[tuple[str, str, Any, str, str, str]] = [
    # verb, route, body, field, words, nearest
    ("POST", "/sessions", {**START, "promt": "x"}, "promt", "unknown field 'promt'", "prompt"),
    ("POST", "/sessions", {"machine": "local", "cdw": "/"}, "cdw", "unknown field 'cdw'", "cwd"),
    ("POST", "/sessions", {"cwd": "/tmp"}, "machine", "'machine' is missing", ""),
    ("POST", "/sessions", {**START, "name": 3}, "name", "a string, not a whole number", ""),
    ("POST", "/sessions", {**START, "mode": "atuo"}, "mode", "auto, code, plan, ask", ""),
    ("POST", "/sessions", {**START, "create_directory": "yes"}, "create_directory", "boolean", ""),
    ("POST", "/sessions", [], "", "the body must be an object, not a list", ""),
    ("POST", PROMPTS, {"tex": "x"}, "tex", "unknown field 'tex'", "text"),
    ("POST", PROMPTS, {}, "text", "'text' or 'content' is missing", ""),
    ("POST", PROMPTS, {"text": "a", "content": []}, "content", "", ""),
    ("POST", PROMPTS, {"text": None}, "text", "must be a string, not null", ""),
    ("POST", PROMPTS, {"content": [{"typ": "text"}]}, "content[0].typ", "unknown field", "type"),
    ("POST", PROMPTS, {"content": [{"type": "txt"}]}, "content[0].type", "text, image", ""),
    ("PATCH", "/sessions/{session}", {}, "", "the body is empty", ""),
    ("PATCH", "/sessions/{session}", {"mod": "x"}, "mod", "unknown field", "mode"),
    ("POST", ANSWER, {"answers": {"q": "yes"}}, "answers.q", "must be a list", ""),
    ("POST", ANSWER, {"option": "a", "declined": True}, "declined", "together", ""),
    ("POST", "/machines/{machine}/secret", {"prompt": "x"}, "value", "is missing", ""),
    ("POST", "/sessions/{session}/stop", {"x": 1}, "", "takes no body", ""),
]


@pytest.mark.parametrize(("verb", "route", "body", "field", "words", "nearest"), CASES)
async def test_a_misfit_is_named(
    api: Api,
    session: Any,
    verb: str,
    route: str,
    body: Any,
    field: str,
    words: str,
    nearest: str,
) -> None:
    names = {"session": "first", "machine": "local", "request": "r"}
    given = {key: value for key, value in names.items() if "{" + key + "}" in route}
    answer = await api(verb, route, body, **given)
    assert (answer.code, answer.json["code"]) == (400, "bad_request")
    assert words in answer.json["message"]
    assert answer.json.get("data", {}).get("field", "") == field
    assert answer.json.get("data", {}).get("nearest", "") == nearest
    if nearest:
        assert f"Did you mean {nearest!r}?" in answer.json["hint"]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"text": "a",}', "at line 1, column 1"),
        (b"hello", "no JSON"),
        (b"", "missing"),
        (b'{"text": "\xff"}', "UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
async def test_what_is_no_json_is_told_with_its_place(
    api: Api, session: Any, raw: bytes, words: str
) -> None:
    answer = await api("POST", PROMPTS, raw=raw, session="first")
    assert (answer.code, answer.json["code"]) == (400, "bad_request")
    assert words in answer.json["message"]


@pytest.mark.parametrize(
    ("route", "query", "field"),
    [
        ("/sessions/{session}/events", {"after": "abc"}, "after"),
        ("/sessions/{session}/events", {"after": "-1"}, "after"),
        ("/sessions/{session}/events", {"limit": "0"}, "limit"),
        ("/sessions/{session}/events", {"aftr": "1"}, "aftr"),
        ("/sessions", {"all": "maybe"}, "all"),
        ("/sessions", {"status": "sleeping"}, "status"),
        ("/search", {}, "q"),
        ("/health", {"x": "1"}, "x"),
    ],
)
async def test_a_query_that_does_not_fit_is_named(
    api: Api, session: Any, route: str, query: dict[str, str], field: str
) -> None:
    names = {"session": "first"} if "{" in route else {}
    answer = await api("GET", route, query=query, **names)
    assert (answer.code, answer.json["data"]["field"]) == (400, field)


async def test_a_prompt_of_five_megabytes_arrives_whole(
    api: Api, session: Any, hub: FakeHub
) -> None:
    text = "-" + "ü" * (5 << 20)
    answer = await api("POST", PROMPTS, {"text": text, "id": "big"}, session="first")
    assert answer.code == 202
    assert hub.sessions.log("first").prompts["big"]["text"] == text


async def test_a_body_beyond_the_limit_is_refused_in_words(api: Api, session: Any) -> None:
    raw = b'{"text": "' + b"x" * MAX_BODY + b'"}'
    answer = await api("POST", PROMPTS, raw=raw, session="first")
    assert (answer.code, answer.json["code"]) == (413, "too_large")
    assert "64 MB" in answer.json["message"]
    assert answer.json["hint"]


async def test_nothing_of_a_bad_request_reaches_the_hub(api: Api, hub: FakeHub) -> None:
    assert (await api("POST", "/sessions", {**START, "x": 1})).code == 400
    assert hub.sessions.logs == {}


async def test_the_hubs_errors_keep_their_status_and_words(api: Api) -> None:
    answer = await api("POST", "/sessions", {"machine": "local", "cwd": "/nowhere"})
    assert (answer.code, answer.json["code"]) == (422, "no_such_directory")
    assert answer.json["hint"] == "Create it."
