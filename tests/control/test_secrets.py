"""Passwords and prompts: asked where the person is, remembered only where that is right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control.machines import Machine, Machines
from tests.fixtures import private
from tests.fixtures.sshd import Sshd

from .conftest import Watcher

Start = Callable[..., Sshd]


def password_server(place: Path, start_sshd: Start, *config: str) -> Sshd:
    (place / "gpu").mkdir()
    return start_sshd(
        config=[*config, "PubkeyAuthentication no"],
        environment={"HOME": "/home/dev"},
        wrap=private.wrap(place / "gpu"),
        lines=["User dev"],
    )


async def asked(machine: Machine) -> CodecastError:
    with pytest.raises(CodecastError) as caught:
        await machine.link(30)
    assert caught.value.code == "secret_needed"
    assert machine.to_json()["error"]["data"] == caught.value.data
    return caught.value


async def test_password_is_asked_for_and_remembered_for_the_reconnect(
    machines: Machines, watcher: Watcher, place: Path, start_sshd: Start
) -> None:
    server = password_server(place, start_sshd, "PasswordAuthentication yes")
    machine = machines.get("gpu")
    machine.keep(True)
    error = await asked(machine)
    assert error.data["prompt"] == "Password for dev@127.0.0.1"
    assert error.data["hidden"] is True
    await machine.give_secret(error.data["prompt"], "wrong")
    assert machine.error is not None
    assert machine.error.data["wrong"] is True
    await machine.give_secret(error.data["prompt"], private.PASSWORD)
    assert machine.state == "online"
    server.kill()
    server.start()
    await watcher.until(lambda: len(watcher.of("up")) == 2)
    assert private.PASSWORD not in str(watcher.of("state")) + str(machine.to_json())


async def test_keyboard_interactive_prompt_is_shown_as_the_machine_words_it(
    machines: Machines, place: Path, start_sshd: Start
) -> None:
    password_server(place, start_sshd, "UsePAM yes", "KbdInteractiveAuthentication yes")
    machine = machines.get("gpu")
    error = await asked(machine)
    assert error.data["kind"] == "challenge"
    assert "Password:" in error.data["prompt"]
    await machine.give_secret(error.data["prompt"], private.PASSWORD)
    assert machine.state == "online"


async def test_batch_mode_asks_nobody(machines: Machines, place: Path, start_sshd: Start) -> None:
    (place / "gpu").mkdir()
    start_sshd(
        config=["PasswordAuthentication yes", "PubkeyAuthentication no"],
        environment={"HOME": "/home/dev"},
        wrap=private.wrap(place / "gpu"),
        lines=["User dev", "BatchMode yes"],
    )
    with pytest.raises(CodecastError) as caught:
        await machines.get("gpu").link(30)
    assert caught.value.code == "auth_failed"


async def test_waiting_for_a_person_holds_no_other_machine_up(
    machines: Machines, place: Path, start_sshd: Start
) -> None:
    """More machines ask than may connect at once; the next one still gets through."""
    server = password_server(place, start_sshd, "PasswordAuthentication yes")
    for number in range(5):
        machines.put(f"m{number}", {"host": "gpu"})
        await asked(machines.get(f"m{number}"))
    start_sshd("free")
    assert await asyncio.wait_for(machines.get("free").link(), 20)
    assert len(server.connections()) >= 5


async def test_disconnect_ends_the_question(
    machines: Machines, place: Path, start_sshd: Start
) -> None:
    server = password_server(place, start_sshd, "PasswordAuthentication yes")
    machine = machines.get("gpu")
    await asked(machine)
    await machine.disconnect()
    shown = machine.to_json()
    assert shown["state"] == "offline"
    assert "error" not in shown
    assert server.running
