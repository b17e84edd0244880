"""Every notebook of `notebooks/` runs from top to bottom: real kernel, server, sshd and CLIs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from .conftest import ROOT, Machines, execute, outputs

BOOKS = ROOT / "notebooks"
# what stands in the place of a notebook's own parameters: directives for the scripted model
WORDS: dict[str, dict[str, Any]] = {
    "quickstart": {
        "machine": "gpu-1",
        "cli": "claude",
        "write": "Greet.\nsay:I write it.\nwrite:hello.txt:Hello from a notebook",
        "read": "Look.\nread:hello.txt\nsay:It greets.",
    },
    "approvals_and_modes": {
        "machine": "gpu-2",
        "cli": "claude",
        "edit": "write:notes.txt:approved",
        "command": "bash:touch ran.txt",
    },
    "fleet_fanout": {
        "machines": ["gpu-1", "gpu-2"],
        "clis": ["claude", "codex"],
        "prompt": "Work.\nbash:printf %s {words} > {file}\nsay:{words} is done",
    },
    "cost_and_search": {
        "machine": "gpu-3",
        "cli": "claude",
        "prompts": ["write:a.txt:alpha", "bash:cat a.txt", "say:alphabetical"],
        "words": "alphabetical",
    },
    "gpu_lab": {
        "machine": "inner",
        "cli": "claude",
        "train": "write:metrics.csv:step,loss\\n1,0.9\\n2,0.5\\n3,0.31\\n",
    },
}
# what a person would look for in the outputs
SEEN = {
    "quickstart": ["I write it.", "Hello from a notebook", "It greets.", "turn 1 ended: end_turn"],
    "approvals_and_modes": ["resolved", "'y'", "'n'", "'plan'", "max_turns"],
    "fleet_fanout": ["first is done", "True", "12 of 12 done"],
    "cost_and_search": ["cost_usd", "alphabetical", "agent_message_chunk"],
    "gpu_lab": ["0.31", "ok", "(True, 'idle')"],
}


def test_none_is_forgotten() -> None:
    assert {path.stem for path in BOOKS.glob("*.ipynb")} == set(WORDS)


@pytest.mark.parametrize("name", sorted(WORDS))
def test_notebook_is_kept_without_outputs_and_has_parameters(name: str) -> None:
    book = nbformat.read(BOOKS / f"{name}.ipynb", as_version=4)
    nbformat.validate(book)
    assert not [cell for cell in book.cells if cell.get("outputs") or cell.get("execution_count")]
    [parameters] = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
    given: dict[str, Any] = {}
    exec(parameters.source, given)
    assert set(WORDS[name]) <= set(given)


@pytest.mark.parametrize("name", sorted(WORDS))
def test_notebook_runs_from_top_to_bottom(machines: Machines, name: str) -> None:
    book = nbformat.read(BOOKS / f"{name}.ipynb", as_version=4)
    at = next(
        n for n, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", [])
    )
    project = machines.project()
    place = f"{project}/{{task}}" if name == "fleet_fanout" else str(project / "work")
    values = {**WORDS[name], "directory": place}
    told = "\n".join(f"{key} = {value!r}" for key, value in values.items())
    book.cells.insert(at + 1, nbformat.v4.new_code_cell(told))
    before = machines.api.get("/sessions", all="true")
    execute(book, machines.kernel_environment(), project)
    shown = "\n".join(
        outputs(cell, kind)
        for cell in book.cells
        if cell.cell_type == "code"
        for kind in ("text/plain", "text/markdown")
    )
    for words in SEEN[name]:
        assert words in shown, shown[-6000:]
    _files(name, project)
    after = machines.api.get("/sessions", all="true")
    assert [s["id"] for s in after] == [s["id"] for s in before], "it cleans up behind itself"


def _files(name: str, project: Path) -> None:
    """What the agents did on the machines' disk."""
    work = project / "work"
    if name == "quickstart":
        assert (work / "hello.txt").read_text().strip() == "Hello from a notebook"
    elif name == "approvals_and_modes":
        assert (work / "notes.txt").read_text().strip() == "approved"
        assert (work / "ran.txt").exists()
    elif name == "fleet_fanout":
        written = {path.parts[-2] for path in project.glob("*/one.txt")}
        every = {f"{gpu}-{cli}-one" for gpu in ("gpu-1", "gpu-2") for cli in ("claude", "codex")}
        assert written == every | {"one-more"}
    elif name == "gpu_lab":
        assert (work / "metrics.csv").exists()
