"""Widgets in JupyterLab: answered while the cell is busy, twelve at once, read without a kernel."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fixtures.live import until
from tests.fixtures.server import JupyterServer

from .driving import call, open_lab

KERNEL = "jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel"


def execute(page: Page, command: str) -> None:
    """A command of Lab. What it returns stays in the page: it may be a whole widget."""
    page.evaluate(f"async () => {{ await jupyterapp.commands.execute({command}) }}")


@pytest.fixture
def page(fresh_page: Page) -> Page:
    """One of its own: notebooks ask before they are closed."""
    return fresh_page


class Book:
    """A notebook open in the page."""

    def __init__(self, page: Page, lab: JupyterServer, name: str, cells: list[str]) -> None:
        self.page, self.lab = page, lab
        self.path = lab.home / "root" / f"{name}.ipynb"
        made = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(made, self.path)
        opened = f"'docmanager:open', {{path: '{self.path.name}'}}"
        execute(page, opened)
        self.idle()

    def idle(self) -> None:
        """No cell runs. The kernel's own word is that of its subshell for widgets, too."""
        self.page.wait_for_function(f"() => {KERNEL}?.status", timeout=90_000)
        busy = self.page.locator(".jp-InputPrompt", has_text="[*]")
        expect(busy).to_have_count(0, timeout=90_000)

    def run(self, number: int) -> Any:
        """Run a cell; its outputs."""
        self.page.evaluate(
            f"() => {{ jupyterapp.shell.currentWidget.content.activeCellIndex = {number};"
            " jupyterapp.commands.execute('notebook:run-cell') }"
        )
        prompt = self.page.locator(".jp-Notebook .jp-CodeCell").nth(number)
        expect(prompt.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[[*\d]+\]"))
        return self.cell(number)

    def cell(self, number: int) -> Any:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".jp-OutputArea")

    def save(self) -> Any:
        execute(self.page, "'docmanager:save'")
        self.page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty")
        return nbformat.read(self.path, as_version=4)


def test_permission_is_answered_in_the_widget_while_the_cell_that_asked_still_runs(
    page: Page, lab: JupyterServer, project: Path
) -> None:
    start = f"""
import codecast_jupyter as cc
s = cc.start("local", {str(project)!r}, cli="demo", mode="ask")
"""
    nasty = "<img src=x onerror=window.pwned=1>"
    asks = ["t = s.ask('write a.txt: alpha')\nt.ok", f"t = s.ask('ask {nasty} | {nasty}')"]
    book = Book(page, lab, "busy", [start, *asks, "s.widget()"])
    book.run(0)
    book.idle()
    cell = book.run(1)
    button = cell.locator('.cc-request [data-kind="allow_once"]')
    expect(button).to_be_visible()
    expect(cell.locator(".cc-session")).to_have_attribute("data-way", "direct")
    expect(cell.locator(".cc-diff .added")).to_contain_text("alpha")
    prompt = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").nth(1)
    expect(prompt).to_have_text("[*]:")
    assert not (project / "a.txt").exists()
    button.click()
    book.idle()
    assert (project / "a.txt").read_text() == "alpha\n"
    expect(cell).to_contain_text("Done: a.txt is written.")
    expect(cell).to_contain_text("True")
    expect(cell.locator(".cc-session")).to_have_count(0)  # what stays is text

    # words of an agent are anybody's: they run nothing in a page that trusts its outputs
    cell = book.run(2)
    cell.locator(".cc-request input").first.check()
    cell.get_by_role("button", name="Answer").click()
    book.idle()
    expect(cell).to_contain_text("You said: <")
    assert page.evaluate("window.pwned") is None
    assert page.locator(".jp-OutputArea img[src=x]").count() == 0

    view = book.run(3)
    expect(view.locator(".cc-message").last).to_contain_text(nasty)
    composer = view.get_by_label("Prompt")
    composer.fill("write b.txt: beta")
    composer.press("Enter")
    view.locator('.cc-request [data-kind="reject_once"]').click()
    expect(view.locator(".cc-answered").last).to_contain_text("Reject")
    expect(view.locator(".cc-end")).to_have_count(3)
    assert page.evaluate("window.pwned") is None
    # a kernel that begins anew changes nothing for a widget that speaks to the server itself
    page.evaluate(f"() => {{ {KERNEL}.restart() }}")
    book.idle()
    composer.fill("read a.txt")
    composer.press("Enter")
    expect(view.locator(".cc-message").last).to_contain_text("a.txt has")
    assert {"a.txt": (project / "a.txt").exists(), "b.txt": (project / "b.txt").exists()} == {
        "a.txt": True,
        "b.txt": False,
    }


