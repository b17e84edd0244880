"""The real Gemini CLI and OpenCode through hub and supervisor: what a person sends while a turn
runs waits (Gemini would cancel the turn), and another mode is had whatever that takes."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.fixtures.clis import gemini_command, opencode_binary
from tests.fixtures.hubs import ANN
from tests.fixtures.models import model_server

from .test_real_machine import follow, root, running

__all__ = ["model_server", "root"]


@pytest.mark.parametrize("cli", ["gemini", "opencode"])
async def test_prompts_wait_and_a_mode_is_changed_between_them(root, model_server, cli):
    if cli == "gemini":
        command, env = gemini_command(), model_server.gemini_environment(root)
    else:
        command = [str(opencode_binary()), "acp"]
        env = model_server.opencode_environment(root)
    agents = {cli: {"command": command, "env": env}}
    (root / "codecast.yaml").write_text(json.dumps({"agents": agents}))
    async with running(root, last=True) as hub:
        begun = await hub.sessions.start("local", str(root / "work"), cli, "plan", actor=ANN)
        id = begun["id"]
        for prompt, text in {"p1": "slow:20:50\nsay:first", "p2": "say:second"}.items():
            await hub.sessions.prompt(id, text, id=prompt, actor=ANN)
        await asyncio.wait_for(follow(hub, id, "turn_started"), 60)
        await hub.sessions.set_mode(id, "auto", actor=ANN)
        await hub.sessions.prompt(id, "write:made.txt:x\nsay:third", id="p3", actor=ANN)
        seen = await asyncio.wait_for(
            follow(hub, id, "prompt_state", prompt="p3", state="done"), 120
        )
        ends = [event["reason"] for event in seen if event["type"] == "turn_ended"]
        assert ends == ["end_turn"] * 3, "a prompt cost another one its turn"
        turns = [event["prompts"] for event in seen if event["type"] == "turn_started"]
        assert turns == [["p1"], ["p2"], ["p3"]]
        said = "".join(e["content"]["text"] for e in seen if e["type"] == "agent_message_chunk")
        assert said.endswith("firstsecondthird")
        assert (root / "work" / "made.txt").exists(), "it is still in mode plan"
        assert "exited" not in {event.get("state") for event in seen}, "a person was told"
        assert (await hub.sessions.get(id))["state"]["mode"] == "auto"
