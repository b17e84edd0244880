"""Draw the pictures of widgets in notebooks; see `screenshots`."""

from __future__ import annotations

from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page, expect

from tests.browser.driving import run
from tests.browser.far import Far
from tests.fixtures.live import Api, Talk

from .around import quiet
from .screenshots import ASKED, STATION, WORK, Artist, say, studio

MEND = "\n".join(
    (
        *(line for line in WORK.split("\n") if line.startswith(("think:", "say:I ", "read:"))),
        "say:`mean` divides by `len(values)`, and that is **0** where nothing was read. NumPy"
        " answers such a question with `nan`, and so will we.",
        *(line for line in WORK.split("\n") if line.startswith("edit:")),
    )
)
# sessions of the fleet: machine, CLI, name, what is asked, what the model does with it
FLEET = (
    ("gpu", "claude", "mend-mean", ASKED, MEND),
    ("gpu", "claude", "read-logs", "Why did the run stop at step 400?", "bash:tail -1 run.log"),
    ("gpu", "claude", "plot-losses", "Draw the losses.", "say:Drawn.\nusage:9000:700"),
    ("gpu", "claude", "faster-loader", "Find what is slow.", "think:Where?\nslow:900:100"),
    ("gpu", "claude", "tidy-config", "Sort the options.", "say:Sorted.\nusage:4000:250"),
    ("gpu", "demo", "sweep-small", "plan", ""),
    ("gpu", "demo", "sweep-large", "plan", ""),
    ("gpu", "demo", "port-tests", "write test_station.py: def test_mean(): ...", ""),
    ("gpu", "demo", "convert-data", "slow 90", ""),
    ("local", "demo", "write-paper", "slow 90", ""),
    ("local", "demo", "ask-style", "ask Which style? | ruff | black", ""),
    ("local", "demo", "old-notes", "fail", ""),
)
CELLS = {
    "session": 's = cc.session("mend-mean")\ns.widget()',
    "fleet": "cc.fleet()",
    "timeline": "cc.timeline(cc.sessions())",
}


def main(target: Path) -> None:
    with studio(target, 1160) as (artist, far):
        artist.page.evaluate("() => { window.jupyterapp.shell.collapseLeft(); }")
        quiet(artist.page)
        tell(artist, far)


def tell(artist: Artist, far: Far) -> None:
    """The story, with a picture of each state."""
    page, talks = artist.page, begun(far)
    view = opened(page, far, "session").locator(".cc-session")
    expect(view.locator('[data-kind="allow_once"]')).to_be_visible()
    view.locator(".cc-list").evaluate("one => one.scrollTop = one.scrollHeight")
    artist.draw("notebook-session")
    grid = opened(page, far, "fleet").locator(".cc-fleet")
    expect(grid.locator(".cc-card")).to_have_count(len(FLEET))
    expect(grid.locator('.cc-card[data-status="waiting"]')).to_have_count(3)
    artist.draw("notebook-fleet")
    picture = opened(page, far, "timeline").locator("img")
    expect(picture).to_be_visible()
    artist.draw("notebook-timeline")
    for talk in talks:
        talk.destroy()


def begun(far: Far) -> list[Talk]:
    """The fleet at work, each session where its picture wants it."""
    work = far.sshd.home / "weather"
    work.mkdir()
    (work / "station.py").write_text(STATION)
    (work / "run.log").write_text("step 400: CUDA out of memory\n")
    api, talks = Api(far.server, "lab"), []
    for machine, cli, name, words, script in FLEET:
        here = work if machine == "gpu" else far.server.home / "root"
        talk = api.start(machine, here, cli, mode="ask", name=name)
        say(talk, words, script) if script else talk.prompt(words)
        talks.append(talk)
    return talks


def opened(page: Page, far: Far, name: str) -> Locator:
    """The notebook NAME.ipynb run from top to bottom; the outputs of its last cell."""
    cells = ["import codecast_jupyter as cc", CELLS[name]]
    book = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],  # type: ignore[no-untyped-call]
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(book, far.server.home / "root" / f"{name}.ipynb")  # type: ignore[no-untyped-call]
    run(page, "docmanager:open", path=f"{name}.ipynb")
    kernel = "jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status"
    page.wait_for_function(
        f"name => {kernel} === 'idle'"
        " && jupyterapp.shell.currentWidget.context.path === `${name}.ipynb`",
        arg=name,
    )
    run(page, "notebook:run-all-cells")
    outputs = page.locator(".jp-Notebook:visible .jp-CodeCell").nth(1)
    return outputs.locator(".jp-OutputArea-output").first