def test_fleet_shows_twelve_sessions_live_and_answers_them(
    page: Page, lab: JupyterServer, project: Path
) -> None:
    start = f"""
import codecast_jupyter as cc
where = {str(project)!r}
made = [cc.start("local", where, cli="demo", mode="ask", name=f"f-{{n:02}}") for n in range(12)]
"""
    ask = """
for n, s in enumerate(made):
    s.send("write file-%d.txt: x" % n if n < 3 else "plan" if n < 6 else "slow 60")
"""
    run = """
{} = cc.map("slow 60", {}, cli="demo", name="stop-{}", directory=where, wait={})
"""
    runs = [run.format("one", [1, 2], 1, True), run.format("two", [1], 2, False)]
    remove = "[s.remove() for s in made]; two.forget(); cc.run('stop-1').forget()"
    book = Book(page, lab, "fleet", [start, "cc.fleet(made)", ask, *runs, remove])
    book.run(0)
    book.idle()
    grid = book.run(1)
    expect(grid.locator(".cc-card")).to_have_count(12)
    book.run(2)
    expect(grid.locator('.cc-card[data-status="waiting"]')).to_have_count(3)
    expect(grid.locator(".cc-needs")).to_have_text("3 need you")
    expect(grid.locator('.cc-card[data-status="running"]')).to_have_count(6)
    expect(grid.locator(".cc-progress[data-indeterminate]")).to_have_count(6)
    clock = grid.locator('.cc-card[data-status="running"] .cc-cardFacts').last
    before = clock.inner_text()
    expect(clock).not_to_have_text(before)  # it counts while it works
    for _ in range(3):
        grid.locator('.cc-card .cc-request [data-kind="allow_once"]').first.click()
        page.wait_for_timeout(100)
    expect(grid.locator(".cc-needs")).to_be_hidden()
    for n in range(3):
        assert (project / f"file-{n}.txt").exists()
    # a run is cancelled while its own cell waits for it, and while none does
    tasks = book.run(3)
    expect(tasks.locator('.cc-card[data-status="running"]')).to_have_count(2)
    expect(page.locator(".jp-CodeCell .jp-InputPrompt").nth(3)).to_have_text("[*]:")
    tasks.get_by_role("button", name="Cancel").click()
    expect(tasks).to_contain_text("stop-1: 0 of 2 tasks are done. Ask again by the same name")
    expect(tasks).to_contain_text("2 cancelled")
    book.idle()
    tasks = book.run(4)
    expect(tasks.locator('.cc-card[data-status="running"]')).to_have_count(1)
    tasks.get_by_role("button", name="Cancel").click()
    expect(tasks.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(tasks.locator('.cc-card[data-status="running"]')).to_have_count(0)
    book.run(5)
    expect(grid.locator(".cc-card")).to_have_count(0)


def test_page_of_another_server_speaks_through_the_kernel(
    page: Page, lab: JupyterServer, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "ssh_config").write_text("")
    env = {"HOME": str(tmp_path), "CODECAST_ROOT": str(lab.home / "other")}
    with JupyterServer(tmp_path, ssh_config=tmp_path / "ssh_config", env=env) as other:
        start = f"""
import codecast_jupyter as cc
cc.connect({other.url!r}, {other.token!r})
s = cc.start("local", {str(project)!r}, cli="demo", mode="ask")
"""
        book = Book(page, lab, "elsewhere", [start, "s.widget()", "cc.fleet()", "s.remove()"])
        book.run(0)
        book.idle()
        view = book.run(1)
        expect(view.locator(".cc-session")).to_have_attribute("data-way", "kernel")
        view.get_by_label("Prompt").fill("write a.txt: alpha")
        view.get_by_label("Prompt").press("Enter")
        expect(view.locator(".cc-request")).to_be_visible()
        grid = book.run(2)
        grid.locator('.cc-card .cc-request [data-kind="allow_once"]').click()
        expect(view.locator(".cc-message").last).to_contain_text("a.txt is written")
        assert (project / "a.txt").read_text() == "alpha\n"
        book.run(3)
        expect(grid.locator(".cc-card")).to_have_count(0)


def test_saved_notebook_shows_its_snapshot_without_a_kernel_and_as_html(
    page: Page, lab: JupyterServer, project: Path, browser: Browser, problems: list[str]
) -> None:
    start = f"""
import codecast_jupyter as cc
s = cc.start("local", {str(project)!r}, cli="demo", mode="auto")
t = s.ask("write a.txt: alpha", show=False)
"""
    book = Book(page, lab, "saved", [start, "s.widget()", "cc.fleet([s])"])
    book.run(0)
    book.idle()
    for number in (1, 2):
        book.run(number)
        snapshot = book.cell(number).locator(".jp-RenderedMarkdown")
        expect(snapshot).to_have_count(1)
        expect(snapshot).to_be_hidden()
    expect(book.cell(1).locator(".cc-message").last).to_contain_text("a.txt is written")
    book.idle()
    written = "one => one.textContent.includes('a.txt is written')"
    snapshots = "[...document.querySelectorAll('.jp-RenderedMarkdown')]"
    page.wait_for_function(f"() => {snapshots}.some({written})")
    kept = book.save()
    assert "a.txt is written" in json.dumps(kept)
    session = call(lab, "sessions")[0]["id"]
    call(lab, f"sessions/{session}", "DELETE")
    page.goto("about:blank")
    end_kernels(lab)

    # one's own, and one that comes from somebody else: Lab does not trust that
    kept.metadata["from"] = "a colleague"
    nbformat.write(kept, lab.home / "root" / "theirs.ipynb")
    open_lab(page, lab)
    for name in ("saved", "theirs"):
        kernel = "kernelPreference: {shouldStart: false, canStart: false}"
        execute(page, f"'docmanager:open', {{path: '{name}.ipynb', {kernel}}}")
        book = page.locator(".jp-Notebook")
        expect(book.get_by_text("Done: a.txt is written.")).to_be_visible()
        expect(book.get_by_role("row", name="session status CLI")).to_be_visible()
        for words in ("Error displaying widget", "Loading widget", "<fleet"):
            expect(book.get_by_text(words).locator("visible=true")).to_have_count(0)
        page.evaluate("() => { jupyterapp.shell.currentWidget.close() }")
        expect(book).to_have_count(0)

    page.goto("about:blank")  # what it has to complain of it has said by then
    # ipywidgets' extension of Lab fails so at any notebook that has no kernel, without widgets too
    manager = re.compile(r"reading 'kernel'.*@jupyter-widgets/jupyterlab-manager/", re.DOTALL)
    problems[:] = [problem for problem in problems if not manager.search(problem)]

    shown = html(lab.home / "root" / "saved.ipynb")
    plain = browser.new_page()
    plain.set_content(shown, wait_until="domcontentloaded")
    expect(plain.get_by_text("Done: a.txt is written.")).to_be_visible()
    plain.close()


def end_kernels(lab: JupyterServer) -> None:
    """Until there is none; Jupyter answers 500 where one is just being restarted or closed."""
    headers = {"Authorization": f"token {lab.token}"}
    url = f"{lab.url}/api/sessions"

    def ended() -> bool:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        for session in found:
            request = urllib.request.Request(
                f"{url}/{session['id']}", method="DELETE", headers=headers
            )
            urllib.request.urlopen(request, timeout=60).close()
        return not found

    until(ended, "no kernel is left")


def html(path: Path) -> str:
    from nbconvert import HTMLExporter

    text, _ = HTMLExporter(embed_images=True).from_filename(str(path))
    # the page's own libraries are on the net, which a test has no use for
    return str(text).replace("https://cdnjs.cloudflare.com", "http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def nothing_stays(lab: JupyterServer) -> Any:
    yield
    end_kernels(lab)
    for session in call(lab, "sessions?all=true"):
        call(lab, f"sessions/{session['id']}", "DELETE")
