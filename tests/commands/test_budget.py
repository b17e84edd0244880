"""Limits as a person types them, and what is told of them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands import completion, results
from codecast_jupyter.commands.context import Context
from codecast_jupyter.commands.parsing import parse
from codecast_jupyter.commands.render import markdown, terminal
from tests.commands.fakes import FakeClient


def shown(result: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(terminal.render(result))
    return out.getvalue()


async def run(client: FakeClient, line: str) -> Any:
    parsed = parse(line.split())
    return await parsed.command.run(Context(client), parsed.values)  # type: ignore[arg-type]


@pytest.mark.parametrize("command", ["start gpu-1 /w", "budget sad-owl", "adopt gpu-1 abc"])
def test_limits_are_numbers_above_0_or_none(command: str) -> None:
    found = parse([*command.split(), "--max-cost", "$2.50", "--max-turns", "none"])
    assert (found.values["max_cost"], found.values["max_turns"]) == (2.5, "none")
    for wrong in (["--max-cost", "-1"], ["--max-turns", "1.5"], ["--max-minutes", "long"]):
        with pytest.raises(CodecastError) as caught:
            parse([*command.split(), *wrong])
        assert wrong[0] in caught.value.message


async def test_a_start_takes_its_budget_along() -> None:
    client = FakeClient()
    client.machine_states["gpu-1"] = "online"
    await run(client, "start gpu-1 /w --max-cost 5 --max-minutes none")
    call = next(call for call in client.calls if call[0] == "start")
    assert call[3]["budget"] == {"max_cost": 5.0, "max_minutes": None}
    await run(client, "start gpu-1 /w")
    assert "budget" not in [call for call in client.calls if call[0] == "start"][-1][3]
    await client.close()


async def test_a_paused_session_says_why_and_what_to_do_wherever_it_is_shown() -> None:
    client = FakeClient()
    session = client.add("sad-owl")
    await session.emit("budget_update", max_cost=0.5)
    await session.emit("session_state", state="ready", pid=1)
    await session.emit("budget_reached", limit="max_cost", value=0.75, max=0.5)
    reached = "$0.75 of $0.50 spent"
    for line in ("ls", "show sad-owl", "usage", "usage sad-owl", "logs sad-owl", "budget sad-owl"):
        result = await run(client, line)
        if isinstance(result, results.Stream):
            continue
        assert reached in shown(result), line
        assert "paused" in shown(result) or line.startswith("usage"), line
    for line in ("show sad-owl", "usage sad-owl"):
        assert "\\$0\\.75 of \\$0\\.50 spent" in markdown.render(await run(client, line))
    assert "codecast budget sad-owl --max-cost" in shown(await run(client, "show sad-owl"))
    told = await run(client, "budget sad-owl --max-cost 2")
    assert told.data["over_budget"] is None
    assert "has a budget of $2." in told.words
    assert "has no budget" in (await run(client, "budget sad-owl --max-cost none")).words
    await client.close()


async def test_whoever_waits_for_a_prompt_is_told_that_it_will_not_begin() -> None:
    client = FakeClient()
    session = client.add("sad-owl")
    await session.emit("session_state", state="ready", pid=1)
    result = await run(client, "send sad-owl --wait work")
    assert isinstance(result, results.Stream)
    over = {"limit": "max_turns", "value": 3, "max": 3}
    await session.emit("budget_reached", **over)
    async for event in result.items:
        if event["type"] == "budget_reached":
            break
    await result.items.aclose()  # type: ignore[attr-defined]
    result = await run(client, "send sad-owl --wait more")
    assert "3 of 3 turns taken" in shown(result)
    assert "codecast budget sad-owl" in shown(result)
    await client.close()


async def test_usage_is_a_table_with_its_sum() -> None:
    client = FakeClient()
    client.add("sad-owl")
    text = shown(await run(client, "usage sad-owl"))
    for word in ("1.2k", "$0.2500", "4.5s", "end_turn", "9% of 100 tokens"):
        assert word in text
    assert "sad-owl" in shown(await run(client, "usage"))
    await client.close()


def test_completion_knows_the_limits_and_the_sessions() -> None:
    def fetch(path: str) -> Any:
        return [{"id": "1", "name": "sad-owl"}] if path.startswith("sessions") else None

    found = [c.value for c in completion.candidates(["budget", "sad-owl", "--max"], fetch)]
    assert found == ["--max-cost", "--max-turns", "--max-minutes"]
    assert [c.value for c in completion.candidates(["usage", ""], fetch)] == ["sad-owl"]
