"""Every resource answers as openapi.yaml says, and hands the hub what it was given."""

from __future__ import annotations

from typing import Any

from codecast_jupyter.control.doctor import Check
from tests.api.conftest import Api, eventually
from tests.fixtures.fake_hub import FakeHub

Json = dict[str, Any]


async def test_health_tells_what_is_there(api: Api, session: Json) -> None:
    answer = await api("GET", "/health")
    assert answer.code == 200
    assert (answer.json["protocol"], answer.json["sessions"], answer.json["machines"]) == (1, 1, 1)


async def test_openapi_is_served_as_it_lies_there(api: Api) -> None:
    answer = await api("GET", "/openapi.yaml")
    assert answer.json.startswith("openapi: 3.1.0\n")


async def test_a_machine_is_written_used_and_removed(api: Api, hub: FakeHub) -> None:
    put = await api("PUT", "/machines/{machine}", {"host": "gpu.example"}, machine="gpu 1")
    assert (put.code, put.json["host"], put.json["state"]) == (200, "gpu.example", "offline")
    names = [machine["name"] for machine in (await api("GET", "/machines")).json]
    assert names == ["local", "gpu 1"]
    gpu = {"machine": "gpu 1"}
    assert (await api("POST", "/machines/{machine}/connect", **gpu)).json["state"] == "online"
    assert (await api("GET", "/machines/{machine}", **gpu)).json["state"] == "online"
    assert (await api("POST", "/machines/{machine}/disconnect", **gpu)).json["state"] == "offline"
    assert (await api("DELETE", "/machines/{machine}", **gpu)).code == 204
    gone = await api("GET", "/machines/{machine}", **gpu)
    assert (gone.code, gone.json["code"]) == (404, "not_found")


async def test_the_doctors_findings_are_told(api: Api, monkeypatch: Any) -> None:
    async def examine(machine: Any) -> list[Check]:
        return [Check("settings", "ok", "fine"), Check("login", "error", "no", "add a key")]

    monkeypatch.setattr("codecast_jupyter.api.machines.examine", examine)
    answer = await api("GET", "/machines/{machine}/doctor", machine="local")
    assert answer.json["machine"] == "local"
    assert [check["status"] for check in answer.json["checks"]] == ["ok", "error"]
    assert answer.json["checks"][1]["hint"] == "add a key"


async def test_what_the_relay_tells_is_asked_with_the_querys_values(api: Api, hub: FakeHub) -> None:
    local = {"machine": "local"}
    clis = await api("GET", "/machines/{machine}/clis", query={"refresh": "true"}, **local)
    assert clis.json[0]["cli"] == "claude"
    await api("GET", "/machines/{machine}/info", **local)
    asked = {"cli": "claude", "query": "loss nan", "limit": "7", "cwd": "/a"}
    kept = await api("GET", "/machines/{machine}/history", query=asked, **local)
    assert kept.json[0]["native"] == "n-1"
    assert (
        await api("GET", "/machines/{machine}/history", query={"limit": "0"}, **local)
    ).code == 400
    listed = await api(
        "GET", "/machines/{machine}/directories", query={"path": "/a $(b)'"}, **local
    )
    assert listed.json["path"] == "/a $(b)'"
    await api("GET", "/machines/{machine}/processes", **local)
    kill = "/machines/{machine}/processes/{session}"
    assert (await api("DELETE", kill, session="s", **local)).json == {"killed": 1}
    assert hub.machines.get("local").given == [
        ("host/clis", {"refresh": True}),
        ("host/info", {}),
        ("host/history", {**asked, "limit": 7, "env": {"CODEX_HOME": "/x"}}),
        ("host/directories", {"path": "/a $(b)'"}),
        ("host/processes", {}),
        ("host/kill", {"session": "s"}),
    ]


async def test_key_and_secret_reach_the_machine(api: Api, hub: FakeHub) -> None:
    body = {"fingerprint": "SHA256:abc"}
    assert (await api("POST", "/machines/{machine}/host-key", body, machine="local")).code == 200
    body = {"prompt": "Passphrase", "value": " s3 cret "}
    assert (await api("POST", "/machines/{machine}/secret", body, machine="local")).code == 200
    assert hub.machines.get("local").given == ["SHA256:abc", ("Passphrase", " s3 cret ")]


