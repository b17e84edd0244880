"""What docstrings, README and docs/notebook.md show runs as it is shown, with real CLIs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .conftest import ROOT, Machines
from .test_magics import Kernel

# what the examples take for granted
GIVEN = """
import pandas as pd
import codecast_jupyter as cc
frame = pd.DataFrame({"file": ["train.py"], "failure": ["NaN"]}, index=["train"])
"""


@pytest.fixture(scope="module")
def kernel(machines: Machines) -> Iterator[Kernel]:
    for name in ("gpu-1", "gpu-2"):
        (machines.hosts[name].home / "project").mkdir(exist_ok=True)
    made = Kernel(machines.kernel_environment(), machines.project())
    assert not errors(made, GIVEN)
    yield made
    made.close()


def errors(kernel: Kernel, code: str) -> list[str]:
    return ["\n".join(e["traceback"]) for e in kernel.run(code) if e["kind"] == "error"]


def docstrings() -> list[str]:
    """The examples of all modules, `s` and `t` first, which the others use."""
    found: list[str] = []
    paths = sorted((ROOT / "codecast_jupyter" / "notebook").glob("*.py"))
    for path in sorted(paths, key=lambda path: path.stem not in ("session", "turn")):
        for match in re.finditer(r"^ *>>> (.*(?:\n *\.\.\. .*)*)", path.read_text(), re.MULTILINE):
            found.append(re.sub(r"\n *\.\.\. ", "\n", match[1]))
    return found


def blocks() -> list[str]:
    """Python in fences, a file after the other."""
    text = "".join((ROOT / name).read_text() for name in ("README.md", "docs/notebook.md"))
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_examples_of_the_documentation_run(kernel: Kernel) -> None:
    assert len(blocks()) >= 3
    for code in blocks():
        assert errors(kernel, code) == [], code


def test_examples_of_docstrings_run(kernel: Kernel) -> None:
    assert len(docstrings()) >= 12
    for code in docstrings():
        # as a person would name what it gives; the indented body of a loop stays its own
        assert errors(kernel, code) == [], code
    kernel.run("for s in cc.sessions(): s.remove()")
