"""docs/clis.md says of every CLI what the suite proves of it, so that its table cannot rot."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fixtures.clis import LOCK

from .conftest import ABILITIES, CLIS

# on the page -> package
PACKAGES = {
    "Claude Code": "@anthropic-ai/claude-code-linux-x64",
    "Codex": "@openai/codex-linux-x64",
    "Gemini CLI": "@google/gemini-cli",
    "OpenCode": "opencode-linux-x64",
    "claude-agent-acp": "@agentclientprotocol/claude-agent-acp",
}
PAGE = Path(__file__).parents[2] / "docs" / "clis.md"


def table(words: str = "| ability ") -> dict[str, list[str]]:
    lines = PAGE.read_text().partition("\n" + words)[2].partition("\n\n")[0]
    rows = [line for line in (words + lines).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {first: rest for first, *rest in cells}


def test_the_page_has_a_column_for_every_cli() -> None:
    names = [cli.name if cli.name != "acp-agent" else "ACP agent" for cli in CLIS]
    assert table()["ability"] == names


def test_the_page_lacks_exactly_what_the_suite_proves_to_be_lacking() -> None:
    rows = table()
    for ability, words in ABILITIES.items():
        said = ["no" if cli.lacks(ability) else "yes" for cli in CLIS]
        assert rows.pop(words) == said, words
    rows.pop("ability")
    others = {cell for cells in rows.values() for cell in cells}
    assert others == {"yes"}, "a cell that no test stands for"


def test_the_versions_are_those_locked() -> None:
    locked = json.loads((LOCK / "package-lock.json").read_text())["packages"]
    said = table("| CLI ")
    for title, package in PACKAGES.items():
        version = locked[f"node_modules/{package}"]["version"].partition("-linux")[0]
        assert said[title][0] == version
