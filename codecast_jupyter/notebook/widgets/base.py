"""What the widgets share: the page's code, the snapshot, and the kernel as the second way."""

from __future__ import annotations

import asyncio
import re
import threading
import uuid
from abc import ABCMeta, abstractmethod
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from codecast_agent.protocol.errors import CodecastError

from .. import connection

STATIC = Path(__file__).parent / "static"
EVERY = 1.0  # seconds between two snapshots at most
AT_ONCE = 0.1  # seconds in which frames for a page are gathered
# What a page may have the kernel do: what its buttons do, and nothing else of the API.
ALLOWED = re.compile(r"/sessions/([^/]+)/(prompts|interrupt|requests/[^/]+/answer)")


def page_code(name: str) -> str:
    """The module of a widget: widgets have one file each, so ours are put together."""
    files = ("page.js", "view.js", "transcript.js", "request.js", "live.js", f"{name}.js")
    return _joined(*files)


def _joined(*files: str) -> str:
    return "\n".join((STATIC / file).read_text("utf-8") for file in files)


class _Abstract(ABCMeta, traitlets.MetaHasTraits):
    """Widgets have a metaclass of their own."""


class Shown(anywidget.AnyWidget, metaclass=_Abstract):  # type: ignore[misc, unused-ignore]
    """`snapshot` is Markdown: what a saved notebook shows, in an output of its own that the
    living widget hides. `frames` are those of the API's WebSocket.
    """

    _css = _joined("style.css", "request.css", "fleet.css")

    view_id = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    snapshot = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(view_id=uuid.uuid4().hex, **traits)
        self._lock = threading.Lock()
        self._shown = False
        self._closed = False
        self._pending: list[dict[str, Any]] = []  # frames for pages that asked the kernel
        self._fed = False  # such a page is there
        self._tasks: list[Future[Any]] = []
        self.on_msg(self._heard)
        self._run(self._keep())

    # -- for subclasses

    @abstractmethod
    def describe(self) -> str:
        """The snapshot's Markdown now; empty where nothing has changed."""

    @abstractmethod
    def known(self) -> list[dict[str, Any]]:
        """Frames for a page that comes now."""

    @abstractmethod
    def owns(self, session: str) -> bool:
        """Whether it shows this session."""

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        self._tasks.append(connection.submit(work))

    def feed(self, frame: dict[str, Any]) -> None:
        """A frame came; pages that ask the kernel get it soon."""
        if self._fed:
            with self._lock:
                self._pending.append(frame)

    # -- the page

    def _heard(self, _: Any, message: dict[str, Any], buffers: Any) -> None:
        kind = message.get("type")
        if kind == "follow":
            with self._lock:
                self._fed = True
                self._pending = self.known()
            self._flush()
        elif kind == "call":
            self._run(self._call(message))

    async def _call(self, message: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"type": "answer", "id": message.get("id")}
        path = str(message.get("path"))
        found = ALLOWED.fullmatch(path)
        try:
            if found is None or message.get("verb") != "POST" or not self.owns(found[1]):
                raise CodecastError("forbidden", "A widget only answers, prompts and interrupts.")
            aio = connection.client().aio
            answer["value"] = await aio._call("POST", path, message.get("body"))
        except CodecastError as error:
            answer["error"] = error.to_json()
        self.send(answer)

    async def _keep(self) -> None:
        """Frames often, snapshots seldom."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._closed:
            self._flush()
            if loop.time() >= due:
                self.renew()
                due = loop.time() + EVERY
            await asyncio.sleep(AT_ONCE)

    def _flush(self) -> None:
        with self._lock:
            frames, self._pending = self._pending, []
        if frames:
            self.send({"type": "frames", "frames": frames})

    # -- the notebook

    def renew(self) -> None:
        """Bring the snapshot up to date."""
        text = self.describe()
        if text and text != self.snapshot:
            self.snapshot = text
            if self._shown:
                _update(wrapped(self.view_id, text), f"{self.view_id}-snapshot")

    def _ipython_display_(self) -> None:
        self.show()

    def show(self) -> None:
        """Display the widget, and below it the snapshot that it hides."""
        from IPython.display import display

        self.renew()
        self._shown = True
        found: Any = self._repr_mimebundle_()
        bundle, metadata = found if isinstance(found, tuple) else (found, {})
        # an untrusted notebook shows these words in the widget's place: the snapshot says more
        bundle = {**bundle, "text/plain": ""}
        display(bundle, metadata=metadata, raw=True, display_id=f"{self.view_id}-live")  # type: ignore[no-untyped-call]
        display(  # type: ignore[no-untyped-call]
            wrapped(self.view_id, self.snapshot), raw=True, display_id=f"{self.view_id}-snapshot"
        )

    def settle(self, final: Any) -> None:
        """Put what stays (anything with Markdown) in the place of the widget, and end it."""
        if self._shown:
            nothing = {"text/html": "<span hidden></span>", "text/plain": ""}
            _update(nothing, f"{self.view_id}-snapshot")
            _update(_bundle(final), f"{self.view_id}-live")
        self.close()

    def close(self) -> None:
        self._closed = True
        for task in self._tasks:
            task.cancel()
        super().close()


def wrapped(view: str, text: str) -> dict[str, str]:
    """A snapshot as an output. Where the widget cannot be shown its place is left out, and
    where it lives it hides this output, by the mark with its `view` id.
    """
    # Lab writes words about a missing model into the widget's place: they are no element
    missing = (
        ".jp-OutputArea-child:has(+ .jp-OutputArea-child [data-codecast-snapshot])"
        " > .jp-OutputArea-output:not(:has(*)) { display: none; }"
    )
    head = f'<div data-codecast-snapshot="{view}"><style>{missing}</style></div>'
    return {"text/markdown": f"{head}\n\n{text}\n", "text/plain": text}


def _bundle(value: Any) -> dict[str, str]:
    return {"text/markdown": value._repr_markdown_(), "text/plain": repr(value)}


def _update(bundle: dict[str, str], display_id: str) -> None:
    from IPython.display import update_display

    update_display(bundle, raw=True, display_id=display_id)  # type: ignore[no-untyped-call]
