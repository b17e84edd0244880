"""The real Codex and a model that fails."""

from __future__ import annotations

from .driving import Driver


def test_api_error_says_what_happened(cx: Driver) -> None:
    cx.start()
    end = cx.ask("fail:400")
    assert end["reason"] == "error"
    assert end["error"]["code"] == "model_error" and end["error"]["status"] == 400
    assert end["error"]["message"] == "Scripted failure" and end["error"]["retryable"] is False
    assert cx.messages() == [], "an error is no answer"
    assert cx.ask("say:fine")["reason"] == "end_turn"


def test_rejected_key_says_how_to_log_in(cx: Driver) -> None:
    cx.start()
    end = cx.ask("fail:401")
    assert end["error"]["code"] == "not_logged_in" and end["error"]["status"] == 401
    assert "codex login" in end["error"]["hint"]


def test_a_rate_limit_says_to_wait(cx: Driver) -> None:
    cx.start()
    end = cx.ask("fail:429")
    assert end["error"]["status"] == 429 and end["error"]["retryable"] is True
    assert "Wait" in end["error"]["hint"]


def test_a_failing_server_is_asked_again_and_that_is_told(cx: Driver) -> None:
    cx.start()
    end = cx.ask("fail:500")
    assert end["error"]["status"] == 500 and end["error"]["retryable"] is True
    retry = cx.last("retry")
    assert (retry["attempt"], retry["max"]) == (1, 1)


def test_text_of_a_broken_stream_is_discarded(cx: Driver) -> None:
    cx.start()
    # the pause lets the text arrive: a broken connection takes what was not read with it
    end = cx.ask("say:some text first\nwait:500\ndrop:")
    assert end["reason"] == "error" and end["error"]["retryable"] is True
    (discarded,) = cx.of("message_discarded")
    assert discarded["message"] == cx.of("agent_message_chunk")[0]["message"]
    assert cx.messages() == ["some text first"]  # of the last attempt alone
