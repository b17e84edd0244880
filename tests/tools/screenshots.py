"""Draw the session's pictures of docs/images: `python -m tests.tools.screenshots [DIRECTORY]`.

The real Claude Code works on a machine behind an sshd; what its model says is written here.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.driving import chromium, open_lab, send
from tests.browser.far import Far, far_lab
from tests.fixtures.live import Api, Talk

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
LARGEST = 200_000  # bytes of a picture

STATION = '''"""Readings of one weather station."""

from statistics import median


def mean(values):
    return sum(values) / len(values)


def typical(values):
    return median(values)
'''
ASKED = "The mean of a station without readings fails. Mend it, please, and show that it works."
WORK = "\n".join(
    (
        "think:The mean of no values divides by zero. I look at the module before I change it.",
        "say:I look at the module first.",
        "read:station.py",
        "todo:Read the module",
        "todo:Mend `mean` for a station without readings",
        "todo:Run it",
        r"say:`mean` divides by `len(values)`, and that is **0** where nothing was read:\n\n"
        r"$$\bar x = \frac{1}{n} \sum_{i=1}^{n} x_i, \quad n = 0$$\n\n"
        "NumPy answers such a question with `nan`, and so will we.",
        r"edit:station.py:    return sum(values) / len(values)=>    if not values:\n"
        r"""        return float("nan")\n    return sum(values) / len(values)""",
        """bash:python3 -c "import station; print(station.mean([]))" | tee result.txt""",
        "ask:What should `typical` say of no readings?|nan, like mean|An error",
        r"say:Both functions answer `nan` now:\n\n| readings | mean | typical |\n|---|---|---|\n"
        r"| none | `nan` | `nan` |\n| 3, 4 | 3.5 | 3.5 |\n\nThe result lies in `result.txt`.",
    )
)


class Artist:
    """Takes each picture in both themes."""

    def __init__(self, page: Page, target: Path) -> None:
        self.page, self.target = page, target

    def draw(self, name: str) -> None:
        for short, theme in THEMES.items():
            execute = "window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
            self.page.evaluate(f"theme => {execute}", theme)
            self.page.wait_for_function(
                "theme => document.body.dataset.jpThemeName === theme", arg=theme
            )
            self.page.wait_for_timeout(800)  # the sheet of styles arrives a little later
            path = self.target / f"{name}-{short}.png"
            self.page.screenshot(path=path)
            assert path.stat().st_size < LARGEST, f"{path} is too large"


@contextmanager
def studio(
    target: Path, width: int = 1280, prepare: Callable[[Path], Mapping[str, str]] | None = None
) -> Iterator[tuple[Artist, Far]]:
    """A Lab in a browser, with a page that wide, and its machine; `prepare(directory)` gives more
    of the machine's environment."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        more = prepare(Path(name)) if prepare else {}
        with far_lab(Path(name), environment=more) as far, chromium() as browser:
            page = browser.new_page(viewport={"width": width, "height": 800})
            open_lab(page, far.server)
            yield Artist(page, target), far


def main(target: Path) -> None:
    with studio(target) as (artist, far):
        work = far.sshd.home / "weather"
        (work / "readings").mkdir(parents=True)
        (work / "station.py").write_text(STATION)
        talk = Api(far.server, "lab").start("gpu", work, "claude", mode="ask", name="mend-mean")
        page = artist.page
        page.evaluate(
            "id => { window.jupyterapp.commands.execute('codecast:open-session', {id}); }", talk.id
        )
        view = page.locator(".jp-Codecast-session:visible")
        tell(artist, view, talk, far)


def tell(artist: Artist, view: Locator, talk: Talk, far: Far) -> None:
    """The story, with a picture of each state."""
    page, card = artist.page, view.locator(".jp-Codecast-card")
    composer = view.get_by_label("Prompt", exact=True)
    say(talk, ASKED, WORK)
    card.locator(".cm-editor .cm-insertedLine, .cm-editor .cm-changedLine").first.wait_for()
    artist.draw("session")
    card.locator('[data-kind="allow_once"]').click()
    expect(card).to_contain_text("tee result.txt")
    card.locator('[data-kind="allow_once"]').click()
    expect(card).to_contain_text("typical")
    artist.draw("session-question")
    page.keyboard.press("Alt+1")
    page.keyboard.press("Alt+Enter")
    expect(view.locator(".jp-Codecast-end")).to_be_visible()
    view.locator(".jp-Codecast-usageButton").click()
    expect(view.get_by_role("dialog")).to_contain_text("Written")
    artist.draw("session-done")
    page.keyboard.press("Escape")
    view.get_by_label("Display").select_option("batch")
    composer.press_sequentially("Look at @st")
    expect(view.locator(".jp-Codecast-candidates")).to_contain_text("station.py")
    artist.draw("session-batch")
    composer.fill("")
    view.get_by_label("Display").select_option("append")
    say(talk, "Keep what it prints.", "bash:python3 station.py > kept.txt")
    card.wait_for()
    send(view, "Then write a test for it")
    send(view, "and tell me what else in @readings/ needs care")
    artist.draw("session-queue")
    page.evaluate("() => { window.jupyterapp.shell.collapseLeft(); }")
    page.set_viewport_size({"width": 430, "height": 860})
    artist.draw("session-narrow")
    page.set_viewport_size({"width": 1280, "height": 800})
    far.sshd.kill()
    view.locator('.jp-Codecast-banner[data-loss="machine"]').wait_for()
    artist.draw("session-machine-lost")
    far.sshd.start()
    view.locator(".jp-Codecast-banner").wait_for(state="detached", timeout=120_000)
    talk.destroy()


def say(talk: Talk, words: str, script: str) -> None:
    """A prompt, and for the model what it does with it, which the view folds away."""
    content = [
        {"type": "text", "text": words},
        {"type": "text", "text": script, "name": "script.txt"},
    ]
    talk.api.post(f"{talk.path}/prompts", content=content)


if __name__ == "__main__":
    from . import around, notebooks

    wanted = Path(sys.argv[1]) if sys.argv[1:] else IMAGES
    main(wanted)
    around.main(wanted)
    notebooks.main(wanted)
