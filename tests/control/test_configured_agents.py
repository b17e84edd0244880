"""A CLI nobody has heard of, called as codecast.yaml says: no code is needed for it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.hubs import ANN

from .test_real_machine import follow, root, running

__all__ = ["root"]
AGENT = Path(__file__).parents[1] / "fixtures" / "acp_agent.py"


def configure(root: Path, **agents: object) -> None:
    (root / "codecast.yaml").write_text(json.dumps({"agents": agents}))


def words(seen: list[dict]) -> str:
    return "".join(e["content"]["text"] for e in seen if e["type"] == "agent_message_chunk")


async def test_its_command_and_environment_are_the_configured_ones(root):
    env = {"GOOSE_PROVIDER": "as configured"}
    configure(root, goose={"command": [sys.executable, str(AGENT)], "env": env})
    async with running(root, last=True) as hub:
        begun = await hub.sessions.start(
            "local",
            str(root / "work"),
            "goose",
            "ask",
            prompt="env GOOSE_PROVIDER\nunseen touch x",
            actor=ANN,
        )
        seen = await asyncio.wait_for(follow(hub, begun["id"], "request_opened"), 60)
        assert words(seen) == "as configured"
        assert seen[-1]["title"] == "touch x" and begun["cli"] == "goose"
        await hub.requests.answer(begun["id"], seen[-1]["request"], option="no", actor=ANN)
        rest = await asyncio.wait_for(
            follow(hub, begun["id"], "prompt_state", seen[-1]["seq"], state="done"), 60
        )
        assert words(rest) == "outcome: no"


async def test_modes_it_has_not_are_kept_for_it_or_refused(root):
    configure(root, goose={"command": [sys.executable, str(AGENT)]})
    async with running(root, last=True) as hub:
        begun = await hub.sessions.start(
            "local", str(root / "work"), "goose", "auto", prompt="unseen touch x", actor=ANN
        )
        seen = await asyncio.wait_for(follow(hub, begun["id"], "prompt_state", state="done"), 60)
        assert words(seen) == "outcome: yes", "auto answers yes for the person"
        assert "request_opened" not in {event["type"] for event in seen}
        with pytest.raises(CodecastError) as refused:
            await hub.sessions.start("local", str(root / "work"), "goose", "plan", actor=ANN)
        assert refused.value.code == "not_supported"
        assert "no mode like 'plan'" in refused.value.message and refused.value.hint


async def test_a_command_that_is_not_there_names_it(root):
    configure(root, goose={"command": ["no-such-goose", "acp"]})
    async with running(root) as hub:
        with pytest.raises(CodecastError) as refused:
            await hub.sessions.start("local", str(root / "work"), "goose", "ask", actor=ANN)
    assert refused.value.code == "cli_missing"
    assert "no-such-goose" in refused.value.message and "goose" in refused.value.hint
