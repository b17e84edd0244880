"""Draw docs/images with the demo CLI: `python -m tests.tools.screenshots [DIRECTORY]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.driving import chromium, open_lab, running_lab, send, start

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"


def theme(page: Page, name: str) -> None:
    page.evaluate(
        f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{name}'}})"
    )
    page.wait_for_function(f"() => document.body.dataset.jpThemeName === '{name}'")
    page.wait_for_timeout(1000)  # the sheet of styles arrives a little later


def main(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        running_lab(Path(home)) as lab,
        chromium() as browser,
    ):
        work = Path(home, "weather")
        work.mkdir()
        (work / "station.py").write_text(
            "def mean(values):\n    return sum(values) / len(values)\n"
        )
        page = browser.new_page(viewport={"width": 1280, "height": 760})
        open_lab(page, lab)
        view = start(page, work, "read station.py")
        answer = view.locator(".jp-Codecast-message").last
        expect(answer).to_contain_text("lines")
        send(view, "run python3 -c 'print(\"12 passed in 0.31s\")'")
        view.locator('.jp-Codecast-card [data-kind="allow_once"]').click()
        expect(answer).to_contain_text("ended")
        send(
            view,
            "write station.py: def mean(values):\\n    return sum(values) / max(1, len(values))\\n",
        )
        view.locator(".jp-Codecast-card").wait_for()
        page.mouse.move(640, 300)
        for name, file in (("JupyterLab Light", "light"), ("JupyterLab Dark", "dark")):
            theme(page, name)
            page.screenshot(path=target / f"session-{file}.png")
        view.locator('.jp-Codecast-card [data-kind="allow_once"]').click()
        expect(answer).to_contain_text("is written")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else IMAGES)
