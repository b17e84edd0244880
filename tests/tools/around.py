"""Draw the pictures of what stands around sessions in Lab; see `screenshots`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.driving import run
from tests.browser.far import Far
from tests.fixtures.live import Api
from tests.fixtures.programs import nvidia_smi

from .screenshots import STATION, Artist, studio

SMI = "\n".join(
    (
        "echo 'NVIDIA H100, 41210, 81559, 97'",
        "echo 'NVIDIA H100, 72004, 81559, 88'",
        "echo 'NVIDIA H100, 512, 81559, 0'",
        "echo 'NVIDIA H100, 0, 81559, 0'",
    )
)
HERMETIC = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def main(target: Path) -> None:
    with studio(target, prepare=with_gpus) as (artist, far):
        tell(artist, far)


def with_gpus(directory: Path) -> dict[str, str]:
    """The environment of a machine whose nvidia-smi tells of four."""
    return nvidia_smi(directory / "programs", SMI)


def tell(artist: Artist, far: Far) -> None:
    """The story, with a picture of each state."""
    page, api = artist.page, Api(far.server, "shell")
    work = far.sshd.home / "weather"
    work.mkdir()
    (work / "station.py").write_text(STATION)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        env = {**os.environ, **HERMETIC}
        subprocess.run(["git", *who, *words], cwd=work, check=True, env=env)
    mend = api.start("gpu", work, "claude", mode="ask", name="mend-mean")
    mend.ask("say: The barometer falls since noon, and the mean of no readings divides by zero.")
    tests = api.start("gpu", work, "demo", mode="ask", name="write-tests")
    tests.prompt("write test_station.py: def test_mean(): ...")
    notes = api.start("local", far.server.home / "root", "demo", mode="ask", name="tidy-notes")
    notes.ask("read ../codecast.yaml")
    tests.wait_request()
    run(page, "codecast:open-session", id=mend.id)
    gpu = page.locator('.jp-Codecast-machine[data-machine="gpu"]')
    gpu.locator(".jp-Codecast-machineName").click()
    expect(gpu.locator(".jp-Codecast-details")).to_contain_text("97 %")
    expect(gpu.locator(".jp-Codecast-clis")).to_contain_text("demo")
    quiet(page)
    artist.draw("lab-panel")
    gpu.locator(".jp-Codecast-machineName").click()

    page.locator(".jp-Codecast-new").click()
    form = page.locator("form.jp-Codecast-start")
    form.locator('select[name="machine"]').select_option("gpu")
    form.locator('select[name="cli"] option[value="claude"]').wait_for(state="attached")
    form.locator('textarea[name="prompt"]').fill("Write a test for the mean of no readings")
    form.get_by_role("button", name="Look on gpu").click()
    form.locator(".jp-Codecast-browser li").first.wait_for()
    artist.draw("lab-start")
    page.keyboard.press("Escape")

    run(page, "codecast:search")
    page.locator(".jp-Codecast-searchField").press_sequentially("readings zero")
    page.locator(".jp-Codecast-hit").first.wait_for()
    artist.draw("lab-search")
    page.keyboard.press("Escape")

    check = '    if not values:\n        return float("nan")\n'
    mended = STATION.replace("    return sum", f"{check}    return sum")
    (work / "station.py").write_text(mended)
    (work / "test_station.py").write_text("from station import mean\n")
    run(page, "codecast:show-changes", id=mend.id)
    changes = page.locator(".jp-Codecast-changes:visible")
    changes.locator("button", has_text="station.py").first.click()
    expect(changes.locator(".jp-Codecast-changesDiff .cm-editor")).to_be_visible()
    artist.draw("lab-changes")

    run(page, "codecast:browse-files", id=mend.id)
    run(page, "codecast:open-file", session=mend.id, path="station.py")
    expect(page.locator(".jp-FileEditor:visible")).to_contain_text("nan")
    artist.draw("lab-files")

    page.goto(f"{far.server.url}/tree?token={far.server.token}")  # Notebook 7
    page.locator('.jp-Codecast-machines[data-loaded="true"]').wait_for(state="attached")
    quiet(page)
    run(page, "codecast:open-panel")
    run(page, "codecast:open-session", id=tests.id)
    page.locator(".jp-Codecast-card .cm-editor").wait_for()
    artist.draw("lab-notebook7")


def quiet(page: Page) -> None:
    """No toast stands in a picture."""
    page.add_style_tag(content=".Toastify { display: none }")
