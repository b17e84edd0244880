"""A long session in Lab, in Chromium: how soon it is there, and what a frame costs.

The session has messages, thoughts, commands with output, and edits. Opening is measured from the
command to the frame after the first words are drawn, in a page that has Lab already. The cost of a
frame is the CPU time of the page's main thread in 16.7 ms, from Chromium's own trace, so that
neighbours on the computer do not count; beside it stands how far apart frames were drawn, which
they do disturb.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser.driving import BUNDLE, call, chromium, open_lab, running_lab
from tests.fixtures.live import Api, Talk

from .figures import Result, median, percentile
from .settings import Settings

TALKER = Path(__file__).with_name("talker.py")
TURN = 5000  # events of one turn of the history
RATE = 500  # events/s of the stream
FRAME = 1000 / 60  # ms
OPEN_MARK = 1000.0  # ms
FRAME_MARK = 16.0  # ms of the main thread in a frame, p95
BUNDLE_MARK = 150.0  # kB
PATIENCE = 300.0  # seconds for the history to be said and stored

OPEN = """async id => {
  const begin = performance.now();
  window.jupyterapp.commands.execute('codecast:open-session', {id});
  const view = '.jp-Codecast-session .jp-Codecast-view[data-loaded="true"]';
  const words = view + ' .jp-Codecast-message .jp-RenderedMarkdown :is(p, pre)';
  while (!document.querySelector(words)) {
    await new Promise(requestAnimationFrame);
  }
  await new Promise(requestAnimationFrame);
  return performance.now() - begin;
}"""
FRAMES = """() => {
  window.frames_ = [];
  let last = 0;
  const tick = now => {
    if (last) window.frames_.push(now - last);
    last = now;
    if (window.frames_) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""
TAKE = "() => { const frames = window.frames_; window.frames_ = null; return frames; }"
SCROLL = """async seconds => {
  const node = document.querySelector('.jp-Codecast-session .jp-Codecast-transcript');
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    node.scrollTop -= 60;  // 3600 pixels a second
    await new Promise(requestAnimationFrame);
  }
}"""


async def measure(settings: Settings, directory: Path) -> Result:
    return await asyncio.to_thread(_measure, settings, directory)


def _measure(settings: Settings, directory: Path) -> Result:
    result = Result()
    count = {"whole": 100_000, "quick": 100_000, "tiny": 2000}[settings.size]
    agents = json.dumps({"agents": {"talker": {"command": [sys.executable, str(TALKER)]}}})
    home, work = directory / "lab", directory / "work"
    home.mkdir()
    work.mkdir()
    with running_lab(home, machines=agents) as lab, chromium() as browser:
        talk = Api(lab, "bench").start("local", work, "talker")
        _say(talk, count)
        opened = [_open(browser, lab, talk, trial, result) for trial in range(settings.rounds)]
        what = f"open a session of {count:,} events, first paint"
        result.add(what, median(opened), "ms", mark=OPEN_MARK)
        page = _page(browser, lab)
        page.evaluate(OPEN, talk.id)
        page.wait_for_timeout(1000)
        seconds = max(2.0, settings.span / 2)
        quiet = _frames(browser, page, lambda: page.wait_for_timeout(1000 * seconds))
        scrolled = _frames(browser, page, lambda: page.evaluate(SCROLL, seconds))
        _add(result, "scrolling back at 3,600 px/s", scrolled, quiet)
        page.locator(".jp-Codecast-toEnd").click()
        events = int(RATE * seconds)
        talk.prompt(f"stream {RATE} {events}")
        page.locator(".jp-Codecast-working").wait_for()
        streamed = _frames(browser, page, lambda: page.wait_for_timeout(900 * seconds))
        _add(result, f"a stream of {RATE} events/s", streamed, quiet)
        talk.wait_status("idle")
        page.context.close()
        call(lab, f"sessions/{talk.id}", "DELETE")
    eager, lazy = bundle()
    result.add("bundle without lazy chunks", eager / 1000, "kB", mark=BUNDLE_MARK)
    result.add("lazy chunks", lazy / 1000, "kB")
    return result


def _say(talk: Talk, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while (last := talk.show()["last_seq"]) < count:
        assert time.monotonic() < deadline, f"{last} events were said in time"
        talk.ask(f"history {min(TURN, count - last)}")


def _page(browser: Browser, lab: Any) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    open_lab(page, lab)
    page.wait_for_timeout(1500)  # Lab's own start, and the view's chunk, which comes when idle
    return page


def _open(browser: Browser, lab: Any, talk: Talk, trial: int, result: Result) -> float:
    page = _page(browser, lab)
    took = float(page.evaluate(OPEN, talk.id))
    if trial == 0:
        drawn = page.locator(".jp-Codecast-entry").count()
        result.words.append(f"Of the long session {drawn} rows were in the page.")
    page.context.close()
    return took


Frames = tuple[list[float], list[float]]  # ms of work, and ms between two


def _frames(browser: Browser, page: Page, act: Callable[[], Any]) -> Frames:
    browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
    page.evaluate(FRAMES)
    act()
    intervals: list[float] = page.evaluate(TAKE)
    return _work(json.loads(browser.stop_tracing())["traceEvents"]), intervals


def _work(events: list[dict[str, Any]]) -> list[float]:
    """CPU time of the page's main thread in each frame, in ms."""
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks: dict[tuple[int, int], list[dict[str, Any]]] = {main: [] for main in mains}
    for event in events:
        where = (event["pid"], event["tid"])
        if event["ph"] == "X" and event["name"].endswith("RunTask") and where in mains:
            tasks[where].append(event)
    busiest = max(tasks.values(), key=lambda own: sum(task.get("tdur", 0) for task in own))
    begin = min(task["ts"] for task in busiest)
    last = max(task["ts"] for task in busiest)
    frames = [0.0] * (int((last - begin) / 1000 / FRAME) + 1)
    for task in busiest:
        frames[int((task["ts"] - begin) / 1000 / FRAME)] += task.get("tdur", 0) / 1000
    return frames


def _add(result: Result, what: str, found: Frames, quiet: Frames) -> None:
    work, intervals = found
    result.add(f"{what}: work a frame, p95", percentile(work, 0.95), "ms", mark=FRAME_MARK)
    others = {"the same page at rest": percentile(quiet[1], 0.95)}
    result.add(f"{what}: between frames, p95", percentile(intervals, 0.95), "ms", others=others)


def bundle() -> tuple[int, int]:
    """Bytes of the built front end: what every page loads, and what is loaded when it is used.

    The builder makes a chunk of its own of every package that Lab could share; one that no Lab
    brings and only a lazy chunk uses is lazy too.
    """
    chunks = {path: path.stat().st_size for path in (BUNDLE / "static").glob("*.js")}
    lazy = [
        size
        for path, size in chunks.items()
        if path.name.startswith("lazy-") or "MergeView:()=>" in path.read_text()
    ]
    return sum(chunks.values()) - sum(lazy), sum(lazy)
