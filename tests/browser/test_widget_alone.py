"""The widgets' own module in pages that are no Lab: VS Code, an export, a server that is away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from codecast_jupyter.notebook.widgets.base import Shown, page_code, wrapped

SAVED = "**brave-otter** demo in /srv\n\n> **write a.txt: alpha**\n\nDone: a.txt is written."
TABLE = "**Sessions** 2 sessions · 1 need you\n\n| session | status |\n|---|---|\n| f-01 | idle |"
SESSION = {"session": "s-1", "title": "brave-otter", "where": "demo in /srv", "after": 0}
FLEET = {"ids": ["s-1", "s-2"], "labels": {}, "machine": "", "probe": "s-1", "counts": {}}
CONFIG = '<script id="jupyter-config-data" type="application/json">{"baseUrl": "/lab/"}</script>'
ASKED: list[dict[str, Any]] = [
    {"type": "session_state", "state": "ready"},
    {"type": "turn_started", "turn": 1, "prompts": ["p-1"]},
    {
        "type": "request_opened",
        "request": "r-1",
        "kind": "permission",
        "title": "Edit a.txt",
        "options": [{"id": "yes", "kind": "allow_once", "label": "Allow"}],
    },
]
# what anywidget hands to a module; `answers` says what becomes of messages to the kernel
MODEL = """
async ({code, state, answers}) => {
  window.sent = [];
  let hear = () => {};
  const model = {
    get: name => state[name],
    on: (name, callback) => { if (name === 'msg:custom') hear = callback },
    off: () => {},
    send: message => {
      if (answers === 'gone') throw new Error('the comm is closed');
      window.sent.push(message);
      if (answers !== 'never' && message.type === 'follow')
        setTimeout(() => hear({type: 'frames', frames: answers}));
    },
  };
  window.say = message => hear(message);
  const url = URL.createObjectURL(new Blob([code], {type: 'text/javascript'}));
  const module = await import(url);
  window.end = module.default.render({model, el: document.querySelector('#widget')});
}
"""
PATIENCE = 5000  # milliseconds, more than a widget waits for its kernel
Answers = str | list[dict[str, Any]]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.clock.install()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"{error}\n{error.stack}"))
    page.route(
        "http://page.test/**", lambda route: route.fulfill(body="", content_type="text/html")
    )
    page.goto("http://page.test/")
    yield page
    page.close()
    assert not problems


def shown(
    page: Page, name: str, state: dict[str, Any], answers: Answers, config: str = ""
) -> Locator:
    """The widget beside its snapshot, as an output has them."""
    beside = wrapped("v-1", "beside")["text/markdown"]
    page.set_content(
        f"<style>{Shown._css}</style>{config}<div id=widget></div>"
        f"<div id=output>{beside.replace('beside', '<p>the output beside</p>')}</div>"
    )
    given = {"view_id": "v-1", "title": "Sessions", "prompt": "", **state}
    page.evaluate(MODEL, {"code": page_code(name), "state": given, "answers": answers})
    return page.locator("#widget > div")


@pytest.mark.parametrize("answers", ["gone", "never"])
@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("session", {**SESSION, "snapshot": SAVED}),
        ("fleet", {**FLEET, "snapshot": TABLE}),
        ("fleet", {**FLEET, "snapshot": TABLE, "counts": {"total": 2, "cancellable": True}}),
    ],
)
def test_without_server_and_kernel_the_snapshot_stays_and_the_widget_says_why(
    page: Page, name: str, state: dict[str, Any], answers: str
) -> None:
    view = shown(page, name, state, answers)
    page.clock.run_for(PATIENCE)
    expect(view).to_have_attribute("data-way", "static")
    expect(view.locator(".cc-banner")).to_have_text(
        "This page comes from no Jupyter server, and no kernel answers:"
        " this is how it stood when it was saved."
    )
    words = "Done: a.txt is written." if name == "session" else "f-01"
    expect(view.get_by_text(words)).to_be_visible()
    expect(page.get_by_text("the output beside")).to_be_hidden()  # it would be twice
    page.clock.run_for(1000)  # its clock runs
    expect(view.get_by_text(words)).to_be_visible()
    expect(view.locator(".cc-word, .cc-facts").locator("visible=true")).to_have_text([])
    expect(view.locator("button:enabled, textarea").locator("visible=true")).to_have_count(0)
    page.evaluate("() => window.end()")
    expect(page.get_by_text("the output beside")).to_be_visible()


def test_page_that_asks_the_kernel_shows_what_comes_and_says_when_it_is_busy(page: Page) -> None:
    events = [{"seq": n, "time": 1000.0 + n, **event} for n, event in enumerate(ASKED, 1)]
    frames = [{"type": "events", "session": "s-1", "events": events}]
    view = shown(page, "session", {**SESSION, "snapshot": SAVED}, frames)
    expect(view).to_have_attribute("data-way", "kernel")
    expect(view.get_by_text("Done: a.txt is written.")).to_have_count(0)
    view.locator('[data-kind="allow_once"]').click()
    [call] = page.evaluate("() => window.sent.filter(one => one.type === 'call')")
    assert call["path"] == "/sessions/s-1/requests/r-1/answer" and call["body"] == {"option": "yes"}
    page.clock.run_for(PATIENCE)
    expect(view.locator(".cc-banner")).to_contain_text("The kernel is busy")
    refused = {"code": "conflict", "message": "It ended.", "hint": "Ask again."}
    page.evaluate(
        "told => window.say(told)", {"type": "answer", "id": call["id"], "error": refused}
    )
    expect(view.locator(".cc-banner")).to_be_hidden()
    expect(view.get_by_role("alert")).to_have_text("It ended.Ask again.")
    expect(view.locator('[data-kind="allow_once"]')).to_be_enabled()


@pytest.mark.parametrize(
    ("status", "told", "words"),
    [
        (
            404,
            {"code": "not_found", "message": "There is no session."},
            "not on this page",
        ),
        (403, {"code": "forbidden", "message": "You may not read."}, "does not tell (You may not"),
        (502, None, "does not tell (The server answered 502.)"),
    ],
)
def test_server_that_does_not_have_it_is_named(
    page: Page, status: int, told: dict[str, str] | None, words: str
) -> None:
    def answer(route: Route) -> None:
        body = json.dumps(told) if told else "<html>Bad gateway</html>"
        route.fulfill(status=status, body=body, content_type="application/json")

    page.route("http://page.test/lab/api/**", answer)
    view = shown(page, "session", {**SESSION, "snapshot": SAVED}, "gone", CONFIG)
    expect(view.locator(".cc-banner")).to_contain_text(words)
    expect(view.get_by_text("Done: a.txt is written.")).to_be_visible()


def test_server_that_goes_away_is_told_and_what_was_seen_stays(page: Page) -> None:
    page.route("http://page.test/lab/api/**", lambda route: route.fulfill(body="{}"))
    view = shown(page, "fleet", {**FLEET, "snapshot": TABLE}, "gone", CONFIG)
    expect(view).to_have_attribute("data-way", "lost")  # no WebSocket answers there
    expect(view.locator(".cc-banner")).to_contain_text("The Jupyter server is away. Trying again")
    expect(view.get_by_text("f-01")).to_be_visible()
