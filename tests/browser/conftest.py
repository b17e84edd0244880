"""JupyterLab in a real browser: Debian's Chromium, driven by Playwright's blocking interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fixtures.live import Api
from tests.fixtures.programs import nvidia_smi
from tests.fixtures.server import JupyterServer

from .driving import call, chromium, run, running_lab, window
from .far import Far, far_lab

SMI = "echo 'NVIDIA H100, 40960, 81920, 97'\necho 'NVIDIA H100, 0, 81920, 0'"


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


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="package")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """A machine with GPUs behind sshd, and a Lab where JupyterHub's proxy would put it."""
    directory = tmp_path_factory.mktemp("far")
    path = nvidia_smi(directory / "programs", SMI)
    with far_lab(directory, path, prefix="/user/ann") as far:
        yield far


@pytest.fixture(scope="module")
def api(far: Far) -> Api:
    return Api(far.server, "shell")


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
def fresh_page(browser: Browser, lab: JupyterServer, problems: list[str]) -> Iterator[Page]:
    """A page of Lab for one test alone."""
    with window(browser, lab, problems) as page:
        yield page


@pytest.fixture(scope="module")
def shared_page(browser: Browser, lab: JupyterServer) -> Iterator[Page]:
    with window(browser, lab, []) as page:
        yield page


@pytest.fixture
def page(shared_page: Page, lab: JupyterServer) -> Iterator[Page]:
    """A page of Lab with the panel open, and with nothing of the tests before."""
    yield shared_page
    for dialog in shared_page.locator("dialog[open]").all():
        dialog.evaluate("one => one.close()")
    for session in call(lab, "sessions"):
        call(lab, f"sessions/{session['id']}", "DELETE")
    run(shared_page, "application:close-all")
    expect(shared_page.locator(".jp-Codecast-row, .jp-Codecast-session")).to_have_count(0)
