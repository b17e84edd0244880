"""What stands around sessions in Lab: machines, starting, notices, search, terminal, files, export.

One page lives through it as a person would, with the real Claude Code on a machine behind sshd,
and the server where JupyterHub's proxy would put it: each test is a chapter.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.fixtures.live import Api, Talk, until
from tests.fixtures.server import free_port

from .driving import on_screen, run, serious, wait_for_layout, window
from .far import Far

MODULE = "def mean(values):\n    return sum(values) / len(values)\n"
# what the browser would show, and a page that nobody looks at when a test says so
SPY = """
window.told = [];
window.Notification = class {
  constructor(title, options) { window.told.push(title + ': ' + options.body); }
  static permission = 'granted';
  close() {}
};
window.away = false;
const hasFocus = document.hasFocus.bind(document);
document.hasFocus = () => !window.away && hasFocus();
"""


@pytest.fixture(scope="module")
def work(far: Far) -> Path:
    work = far.sshd.home / "weather"
    (work / "data").mkdir(parents=True)
    (work / "station.py").write_text(MODULE)
    (work / "station.py").chmod(0o750)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init"], ["add", "."], ["commit", "-m", "first"]):
        subprocess.run(["git", *who, *words], cwd=work, check=True, capture_output=True)
    return work


@pytest.fixture(scope="module")
def shown(browser: Browser, far: Far) -> Iterator[Page]:
    """One page for all chapters."""
    with window(browser, far.server, [], SPY) as page:
        yield page


def session_of(api: Api, name: str) -> Talk:
    return Talk(api, api.get(f"/sessions/{name}")["id"])


def toast(page: Page, words: str) -> Locator:
    return page.locator(".Toastify__toast", has_text=words)


def machine(page: Page, name: str) -> Locator:
    return page.locator(f'.jp-Codecast-machine[data-machine="{name}"]')


def test_first_connect_shows_the_machine_its_gpus_and_its_clis(shown: Page, far: Far) -> None:
    shown.locator(".jp-Codecast-others summary").click()
    gpu = machine(shown, "gpu")
    gpu.get_by_role("button", name="Connect", exact=True).click()
    expect(gpu).to_have_attribute("data-state", "online")
    expect(gpu.locator(".jp-Codecast-gpus")).to_contain_text("1 busy · 43 GB of 172 GB")
    gpu.locator(".jp-Codecast-machineName").click()
    expect(gpu.locator(".jp-Codecast-details")).to_contain_text("97 % · 43/86 GB")
    expect(gpu.locator(".jp-Codecast-clis")).to_contain_text("claude 2.")
    assert not serious(shown, "#codecast-panel")
    gpu.locator(".jp-Codecast-machineName").click()


def test_machine_is_added_and_the_doctor_tells_what_ails_it(shown: Page, api: Api) -> None:
    shown.get_by_role("button", name="Add a machine…").click()
    form = shown.locator(".jp-Codecast-add")
    form.locator('input[name="host"]').fill("me@127.0.0.1")
    form.locator('input[name="name"]').fill("lab")
    form.locator('input[name="port"]').fill(str(free_port()))
    form.get_by_role("button", name="Add and Connect").click()
    lab = machine(shown, "lab")
    expect(lab.locator(".jp-Codecast-problem")).to_contain_text("refuses the connection")
    lab.locator(".jp-Codecast-machineName").click()
    lab.get_by_role("button", name="Doctor").click()
    report = shown.locator(".jp-Codecast-doctor")
    expect(report.locator('li[data-status="error"]')).to_contain_text("refuses the connection")
    assert not serious(shown, ".jp-Codecast-doctorDialog")
    report.get_by_role("button", name="Close").click()
    lab.get_by_role("button", name="Remove…").click()
    shown.locator(".jp-Dialog .jp-mod-warn").click()
    expect(lab).to_have_count(0)
    assert "lab" not in {each["name"] for each in api.get("/machines")}


def test_session_is_started_in_a_directory_that_was_looked_for(
    shown: Page, work: Path, api: Api
) -> None:
    shown.set_viewport_size({"width": 390, "height": 800})  # a phone's
    shown.keyboard.press("Alt+Shift+N")
    form = shown.locator("form.jp-Codecast-start")
    form.locator('select[name="machine"]').select_option("gpu")
    form.locator('select[name="cli"] option[value="claude"]').wait_for(state="attached")
    form.locator('select[name="cli"]').select_option("claude")
    form.get_by_role("button", name="Look on gpu").click()
    form.locator(".jp-Codecast-browser").get_by_role("button", name="weather").click()
    expect(form.locator('input[name="cwd"]')).to_have_value(str(work))
    form.locator('textarea[name="prompt"]').fill("say: The barometer is falling.")
    form.get_by_text("Model and limits").click()
    form.locator('input[name="max_turns"]').fill("99")
    assert not serious(shown, ".jp-Codecast-startDialog")
    form.get_by_role("button", name="Start", exact=True).click()
    form.wait_for(state="detached")
    shown.set_viewport_size({"width": 1280, "height": 800})
    view = shown.locator(".jp-Codecast-session:visible")
    expect(view.locator(".jp-Codecast-message").last).to_contain_text("The barometer is falling.")
    row = machine(shown, "gpu").locator(".jp-Codecast-row").first
    expect(row).to_have_attribute("data-status", "idle")
    session = api.get("/sessions", machine="gpu")[0]
    assert (session["cwd"], session["state"]["budget"]) == (str(work), {"max_turns": 99})
    api.call("PATCH", f"/sessions/{session['id']}", {"name": "station"})


def test_who_looks_elsewhere_is_told_once_and_gets_there_by_the_status_bar(
    shown: Page, api: Api
) -> None:
    talk = session_of(api, "station")
    view = shown.locator(".jp-Codecast-session:visible")
    expect(view).to_have_count(1)
    # in front and seen: nothing to tell
    talk.prompt("write: seen.txt: x")
    expect(view.locator(".jp-Codecast-card")).to_have_count(1)
    assert toast(shown, "needs you").count() == 0
    view.locator('.jp-Codecast-card [data-kind="reject_once"]').click()
    talk.wait_status("idle")

    run(shown, "codecast:browser-notifications")
    run(shown, "launcher:create")
    expect(view).to_have_count(0)
    shown.evaluate("window.away = true")
    talk.prompt("write: more.txt: x")
    expect(toast(shown, "station on gpu needs you")).to_have_count(1)
    shown.wait_for_function("() => window.told.length === 1")
    assert "station on gpu needs you" in shown.evaluate("window.told[0]")
    shown.evaluate("window.away = false")
    item = shown.locator(".jp-Codecast-status-button")
    expect(item).to_contain_text("1 needs you")
    expect(shown.locator(".jp-Codecast-needs")).to_contain_text("station")
    item.click()
    view.locator('.jp-Codecast-card [data-kind="reject_once"]').click()
    expect(toast(shown, "needs you")).to_have_count(0)
    expect(item).not_to_contain_text("needs you")
    talk.wait_status("idle")

    run(shown, "launcher:create")
    talk.ask("say: all done")
    expect(toast(shown, "station on gpu has finished its turn")).to_have_count(1)
    assert shown.evaluate("window.told.length") == 1


def test_search_goes_to_where_it_was_said(shown: Page, api: Api) -> None:
    talk = session_of(api, "station")
    talk.ask("say: " + "".join(rf"Line {line}.\n\n" for line in range(60)))  # many a screen
    shown.keyboard.press("Alt+Shift+F")
    box = shown.locator(".jp-Codecast-searchBox")
    box.locator("input").press_sequentially("barometer falling")
    hit = box.locator(".jp-Codecast-hit", has_text="The barometer is falling.").first
    expect(hit.locator("mark").first).to_have_text("barometer")
    assert not serious(shown, ".jp-Codecast-searchDialog")
    hits = box.locator(".jp-Codecast-hit")
    at = next(index for index in range(hits.count()) if "message" in hits.nth(index).inner_text())
    for _ in range(at):
        box.locator("input").press("ArrowDown")
    box.locator("input").press("Enter")
    found = shown.locator(".jp-Codecast-session:visible .jp-Codecast-entry[data-found]")
    expect(found).to_contain_text("The barometer is falling.")
    expect(found).to_be_in_viewport()


def test_terminal_is_in_the_sessions_directory_and_there_again_after_a_reload(
    shown: Page, far: Far, work: Path
) -> None:
    shown.keyboard.press("Alt+Shift+T")
    screen = shown.locator(".jp-Terminal:visible")
    expect(screen).to_have_count(1)
    until(lambda: "weather" in on_screen(shown), "the shell asks")
    shown.keyboard.type("pwd > where.txt; echo $((40+2)) > sum.txt\n", delay=10)
    until(lambda: (work / "sum.txt").exists(), "the shell has run it")
    assert (work / "where.txt").read_text() == f"{work}\n"
    assert (work / "sum.txt").read_text() == "42\n"
    terminal = Api(far.server).get("/terminals")[0]
    wait_for_layout(shown, f"codecast-terminal:{terminal['name']}")
    shown.reload()
    expect(screen).to_have_count(1)
    until(lambda: "40+2" in on_screen(shown), "it is shown again")
    expect(shown.get_by_role("tab", name="station: terminal")).to_have_count(1)
    shown.get_by_role("tab", name="station: terminal").locator(".lm-TabBar-tabCloseIcon").click()
    until(lambda: Api(far.server).get("/terminals") == [], "closing it ends it")


def test_file_of_the_machine_is_edited_and_saved_and_not_over_the_agents_words(
    shown: Page, work: Path, api: Api
) -> None:
    talk = session_of(api, "station")
    run(shown, "codecast:browse-files", id=talk.id)
    files = shown.locator("#codecast-files")
    expect(files.get_by_text("data", exact=True)).to_be_visible()
    files.get_by_text("station.py").dblclick()
    editor = shown.locator(".jp-FileEditor:visible .cm-content")
    expect(editor).to_contain_text("def mean(values):")
    editor.click()
    shown.keyboard.press("Control+End")
    shown.keyboard.type("# seen\n")
    shown.keyboard.press("Control+s")
    file = work / "station.py"
    until(lambda: file.read_text().endswith("# seen\n"), "it is saved")
    assert file.read_text().startswith(MODULE) and file.stat().st_mode & 0o777 == 0o750
    expect(shown.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)

    file.write_text("# by the agent\n")
    later = time.time() + 10
    os.utime(file, (later, later))
    editor.click()
    shown.keyboard.type("# mine\n")
    shown.keyboard.press("Control+s")
    dialog = shown.locator(".jp-Dialog", has_text="File Changed")
    expect(dialog).to_be_visible()
    assert file.read_text() == "# by the agent\n"
    dialog.get_by_role("button", name="Revert").click()
    expect(editor).to_contain_text("# by the agent")


def test_changes_are_shown_and_open_in_the_editor(shown: Page, work: Path, api: Api) -> None:
    talk = session_of(api, "station")
    (work / "station.py").write_text(MODULE.replace("len(values)", "max(1, len(values))"))
    (work / "new.md").write_text("# New\n")
    run(shown, "codecast:open-session", id=talk.id)
    shown.keyboard.press("Alt+Shift+D")
    view = shown.locator(".jp-Codecast-changes:visible")
    expect(view.locator(".jp-Codecast-changesFiles button", has_text="new.md")).to_be_visible()
    view.locator(".jp-Codecast-changesFiles button", has_text="station.py").click()
    expect(view.locator(".jp-Codecast-changesDiff")).to_contain_text("max(1, len(values))")
    assert not serious(shown, ".jp-Codecast-changes")
    view.get_by_role("button", name="Open in the Editor").click()
    expect(shown.locator(".jp-FileEditor:visible .cm-content")).to_contain_text("max(1,")


def test_transcript_is_exported_beside_ones_notebooks(shown: Page, far: Far, api: Api) -> None:
    talk = session_of(api, "station")
    run(shown, "codecast:export-notebook", id=talk.id)
    path = far.server.home / "root" / "station.ipynb"
    expect(shown.locator(".jp-NotebookPanel:visible")).to_contain_text("The barometer is falling.")
    nbformat.validate(nbformat.read(path, as_version=4))
    expect(shown.locator(".jp-Dialog")).to_have_count(0)
    run(shown, "codecast:export-markdown", id=talk.id)
    markdown = far.server.home / "root" / "station.md"
    until(lambda: "The barometer is falling." in markdown.read_text(), "the Markdown is there")


def test_conversation_of_nobody_is_adopted_with_what_was_said(
    shown: Page, api: Api, work: Path
) -> None:
    session_of(api, "station").destroy()
    run(shown, "codecast:adopt-session", machine="gpu")
    dialog = shown.locator(".jp-Codecast-adopt")
    line = dialog.locator("li[data-native]").first
    expect(line).to_contain_text("weather")
    assert not serious(shown, ".jp-Codecast-adoptDialog")
    line.get_by_role("button", name="Adopt").click()
    view = shown.locator(".jp-Codecast-session:visible")
    expect(view.locator(".jp-Codecast-message").last).to_be_visible()
    adopted: dict[str, Any] = api.get("/sessions", machine="gpu")[0]
    assert adopted["cwd"] == str(work)
    text = str(Talk(api, adopted["id"]).events())
    assert "The barometer is falling." in text
    Talk(api, adopted["id"]).destroy()
