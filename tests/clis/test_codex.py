"""The real Codex's turns: what is said and run, ended by hand, steered, and strange input."""

from __future__ import annotations

import uuid

import pytest

from codecast_agent.clis.contract import Answer, Prompt
from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError

from .codex_driving import WAIT_FOR_GO, shells
from .driving import Driver
from .test_claude import PIXEL


def test_text_and_thoughts_stream_once(cx: Driver) -> None:
    cx.start()
    end = cx.ask("think:pondering\nsay:hello from the scripted model")
    assert end["reason"] == "end_turn"
    assert end["usage"]["input_tokens"] > 0 and end["usage"]["output_tokens"] > 0
    assert cx.messages() == ["hello from the scripted model"]
    assert cx.messages("agent_thought_chunk") == ["pondering"]
    assert len(cx.of("agent_message_chunk")) > 2, "it did not stream"
    assert cx.state["native"] and cx.state["cli_version"][0].isdigit()
    assert cx.state["context_size"] > cx.state["context_used"] > 0
    assert cx.unknown() == []


def test_usage_is_the_turns_own(cx: Driver) -> None:
    cx.start()
    first = cx.ask("usage:1000:10\nsay:one")["usage"]
    second = cx.ask("usage:2000:20\nsay:two")["usage"]
    assert (first["input_tokens"], first["output_tokens"]) == (1000, 10)
    assert (second["input_tokens"], second["output_tokens"]) == (2000, 20)


def test_what_can_be_chosen_is_told_at_the_start(cx: Driver) -> None:
    cx.start()
    cx.wait("available_commands_update")
    cx.until(lambda: cx.state["settings"]["model"].get("choices"))
    settings = cx.state["settings"]
    classes = {choice["class"] for choice in settings["mode"]["choices"]}
    assert classes == {"auto", "code", "plan", "ask"} and cx.state["mode"] == "ask"
    assert settings["model"]["value"] == "gpt-5.5"
    assert "gpt-5.5" in [choice["value"] for choice in settings["model"]["choices"]]
    assert "compact" in [command["name"] for command in cx.state["commands"]]


def test_a_failed_command_is_failed(cx: Driver) -> None:
    cx.start(mode="auto")
    assert cx.ask("bash:echo words; exit 3\nsay:end")["reason"] == "end_turn"
    (call,) = cx.calls().values()
    assert call["status"] == "failed" and call["raw_output"]["exit_code"] == 3
    assert call["content"] == [{"type": "text", "text": "words\n"}]


def test_output_comes_while_the_command_runs(cx: Driver) -> None:
    cx.start(mode="auto")
    at = len(cx.events)
    cx.prompt("bash:for n in 1 2 3 4; do echo tick $n; sleep 0.4; done\nsay:end")
    delta = cx.wait("tool_output_delta", after=at)
    assert "tick" in delta["text"]
    assert cx.calls()[delta["call"]]["status"] == "in_progress"
    cx.ended(at)
    assert cx.calls()[delta["call"]]["content"][0]["text"] == "tick 1\ntick 2\ntick 3\ntick 4\n"


