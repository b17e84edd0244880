"""The list of machines follows the files, and mistakes in them take nothing away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control.machines import Machines
from tests.fixtures.sshd import Client, Sshd

from .conftest import Watcher

Start = Callable[..., Sshd]


@pytest.fixture
def looked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the files; named first, as the machines begin to look when they are made."""
    monkeypatch.setattr("codecast_jupyter.control.machines.WATCH_EVERY", 0.05)


def names(machines: Machines) -> list[str]:
    return [machine.name for machine in machines.list()]


def test_every_concrete_host_is_a_machine_at_once(machines: Machines, client: Client) -> None:
    assert names(machines) == ["local"]
    client.add_text("Host gpu-1 gpu-2 *.example.org\n    User ada\n")
    assert names(machines) == ["local", "gpu-1", "gpu-2"]
    shown = machines.get("gpu-1").to_json()
    assert (shown["kind"], shown["source"], shown["state"]) == ("ssh", "ssh_config", "offline")


async def test_changed_files_are_seen_without_being_asked(
    looked_often: None, machines: Machines, watcher: Watcher, client: Client
) -> None:
    machines.list()
    client.add_text("Host new-one\n")
    await watcher.until(lambda: ("new-one", "offline", None) in watcher.of("state"))


def test_new_included_file_is_seen(machines: Machines, client: Client) -> None:
    client.add_text(f"Include {client.directory}/more.d/*\n")
    (client.directory / "more.d").mkdir()
    assert names(machines) == ["local"]
    (client.directory / "more.d" / "one").write_text("Host included\n")
    assert names(machines) == ["local", "included"]


def test_put_writes_the_file_and_says_more_of_a_host(
    machines: Machines, client: Client, place: Path
) -> None:
    client.add_text("Host gpu\n    User ada\n")
    machine = machines.get("gpu")
    changed = machines.put("gpu", {"cli": "claude", "directories": ["~/proj"]})
    assert changed is machine
    shown = machine.to_json()
    assert shown["source"] == "ssh_config"
    assert shown["defaults"]["cli"] == "claude"
    assert "claude" in (place / "codecast.yaml").read_text()


def test_put_and_remove_a_machine_of_our_own(machines: Machines) -> None:
    machines.put("box", {"host": "box.example.org", "user": "ada", "port": 2222})
    shown = machines.get("box").to_json()
    assert shown["source"] == "codecast.yaml"
    assert (shown["host"], shown["user"], shown["port"]) == ("box.example.org", "ada", 2222)
    machines.remove("box")
    assert names(machines) == ["local"]


def test_what_is_not_ours_cannot_be_removed(machines: Machines, client: Client) -> None:
    client.add_text("Host gpu\n")
    for name in ("local", "gpu"):
        with pytest.raises(CodecastError) as caught:
            machines.remove(name)
        assert caught.value.code == "conflict"
        assert "hidden" in caught.value.hint
    with pytest.raises(CodecastError) as caught:
        machines.remove("none")
    assert caught.value.code == "not_found"


def test_mistake_keeps_the_last_good_reading(machines: Machines, place: Path) -> None:
    machines.put("box", {"host": "box.example.org"})
    good = (place / "codecast.yaml").read_text()
    (place / "codecast.yaml").write_text(good.replace("host:", "hots:"))
    assert names(machines) == ["local", "box"]
    assert machines.config_error is not None
    assert "`hots`" in machines.config_error.message
    with pytest.raises(CodecastError):
        machines.put("other", {"host": "x"})
    (place / "codecast.yaml").write_text(good)
    assert names(machines) == ["local", "box"]
    assert machines.config_error is None


async def test_changed_settings_are_used_by_the_next_connect(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    first, second = start_sshd("first"), start_sshd("second")
    machines.put("box", {"host": "first"})
    link = await machines.get("box").link()
    machines.put("box", {"host": "second"})
    assert machines.get("box").current is link
    await machines.get("box").disconnect()
    link = await machines.get("box").link()
    assert link.root.startswith(str(second.home))
    assert first.running


async def test_machine_taken_away_is_let_go(
    machines: Machines, watcher: Watcher, start_sshd: Start
) -> None:
    start_sshd("gpu")
    machines.put("box", {"host": "gpu"})
    link = await machines.get("box").link()
    machines.remove("box")
    await watcher.until(lambda: link.closed.done() and bool(watcher.of("down")))


async def test_shown_with_what_ssh_resolved(
    machines: Machines, client: Client, start_sshd: Start
) -> None:
    server = start_sshd("gpu")
    machine = machines.get("gpu")
    await machine.connect()
    shown = machine.to_json()
    assert (shown["host"], shown["user"], shown["port"]) == ("127.0.0.1", "root", server.port)
    assert shown["hello"]["pid"]


async def test_where_a_host_leads_is_shown_before_any_connect(
    looked_often: None, machines: Machines, watcher: Watcher, client: Client
) -> None:
    client.add_text("Host gpu\n    HostName 10.1.2.3\n    User ada\n    Port 2200\n")
    machine = machines.get("gpu")

    def shown() -> tuple[object, ...]:
        out = machine.to_json()
        return out["host"], out["user"], out["port"]

    assert shown() == (None, None, None)  # the listing did not wait for it
    await watcher.until(lambda: shown() == ("10.1.2.3", "ada", 2200))
    assert watcher.of("state")[-1] == ("gpu", "offline", None)
    client.config.write_text(client.config.read_text().replace("ada", "bob"))
    await watcher.until(lambda: shown() == ("10.1.2.3", "bob", 2200))


async def test_hosts_are_resolved_four_at_once_and_once_each(
    machines: Machines, watcher: Watcher, client: Client, place: Path
) -> None:
    busy, log = place / "busy", place / "log"
    busy.mkdir()
    look = place / "look"
    look.write_text(
        "#!/bin/sh\n"
        f'mkdir "{busy}/$1" && ls "{busy}" | wc -l >> "{log}"\n'
        f'sleep 0.2; rmdir "{busy}/$1"; exit 1\n'
    )
    look.chmod(0o755)
    hosts = [f"host-{number}" for number in range(9)]
    client.add_text(f'Host {" ".join(hosts)}\n    Port 2200\nMatch exec "{look} %n"\n')
    listed = [machines.get(name) for name in hosts]
    await watcher.until(lambda: all(machine.to_json()["port"] == 2200 for machine in listed))
    machines.list()
    counts = [int(line) for line in log.read_text().split()]
    assert len(counts) == len(hosts)
    assert 1 < max(counts) <= 4
