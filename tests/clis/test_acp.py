"""What an ACP client must do, beyond what recordings of well-behaved agents show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codecast_agent.clis.acp import AcpAdapter, adapter_for
from codecast_agent.clis.contract import Answer, Launch, Prompt
from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError

from .hosts import Json, RecordingHost

MODES = {
    "currentModeId": "default",
    "availableModes": [{"id": "default"}, {"id": "plan"}, {"id": "yolo"}],
}
OPTIONS = [
    {"optionId": "yes", "kind": "allow_once", "name": "Yes"},
    {"optionId": "no", "kind": "reject_once", "name": "No"},
]


class Agent:
    """The agent's side, by hand."""

    def __init__(self, cli: str = "some", **launch: Any) -> None:
        self.host = RecordingHost()
        values: Json = {
            "session": "s",
            "cwd": "/home/user/project",
            "mode": "ask",
            "model": None,
            "native": None,
            "fork": False,
            "command": ["agent"],
            "env": {},
        }
        self.adapter: AcpAdapter = adapter_for(cli)(self.host, Launch(**{**values, **launch}))
        self.adapter.begin()

    def say(self, **message: Any) -> None:
        self.adapter.line(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def update(self, kind: str, /, **fields: Any) -> None:
        update = {"sessionUpdate": kind, **fields}
        self.say(method="session/update", params={"sessionId": "n", "update": update})

    def text(self, text: str) -> None:
        self.update("agent_message_chunk", content={"type": "text", "text": text})

    def reply(self, method: str, result: Any = None, error: Json | None = None) -> None:
        """Answer the last request of that method."""
        (request, *_) = [m for m in reversed(self.host.sent) if m.get("method") == method]
        body = {"error": error} if error else {"result": {} if result is None else result}
        self.say(id=request["id"], **body)

    def start(self, can: Json | None = None, **session: Any) -> Agent:
        self.reply("initialize", {"protocolVersion": 1, "agentCapabilities": can or {}})
        self.reply("session/new", {"sessionId": "n", **session})
        return self

    def prompt(self) -> None:
        self.adapter.prompt(Prompt("p1", [events.text("do it")]))

    def ask(self, id: Any = 7, kind: str = "execute", **call: Any) -> None:
        call = {"toolCallId": "c1", "title": "touch x", "kind": kind, **call}
        params = {"sessionId": "n", "toolCall": call, "options": OPTIONS}
        self.say(id=id, method="session/request_permission", params=params)


@pytest.mark.parametrize("id", [0, 7, "abc"], ids=str)
def test_ids_are_given_back_as_they_came(id: Any) -> None:
    agent = Agent().start()
    agent.prompt()
    agent.ask(id)
    request = agent.host.last("request_opened")["request"]
    agent.adapter.answer(request, Answer(option="yes"))
    agent.host.resolved(request)
    wanted = {"outcome": {"outcome": "selected", "optionId": "yes"}}
    assert agent.host.sent[-1] == {"jsonrpc": "2.0", "id": id, "result": wanted}


def test_an_agent_that_answers_with_strings_for_numbers_is_understood() -> None:
    agent = Agent()
    agent.say(id=str(agent.host.sent[-1]["id"]), result={"protocolVersion": 1})
    assert agent.host.sent[-1]["method"] == "session/new"


@pytest.mark.parametrize("method", ["fs/write_text_file", "terminal/create", "_own/thing"])
def test_what_we_do_not_offer_is_refused_not_left_waiting(method: str) -> None:
    agent = Agent().start()
    agent.prompt()
    agent.say(id=9, method=method, params={})
    assert agent.host.sent[-1]["error"]["code"] == -32601


def test_another_protocol_version_is_said() -> None:
    agent = Agent()
    agent.reply("initialize", {"protocolVersion": 2})
    assert agent.host.problem is not None
    assert agent.host.problem.code == "not_supported" and "version 1" in agent.host.problem.hint


def test_not_logged_in_says_what_to_run() -> None:
    agent = Agent("gemini")
    agent.reply("initialize", {"protocolVersion": 1})
    agent.reply("session/new", error={"code": -32000, "message": "Authentication required"})
    assert agent.host.problem is not None and agent.host.problem.code == "not_logged_in"
    assert "GEMINI_API_KEY" in agent.host.problem.hint


def test_a_session_that_cannot_begin_says_why() -> None:
    agent = Agent()
    agent.reply("initialize", {"protocolVersion": 1})
    agent.reply("session/new", error={"code": -32603, "message": "no", "data": {"details": "why"}})
    assert agent.host.problem is not None and agent.host.problem.code == "cli_failed"
    assert "why" in agent.host.problem.detail


def test_a_session_that_cannot_be_loaded_begins_anew_and_says_so() -> None:
    agent = Agent(native="old")
    agent.reply("initialize", {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}})
    assert agent.host.sent[-1]["method"] == "session/load"
    agent.reply("session/load", error={"code": -32602, "message": "No previous sessions found"})
    assert "No previous sessions found" in agent.host.last("notice")["text"]
    agent.reply("session/new", {"sessionId": "n"})
    assert agent.host.is_ready and agent.host.state["native"] == "n"


