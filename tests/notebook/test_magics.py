"""`%codecast` in a real kernel: the table's commands, completion, errors without our stack."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_async_kernel

from tests.fixtures.live import until

from .conftest import Machines

Shown = list[dict[str, Any]]


class Kernel:
    """One kernel for many cells, on a loop of its own that is closed with it."""

    def __init__(self, env: dict[str, str], directory: Path, name: str = "python3") -> None:
        self.loop = asyncio.new_event_loop()
        self.manager, self.client = self._do(
            start_new_async_kernel(60, name, env={**os.environ, **env}, cwd=str(directory))
        )
        self.run("import codecast_jupyter as cc\n%load_ext codecast_jupyter")

    def _do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def run(self, code: str) -> Shown:
        """Contents of all that the cell has shown, each with its `kind`."""
        found: Shown = []

        def take(message: dict[str, Any]) -> None:
            found.append({"kind": message["msg_type"], **message["content"]})

        self._do(
            self.client.execute_interactive(code, timeout=120, output_hook=take, allow_stdin=False)
        )
        return [each for each in found if each["kind"] not in ("status", "execute_input")]

    def text(self, code: str, media: str = "text/markdown") -> str:
        return "\n".join(
            str(each.get("text") or (each.get("data") or {}).get(media, ""))
            for each in self.run(code)
        )

    def error(self, code: str) -> str:
        """What a person sees of the error that ends the cell, without colours."""
        [error] = [each for each in self.run(code) if each["kind"] == "error"]
        return re.sub(r"\x1b\[\d*m", "", "\n".join(error["traceback"]))

    def complete(self, line: str) -> list[str]:
        answer = self._do(self.client.complete(line, len(line), reply=True, timeout=60))
        return [str(match) for match in answer["content"]["matches"]]

    def interrupt(self) -> None:
        """As the button does; from any thread."""
        asyncio.run_coroutine_threadsafe(self.manager.interrupt_kernel(), self.loop)

    def close(self) -> None:
        self.client.stop_channels()
        self._do(self.manager.shutdown_kernel(now=True))
        self.manager.context.destroy()
        self._do(self.loop.shutdown_asyncgens())
        self.loop.close()


@pytest.fixture(scope="module")
def kernel(machines: Machines) -> Iterator[Kernel]:
    made = Kernel(machines.kernel_environment(), machines.project())
    yield made
    made.close()


def test_commands_of_the_table_answer_richly(kernel: Kernel) -> None:
    shown = kernel.text("%codecast start local --cli demo --mode ask --name magic-otter")
    assert "Started **magic\\-otter**" in shown
    assert "**magic\\-otter**" in kernel.text("%codecast ls")
    assert "gpu\\-1" in kernel.text("%codecast machines")
    assert "%codecast" not in kernel.text("%codecast help start")
    assert kernel.text("x = %codecast ls\nlen(x.data), x.data[0]['name']", "text/plain").endswith(
        "'magic-otter')"
    )
    assert '"name": "magic-otter"' in kernel.text("%codecast ls --json")


def test_cell_is_a_prompt_and_its_answer_stays_in_the_output(kernel: Kernel) -> None:
    shown = kernel.run("%%codecast magic-otter\nread nothing.txt\n\nand all of the second line")
    final = [each for each in shown if each["kind"] == "update_display_data"]
    text = final[-1]["data"].get("text/markdown", "") or final[-2]["data"]["text/markdown"]
    assert "read nothing" in text and "second line" in text and "done in" in text
    assert "widget-view" not in str(final[-2:])
    grown = kernel.run("%%codecast send magic-otter\nread nothing.txt")
    assert "nothing.txt" in str(grown[-1]["data"])
    logs = kernel.run("%codecast logs magic-otter")
    assert "read nothing" in str(logs[-1]["data"])


def test_tab_completes_commands_machines_sessions_paths_models_options(
    kernel: Kernel, machines: Machines
) -> None:
    folder = machines.project()
    (folder / "deep-inside").mkdir()
    assert "start" in kernel.complete("%codecast sta")
    assert {"gpu-1", "gpu-2", "gpu-3"} <= set(kernel.complete("%codecast start gpu"))
    found = kernel.complete(f"%codecast start local {folder}/de")
    assert any(match.endswith("deep-inside/") for match in found), found
    found = kernel.complete(f"%codecast start gpu-1:{folder}/de")
    assert any(match.endswith("deep-inside/") for match in found), found
    # what Python would make of it is not offered beside
    assert kernel.complete("%codecast start local --c") == ["--cli", "--create"]
    assert kernel.complete("found = %codecast start local --c") == ["--cli", "--create"]
    assert kernel.complete("%%codecast magic-otter\nhell") == []
    assert "demo" in kernel.complete("%codecast start local --cli de")
    assert "plan" in kernel.complete("%codecast mode magic-otter pl")
    assert "magic-otter" in kernel.complete("%codecast show mag")
    assert "magic-otter" in kernel.complete("%%codecast mag")
    assert "fast" in kernel.complete("%codecast model magic-otter fa")


CLIENT = "from codecast_jupyter.notebook.connection import client"
OURS = re.compile(r"Traceback|codecast_jupyter/|\.py\b|File \"|raise ")


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        ("%codecast shw", "There is no command 'shw'. Did you mean show?", "%codecast help"),
        ("%codecast show", "SESSION is missing", "usage: %codecast show SESSION"),
        ("%codecast show 'a", "cannot be read: No closing quotation", "Close the quotes"),
        ("%codecast show magic-oter", "Did you mean 'magic-otter'?", "`%codecast ls --all`"),
        ("%%codecast\nhello", "To which session", "%%codecast SESSION"),
        ("%%codecast magic-otter\n \n", "has no text", "%%codecast SESSION"),
        ("%%codecast ls\nhello", "takes no text of a cell", "with one %"),
        ("cc.session('nobody')", "There is no session 'nobody'", "lists them"),
        ("cc.start('gpu-1', '/no/such/place')", "/no/such/place", "create"),
        ("cc.start('nowhere', '~')", "nowhere", ""),
        ("s = cc.session('magic-otter')\ns.set(mode='wild')", "wild", "line 2 of the cell"),
        ("s.ask('')", "The prompt is empty", ""),
        ("s.ask('fail')", "line", ""),
        ("cc.map('x', [])", "nothing to do", "at least one row"),
        ("await s.ask('fail')", "", ""),
        ("cc.run('no-such-run')", "There is no run 'no-such-run'", ""),
        ("s.export('/no/such/a.md')", "/no/such/a.md cannot be written: No such file", "another"),
        ("s.export('a.docx')", "written as .ipynb, .md or .json, not as 'a.docx'", ""),
        ("s.ask('slow 1', show=False, wait=False).wait(0.1)", "has not ended", "wait()"),
        ("cc.start('gpu-1', '~', cli='claud')", "no CLI named 'claud'", "Known are claude"),
        ("cc.map('{no}', [{'a': 1}])", "{no}, which no row has", "There are {a}"),
        ("cc.connect('http://127.0.0.1:1')", "does not answer", "Is it running?"),
        (
            f"{CLIENT}; cc.connect(client().connection.url, 'x')",
            "does not accept our token",
            "cc.connect(url",
        ),
    ],
)
def test_error_is_one_readable_message_with_the_fix(
    kernel: Kernel, code: str, words: str, remedy: str
) -> None:
    told = kernel.error(code)
    if words != "line":
        assert words in told
    assert remedy in told
    assert not OURS.search(told.replace("the/no", "")), told
    assert len(told.splitlines()) < 8


@contextlib.contextmanager
def interrupted(kernel: Kernel, machines: Machines, count: int) -> Iterator[None]:
    """The cell that runs meanwhile is interrupted once so many sessions work."""

    def running() -> int:
        found = machines.api.get("/sessions", all="true")
        return sum(session["state"]["status"] == "running" for session in found)

    def stop() -> None:
        until(lambda: running() == count, "the cell works")
        kernel.interrupt()

    until(lambda: not running(), "nothing works")
    thread = threading.Thread(target=stop)
    thread.start()
    yield
    thread.join()


def test_interrupting_the_cell_interrupts_the_turn_and_says_so(
    kernel: Kernel, machines: Machines
) -> None:
    with interrupted(kernel, machines, 1):
        told = kernel.error("s = cc.session('magic-otter')\ns.ask('slow 120')")
    assert told == "Interrupted. The turn of magic-otter was stopped; the session goes on."
    assert "idle" in kernel.text("s.status", "text/plain")
    run = "cc.map('slow 120', [1, 2], cli='demo', name='cut', directory='~/{task}', create=True)"
    with interrupted(kernel, machines, 2):
        told = kernel.error(run)
    assert "0 of 2 tasks are done. Ask again by the same name" in told


def test_question_nobody_can_answer_here_says_what_to_do(kernel: Kernel) -> None:
    kernel.run("t = s.ask('slow 120', wait=False, show=False)")
    told = kernel.error(
        "import time\nwhile s.status != 'running': time.sleep(0.1)\n"
        "get_ipython().run_line_magic('codecast', 'rm magic-otter')"
    )
    assert "rm --force magic-otter" in told
    assert "Removed magic" in kernel.text("%codecast rm --force magic-otter")
