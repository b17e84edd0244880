"""The real Gemini CLI and OpenCode: what a person does in a turn, and what can go wrong in it.

Starting them costs seconds, so one process of each serves the tests, one after the other; a
test that ended badly costs the next one a new start.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_agent.clis import acp
from codecast_agent.clis.contract import Prompt
from codecast_agent.clis.quirks import quirks
from codecast_agent.protocol import events
from tests.fixtures.clis import gemini_command, opencode_binary
from tests.fixtures.models import ModelServer

from .driving import Driver, driving
from .hosts import Json

PIXEL = (  # a PNG of one
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD"
    "hgGAWjR9awAAAABJRU5ErkJggg=="
)
MODELS = {"gemini": "gemini-3-flash-preview", "opencode": "local/scripted-model-2"}


@pytest.fixture(scope="module", params=["gemini", "opencode"])
def running(
    request: pytest.FixtureRequest,
    model_server: ModelServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Driver]:
    """A CLI in mode ask."""
    cli = str(request.param)
    home = tmp_path_factory.mktemp(cli)
    project = home / "project"
    project.mkdir()
    if cli == "gemini":
        command = gemini_command()
        env = model_server.gemini_environment(home)
    else:
        command = [str(opencode_binary()), "acp"]
        env = model_server.opencode_environment(home)
    with driving(cli, command, project, env) as driver:
        yield driver


@pytest.fixture
def cli(running: Driver) -> Iterator[Driver]:
    if running.process is not None and (running.turn_open or running.broken):
        running.kill()
    if running.process is None:
        running.events.clear()
        running.start()
        assert running.is_ready, running.problem
    running.events.clear()
    yield running
    running.nothing_open()
    assert running.unknown() == []


def option(request: Json, kind: str) -> str:
    (found,) = [option["id"] for option in request["options"] if option["kind"] == kind]
    return str(found)


def test_text_and_thoughts_stream_once(cli: Driver) -> None:
    end = cli.ask("think:pondering\nsay:hello from the scripted model")
    assert end["reason"] == "end_turn"
    assert end["usage"]["input_tokens"] > 0 and end["usage"]["output_tokens"] > 0
    assert cli.messages() == ["hello from the scripted model"]
    assert "pondering" in cli.messages("agent_thought_chunk")[0]
    assert len(cli.of("agent_message_chunk")) > 2, "it did not stream"


def test_what_can_be_chosen_is_told(cli: Driver) -> None:
    assert cli.state["mode"] == "ask" and cli.state["cli_version"][0].isdigit()
    classes = {choice.get("class") for choice in cli.state["settings"]["mode"]["choices"]}
    assert {"ask", "plan"} <= classes
    choices = [choice["value"] for choice in cli.state["settings"]["model"]["choices"]]
    assert MODELS[cli.cli] in choices
    cli.ask("say:x")  # they list their commands after the first words
    assert cli.state["commands"]


def test_permission_granted_and_output_told(cli: Driver) -> None:
    made = cli.cwd / "granted"
    cli.prompt("bash:touch granted && echo these words\nsay:finished")
    request = cli.request()
    assert request["title"] == "touch granted && echo these words"
    assert request["tool_kind"] == "execute"
    assert not made.exists()
    cli.answer(request, option=option(request, "allow_once"))
    assert cli.ended()["reason"] == "end_turn"
    assert made.exists()
    call = cli.calls()[request["call"]]
    assert call["status"] == "completed" and call["kind"] == "execute"
    assert "these words" in call["content"][-1]["text"]
    assert cli.messages()[-1] == "finished"


def test_permission_refused(cli: Driver) -> None:
    cli.prompt("bash:touch refused\nsay:went on")
    request = cli.request()
    refusal = next(o for o in request["options"] if o["kind"] == "reject_once")
    cli.answer(request, option=refusal["id"])
    assert cli.ended()["reason"] in ("end_turn", "cancelled")
    assert not (cli.cwd / "refused").exists()
    assert (cli.messages()[-1:] == ["went on"]) is not refusal.get("ends_turn", False)
    assert [call["status"] for call in cli.calls().values()] in ([], ["failed"])


def test_always_is_asked_once(cli: Driver) -> None:
    """And what it allows from then on is what its text says."""
    always = {"execute": ("mkdir one", "mkdir -p two/three"), "edit": ("f.txt", "g.txt")}
    rules = quirks(cli.cli).always
    assert rules.keys() == always.keys()
    for kind, (first, second) in always.items():
        script = "bash:{}" if kind == "execute" else "write:{}:x"
        at = len(cli.events)
        cli.prompt("\n".join([script.format(first), script.format(second), "say:end"]))
        request = cli.request(at)
        (said,) = [o for o in request["options"] if o["kind"] == "allow_always"]
        assert said["rule"] == rules[kind] and "this session" in said["scope"]
        cli.answer(request, option=said["id"])
        assert cli.ended(at)["reason"] == "end_turn"
        assert len([e for e in cli.events[at:] if e["type"] == "request_opened"]) == 1
    assert (cli.cwd / "two" / "three").is_dir() and (cli.cwd / "g.txt").exists()
    for other, asked in (("git init -q new", True), ("git config -f x a.b c", None)):
        at = len(cli.events)
        cli.prompt(f"bash:{other}\nsay:end")
        if asked is None:  # another subcommand of a program that was allowed
            asked = cli.cli == "opencode"
        if asked:
            request = cli.request(at)
            cli.answer(request, option=option(request, "allow_always"))
        cli.ended(at)
        opened = [e for e in cli.events[at:] if e["type"] == "request_opened"]
        assert bool(opened) is asked, other
    cli.kill()  # the next start asks again


def test_an_edit_is_shown_as_a_diff_before_and_after(cli: Driver) -> None:
    file = cli.cwd / "f.txt"
    file.write_text("".join(f"line {n}\n" for n in range(1, 21)))
    cli.prompt(f"read:{file}\nedit:{file}:line 10=>LINE TEN\nsay:end")
    request = cli.request()
    (asked,) = [item for item in request["content"] if item["type"] == "diff"]
    assert asked["path"] == str(file) and "\n-line 10\n+LINE TEN\n" in asked["diff"]
    assert request["tool_kind"] == "edit" and "LINE TEN" not in file.read_text()
    cli.answer(request, option=option(request, "allow_once"))
    assert cli.ended()["reason"] == "end_turn"
    assert "LINE TEN" in file.read_text()
    assert cli.calls()[request["call"]]["status"] == "completed"


@pytest.mark.parametrize("script", ["slow:200", "hang:"])
def test_interrupted_in_its_words(cli: Driver, script: str) -> None:
    cli.prompt(f"say:some words first\n{script}")
    cli.wait("agent_message_chunk")
    cli.adapter.interrupt()
    assert cli.ended()["reason"] == "cancelled"
    at = len(cli.events)
    assert cli.ask("say:again")["reason"] == "end_turn"
    assert cli.of("agent_message_chunk")[-1]["content"]["text"].endswith("again"), cli.events[at:]


def test_interrupted_in_a_command(cli: Driver) -> None:
    cli.prompt("bash:echo $$ > pid; while true; do sleep 0.1; done")
    request = cli.request()
    cli.answer(request, option=option(request, "allow_once"))
    pid = cli.cwd / "pid"
    cli.until(lambda: pid.exists() and pid.read_text().strip())
    number = pid.read_text().strip()
    pid.unlink()
    cli.adapter.interrupt()
    assert cli.ended()["reason"] == "cancelled"
    assert cli.calls()[request["call"]]["status"] == "failed"
    cli.until(lambda: not Path("/proc", number).exists())  # the command is dead too


def test_interrupted_while_it_asks(cli: Driver) -> None:
    cli.prompt("bash:rm -rf not-there\nsay:went on")
    request = cli.request()
    cli.adapter.interrupt()
    assert cli.wait("request_withdrawn")["request"] == request["request"]
    assert cli.ended()["reason"] == "cancelled"
    assert cli.ask("say:again")["reason"] == "end_turn"
    assert cli.messages()[-1] == "again"


def test_another_model_answers_the_next_prompt(cli: Driver, model_server: ModelServer) -> None:
    before = cli.state["settings"]["model"]["value"]
    cli.adapter.set_model(MODELS[cli.cli])
    cli.until(lambda: cli.state["settings"]["model"]["value"] == MODELS[cli.cli])
    cli.ask(f"say:by another {cli.session}")
    asked = [e for e in model_server.log() if f"by another {cli.session}" in e.get("prompt", "")]
    assert asked[-1]["model"] == MODELS[cli.cli].rsplit("/", 1)[-1]
    cli.adapter.set_model(before)
    cli.until(lambda: cli.state["settings"]["model"]["value"] == before)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "model_error"), (401, "not_logged_in"), (403, "not_logged_in")]
)
def test_the_model_refuses(cli: Driver, status: int, code: str) -> None:
    end = cli.ask(f"fail:{status}")
    assert end["reason"] == "error"
    if cli.cli == "opencode":  # it does not tell the status
        assert (
            end["error"]["code"] == "model_error" and "Scripted failure" in end["error"]["message"]
        )
        assert "opencode auth login" in end["error"]["hint"]
    else:
        assert end["error"]["code"] == code and end["error"]["status"] == status
    assert cli.ask("say:goes on")["reason"] == "end_turn"


def test_the_model_fails_and_the_cli_tries_again(
    cli: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They try again without a word: a person hears of the silence, and can end it."""
    monkeypatch.setattr(acp, "SILENCE", 0.5)
    cli.prompt(f"fail:500:1\nsay:recovered {cli.session}")
    assert "without telling" in cli.wait("notice")["text"]
    assert cli.ended()["reason"] == "end_turn"
    assert f"recovered {cli.session}" in cli.messages()[-1]
    assert len(cli.of("notice")) == 1


def test_a_failing_model_can_be_given_up(cli: Driver) -> None:
    cli.prompt("fail:429")
    cli.adapter.interrupt()
    assert cli.ended()["reason"] == "cancelled"
    assert cli.ask("say:goes on")["reason"] == "end_turn"


def test_an_image_is_taken(cli: Driver) -> None:
    content = [
        events.text("say:seen"),
        {"type": "image", "data": PIXEL, "mime_type": "image/png"},
    ]
    cli.adapter.prompt(Prompt(str(uuid.uuid4()), content))
    assert cli.ended()["reason"] == "end_turn"
    assert cli.messages()[-1] == "seen"
