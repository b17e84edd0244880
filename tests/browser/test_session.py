"""A session of the demo CLI in the main area; Claude Code does more in `test_far_session`."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.fixtures.server import JupyterServer

from .driving import call, open_lab, send, start, wait_for_layout


def test_permission_granted_by_mouse_changes_the_file(page: Page, project: Path) -> None:
    view = start(page, project, "write hello.txt: hello there")
    card = view.locator(".jp-Codecast-card")
    expect(card.locator("div.jp-mod-added, .cm-insertedLine")).to_contain_text("hello there")
    assert not (project / "hello.txt").exists()
    expect(card.locator(".cm-editor")).to_be_visible()
    expect(card.locator(".cm-deletedChunk:visible")).to_have_count(0)  # it is a new file
    card.locator('[data-kind="allow_once"]').click()
    expect(view.locator(".jp-Codecast-message").last).to_contain_text("Done: hello.txt is written.")
    assert (project / "hello.txt").read_text() == "hello there\n"
    expect(card).to_have_count(0)
    expect(view.locator('.jp-Codecast-answer[data-outcome="granted"]')).to_contain_text("Allow")


def test_prompt_sent_meanwhile_waits_its_turn(page: Page, project: Path) -> None:
    view = start(page, project, "slow 3")
    expect(view.locator(".jp-Codecast-status")).to_have_text("running")
    send(view, "write later.txt: x")
    expect(view.locator(".jp-Codecast-waiting")).to_contain_text("later.txt")
    view.locator('.jp-Codecast-card [data-kind="allow_once"]').click()
    expect(view.locator(".jp-Codecast-message").last).to_contain_text("later.txt is written")
    expect(view.locator(".jp-Codecast-prompt")).to_have_text(["slow 3", "write later.txt: x"])


def test_stopped_session_goes_on_with_the_next_prompt(page: Page, project: Path) -> None:
    view = start(page, project)
    expect(view.locator(".jp-Codecast-status")).to_have_text("idle")
    view.get_by_role("button", name="Stop").click()
    expect(view.locator(".jp-Codecast-status")).to_have_text("stopped")
    send(view, "ask Still there? | Yes")
    view.get_by_label("Yes").check()
    view.get_by_role("button", name="Answer", exact=True).click()
    expect(view.locator(".jp-Codecast-message").last).to_contain_text("You said: Yes.")


def test_reload_keeps_the_view_and_the_open_request(
    page: Page, project: Path, lab: JupyterServer
) -> None:
    view = start(page, project, "write hello.txt: kept")
    expect(view.locator(".jp-Codecast-card")).to_have_count(1)
    words = "I will write hello.txt."
    expect(view.locator(".jp-Codecast-message").last).to_have_text(words)
    session = call(lab, "sessions")[0]["id"]
    wait_for_layout(page, f"codecast:{session}")
    open_lab(page, lab, reset=False)
    expect(view.locator(".jp-Codecast-message").last).to_have_text(words)
    view.locator('.jp-Codecast-card [data-kind="allow_once"]').click()
    expect(view.locator(".jp-Codecast-message").last).to_contain_text("is written")
    assert (project / "hello.txt").read_text() == "kept\n"
