"""Notebook 7: one document a page and no tabs, so what Lab shows in tabs stands beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fixtures.live import Api

from .driving import PATIENCE, run, said, send, serious
from .far import Far

# one of its own, with no extension installed, in the plugin that gathers shortcuts
ITS_OWN = "Cannot read properties of undefined (reading 'schema')"


@pytest.fixture
def notebook(browser: Browser, far: Far) -> Iterator[Page]:
    """Its first page, where a proxy would put it."""
    problems: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: problems.append(f"{error}\n{error.stack}"))
    page.goto(f"{far.server.url}/tree?token={far.server.token}")
    page.locator('.jp-Codecast-machines[data-loaded="true"]').wait_for(state="attached")
    yield page
    page.close()
    left = [problem for problem in problems if ITS_OWN not in problem]
    assert not left, "\n".join(left)


def test_session_is_started_answered_and_looked_around_beside_the_document(
    notebook: Page, far: Far, api: Api
) -> None:
    work = far.server.home / "classic"
    work.mkdir()
    notebook.keyboard.press("Alt+Shift+C")
    panel = notebook.locator("#codecast-panel")
    expect(panel.locator('[data-machine="local"]')).to_be_visible()
    notebook.keyboard.press("Alt+Shift+N")
    form = notebook.locator("form.jp-Codecast-start")
    form.locator('select[name="machine"]').select_option("local")
    form.locator('select[name="cli"] option[value="demo"]').wait_for(state="attached")
    form.locator('select[name="cli"]').select_option("demo")
    form.locator('select[name="mode"]').select_option("ask")
    form.locator('input[name="cwd"]').fill(str(work))
    form.locator('textarea[name="prompt"]').fill("write a.txt: hello")
    form.locator('button[type="submit"]').click()
    form.wait_for(state="detached")
    view = notebook.locator(".jp-Codecast-session:visible")
    view.locator('.jp-Codecast-card [data-kind="allow_once"]').click()
    expect(said(view)).to_contain_text("a.txt is written")
    assert (work / "a.txt").read_text() == "hello\n"
    session = api.get("/sessions", machine="local")[0]
    expect(view.locator(".jp-Codecast-headName")).to_have_text(session["name"])
    assert not serious(notebook, ".jp-Codecast-session")

    # commands without an id are about the session that is seen; another comes in its place
    notebook.keyboard.press("Alt+Shift+T")
    expect(notebook.locator(".jp-Terminal:visible .xterm")).to_have_count(1)
    expect(view).to_have_count(0)
    notebook.keyboard.press("Alt+Shift+D")
    expect(notebook.locator(".jp-Codecast-changes:visible")).to_have_count(1)
    panel.locator(f'.jp-Codecast-row[data-session="{session["id"]}"]').first.click()
    send(view, "read a.txt")
    expect(said(view)).to_contain_text("a.txt has")

    # all of it comes back after a reload, the session in front
    notebook.reload()
    expect(view.locator(".jp-Codecast-headName")).to_have_text(session["name"])
    expect(said(view)).to_contain_text("a.txt has")
    expect(notebook.locator(".jp-Terminal, .jp-Codecast-changes")).to_have_count(2)
    run(notebook, "codecast:search")
    notebook.locator(".jp-Codecast-searchField").press_sequentially("written")
    expect(notebook.locator(".jp-Codecast-hit").first).to_contain_text("written")
    notebook.keyboard.press("Escape")

    # files open in the browser's tabs, as all of its do
    with notebook.expect_popup() as opened:
        run(notebook, "codecast:open-file", session=session["id"], path="a.txt")
    expect(opened.value).to_have_url(re.compile("/user/ann/edit/Codecast"))
    expect(opened.value.locator(".jp-FileEditor")).to_contain_text("hello")
    opened.value.close()
    api.call("DELETE", f"/sessions/{session['id']}")