def test_interrupt_while_text_streams(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.prompt("slow:600")
    cx.wait("agent_message_chunk", after=at)
    cx.adapter.interrupt()
    assert cx.ended(at)["reason"] == "cancelled"
    assert cx.messages()[0].startswith("token1 ")
    assert cx.ask("say:after it")["reason"] == "end_turn"
    assert cx.messages()[-1] == "after it"


def test_interrupt_before_codex_has_said_a_word(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.prompt("slow:600")
    cx.adapter.interrupt()
    assert cx.ended(at)["reason"] == "cancelled"
    assert cx.ask("say:after it")["reason"] == "end_turn"


def test_interrupt_while_a_command_runs_leaves_no_shell(cx: Driver) -> None:
    cx.start(mode="auto")
    at = len(cx.events)
    cx.prompt("bash:sleep 500 & touch begun; sleep 600\nsay:never")
    cx.wait("tool_call", after=at)
    cx.until(lambda: (cx.cwd / "begun").exists())
    assert shells(cx.cwd) != []
    cx.adapter.interrupt()
    assert cx.ended(at)["reason"] == "cancelled"
    assert shells(cx.cwd) == [], "the turn was said to be over, and its command runs on"
    (call,) = cx.calls().values()
    assert call["status"] == "failed"
    assert cx.ask("say:after it")["reason"] == "end_turn" and cx.messages() == ["after it"]


def test_a_command_left_running_is_background_work_until_it_ends(cx: Driver) -> None:
    """And the interrupt of a later turn is not for it."""
    cx.start(mode="auto")
    at = len(cx.events)
    command = '{"cmd":"while [ ! -e stop ]; do sleep 0.1; done; echo served","yield_time_ms":250}'
    cx.prompt(f"tool:exec_command:{command}\nsay:it runs")
    assert cx.ended(at)["reason"] == "end_turn"
    task = cx.wait("background", state="running")["task"]
    assert cx.calls()[task]["status"] == "in_progress"
    at = len(cx.events)
    cx.prompt("bash:touch begun; sleep 600\nsay:never")
    cx.until(lambda: (cx.cwd / "begun").exists())
    cx.adapter.interrupt()
    assert cx.ended(at)["reason"] == "cancelled"
    assert shells(cx.cwd) != [], "a command of an earlier turn was ended too"
    (cx.cwd / "stop").touch()
    assert cx.wait("background", state="completed")["task"] == task
    assert cx.calls()[task]["content"] == [{"type": "text", "text": "served\n"}]


def test_interrupt_at_an_open_request(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.prompt("bash:touch made\nsay:never")
    request = cx.request(at)
    cx.adapter.interrupt()
    assert cx.wait("request_withdrawn", after=at)["request"] == request["request"]
    assert cx.ended(at)["reason"] == "cancelled"
    with pytest.raises(CodecastError):
        cx.adapter.answer(request["request"], Answer(option="allow_once"))
    assert not (cx.cwd / "made").exists()
    assert cx.ask("say:after it")["reason"] == "end_turn"


def test_steered_words_go_into_the_turn(cx: Driver) -> None:
    cx.start(mode="auto")
    at = len(cx.events)
    cx.prompt(f"bash:{WAIT_FOR_GO}\nsay:first finished")
    cx.until(lambda: (cx.cwd / "begun").exists())
    cx.steer("say:steered")
    (cx.cwd / "go").touch()
    assert cx.ended(at)["reason"] == "end_turn"
    assert cx.messages() == ["steered"]
    assert len(cx.of("turn_started")) == 1 and cx.of("user_message_chunk") == []


def test_words_steered_before_codex_has_answered_are_not_lost(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.prompt("slow:20:50")
    cx.steer("say:steered")  # the turn's id is not known yet
    cx.ended(at)
    cx.until(lambda: "steered" in cx.messages() and not cx.turn_open)


def test_words_steered_too_late_get_a_turn_of_their_own(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    id = str(uuid.uuid4())
    cx.prompt("say:first")
    # as it goes when the turn ends while the words are on their way
    cx.until(lambda: any(m.get("method") == "turn/start" for m in cx.sent))
    cx.adapter._codex_turn = "0-no-such-turn"
    cx.adapter.steer(Prompt(id, [events.text("say:second")]))
    cx.adapter._codex_turn = ""
    cx.until(lambda: len([e for e in cx.events[at:] if e["type"] == "turn_ended"]) == 2)
    assert cx.of("turn_started")[1]["prompts"] == [id]
    assert cx.messages() == ["first", "second"]


def test_the_to_do_list_is_a_plan(cx: Driver) -> None:
    cx.start()
    cx.ask("todo:First|Second\nsay:end")
    assert cx.state["plan"] == [
        {"content": "First", "status": "in_progress"},
        {"content": "Second", "status": "pending"},
    ]


def test_compact_is_a_turn_that_says_what_it_did(cx: Driver) -> None:
    cx.start()
    cx.ask("say:something to remember")
    assert cx.ask("/compact")["reason"] == "end_turn"
    assert "was compacted" in cx.last("notice")["text"]
    assert cx.ask("say:after it")["reason"] == "end_turn"


def test_a_skill_is_offered_and_given_with_the_prompt(cx: Driver) -> None:
    skill = cx.cwd / ".agents" / "skills" / "greeting"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(
        "---\nname: greeting\ndescription: How to greet\n---\nBe very polite.\n"
    )
    cx.start()
    cx.until(lambda: any(c["name"] == "greeting" for c in cx.state["commands"]))
    assert cx.ask("/greeting\nsay:done")["reason"] == "end_turn"
    (given,) = [m for m in cx.sent if m.get("method") == "turn/start"]
    assert given["params"]["input"][0] == {
        "type": "skill",
        "name": "greeting",
        "path": str(skill / "SKILL.md"),
    }


def test_a_model_of_the_newer_kind_asks_and_writes_alike(cx: Driver) -> None:
    """Its tools are called from a script, and arrive as the same items."""
    cx.start(model="gpt-6.1-sol")
    at = len(cx.events)
    cx.prompt("bash:touch cm && echo ok\nwrite:cm.txt:hello\nsay:finished")
    first = cx.request(at)
    assert first["title"] == "touch cm && echo ok"
    cx.answer(first, option="allow_once")
    second = cx.request(cx.events.index(first) + 1)
    assert second["title"] == "Write cm.txt" and "+hello" in second["content"][0]["diff"]
    cx.answer(second, option="allow_once")
    assert cx.ended(at)["reason"] == "end_turn"
    assert (cx.cwd / "cm").exists() and (cx.cwd / "cm.txt").exists()
    assert cx.unknown() == []


@pytest.mark.parametrize("text", ["-x", "--help", "/", "/nothing of ours"], ids=str)
def test_a_prompt_that_looks_like_an_option_or_a_command(cx: Driver, text: str) -> None:
    cx.start()
    assert cx.ask(text)["reason"] == "end_turn"
    assert cx.messages() == ["You said: " + text]


def test_words_of_any_script_and_half_letters(cx: Driver) -> None:
    cx.start()
    cx.ask("say:größe 日本語 🎉 end")
    assert cx.messages()[0].startswith("größe 日本語 🎉")
    cx.ask("say:lone \ud83d surrogate")
    assert cx.ask("say:and on")["reason"] == "end_turn"


def test_an_image_reaches_the_model(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    content = [
        events.text("say:seen"),
        {"type": "image", "data": PIXEL, "mime_type": "image/png"},
    ]
    cx.adapter.prompt(Prompt(str(uuid.uuid4()), content))
    assert cx.ended(at)["reason"] == "end_turn"
    assert cx.messages() == ["seen"]


def test_a_prompt_longer_than_codex_takes_says_so(cx: Driver) -> None:
    cx.start()
    end = cx.ask("x" * 2_000_000)
    assert end["error"]["code"] == "too_large" and "file" in end["error"]["hint"]
    assert cx.ask("say:fine")["reason"] == "end_turn"


def test_twenty_megabytes_of_output(cx: Driver) -> None:
    """Codex keeps a part of it; the turn goes on, and what is shown has an end."""
    cx.start(mode="auto")
    end = cx.ask("bash:head -c 20000000 /dev/zero | tr '\\\\0' x | fold -w 100\nsay:end")
    assert end["reason"] == "end_turn" and cx.messages() == ["end"]
    (call,) = cx.calls().values()
    assert call["status"] == "completed" and len(call["content"][0]["text"]) < 2 << 20


def test_an_empty_prompt_ends_its_turn(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.adapter.prompt(Prompt(str(uuid.uuid4()), []))
    cx.ended(at)
    assert cx.ask("say:fine")["reason"] == "end_turn"
