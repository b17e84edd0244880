"""F20: an agent changes a notebook that is open in Lab: the person chooses; it is never empty."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import PATIENCE, chromium, open_lab, running_lab
from tests.fixtures.live import Api
from tests.fixtures.server import JupyterServer


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """None here: Playwright runs a loop of its own in this thread."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """Nothing to stop: the server is a process of its own."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[JupyterServer]:
    with running_lab(tmp_path) as server:
        yield server


@pytest.fixture
def page(lab: JupyterServer) -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        yield page


def notebook(text: str) -> str:
    cell = {"cell_type": "markdown", "id": "one", "metadata": {}, "source": [text]}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


class Eye:
    """Looks at the file all the time: is it ever something that is no notebook?"""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._over = threading.Event()
        self.wrong: list[str] = []
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        broken = 0
        while not self._over.wait(0.01):
            try:
                found = json.loads(self._path.read_text())
                broken = 0
                if not found["cells"]:
                    self.wrong.append("no cell")
            except (OSError, ValueError):
                broken += 1  # a moment within a write is none; half a second is
                if broken == 50:
                    self.wrong.append("no notebook")

    def close(self) -> None:
        self._over.set()
        self._thread.join()


def test_a_change_by_an_agent_is_a_choice_and_never_an_empty_file(
    lab: JupyterServer, page: Page
) -> None:
    root = lab.home / "root"
    path = root / "work.ipynb"
    path.write_text(notebook("as it was"))
    (root / "new.ipynb").write_text(notebook("by the agent"))
    talk = Api(lab).start("local", root, "demo", mode="auto")
    open_lab(page, lab)
    page.locator('.jp-DirListing-item[title*="work.ipynb"]').wait_for(state="attached")
    page.evaluate(
        "void window.jupyterapp.commands.execute('docmanager:open', {path: 'work.ipynb'})"
    )
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_role("button", name="No Kernel").click()
    dialog.wait_for(state="detached")
    cell = page.locator(".jp-Notebook .jp-RenderedMarkdown p")
    expect(cell).to_have_text("as it was", timeout=PATIENCE)
    eye = Eye(path)
    try:
        time.sleep(1.1)  # Lab forgives a file that is younger than half a second
        talk.ask("run cp new.ipynb work.ipynb")
        # the person, who has changed it too, saves
        page.evaluate(
            """() => {
                const model = window.jupyterapp.shell.currentWidget.content.model;
                model.sharedModel.cells[0].setSource('by the person');
            }"""
        )
        page.evaluate("void window.jupyterapp.commands.execute('docmanager:save')")
        dialog.wait_for()
        assert "changed on disk" in dialog.inner_text()
        assert json.loads(path.read_text())["cells"][0]["source"] == ["by the agent"]
        dialog.get_by_role("button", name="Revert").click()
        expect(cell).to_have_text("by the agent", timeout=PATIENCE)
        assert json.loads(path.read_text())["cells"][0]["source"] == ["by the agent"]
    finally:
        eye.close()
        page.evaluate("window.jupyterapp.shell.currentWidget.context.model.dirty = false")
    assert not eye.wrong