def test_an_agent_that_cannot_load_begins_anew_and_says_so() -> None:
    agent = Agent(native="old").start()
    assert agent.host.is_ready and "without it" in agent.host.last("notice")["text"]


def test_a_fork_is_asked_for_by_its_own_method() -> None:
    agent = Agent(native="old", fork=True)
    can = {"sessionCapabilities": {"fork": {}, "resume": {}}}
    agent.reply("initialize", {"protocolVersion": 1, "agentCapabilities": can})
    agent.reply("session/fork", {"sessionId": "new"})
    assert agent.host.state["native"] == "new"


def test_a_wanted_mode_is_set_before_the_first_prompt() -> None:
    agent = Agent(mode="plan").start(modes=MODES)
    assert not agent.host.is_ready
    assert agent.host.sent[-1]["params"]["modeId"] == "plan"
    agent.reply("session/set_mode")
    assert agent.host.is_ready and agent.host.state["mode"] == "plan"


def test_a_mode_the_agent_refuses_fails_the_start() -> None:
    agent = Agent(mode="auto").start(modes=MODES)
    agent.reply("session/set_mode", error={"code": -32603, "message": "untrusted folder"})
    assert agent.host.problem is not None and "untrusted folder" in agent.host.problem.detail


def test_plan_mode_is_never_pretended() -> None:
    agent = Agent(mode="plan").start()
    assert agent.host.problem is not None and agent.host.problem.code == "not_supported"


@pytest.mark.parametrize(
    ("mode", "kind", "asks"),
    [
        ("auto", "execute", False),
        ("code", "edit", False),
        ("code", "execute", True),
        ("code", "other", True),
        ("ask", "edit", True),
    ],
)
def test_modes_an_agent_has_not_are_kept_by_us(mode: str, kind: str, asks: bool) -> None:
    agent = Agent(mode=mode).start()
    assert agent.host.is_ready and agent.host.state["mode"] == mode
    agent.prompt()
    agent.ask(kind=kind, locations=[{"path": "/home/user/project/x"}])
    assert bool(agent.host.open_requests) is asks
    if not asks:
        assert agent.host.sent[-1]["result"]["outcome"]["optionId"] == "yes"
        assert "without asking" in agent.host.last("notice")["text"]


@pytest.mark.parametrize(
    ("kind", "asks"),
    [("edit", False), ("execute", False), ("other", False), ("read", True), ("switch_mode", True)],
)
def test_in_plan_mode_no_answer_lets_a_write_through(kind: str, asks: bool) -> None:
    agent = Agent(mode="plan").start(modes=MODES)
    agent.reply("session/set_mode")
    agent.prompt()
    agent.ask(kind=kind)
    assert bool(agent.host.open_requests) is asks
    if not asks:
        assert agent.host.sent[-1]["result"]["outcome"]["optionId"] == "no"
        assert "touch x" in agent.host.last("notice")["text"]


def test_a_mode_called_auto_is_not_chosen_for_ours_but_told_when_the_agent_takes_it() -> None:
    modes = {**MODES, "availableModes": [{"id": "default"}, {"id": "plan"}, {"id": "auto"}]}
    agent = Agent(mode="auto").start(modes=modes)
    assert agent.host.is_ready and agent.host.state["settings"]["mode"]["value"] == "default"
    agent = Agent(mode="plan").start(modes=modes)
    agent.reply("session/set_mode")
    agent.update("current_mode_update", currentModeId="auto")
    assert agent.host.state["mode"] == "auto"


def test_a_mode_switch_does_not_answer_an_open_request() -> None:
    agent = Agent().start()
    agent.prompt()
    agent.ask()
    agent.adapter.set_mode("auto")
    assert agent.host.state["mode"] == "auto" and len(agent.host.open_requests) == 1


def test_config_options_are_used_where_they_are_offered() -> None:
    option = {
        "id": "the-model",
        "category": "model",
        "currentValue": "a",
        "options": [{"value": "a"}, {"group": "g", "options": [{"value": "b", "name": "B"}]}],
    }
    agent = Agent().start(configOptions=[option])
    choices = agent.host.state["settings"]["model"]["choices"]
    assert [choice["value"] for choice in choices] == ["a", "b"]
    heard: list[CodecastError | None] = []
    assert agent.adapter.set_model("b", heard.append) is True
    params = agent.host.sent[-1]["params"]
    assert params == {"sessionId": "n", "configId": "the-model", "value": "b"}
    agent.reply("session/set_config_option", error={"code": -32602, "message": "no such model"})
    (problem,) = heard
    assert problem is not None and "no such model" in problem.detail
    assert agent.host.state["settings"]["model"]["value"] == "a"
    agent.adapter.set_model("b", heard.append)
    agent.reply("session/set_config_option")
    assert heard[1:] == [None] and agent.host.state["settings"]["model"]["value"] == "b"


