"""A person's instructions and skills are read by every CLI where they are put.

What a CLI has read stands in what it sends to its model: the instructions as they are, of a
skill its name and what it is for. All but Gemini list their skills among their commands too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codecast_jupyter.control.skills import NAMES
from tests.fixtures.live import until

from .conftest import Contract, Session

INSTRUCTIONS = "Always whistle the tune of the contract."
PURPOSE = "Paints herons in the manner of the contract"


@pytest.fixture(scope="module")
def mine(contract: Contract) -> Iterator[Path]:
    """The folder of codecast.yaml."""
    folder = contract.skills
    skill = folder / "skills" / "heron-painter"
    skill.mkdir(parents=True)
    (folder / "INSTRUCTIONS.md").write_text(INSTRUCTIONS + "\n")
    (skill / "SKILL.md").write_text(
        f"---\nname: heron-painter\ndescription: {PURPOSE}\n---\n\nUse blue.\n"
    )
    yield folder
    (folder / "INSTRUCTIONS.md").unlink()
    shutil.rmtree(folder / "skills")


def test_they_are_put_where_it_reads_them(
    contract: Contract, mine: Path, fresh: Callable[..., Session]
) -> None:
    own = fresh()
    if own.cli.name not in NAMES:
        own.ask("say:whatever it reads")
        assert not list(own.cwd.iterdir())
        return
    instructions, skills = NAMES[own.cli.name]
    assert (own.cwd / instructions).read_text() == INSTRUCTIONS + "\n"
    assert (own.cwd / skills / "heron-painter" / "SKILL.md").exists()
    (told,) = [e["text"] for e in own.events("notice") if "Skills: added" in e["text"]]
    assert "2 files" in told
    marker = f"told of its skills {own.talk.id}"
    own.ask(f"say:{marker}")
    sent = contract.told(marker)
    assert INSTRUCTIONS in sent
    assert PURPOSE in sent
    if own.cli.name != "gemini":
        until(lambda: "heron-painter" in str(own.talk.state["commands"]), "it is a command")
