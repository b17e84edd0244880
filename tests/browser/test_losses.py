"""What is lost between a page and the CLI: each looks different, heals by itself, and takes nothing
that was typed along.

The real Claude Code works on a machine behind sshd; one page lives through all of it.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocketRoute, expect

from tests.fixtures.live import Api, Talk, until

from .driving import PATIENCE, composer, idle, on_screen, open_lab, open_session, run, said, send
from .far import Far


class Gate:
    """What our socket goes through, as through somebody's proxy."""

    def __init__(self, context: BrowserContext) -> None:
        self.is_shut = False
        self._open: list[WebSocketRoute] = []
        context.route_web_socket(re.compile("/api/codecast/v1/stream"), self._came)

    def _came(self, socket: WebSocketRoute) -> None:
        if self.is_shut:
            socket.close(code=1012)
        else:
            socket.connect_to_server()
            self._open.append(socket)

    def shut(self) -> None:
        """No socket lives, and none comes through."""
        self.is_shut = True
        while self._open:
            self._open.pop().close(code=1012)


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture(scope="module")
def gate(context: BrowserContext) -> Gate:
    return Gate(context)


@pytest.fixture(scope="module")
def talk(far: Far, api: Api) -> Iterator[Talk]:
    work = far.sshd.home / "losses"
    work.mkdir()
    talk = api.start("gpu", work, "claude", mode="ask", name="lossy")
    yield talk
    talk.destroy()


@pytest.fixture(scope="module")
def shown(context: BrowserContext, gate: Gate, far: Far, talk: Talk) -> Page:
    page = context.new_page()
    open_lab(page, far.server)
    open_session(page, talk)
    return page


@pytest.fixture
def view(shown: Page) -> Locator:
    return shown.locator(".jp-Codecast-session:visible")


@pytest.fixture
def banner(view: Locator) -> Locator:
    return view.locator(".jp-Codecast-banner")


def numbers(view: Locator) -> list[int]:
    """Those of the words `slow:` streams."""
    return [int(number) for number in re.findall(r"\d+", said(view).inner_text())]


def test_lost_socket_alone_leaves_the_server_usable(
    view: Locator, banner: Locator, shown: Page, gate: Gate, talk: Talk
) -> None:
    send(view, "slow:20:100")
    expect(said(view)).to_contain_text("token3")
    gate.shut()
    expect(banner).to_have_attribute("data-loss", "socket")
    expect(shown.locator("#codecast-panel .jp-Codecast-banner")).to_have_attribute(
        "data-loss", "socket"
    )
    expect(banner).to_contain_text("Live updates are interrupted")
    send(view, "say:Sent without a socket.")  # which the server takes as ever
    talk.wait_text("Sent without a socket.")
    expect(said(view)).not_to_contain_text("Sent without a socket.")
    gate.is_shut = False
    expect(banner).to_have_count(0)
    expect(said(view)).to_contain_text("Sent without a socket.")
    idle(view)


def test_computer_without_a_network_is_told_as_that(
    view: Locator, banner: Locator, shown: Page, context: BrowserContext, gate: Gate
) -> None:
    composer(view).fill("say:Written offline.")
    context.set_offline(True)
    gate.shut()
    expect(banner).to_have_attribute("data-loss", "network")
    expect(shown.locator("#codecast-panel .jp-Codecast-banner")).to_have_attribute(
        "data-loss", "network"
    )
    expect(banner).to_contain_text("This computer has no network")
    composer(view).press("Enter")
    problem = view.locator(".jp-Codecast-composer .jp-Codecast-problem")
    expect(problem).to_contain_text("Nothing was lost")
    expect(composer(view)).to_have_value("say:Written offline.")
    gate.is_shut = False
    context.set_offline(False)
    expect(banner).to_have_count(0)
    close_dialogs(shown)
    view.locator(".jp-Codecast-send").click()
    expect(said(view)).to_contain_text("Written offline.")
    idle(view)


def test_server_killed_in_the_middle_of_a_turn_comes_back_to_the_same_words(
    view: Locator, banner: Locator, shown: Page, far: Far
) -> None:
    send(view, "slow:60:100")
    expect(said(view)).to_contain_text("token3")
    far.server.kill()
    expect(banner).to_have_attribute("data-loss", "server")
    expect(shown.locator("#codecast-panel .jp-Codecast-banner")).to_have_attribute(
        "data-loss", "server"
    )
    expect(banner).to_contain_text("does not answer")
    composer(view).fill("say:Kept through it all.")
    composer(view).press("Enter")
    problem = view.locator(".jp-Codecast-composer .jp-Codecast-problem")
    expect(problem).to_contain_text("does not answer")
    expect(composer(view)).to_have_value("say:Kept through it all.")
    far.server.start()
    expect(banner).to_have_count(0)
    expect(composer(view)).to_have_value("say:Kept through it all.")
    idle(view)
    assert len(numbers(view)) == 60 and numbers(view) == sorted(set(numbers(view)))
    close_dialogs(shown)
    view.locator(".jp-Codecast-send").click()
    expect(composer(view)).to_have_value("")
    expect(said(view)).to_contain_text("Kept through it all.")
    idle(view)


def test_machine_that_falls_silent_is_told_by_its_name_and_prompts_wait_for_it(
    view: Locator, banner: Locator, shown: Page, far: Far
) -> None:
    far.sshd.freeze()
    expect(banner).to_have_attribute("data-loss", "machine")
    expect(banner).to_contain_text("No connection to gpu")
    send(view, "say:Waited for it.")
    expect(view.locator(".jp-Codecast-waiting")).to_contain_text("waits for the machine")
    composer(view).fill("a draft of mine")
    far.sshd.thaw()
    expect(said(view)).to_contain_text("Waited for it.", timeout=3 * PATIENCE)
    expect(banner).to_have_count(0)
    expect(composer(view)).to_have_value("a draft of mine")
    composer(view).fill("")
    idle(view)


def test_terminal_tells_that_its_machine_is_silent_and_that_it_was_lost(
    shown: Page, far: Far, talk: Talk
) -> None:
    run(shown, "codecast:open-terminal", id=talk.id)
    until(lambda: "losses" in on_screen(shown), "the shell asks")
    told = shown.locator(".jp-Codecast-terminalBanner:visible")
    expect(told).to_have_count(0)
    far.sshd.freeze()
    expect(told).to_contain_text("gpu does not answer")
    far.sshd.thaw()
    far.sshd.signal_connections(signal.SIGKILL)
    expect(told).to_contain_text("has ended, and this shell with it")
    assert "losses" in on_screen(shown)  # what it showed is kept
    told.get_by_role("button", name="Open a New One").click()
    expect(told).to_have_count(0)
    expect(shown.locator(".jp-Terminal")).to_have_count(1)
    until(lambda: "losses" in on_screen(shown), "another shell asks")
    shown.keyboard.type("touch by-hand; exit\n", delay=10)
    expect(shown.locator(".jp-Terminal")).to_have_count(0)
    assert (far.sshd.home / "losses" / "by-hand").exists()


def close_dialogs(page: Page) -> None:
    """Lab's own word on a lost server lies above everything, and may go by itself meanwhile."""
    page.evaluate("document.querySelectorAll('.jp-Dialog-button').forEach(b => b.click())")
    expect(page.locator(".jp-Dialog")).to_have_count(0)
