"""F19: two tabs, two phones, a shell, one session: everybody sees the same, in the same order."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from codecast_jupyter.client.discovery import Connection
from tests.fixtures.live import Talk, until
from tests.fixtures.transcripts import assert_whole
from tests.fixtures.world import World

from .harness.surfaces import Page, Reader, digest


def test_everybody_sees_the_same_in_the_same_order(world: World, project: Path) -> None:
    talk = world.talk(project, mode="auto")
    connection = Connection(world.server.url, world.server.token)
    tabs = [Page(connection) for _ in range(2)]
    phones = [Reader(connection, talk.id) for _ in range(2)]
    try:
        for tab in tabs:
            tab.follow(talk.id)
        surfaces = [talk.on(name) for name in ("lab", "lab", "telegram", "lark")]
        together = threading.Barrier(len(surfaces))
        problems: list[Exception] = []

        def send(surface: Talk, who: int) -> None:
            together.wait()
            try:
                for number in range(5):
                    surface.prompt(f"run echo {who}.{number} >> order.txt")
                    tabs[who % 2].reload()  # while words come
            except Exception as problem:
                problems.append(problem)

        senders = [
            threading.Thread(target=send, args=(surface, who))
            for who, surface in enumerate(surfaces)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(120)
        assert not problems
        by_shell = world.shell("send", talk.id, "run echo shell >> order.txt", "--json")
        assert by_shell.code == 0
        for id in talk.prompts():
            talk.wait_prompt(id)

        events = talk.events()
        assert_whole(events)
        wanted = [(event["seq"], digest(event)) for event in events]
        every = [tab.shown[talk.id] for tab in tabs] + [phone.shown for phone in phones]
        for shown in every:
            until(lambda shown=shown: shown.last == len(events), "all is shown")  # type: ignore[misc]
            assert not shown.wrong
            assert shown.digests == wanted
        lines = (project / "order.txt").read_text().splitlines()
        assert len(lines) == 21 and lines[-1] == "shell"
        ran = [e["prompts"][0] for e in events if e["type"] == "turn_started"]
        assert ran == list(talk.prompts()) and json.loads(by_shell.out)["id"] == ran[-1]
        for who in range(4):
            ours = [line for line in lines if line.startswith(f"{who}.")]
            assert ours == [f"{who}.{number}" for number in range(5)]
    finally:
        for tab in tabs:
            tab.close()
        for phone in phones:
            phone.close()
