"""Files go with their prompts and come when asked for, over a machine with a real agent."""

from __future__ import annotations

import contextlib
import os
import random
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import attachments, mentions
from codecast_jupyter.control.hub import Hub
from tests.control.test_real_machine import follow, root, running  # noqa: F401
from tests.fixtures.hubs import ANN, until

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)


async def begin(hub: Hub, place: Path) -> str:
    started = await hub.sessions.start("local", str(place / "work"), cli="demo", actor=ANN)
    return str(started["id"])


async def read(hub: Hub, session: str, path: str) -> bytes:
    found = await hub.files.open(session, path)
    async with aclosing(found.pieces) as pieces:
        data = b"".join([piece async for piece in pieces])
    assert len(data) == found.size
    return data


def kept(place: Path) -> list[Path]:
    return [each for each in (place / "data" / "attachments").rglob("*") if each.is_file()]


async def refused(hub: Hub, session: str, path: str) -> CodecastError:
    with pytest.raises(CodecastError) as caught:
        await hub.files.open(session, path)
    return caught.value


class Cuts:
    """Loses the link at random pieces."""

    def __init__(self, hub: Hub, chance: float) -> None:
        self.hub, self.count = hub, 0
        self._chance, self._choose = chance, random.Random(7)

    def __enter__(self) -> Cuts:
        from codecast_jupyter.control.link import Link

        self._plain = plain = Link.call

        async def call(link: Any, method: str, *args: Any, **kwargs: Any) -> Any:
            if method.startswith("file/") and self._choose.random() < self._chance:
                self.count += 1
                if self._choose.random() < 0.5:
                    await plain(link, method, *args, **kwargs)  # done, and nobody hears of it
                await link.close()
            return await plain(link, method, *args, **kwargs)

        Link.call = call  # type: ignore[method-assign]
        return self

    def __exit__(self, *exc: object) -> None:
        from codecast_jupyter.control.link import Link

        Link.call = self._plain  # type: ignore[method-assign]


async def test_what_becomes_of_a_file_depends_on_what_it_is(root):  # noqa: F811
    async with running(root, last=True) as hub:
        session = await begin(hub, root)

        async def attach(name: str, data: bytes, kind: str | None = None) -> dict[str, Any]:
            return await hub.attachments.add(session, name, data, kind)

        block = await attach("dir/no\ntes.txt", b"one\n```\ntwo\n```\n")
        assert block["type"] == "text"
        assert block["text"] == "no tes.txt:\n````\none\n```\ntwo\n```\n````"
        block = await attach("pixel.txt", PIXEL)
        assert (block["type"], block["mime_type"], block["name"]) == (
            "image",
            "image/png",
            "pixel.txt",
        )
        assert (await attach("no image.png", b"\x00\x01"))["type"] == "resource_link"
        large = PIXEL + bytes(attachments.IMAGE)
        assert (await attach("large.png", large))["type"] == "resource_link"
        block = await attach("long.txt", b"x" * (attachments.INLINE + 1))
        assert (block["type"], block["mime_type"]) == ("resource_link", "text/plain")
        odd = await attach('it\'s "my" $(file) `x`\n.bin', b"\x00")
        assert odd["uri"].endswith("/it_s_my_file_x_.bin")
        assert attachments.safe_name("../../etc/passwd") == "passwd"
        assert attachments.safe_name("...") == "file"
        assert len(attachments.safe_name("ü" * 500 + ".tar").encode()) < 200
        with pytest.raises(CodecastError, match="64 can be sent"):
            await attach("huge", bytes((64 << 20) + 1))
        assert {each.stat().st_mode & 0o777 for each in kept(root)} == {0o600}
    # what no prompt named went with its session
    assert kept(root) == []


async def test_twenty_megabytes_both_ways_over_a_link_that_keeps_breaking(root):  # noqa: F811
    data = os.urandom(20 << 20)
    async with running(root, last=True) as hub:
        session = await begin(hub, root)
        block = await hub.attachments.add(session, "data.bin", data)
        with Cuts(hub, 0.08) as cuts:
            content = [{"type": "text", "text": "look at it"}, block]
            prompt = await hub.sessions.prompt(session, content, actor=ANN)

            async def done() -> bool:
                await hub.machines.get("local").link(30)
                [found] = await hub.sessions.prompts(session)
                return found["state"] == "done"

            await until(done, 90)
            assert cuts.count > 2
            assert await read(hub, session, block["uri"]) == data
        assert [p["id"] for p in await hub.sessions.prompts(session)] == [prompt["id"]]
        [found] = await hub.sessions.prompts(session)
        assert found["content"] == content, "the same words before and after"
        await until(lambda: not kept(root))
        again = await hub.sessions.prompt(session, content, id=prompt["id"], actor=ANN)
        assert again["state"] == "done"