async def test_an_unknown_key_comes_with_its_fingerprint(api: Api) -> None:
    await api("PUT", "/machines/{machine}", {}, machine="locked")
    answer = await api("POST", "/machines/{machine}/connect", machine="locked")
    assert (answer.code, answer.json["code"]) == (424, "unknown_host_key")
    assert answer.json["data"] == {"fingerprint": "SHA256:abc"}


async def test_sessions_are_filtered(api: Api, session: Json) -> None:
    assert [s["id"] for s in (await api("GET", "/sessions")).json] == [session["id"]]
    query = {"machine": "local", "status": "idle"}
    assert len((await api("GET", "/sessions", query=query)).json) == 1
    assert (await api("GET", "/sessions", query={"machine": "other"})).json == []
    assert (await api("GET", "/sessions", query={"status": "running"})).json == []


async def test_the_same_id_starts_one_session(api: Api) -> None:
    body = {"machine": "local", "cwd": "/tmp", "id": "5b5f2c3a-6a6e-4f6e-9d6e-000000000001"}
    first, second = await api("POST", "/sessions", body), await api("POST", "/sessions", body)
    assert first.json["id"] == second.json["id"] == body["id"]
    assert len((await api("GET", "/sessions")).json) == 1


async def test_a_session_named_with_odd_characters_is_found_by_its_name(api: Api) -> None:
    name = "a b/ü?#%2F"
    body = {"machine": "local", "cwd": "/tmp", "name": name}
    id = (await api("POST", "/sessions", body)).json["id"]
    found = await api("GET", "/sessions/{session}", session=name)
    assert (found.code, found.json["id"]) == (200, id)


async def test_rename_and_switch_in_one_change(api: Api, session: Json) -> None:
    change = {"name": "second", "mode": "plan", "model": "opus"}
    answer = await api("PATCH", "/sessions/{session}", change, session="first")
    assert answer.code == 200
    assert {key: answer.json[key] for key in change} == change
    assert (await api("GET", "/sessions/{session}", session="first")).code == 404


async def test_interrupt_stop_resume_answer_with_the_session(api: Api, session: Json) -> None:
    name = {"session": "first"}
    body = {"cancel_queue": True}
    assert (await api("POST", "/sessions/{session}/interrupt", body, **name)).code == 200
    stopped = await api("POST", "/sessions/{session}/stop", **name)
    assert stopped.json["state"]["status"] == "stopped"
    resumed = await api("POST", "/sessions/{session}/resume", {}, **name)
    assert resumed.json["state"]["status"] == "idle"


async def test_destroy_tells_whether_the_machine_was_there(api: Api, session: Json) -> None:
    assert (await api("DELETE", "/sessions/{session}", session="first")).code == 204
    await api("PUT", "/machines/{machine}", {}, machine="away")
    await api("POST", "/sessions", {"machine": "away", "cwd": "/", "name": "x"})
    assert (await api("DELETE", "/sessions/{session}", session="x")).code == 202


async def test_a_prompt_carries_the_person_and_the_surface(api: Api, session: Json) -> None:
    sent = await api(
        "POST",
        "/sessions/{session}/prompts",
        {"text": "hello", "id": "p1"},
        session="first",
        headers={"X-Codecast-Surface": "lab"},
    )
    assert (sent.code, sent.json["state"], sent.json["where"]) == (202, "stored", "lab")
    assert sent.json["by"]
    again = await api(
        "POST", "/sessions/{session}/prompts", {"text": "hello", "id": "p1"}, session="first"
    )
    assert again.json["id"] == "p1"
    listed = await api("GET", "/sessions/{session}/prompts", session="first")
    assert [prompt["id"] for prompt in listed.json] == ["p1"]


async def test_a_waiting_prompt_is_edited_moved_and_cancelled(
    api: Api, session: Json, hub: FakeHub
) -> None:
    name = {"session": "first"}
    log = hub.sessions.log("first")
    await api("POST", "/sessions/{session}/prompts", {"text": "wait", "id": "p"}, **name)
    await api("POST", "/sessions/{session}/prompts", {"text": "wait", "id": "q"}, **name)
    await eventually(lambda: len(log.state["prompts"]) == 2)
    prompt = {**name, "prompt": "p"}
    content = [{"type": "text", "text": "other"}]
    route = "/sessions/{session}/prompts/{prompt}"
    assert (await api("PATCH", route, {"content": content}, **prompt)).json["text"] == "other"
    last = await api("POST", route + "/move", {}, **prompt)
    assert last.code == 200 and list(log.state["prompts"]) == ["q", "p"]
    first = await api("POST", route + "/move", {"before": "q", "id": "m"}, **prompt)
    assert first.json["id"] == "p" and list(log.state["prompts"]) == ["p", "q"]
    wrong = await api("POST", route + "/move", {"after": "q"}, **prompt)
    assert (wrong.code, wrong.json["code"]) == (400, "bad_request")
    assert (await api("DELETE", route, **prompt)).code == 204
    late = await api("DELETE", route, **prompt)
    assert (late.code, late.json["code"]) == (409, "conflict")


