"""docs/clis.md says of every CLI what the suite proves of it, so that its table cannot rot."""

from __future__ import annotations

from pathlib import Path

from .conftest import ABILITIES, CLIS

PAGE = Path(__file__).parents[2] / "docs" / "clis.md"


def table() -> dict[str, list[str]]:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
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