async def test_a_file_waits_with_its_prompt_also_over_the_death_of_the_hub(root):  # noqa: F811
    async with running(root) as hub:
        session = await begin(hub, root)
        await hub.machines.get("local").disconnect()
        block = await hub.attachments.add(session, "pixel.png", PIXEL)
        with contextlib.suppress(CodecastError):
            await hub.sessions.prompt(session, [block], actor=ANN)
        idle = await hub.attachments.add(session, "never named.bin", b"\0never")
    async with running(root, last=True) as hub:
        # the next hub connects by itself: a prompt waits
        async def done() -> bool:
            return {p["state"] for p in await hub.sessions.prompts(session)} == {"done"}

        await until(done)
        assert await read(hub, session, block["uri"]) == PIXEL
        await until(lambda: [each.name for each in kept(root)] == ["never_named.bin"])
        assert (await refused(hub, session, idle["uri"])).code == "not_found"


async def test_rules_and_roots_of_the_configuration_decide(root, monkeypatch):  # noqa: F811
    (root / "elsewhere").mkdir()
    (root / "elsewhere" / "x.txt").write_text("x")
    work = root / "work"
    (work / "keys").mkdir()
    for name in ("a.txt", ".env", "big.log", "keys/id", "two words.csv"):
        (work / name).write_text(name)
    (work / "harmless.txt").symlink_to(".env")
    (root / "codecast.yaml").write_text(
        f"files:\n  roots: [{root}/elsewhere]\n  rules:\n    - {{pattern: .env, offer: never}}\n"
        "    - {pattern: keys/*, offer: never}\n    - {pattern: '*.log', max_size: 5}\n"
        "    - {pattern: '*.csv', offer: auto, max_size: 1 kB}\n"
    )
    async with running(root, last=True) as hub:
        session = await begin(hub, root)
        assert await read(hub, session, "./a.txt") == b"a.txt"
        assert await read(hub, session, str(root / "elsewhere" / "x.txt")) == b"x"
        assert (await refused(hub, session, "/etc/passwd")).code == "forbidden"
        assert (await refused(hub, session, "big.log")).code == "too_large"
        for way in (".env", "harmless.txt", "keys/id", "keys/../keys/id", f"{work}/keys/id"):
            problem = await refused(hub, session, way)
            assert (problem.code, ".env" in problem.hint or "keys" in problem.hint) == (
                "forbidden",
                True,
            )

        assert await hub.files.offered(session) == []
        await hub.sessions.prompt(session, "go on", actor=ANN)
        await follow(hub, session, "turn_ended")
        [made] = await hub.files.offered(session)
        assert made["path"] == str(work / "codecast-demo.md"), "what the agent itself tells of"
        says = "`a.txt`, `.env`, `big.log`, `keys/id`, `two words.csv`, `gone.txt`, `/etc/passwd`"
        names = mentions.in_text(says)
        monkeypatch.setattr(mentions, "in_events", lambda db, session: names)
        offered = await hub.files.offered(session)
        found = {each["name"]: each["offer"] for each in offered}
        assert found == {"a.txt": "ask", "two words.csv": "auto"}
        assert offered[0]["path"] == str(work / offered[0]["name"])


async def test_a_file_that_changes_while_it_is_read_is_not_mixed(root):  # noqa: F811
    path = root / "work" / "log"
    path.write_bytes(b"a" * (600 << 10))
    async with running(root, last=True) as hub:
        session = await begin(hub, root)
        found = await hub.files.open(session, "log")
        first = await anext(found.pieces)
        with path.open("ab") as file:
            file.write(b"b")
        data = first + b"".join([piece async for piece in found.pieces])
        assert data == b"a" * (600 << 10), "a log that grows is had as it was"

        found = await hub.files.open(session, "log")
        await anext(found.pieces)
        (root / "work" / "new").write_bytes(b"c" * (900 << 10))
        (root / "work" / "new").replace(path)
        with pytest.raises(CodecastError, match="changed while"):
            async for _ in found.pieces:
                pass