async def test_a_request_is_answered_once(api: Api, session: Json, hub: FakeHub) -> None:
    name = {"session": "first"}
    await api("POST", "/sessions/{session}/prompts", {"text": "ask"}, **name)
    await eventually(lambda: bool(hub.sessions.log("first").requests))
    assert [r["title"] for r in (await api("GET", "/requests")).json] == ["rm -rf build"]
    route = "/sessions/{session}/requests/{request}/answer"
    wrong = await api("POST", route, {"option": "maybe"}, request="r1", **name)
    assert (wrong.code, wrong.json["data"]["field"]) == (400, "option")
    answer = await api(
        "POST",
        route,
        {"option": "no", "message": "keep it"},
        request="r1",
        headers={"X-Codecast-Surface": "telegram"},
        **name,
    )
    assert (answer.code, answer.json["outcome"]) == (200, "resolved")
    late = await api("POST", route, {"option": "yes"}, request="r1", **name)
    assert (late.code, late.json["code"]) == (409, "already_resolved")
    assert late.json["data"]["where"] == "telegram"
    assert (await api("GET", "/requests")).json == []
    listed = await api("GET", "/sessions/{session}/requests", **name)
    assert [r["outcome"] for r in listed.json] == ["resolved"]


async def test_search_finds_words(api: Api, session: Json, hub: FakeHub) -> None:
    await api("POST", "/sessions/{session}/prompts", {"text": "say 3"}, session="first")
    await eventually(lambda: hub.sessions.log("first").state["turns"] == 1)
    await eventually(lambda: hub.sessions.log("first").state["turn"] is None)
    hits = (await api("GET", "/search", query={"q": "word", "limit": "2"})).json
    assert [hit["snippet"] for hit in hits] == ["word0 ", "word1 "]


async def test_events_come_in_pages(api: Api, session: Json, hub: FakeHub) -> None:
    await api("POST", "/sessions/{session}/prompts", {"text": "say 300"}, session="first")
    log = hub.sessions.log("first")
    await eventually(lambda: log.state["turns"] == 1 and not log.state["prompts"])
    route, seqs, after, more = "/sessions/{session}/events", [], 0, True
    while more:
        query = {"after": str(after), "limit": "70"}
        page = (await api("GET", route, query=query, session="first")).json
        assert len(page["events"]) == min(70, len(log.events) - after)
        seqs += [event["seq"] for event in page["events"]]
        after, more = seqs[-1], page["more"]
    assert seqs == list(range(1, len(log.events) + 1))
    only = {"types": "turn_started,turn_ended", "limit": "2"}
    page = (await api("GET", route, query=only, session="first")).json
    assert [event["type"] for event in page["events"]] == ["turn_started", "turn_ended"]
    page = (await api("GET", route, query={"after": "9999"}, session="first")).json
    assert page == {"events": [], "last_seq": len(log.events), "more": False}
    back: list[int] = []
    more = True
    while more:
        query = {"before": str(back[0] if back else len(log.events) + 1), "limit": "70"}
        page = (await api("GET", route, query=query, session="first")).json
        back[:0] = [event["seq"] for event in page["events"]]
        more = page["more"]
    assert back == seqs
    both = await api("GET", route, query={"before": "9", "after": "1"}, session="first")
    assert (both.code, both.json["data"]) == (400, {"field": "before"})


async def test_a_path_that_is_none_says_so_in_json(api: Api, jp_fetch: Any) -> None:
    response = await jp_fetch("api", "codecast", "v1", "sesions", raise_error=False)
    assert response.code == 404
    assert b'"code": "not_found"' in response.body


async def test_a_failure_of_ours_is_told_without_a_page(
    api: Api, session: Json, hub: FakeHub, monkeypatch: Any
) -> None:
    async def broken(session: str) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(hub.sessions, "get", broken)
    answer = await api("GET", "/sessions/{session}", session="first")
    assert (answer.code, answer.json["code"]) == (500, "internal")
    assert "disk on fire" in answer.json["detail"]
