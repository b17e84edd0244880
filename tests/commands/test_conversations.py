"""What was begun by hand: found by the head of its id, adopted where it was, never by a guess."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands import results
from codecast_jupyter.commands.completion import candidates
from codecast_jupyter.commands.context import Context
from codecast_jupyter.commands.parsing import parse
from codecast_jupyter.commands.render import markdown, terminal

from .fakes import FakeClient

CLAUDE = "3a5278d9-ad95-41a8-8c6a-441d87f1b3ec"


async def run(client: FakeClient, line: str) -> results.Result:
    parsed = parse(line.split())
    return await parsed.command.run(Context(client), parsed.values)  # type: ignore[arg-type]


async def test_the_head_of_an_id_is_enough_and_its_directory_is_kept() -> None:
    client = FakeClient()
    await run(client, "adopt local 3a5278d9 -n try-two --mode plan")
    _, machine, cwd, body = client.calls[-1]
    assert (machine, cwd) == ("local", "/home/me/x")
    body.pop("id")
    assert body == {
        "cli": "claude",
        "native": CLAUDE,
        "fork": False,
        "history": True,
        "mode": "plan",
        "name": "try-two",
    }
    result = await run(client, "adopt local 3a52 --fork --directory ~/other --attach")
    assert client.calls[-1][2] == "~/other" and client.calls[-1][3]["fork"] is True
    assert isinstance(result, results.Follow) and "fork" in result.words


async def test_what_became_of_the_persons_skills_is_said_as_at_a_start() -> None:
    client = FakeClient()
    client.skills = {"added": ["CLAUDE.md"], "same": [], "skipped": []}
    result = await run(client, "adopt local 3a5278d9 --fork")
    assert isinstance(result, results.Started)
    assert result.words.endswith("stays as it is. Skills: added CLAUDE.md.")
    assert "skills" not in client.calls[-1][3]
    await run(client, "adopt local 3a5278d9 --no-skills")
    assert client.calls[-1][3]["skills"] is False


@pytest.mark.parametrize(
    ("id", "code", "words"),
    [
        ("77777777", "not_found", "codecast history local"),
        ("3a", "conflict", CLAUDE),
    ],
)
async def test_what_is_not_one_conversation_is_not_adopted(id: str, code: str, words: str) -> None:
    client = FakeClient()
    client.conversations.append({**client.conversations[0], "native": CLAUDE.replace("d9", "e0")})
    with pytest.raises(CodecastError) as caught:
        await run(client, f"adopt local {id}")
    assert caught.value.code == code and words in str(caught.value)
    assert not client.calls


async def test_a_conversation_without_a_directory_asks_for_one() -> None:
    client = FakeClient()
    client.conversations[0]["cwd"] = ""
    with pytest.raises(CodecastError, match="--directory"):
        await run(client, "adopt local 3a52")
    await run(client, "adopt local 3a52 --directory /w")
    assert client.calls[-1][2] == "/w"


async def test_the_list_says_who_is_in_a_conversation() -> None:
    client = FakeClient()
    client.add("brave-otter", id="s-1")
    result = await run(client, "history local")
    out = io.StringIO()
    Console(file=out, width=160).print(terminal.RENDERERS[results.Conversations](result))
    for text in (out.getvalue(), markdown.RENDERERS[results.Conversations](result)):
        assert "Codex is in it" in text
        assert "brave" in text and "otter" in text
        assert "3a5278d9-ad95" in text and CLAUDE not in text
    assert "Why \\| NaN?" in markdown.RENDERERS[results.Conversations](result)
    assert result.to_json() == client.conversations
    assert (await run(client, "history local -c codex")).to_json() == client.conversations[1:2]


async def test_ids_are_completed_with_their_titles() -> None:
    client = FakeClient()
    asked: list[str] = []

    def fetch(path: str) -> object:
        asked.append(path)
        return client.conversations

    found = candidates(["adopt", "gpu-1", "01a"], fetch)
    assert [(c.value, c.help) for c in found] == [
        ("01a1fb94-2533-76d3-81f4-3cb0ecfb21ff", "codex: Tidy")
    ]
    candidates(["adopt", "gpu-1", "--cli", "claude", ""], fetch)
    assert asked == ["machines/gpu-1/history", "machines/gpu-1/history?cli=claude"]
