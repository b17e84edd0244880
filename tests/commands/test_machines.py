"""What `codecast machines` tells of hardware."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands import results as r
from codecast_jupyter.commands.render import markdown, terminal
from codecast_jupyter.commands.words import gpu_words

from .fakes import FakeClient
from .test_commands import run

H100 = {"name": "NVIDIA H100", "memory_used": 40 << 30, "memory_total": 80 << 30, "utilization": 97}
IDLE = {**H100, "memory_used": 0, "utilization": 0}
UNKNOWN = {"name": "Odd", "memory_used": None, "memory_total": None, "utilization": None}


class Client(FakeClient):
    async def machine_info(self, name: str) -> Any:
        if name != "local":
            raise CodecastError("link_lost", "gone")
        return {"cpus": 64, "load": [3.25, 2, 1], "gpus": [H100, IDLE]}


def shown(result: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(terminal.render(result))
    return out.getvalue()


def test_gpus_in_a_few_words() -> None:
    assert gpu_words({"gpus": [H100, IDLE]}) == "2 x NVIDIA H100, 1 busy, 42.9 GB of 172 GB"
    assert gpu_words({"gpus": [UNKNOWN]}) == "Odd"
    assert gpu_words({}) == gpu_words({"gpus": []}) == ""


async def test_figures_of_machines_that_are_online_stand_in_the_list() -> None:
    client = Client()
    client.machine_states.update({"local": "online", "gpu-1": "online"})
    result = await run(client, "machines")
    assert isinstance(result, r.Machines) and result.info["gpu-1"] == {}
    text = shown(result)
    assert "2 x NVIDIA H100, 1 busy" in text and "3.2 of 64" in text
    assert "NVIDIA H100" in markdown.render(result)
    told = {each["name"]: each for each in result.to_json()}
    assert told["local"]["info"]["cpus"] == 64 and "info" not in told["gpu-1"]


async def test_list_without_gpus_has_no_column_for_them() -> None:
    client = FakeClient()
    client.machine_states["local"] = "online"
    assert "GPUS" not in shown(await run(client, "machines"))


def test_every_surface_says_how_to_install_a_cli_and_how_to_log_in() -> None:
    result = r.Clis(
        "gpu-1",
        [
            {"cli": "codex", "found": False, "install": "npm install -g codex"},
            {
                "cli": "claude",
                "found": True,
                "version": "2.1.329",
                "logged_in": False,
                "login_hint": "Run claude and type /login.",
                "note": "Not on the PATH.",
            },
            {"cli": "gemini", "found": True, "logged_in": True, "login_hint": "Not needed."},
        ],
    )
    told = shown(result) + markdown.render(result).replace("\\", "")
    for words in ("npm install -g codex", "type /login.", "Not on the PATH."):
        assert told.count(words) == 2, told
    assert "Not needed." not in told
