"""The real Claude Code on a machine behind sshd, watched and steered in Lab.

One session lives through everything that a view must stand: each test is a chapter of it.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.fixtures.live import Api, Talk

from .driving import (
    composer,
    idle,
    open_lab,
    open_session,
    said,
    script,
    send,
    serious,
    window,
)
from .far import Far

THEMES = ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"]
MODULE = "def mean(values):\n    return sum(values) / len(values)\n"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c489"
    "0000000d49444154789c6360f8cf500f0003860180 5a348d6b0000000049454e44ae426082".replace(" ", "")
)


@pytest.fixture(scope="module")
def work(far: Far) -> Path:
    work = far.sshd.home / "climate"
    (work / "data").mkdir(parents=True)
    (work / "station.py").write_text(MODULE)
    return work


@pytest.fixture(scope="module")
def talk(api: Api, work: Path) -> Talk:
    return api.start("gpu", work, "claude", mode="ask", name="station")


@pytest.fixture(scope="module")
def shown(browser: Browser, far: Far, talk: Talk) -> Iterator[Page]:
    """One page for all chapters."""
    with window(browser, far.server, []) as page:
        open_session(page, talk)
        yield page


@pytest.fixture
def view(shown: Page) -> Locator:
    return shown.locator(".jp-Codecast-session:visible")


def test_answer_streams_as_markdown_and_thoughts_are_folded(view: Locator) -> None:
    words = "think:Let me see.|say:# Result\\n\\nA **bold** word, `code` and $x^2$.|slow:30:60"
    send(view, script(*words.split("|")))
    expect(view.locator(".jp-Codecast-message h1")).to_have_text("Result¶")
    expect(view.locator(".jp-Codecast-message strong")).to_have_text("bold")
    expect(view.locator(".jp-Codecast-status")).to_have_text("running")
    thought = view.locator(".jp-Codecast-thought")
    expect(thought).not_to_have_attribute("open", "")
    thought.locator("summary").click()
    expect(thought).to_contain_text("Let me see.")
    idle(view)
    expect(view.locator(".jp-Codecast-end")).to_contain_text(" out")


def test_edit_is_shown_as_a_diff_and_allowed_by_mouse(view: Locator, work: Path) -> None:
    change = "    return sum(values) / len(values)=>    return sum(values) / max(1, len(values))"
    send(view, script("read:station.py", f"edit:station.py:{change}", "say:Mended."))
    card = view.locator(".jp-Codecast-card")
    diff = card.locator(".cm-editor")  # CodeMirror's, which arrives a moment later
    expect(diff.locator(".cm-changedLine")).to_contain_text("max(1, len(values))")
    expect(diff.locator(".cm-deletedChunk")).to_contain_text("/ len(values)")
    station = work / "station.py"
    assert station.read_text() == MODULE
    card.locator('[data-kind="allow_once"]').click()
    expect(said(view)).to_contain_text("Mended.")
    assert "max(1" in station.read_text()
    edit = view.locator('.jp-Codecast-tool[data-kind="edit"]').last
    expect(edit.locator('.jp-Codecast-answer[data-outcome="granted"]')).to_contain_text("Allow")
    expect(edit.locator(".jp-Codecast-counts").first).to_have_text(re.compile(r"\+1.1"))
    idle(view)


def test_refused_edit_leaves_the_file_alone(view: Locator, work: Path) -> None:
    station = work / "station.py"
    before = station.read_text()
    send(view, script("edit:station.py:mean=>average", "say:As it was."))
    card = view.locator(".jp-Codecast-card")
    expect(card.locator(".cm-editor .cm-changedLine").first).to_contain_text("average")
    card.locator('[data-kind="reject_once"]').click()
    expect(card).to_have_count(0)
    edit = view.locator('.jp-Codecast-tool[data-kind="edit"]').last
    expect(edit.locator('.jp-Codecast-answer[data-outcome="refused"]')).to_contain_text("Reject")
    idle(view)
    assert station.read_text() == before


def test_command_is_refused_with_words_by_keyboard_alone(
    view: Locator, shown: Page, talk: Talk
) -> None:
    field = composer(view)
    field.fill("bash:touch made-by-agent\nsay:As you like.")
    field.press("Enter")
    card = view.locator(".jp-Codecast-card")
    expect(card.locator(".jp-mod-input, .jp-Codecast-detail").first).to_contain_text(
        "touch made-by-agent"
    )
    digit = card.locator('[data-kind="reject_once"]').get_attribute("data-digit")
    shown.keyboard.press("Shift+Tab")  # out of the field, towards the card
    card.get_by_label("Words for a refusal").focus()
    shown.keyboard.type("use pathlib")
    shown.keyboard.press(f"Alt+{digit}")
    expect(card).to_have_count(0)
    expect(view.locator('.jp-Codecast-answer[data-outcome="refused"]').last).to_be_visible()
    resolved = talk.wait_event("request_resolved", message="use pathlib")
    assert resolved["where"] == "lab"
    expect(field).to_be_focused()
    idle(view)


def test_question_is_answered_by_keyboard_and_elsewhere(
    view: Locator, shown: Page, talk: Talk
) -> None:
    send(view, script("ask:Which one?|Left|Right", "say:Thank you."))
    card = view.locator(".jp-Codecast-card")
    expect(card).to_contain_text("Which one?")
    shown.keyboard.press("Alt+2")
    expect(card.get_by_label("Right")).to_be_checked()
    shown.keyboard.press("Alt+Enter")
    expect(view.locator(".jp-Codecast-answer").last).to_contain_text("Right")
    idle(view)
    send(view, script("ask:And now?|Up|Down", "say:Thanks again."))
    request = talk.wait_request("question")
    expect(card).to_contain_text("And now?")
    question = request["questions"][0]["id"]
    talk.on("telegram").answer(request, answers={question: ["Up"]})
    expect(card).to_have_count(0)
    expect(view.locator(".jp-Codecast-answer").last).to_contain_text("Up")
    expect(view.locator(".jp-Codecast-answer").last).to_contain_text("telegram")
    idle(view)


def test_queue_is_moved_edited_steered_and_taken_back(view: Locator) -> None:
    send(view, "slow:400:100")
    expect(view.locator(".jp-Codecast-status")).to_have_text("running")
    waiting = view.locator(".jp-Codecast-waiting > li")
    for words in ("first thing", "second thing", "third thing"):
        send(view, words)
        expect(waiting.filter(has_text=words)).to_have_attribute("data-state", "queued")
    waiting.nth(2).get_by_label("Move up").click()
    expect(waiting).to_contain_text(["first", "third", "second"])
    waiting.nth(1).get_by_label("Move up").press("Alt+ArrowUp")
    expect(waiting).to_contain_text(["third", "first", "second"])
    # the key is pressed where the focus is, which moves with the prompt
    view.page.keyboard.press("Alt+ArrowDown")
    expect(waiting).to_contain_text(["first", "third", "second"])
    view.page.keyboard.press("Alt+ArrowDown")
    expect(waiting).to_contain_text(["first", "second", "third"])
    size = waiting.nth(2).bounding_box()
    assert size is not None
    waiting.nth(0).drag_to(waiting.nth(2), target_position={"x": 40, "y": size["height"] - 3})
    expect(waiting).to_contain_text(["second", "third", "first"])
    waiting.nth(2).drag_to(waiting.nth(0), target_position={"x": 40, "y": 3})
    expect(waiting).to_contain_text(["first", "second", "third"])
    waiting.nth(0).get_by_label("Edit").click()
    editing = view.get_by_label("Edit the prompt")
    editing.fill("say:The first thing, better.")
    editing.press("Enter")
    expect(waiting.nth(0)).to_contain_text("better")
    waiting.filter(has_text="second").get_by_label("Cancel").click()
    expect(waiting).to_have_count(2)
    waiting.filter(has_text="third").get_by_label("Steer").click()
    expect(waiting).to_have_count(1)
    composer(view).press("Escape")  # ends the turn; what waits runs
    expect(view.locator(".jp-Codecast-notice").last).to_contain_text("Interrupted")
    expect(said(view)).to_contain_text("The first thing, better.")
    idle(view)


def test_what_is_written_is_completed_recalled_and_kept(view: Locator, shown: Page) -> None:
    field = composer(view)
    field.fill("")
    field.type("see @sta")
    option = view.locator(".jp-Codecast-candidates [role=option]")
    expect(option).to_contain_text(["station.py"])
    field.press("Enter")
    expect(field).to_have_value("see @station.py ")
    field.type("and @da")
    expect(option).to_contain_text(["data/"])
    field.press("Tab")
    expect(field).to_have_value("see @station.py and @data/")
    field.fill("/")
    expect(option.first).to_contain_text("/")
    field.press("Escape")
    expect(option).to_have_count(0)
    field.fill("")
    field.press("ArrowUp")
    expect(field).to_have_value(re.compile("first thing, better|third thing"))
    field.fill("half a thought")
    shown.reload()
    expect(composer(view)).to_have_value("half a thought")
    composer(view).fill("")


def test_image_is_pasted_sent_and_shown(view: Locator, tmp_path: Path) -> None:
    picture = tmp_path / "pixel.png"
    picture.write_bytes(PIXEL)
    view.locator('input[type="file"]').set_input_files(picture)
    expect(
        view.locator(".jp-Codecast-write .jp-Codecast-chip:not(.jp-mod-coming)")
    ).to_contain_text("pixel.png")
    send(view, "say:A pixel.")
    expect(view.locator(".jp-Codecast-prompt img")).to_have_attribute("alt", "pixel.png")
    width = "image => image.decode().then(() => image.naturalWidth)"
    assert view.locator(".jp-Codecast-prompt img").evaluate(width) == 1
    idle(view)


def test_steps_are_gathered_and_timed_as_the_person_likes(view: Locator) -> None:
    send(view, script("say:I look.", "read:station.py", "+read:station.py", "say:Both read."))
    expect(said(view)).to_contain_text("Both read.")
    idle(view)
    display = view.get_by_label("Display")
    display.select_option("batch")
    steps = view.locator(".jp-Codecast-steps").last
    expect(steps).to_contain_text("2 files read")
    display.select_option("timer")
    send(view, "slow:30:60")
    expect(view.locator(".jp-Codecast-steps").last).to_contain_text("Working")
    idle(view)
    expect(said(view)).to_be_visible()
    display.select_option("append")
    expect(view.locator(".jp-Codecast-steps")).to_have_count(0)


def test_only_a_person_leaves_the_end(view: Locator, shown: Page) -> None:
    transcript = view.locator(".jp-Codecast-transcript")
    back = view.get_by_role("button", name="Jump to latest")
    shrink = """async node => {
        const column = node.firstElementChild;
        column.style.display = 'none';
        node.scrollTop;  // laid out so: as when a formula is set, or a picture comes
        column.style.display = '';
        for (let frame = 0; frame < 5; frame += 1) await new Promise(requestAnimationFrame);
        return node.scrollHeight - node.scrollTop - node.clientHeight;
    }"""
    assert transcript.evaluate("node => node.scrollHeight > 2 * node.clientHeight")
    assert transcript.evaluate(shrink) < 2
    expect(back).to_have_count(0)
    transcript.hover()
    shown.mouse.wheel(0, -600)
    expect(back).to_be_visible()
    back.click()
    expect(back).to_have_count(0)


def test_budget_is_set_and_told(view: Locator, talk: Talk) -> None:
    view.locator(".jp-Codecast-usageButton").click()
    sheet = view.get_by_role("dialog")
    expect(sheet).to_contain_text("Written")
    sheet.get_by_label("Turns").fill("500")
    sheet.get_by_role("button", name="Save").click()
    expect(sheet).to_have_count(0)
    assert talk.state["budget"] == {"max_turns": 500}


def test_mode_and_model_are_switched(view: Locator, talk: Talk) -> None:
    view.get_by_label("Mode", exact=True).select_option("plan")
    talk.wait_event("config_option_update", **{"class": "plan"})
    expect(view.get_by_label("Mode", exact=True)).to_be_enabled()
    view.get_by_label("Mode", exact=True).select_option("ask")
    expect(view.get_by_label("Mode", exact=True)).to_have_value("ask")
    expect(view.get_by_label("Model").locator("option").nth(1)).to_be_attached()


def test_two_windows_show_one_session_alike(
    view: Locator, browser: Browser, far: Far, talk: Talk
) -> None:
    context = browser.new_context(viewport={"width": 420, "height": 800})  # a phone's width
    second = context.new_page()
    open_lab(second, far.server)
    second.evaluate("window.jupyterapp.shell.collapseLeft()")
    other = open_session(second, talk)
    send(view, script("bash:echo from-both > made; cat made", "say:Ran."))
    expect(other.locator(".jp-Codecast-card")).to_contain_text("echo from-both")
    assert other.locator(".jp-Codecast-view").evaluate("n => n.scrollWidth <= n.clientWidth")
    other.locator('.jp-Codecast-card [data-kind="allow_once"]').click()
    expect(view.locator(".jp-Codecast-card")).to_have_count(0)
    expect(said(view)).to_contain_text("Ran.")
    expect(said(other)).to_contain_text("Ran.")
    command = view.locator('.jp-Codecast-tool[data-kind="execute"]').last
    command.locator("summary").click()
    expect(command).to_contain_text("from-both")
    idle(view)
    context.close()


def test_reload_in_the_middle_of_a_turn_misses_and_doubles_nothing(
    view: Locator, shown: Page
) -> None:
    send(view, "slow:40:60")
    expect(said(view)).to_contain_text("token3")
    shown.reload()
    idle(view)
    words = said(view).inner_text().split()
    numbers = [int(number) for number in re.findall(r"\d+", " ".join(words))]
    assert numbers == sorted(set(numbers)) and len(numbers) == 40, numbers


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_serious(view: Locator, shown: Page, theme: str, talk: Talk) -> None:
    shown.evaluate(
        f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})"
    )
    shown.wait_for_function(f"() => document.body.dataset.jpThemeName === '{theme}'")
    send(view, script("think:Hm.", "say:Look: `code`", "edit:station.py:mean=>average"))
    expect(view.locator(".jp-Codecast-card .cm-editor")).to_be_visible()
    send(view, "and then this")
    expect(view.locator(".jp-Codecast-waiting > li")).to_have_count(1)
    found = serious(shown, ".jp-Codecast-session") + serious(shown, "#codecast-panel")
    view.locator(".jp-Codecast-waiting").get_by_label("Cancel").click()
    view.locator('.jp-Codecast-card [data-kind="reject_once"]').click()
    idle(view)
    assert not found


def test_nothing_is_left_on_the_machine(far: Far, talk: Talk) -> None:
    talk.destroy()
    assert not [p for p in far.sshd.processes() if p.name() == "claude"], signal.SIGKILL
