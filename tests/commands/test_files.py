"""Files go with a prompt and come from machines, without harm to others that are here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands import results
from codecast_jupyter.commands.completion import candidates
from codecast_jupyter.commands.context import Context
from codecast_jupyter.commands.parsing import parse

from .fakes import FakeClient


def furnished() -> FakeClient:
    client = FakeClient()
    client.add("brave-otter")
    return client


async def run(words: list[str], cwd: Path, **more: Any) -> tuple[Any, FakeClient]:
    client = furnished()
    parsed = parse(words)
    context = Context(client, cwd=str(cwd), **more)  # type: ignore[arg-type]
    return await parsed.command.run(context, parsed.values), client


async def test_files_go_with_a_prompt_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "a b's.txt").write_text("words")
    (tmp_path / "plot.png").write_bytes(b"\x89PNG...")
    words = ["send", "brave-otter", "-a", "a b's.txt", "look", "--attach", "plot.png", "here"]
    result, _ = await run(words, tmp_path)
    assert isinstance(result, results.Prompted)
    assert result.prompt["content"] == [
        {"type": "text", "text": "look here"},
        {"type": "text", "text": "a b's.txt: words", "name": "a b's.txt"},
        {
            "type": "image",
            "uri": "attachment:01234567/plot.png",
            "mime_type": "image/png",
            "name": "plot.png",
        },
    ]


async def test_a_file_alone_is_a_prompt_and_nothing_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    result, _ = await run(["send", "brave-otter", "--attach=a.txt"], tmp_path)
    assert [block["type"] for block in result.prompt["content"]] == ["text"]
    with pytest.raises(CodecastError, match="empty"):
        await run(["send", "brave-otter"], tmp_path)


@pytest.mark.parametrize("path", ["missing.txt", ".", "/dev/zero"])
async def test_what_cannot_be_read_sends_nothing(tmp_path: Path, path: str) -> None:
    (tmp_path / "a.txt").write_text("x")
    client = furnished()
    parsed = parse(["send", "brave-otter", "hi", "-a", "a.txt", "-a", path])
    before = await client.prompts("brave-otter")
    with pytest.raises(CodecastError) as caught:
        await parsed.command.run(Context(client, cwd=str(tmp_path)), parsed.values)  # type: ignore[arg-type]
    assert path in caught.value.message
    assert await client.prompts("brave-otter") == before


async def test_a_file_comes_with_progress_and_under_its_name(tmp_path: Path) -> None:
    shown: list[str] = []
    result, _ = await run(["get", "brave-otter", "out/plot.png"], tmp_path, status=shown.append)
    assert (tmp_path / "plot.png").read_bytes() == b"first second"
    assert result.to_json()["size"] == 12
    assert shown == ["out/plot.png: 6 B of 12 B, 50%", "out/plot.png: 12 B of 12 B, 100%", ""]


async def test_nothing_is_written_over_and_nothing_half_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for words, code in (
        (["get", "brave-otter", "mine"], "conflict"),
        (["get", "brave-otter", "x", "-o", "mine"], "conflict"),
        (["get", "brave-otter", "broken", "-o", "mine", "--force"], "link_lost"),
        (["get", "brave-otter", "broken"], "link_lost"),
        (["get", "brave-otter", "nowhere"], "not_found"),
        (["get", "brave-otter", "x", "-o", "no/such/directory/x"], "bad_request"),
    ):
        with pytest.raises(CodecastError) as caught:
            await run(words, tmp_path)
        assert caught.value.code == code, words
        assert [each.name for each in tmp_path.iterdir()] == ["mine"]
        assert (tmp_path / "mine").read_text() == "mine"
    await run(["get", "brave-otter", "x", "-o", "mine", "--force"], tmp_path)
    assert (tmp_path / "mine").read_text() == "first second"


def test_offered_files_complete() -> None:
    def fetch(path: str) -> Any:
        assert path == "sessions/brave-otter/offered"
        return [{"name": "out/plot.png"}, {"name": "two words.csv"}]

    found = candidates(["get", "brave-otter", "out"], fetch)
    assert [each.value for each in found] == ["out/plot.png"]