def test_an_interrupt_answers_what_is_open_and_what_comes_late() -> None:
    agent = Agent().start()
    agent.prompt()
    agent.ask(1)
    agent.adapter.interrupt()
    cancelled = {"outcome": {"outcome": "cancelled"}}
    assert agent.host.sent[-1]["result"] == cancelled and not agent.host.open_requests
    agent.ask(2)
    assert agent.host.sent[-1] == {"jsonrpc": "2.0", "id": 2, "result": cancelled}
    agent.reply("session/prompt", error={"code": -32603, "message": "aborted"})
    assert agent.host.last("turn_ended")["reason"] == "cancelled"


def test_a_call_left_open_is_closed_with_its_turn() -> None:
    agent = Agent().start()
    agent.prompt()
    agent.update("tool_call", toolCallId="c1", title="x", status="in_progress")
    agent.update("tool_call_update", toolCallId="unseen", status="in_progress")
    agent.reply("session/prompt", {"stopReason": "end_turn"})
    assert [c["status"] for c in agent.host.calls().values()] == ["failed", "failed"]


def test_an_agent_that_speaks_unasked_has_a_turn_that_ends() -> None:
    agent = Agent().start()
    agent.text("by the way")
    agent.text(", one more")
    assert agent.host.of("turn_started")[0]["prompts"] == []
    assert agent.host.messages() == ["by the way, one more"]
    ((_, quiet),) = agent.host.timers
    quiet()
    agent.host.nothing_open()
    agent.prompt()
    agent.reply("session/prompt", {"stopReason": "end_turn"})


def test_chunks_without_ids_are_told_apart_by_what_comes_between() -> None:
    agent = Agent().start()
    agent.prompt()
    agent.text("one ")
    agent.text("message")
    agent.update("tool_call", toolCallId="c1", title="x", status="completed")
    agent.text("another")
    assert agent.host.messages() == ["one message", "another"]


def test_unknown_updates_and_content_are_kept() -> None:
    agent = Agent().start()
    agent.prompt()
    agent.update("brand_new", value=1)
    assert agent.host.last("notice")["raw"]["value"] == 1
    agent.update("agent_message_chunk", content={"type": "hologram"})
    assert agent.host.last("notice")["raw"]["content"] == {"type": "hologram"}
    agent.update("tool_call", toolCallId="c", title="t", content=[{"type": "terminal", "id": 3}])
    assert agent.host.last("tool_call")["raw"] == {"content": [{"type": "terminal", "id": 3}]}


def test_an_image_for_an_agent_without_eyes_is_refused_with_words() -> None:
    agent = Agent().start()
    picture = {"type": "image", "data": "AA==", "mime_type": "image/png"}
    agent.adapter.prompt(Prompt("p1", [picture]))
    assert agent.host.last("turn_ended")["error"]["code"] == "not_supported"
    assert not [m for m in agent.host.sent if m.get("method") == "session/prompt"]


def test_files_are_named_in_words_and_so_is_an_image_that_cannot_be_seen() -> None:
    agent = Agent().start()
    picture = {"type": "image", "data": "AA==", "mime_type": "image/png", "uri": "file:///a/p.png"}
    file = {"type": "resource_link", "uri": "file:///a/x y.bin", "name": "x y"}
    agent.adapter.prompt(Prompt("p1", [picture, file]))
    [sent] = [m for m in agent.host.sent if m.get("method") == "session/prompt"]
    assert [block["text"] for block in sent["params"]["prompt"]] == [
        "Attached file: /a/p.png (image/png)",
        "Attached file: /a/x y.bin",
    ]


def test_refusals_and_limits_keep_their_reason() -> None:
    for reason in ("refusal", "max_tokens", "max_turn_requests"):
        agent = Agent().start()
        agent.prompt()
        agent.reply("session/prompt", {"stopReason": reason})
        assert agent.host.last("turn_ended")["reason"] == reason


def test_the_death_of_an_agent_ends_what_was_open() -> None:
    agent = Agent().start()
    agent.prompt()
    agent.ask()
    agent.adapter.exited(CodecastError("cli_failed", "gone"))
    agent.host.nothing_open()
    assert agent.host.last("turn_ended")["error"]["message"] == "gone"


def test_steering_says_what_to_do_instead() -> None:
    agent = Agent().start()
    agent.prompt()
    with pytest.raises(CodecastError) as problem:
        agent.adapter.steer(Prompt("p2", []))
    assert problem.value.code == "not_supported" and problem.value.hint


def test_a_late_answer_to_an_old_prompt_does_not_end_the_new_turn() -> None:
    agent = Agent().start()
    agent.prompt()
    first = agent.host.sent[-1]["id"]
    agent.say(id=first, result={"stopReason": "end_turn"})
    agent.adapter.prompt(Prompt("p2", []))
    agent.say(id=first, result={"stopReason": "end_turn"})
    assert agent.host.turn_open
