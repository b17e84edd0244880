"""What the browser tests and the screenshots do alike: a Lab, a Chromium, a started session."""

from __future__ import annotations

import json
import os
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.fixtures.live import Talk, until
from tests.fixtures.server import JupyterServer

BUNDLE = Path(__file__).parents[2] / "codecast_jupyter" / "labextension"
AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 30_000  # milliseconds; generous: a busy machine draws slowly


@contextmanager
def running_lab(
    home: Path, ssh_config: str = "", machines: str = "", prefix: str = ""
) -> Iterator[JupyterServer]:
    """A JupyterLab with a home of its own and the front end as it was built last.

    Its sessions end with it: a CLI would outlive the server, which is what it is for.
    """
    labextensions, config = home / "labextensions", home / "config"
    labextensions.mkdir()
    (labextensions / "codecast-jupyter").symlink_to(BUNDLE)
    (config / "labconfig").mkdir(parents=True)
    no_news = {"fetchNews": "false", "checkForUpdates": False}
    (config / "labconfig" / "default_setting_overrides.json").write_text(
        json.dumps({"@jupyterlab/apputils-extension:notification": no_news})
    )
    (config / "jupyter_lab_config.json").write_text(
        json.dumps({"LabApp": {"extra_labextensions_path": [str(labextensions)]}})
    )
    # Notebook 7 beside it, at /tree
    notebook = {"extra_labextensions_path": [str(labextensions)], "expose_app_in_browser": True}
    (config / "jupyter_notebook_config.json").write_text(
        json.dumps({"JupyterNotebookApp": notebook})
    )
    (home / "ssh_config").write_text(ssh_config)
    env = {"HOME": str(home), "CODECAST_ROOT": str(home / "codecast")}
    with JupyterServer(
        home, ssh_config=home / "ssh_config", machines=machines, env=env, lab=True, prefix=prefix
    ) as server:
        try:
            yield server
        finally:
            for session in call(server, "sessions"):
                call(server, f"sessions/{session['id']}", "DELETE")


def call(server: JupyterServer, path: str, method: str = "GET") -> Any:
    """The API's answer, from outside the browser."""
    request = urllib.request.Request(
        f"{server.url}/api/codecast/v1/{path}",
        method=method,
        headers={"Authorization": f"token {server.token}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


@contextmanager
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        program = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@contextmanager
def window(
    browser: Browser, lab: JupyterServer, problems: list[str], before: str = ""
) -> Iterator[Page]:
    """A fresh page of Lab with the panel open; what is in `problems` at its end fails.

    These are errors of the page that nobody caught. `before` is a script that runs before its own.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(before)
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(f"{error}\n{error.stack}"))
    open_lab(page, lab)
    yield page
    context.close()
    assert not problems, "\n".join(problems)


def open_lab(page: Page, lab: JupyterServer, reset: bool = True) -> None:
    """Load Lab, in a new workspace or as it was left, and open the panel."""
    page.set_default_timeout(PATIENCE)
    query = {**({"reset": ""} if reset else {}), "token": lab.token}
    page.goto(f"{lab.url}/lab?{urllib.parse.urlencode(query)}")
    page.wait_for_selector(".jp-LabShell")
    if reset:
        page.locator('[data-id="codecast-panel"]').click()
    page.locator('.jp-Codecast-machines[data-loaded="true"]').wait_for(state="attached")


def start(page: Page, directory: Path, prompt: str = "", mode: str = "ask") -> Locator:
    """Start the demo CLI on `local` through the form; its view in the main area."""
    page.locator(".jp-Codecast-new").click()
    form = page.locator("form.jp-Codecast-start")
    form.locator('select[name="cli"] option[value="demo"]').wait_for(state="attached")
    form.locator('select[name="cli"]').select_option("demo")
    form.locator('select[name="mode"]').select_option(mode)
    form.locator('input[name="cwd"]').fill(str(directory))
    form.locator('textarea[name="prompt"]').fill(prompt)
    form.locator('button[type="submit"]').click()
    form.wait_for(state="detached")
    return page.locator(".jp-Codecast-session:visible")


def open_session(page: Page, talk: Talk) -> Locator:
    """Its view in the main area, with all that was said."""
    run(page, "codecast:open-session", id=talk.id)
    view = page.locator(".jp-Codecast-session:visible")
    expect(view.locator('.jp-Codecast-view[data-loaded="true"]')).to_be_visible()
    return view


def wait_for_layout(page: Page, words: str) -> None:
    """Until Lab has saved what is open, which it does at its leisure."""
    base = "jupyterapp.serviceManager.serverSettings.baseUrl"
    ask = f"() => fetch({base} + 'lab/api/workspaces/default').then(a => a.text())"
    until(lambda: words in page.evaluate(ask), "the layout is saved", every=0.2)


def on_screen(page: Page) -> str:
    """What the terminal in front shows; it is drawn as a picture."""
    text: str = page.evaluate(
        """() => {
          const buffer = window.jupyterapp.shell.currentWidget?.content?._term?.buffer.active;
          const lines = Array.from({length: buffer?.length ?? 0}, (_, at) => buffer.getLine(at));
          return lines.map(line => line.translateToString(true)).join('\\n');
        }"""
    )
    return text


def run(page: Page, command: str, **arguments: object) -> None:
    """A command of Lab, as the palette would run it; it may wait for the person."""
    page.evaluate(
        "([command, args]) => void window.jupyterapp.commands.execute(command, args)",
        [command, arguments],
    )


def serious(page: Page, where: str) -> list[str]:
    """What axe finds serious or worse below a selector."""
    page.add_script_tag(path=AXE)
    found: list[dict[str, Any]] = page.evaluate(
        "where => axe.run(where, {resultTypes: ['violations']})"
        ".then(result => result.violations.map(({id, impact, nodes}) => ({id, impact,"
        " nodes: nodes.map(node => node.html.slice(0, 200) + ' ' + node.failureSummary)})))",
        where,
    )
    return [str(one) for one in found if one["impact"] in ("serious", "critical")]


def composer(view: Locator) -> Locator:
    """Where prompts are written."""
    return view.get_by_label("Prompt", exact=True)


def said(view: Locator) -> Locator:
    """The last words of the agent."""
    return view.locator(".jp-Codecast-message").last


def idle(view: Locator) -> None:
    """Nothing runs any more."""
    expect(view.locator(".jp-Codecast-status")).to_have_text("idle")


def script(*lines: str) -> str:
    """A prompt that tells the scripted model what to do."""
    return "\n".join(lines)


def send(view: Locator, words: str) -> None:
    """Write a prompt and press Enter."""
    field = composer(view)
    field.fill(words)
    field.press("Enter")
    expect(field).to_have_value("")
