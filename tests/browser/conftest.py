"""JupyterLab in a real browser: Debian's Chromium, driven by Playwright's blocking interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.fixtures.server import JupyterServer

from .driving import chromium, open_lab, running_lab


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """None here: Playwright runs a loop of its own in this thread."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """Nothing to stop: the server of these tests is a process of its own."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory where an agent may work."""
    directory = tmp_path / "project"
    directory.mkdir()
    return directory


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # closed with the module: Playwright's loop runs in this thread, where async tests want theirs
    with chromium() as browser:
        yield browser


@pytest.fixture
def problems() -> list[str]:
    """Errors of the page that nobody caught; what is left at the end fails the test."""
    return []


@pytest.fixture
def page(browser: Browser, lab: JupyterServer, problems: list[str]) -> Iterator[Page]:
    """A fresh page of Lab with the panel open."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    open_lab(page, lab)
    yield page
    context.close()
    assert not problems
