"""A kernel of another Python, with the packages of the extra `kernel` and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools import other_kernel

from .conftest import ROOT, Machines
from .test_magics import Kernel

FORBIDDEN = ("jupyter_server", "jupyterlab", "asyncssh", "rich", "ruamel", "sqlite_utils", "pandas")


@pytest.fixture(scope="module")
def other() -> Path:
    """Its interpreter."""
    return other_kernel.made()


@pytest.fixture(scope="module")
def kernel(
    other: Path, machines: Machines, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    jupyter = tmp_path_factory.mktemp("jupyter")
    spec = jupyter / "kernels" / "other" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [str(other), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "other", "language": "python"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(jupyter))
        made = Kernel(machines.kernel_environment(), machines.project(), "other")
    yield made
    made.close()


def test_kernel_of_another_environment_does_all_of_it(kernel: Kernel, machines: Machines) -> None:
    found = kernel.text(
        "from importlib.util import find_spec\nimport sys\n"
        f"[name for name in {FORBIDDEN} if find_spec(name)], sys.version_info[:2]",
        "text/plain",
    )
    assert found.startswith("([], (3,"), found
    place = machines.project()
    shown = kernel.text(
        f"s = cc.start('gpu-1', {str(place)!r}, cli='demo', mode='ask')\n"
        "t = s.ask('write a.txt: alpha', on_request='y')"
    )
    assert "Done: a.txt is written." in shown
    assert (place / "a.txt").read_text() == "alpha\n"
    assert kernel.text("(await s.ask('read a.txt', show=False)).text", "text/plain").startswith(
        "'a.txt has"
    )
    assert "gpu\\-1" in kernel.text("%codecast ls")
    events = "n = 0\nasync for e in s.events():\n    n += 1\n    if n == 5: break\nn"
    assert kernel.text(events, "text/plain") == "5"
    rows = (
        "cc.map('read {value}', ['a.txt', 'b.txt'], machines='gpu-1', cli='demo',"
        f" directory={str(place)!r})"
    )
    assert "2 of 2 done" in kernel.text(rows)
    media = [key for each in kernel.run("s.widget()") for key in each.get("data", {})]
    assert "application/vnd.jupyter.widget-view+json" in media
    assert kernel.error("cc.sessions().to_frame()").splitlines() == [
        "Tables need pandas, which is not installed in this kernel's environment.",
        "%pip install pandas",
    ]


def test_without_widgets_the_answer_grows_as_markdown(kernel: Kernel, machines: Machines) -> None:
    kernel.run(
        "from codecast_jupyter.notebook import surroundings\n"
        "surroundings.has_widgets = lambda: False\n"
        f"s = cc.start('gpu-1', {str(machines.project())!r}, cli='demo', mode='ask')"
    )
    shown = kernel.run("t = s.ask('slow 2')")
    texts = [each["data"]["text/markdown"] for each in shown if "data" in each]
    assert "1 2 3 4 5 6 7 8 done." in texts[-1]
    assert any("1" in text and "done." not in text for text in texts), texts
    assert "anywidget" in kernel.error("s.widget()")


def test_documentation_names_what_is_tested() -> None:
    text = (ROOT / "docs" / "notebook.md").read_text()
    [line] = re.findall(r"^pip install (\"anywidget.*)$", text, re.MULTILINE)
    assert re.findall(r'"([^"]+)"', line) == other_kernel.wanted()
