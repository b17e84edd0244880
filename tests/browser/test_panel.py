"""The panel, with a mouse."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.fixtures.server import JupyterServer

from .driving import call, start


def test_local_machine_is_there_at_once(page: Page) -> None:
    machine = page.locator('#codecast-panel [data-machine="local"]')
    expect(machine).to_be_visible()


def test_directory_that_is_not_there_is_said_and_nothing_written_is_lost(
    page: Page, project: Path, lab: JupyterServer
) -> None:
    before = len(call(lab, "sessions"))
    page.locator(".jp-Codecast-new").click()
    form = page.locator("form.jp-Codecast-start")
    form.locator('select[name="cli"] option[value="demo"]').wait_for(state="attached")
    form.locator('select[name="cli"]').select_option("demo")
    form.locator('input[name="cwd"]').fill(str(project / "missing"))
    form.locator('textarea[name="prompt"]').fill("keep me")
    form.locator('button[type="submit"]').click()
    expect(form.locator(".jp-Codecast-problem")).to_contain_text("missing")
    expect(form.locator('textarea[name="prompt"]')).to_have_value("keep me")
    assert len(call(lab, "sessions")) == before


def test_session_is_listed_with_its_status_and_opens_by_a_click(page: Page, project: Path) -> None:
    view = start(page, project)
    expect(view.locator(".jp-Codecast-status")).to_have_text("idle")
    row = page.locator('[data-machine="local"] .jp-Codecast-row[data-status="idle"]').first
    page.locator(
        ".jp-SessionTab, .lm-TabBar-tab.lm-mod-current .lm-TabBar-tabCloseIcon"
    ).last.click()
    expect(view).to_have_count(0)
    row.click()
    expect(page.locator(".jp-Codecast-session:visible")).to_have_count(1)


def test_who_needs_the_person_comes_first(page: Page, project: Path) -> None:
    view = start(page, project, "write hello.txt: hi")
    needs = page.locator(".jp-Codecast-needs .jp-Codecast-row")
    expect(needs).to_contain_text("hello.txt")
    view.locator('[data-kind="reject_once"]').click()
    expect(needs).to_have_count(0)


def test_removing_a_session_asks_first(page: Page, project: Path, lab: JupyterServer) -> None:
    start(page, project)
    before = call(lab, "sessions")
    row = page.locator(f'.jp-Codecast-row[data-session="{before[0]["id"]}"]')
    row.hover()
    row.locator(".jp-Codecast-remove").click()
    page.locator(".jp-Dialog .jp-mod-warn").click()
    expect(row).to_have_count(0)
    assert len(call(lab, "sessions")) == len(before) - 1
