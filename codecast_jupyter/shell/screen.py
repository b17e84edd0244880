"""The screen of `attach`: what is finished scrolls away above, what lives stays below.

Finished lines are written once, into the terminal's own scrollback. Below them the live
area is redrawn: the unfinished line of streamed text, notes (running tool calls, queued
prompts), the composer and a status line. Typing therefore never blocks output, nor output
typing. This knows nothing of sessions; `attach` feeds it.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
from collections.abc import Callable, Iterable

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples, to_formatted_text
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl
from prompt_toolkit.output.vt100 import Vt100_Output
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from codecast_jupyter.waiting import within

GATHER = 0.03  # seconds: output that comes together is drawn together
TICK = 0.5  # seconds between redraws while durations are shown
PARTIAL_ROWS = 4  # an unfinished line longer than this scrolls its head away


class Words(Completer):
    """Completes a slash command at the start of the line."""

    def __init__(self, words: Callable[[], Iterable[str]]) -> None:
        self._words = words

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        if text.startswith("/") and " " not in text:
            for word in self._words():
                if word.startswith(text):
                    yield Completion(word, -len(text))


class Screen:
    """A `commands.render.entries.Sink` with a composer.

    `on_line` gets what was typed and says whether it was taken; what was not stays in the
    composer. `label` is the composer's prompt, `notes` the lines above it, `status` the
    one below; they are asked at every drawing. Colours are the console's.
    """

    def __init__(
        self,
        console: Console,
        *,
        on_line: Callable[[str], bool],
        on_interrupt: Callable[[], None],
        label: Callable[[], str],
        notes: Callable[[int], list[tuple[str, str]]],
        status: Callable[[], tuple[str, str]],
        words: Callable[[], Iterable[str]],
        ticking: Callable[[], bool],
    ) -> None:
        self._console = console
        self._color = console.color_system
        self._finished = ""  # to be written above the live area
        self._partial = ""  # the unfinished line of streamed text
        self._style = ""
        self._wake = asyncio.Event()
        self._on_line = on_line
        self._ticking = ticking
        self.composer = Buffer(
            multiline=True,
            history=InMemoryHistory(),
            completer=Words(words),
            accept_handler=None,
        )
        self.application: Application[None] = Application(
            layout=self._layout(label, notes, status),
            key_bindings=self._keys(on_interrupt),
            output=Vt100_Output(sys.stdout, _terminal_size, enable_cpr=False, enable_bell=False),
            full_screen=False,
            mouse_support=False,
            erase_when_done=True,
        )

    # what is shown

    def words(self, text: str, style: str) -> None:
        self._style = style
        *lines, rest = (self._partial + text).split("\n")
        for line in lines:
            self._finished += self._ansi(Text(line, style), soft_wrap=True)
        self._partial = rest
        width = max(self.width, 10)
        if cell_len(self._partial) > PARTIAL_ROWS * width:
            head, self._partial = _split_cells(self._partial, (PARTIAL_ROWS - 1) * width)
            # exactly full rows: the line end falls into the terminal's own wrap
            self._finished += self._ansi(Text(head, style), soft_wrap=True)
        self._wake.set()

    def end_words(self) -> None:
        if self._partial:
            self._finished += self._ansi(Text(self._partial, self._style), soft_wrap=True)
            self._partial = ""
        self._wake.set()

    def block(self, what: RenderableType) -> None:
        self._finished += self._ansi(what)
        self._wake.set()

    def changed(self) -> None:
        """What the notes, label or status say is different now."""
        self._wake.set()

    @property
    def width(self) -> int:
        return _terminal_size().columns

    def _ansi(self, what: RenderableType, soft_wrap: bool = False) -> str:
        out = io.StringIO()
        console = Console(
            file=out,
            force_terminal=True,
            color_system=self._color,  # type: ignore[arg-type]
            no_color=self._console.no_color,
            width=max(self.width, 10),
            highlight=False,
            markup=False,
            emoji=False,
        )
        console.print(what, soft_wrap=soft_wrap)
        return out.getvalue()

    # life

    async def run(self) -> None:
        """Until `close`; at the end all of it is on the terminal and the live area is gone."""
        drawing = asyncio.create_task(self._draw())
        try:
            await self.application.run_async(handle_sigint=True)
        finally:
            drawing.cancel()
            self.end_words()
            self._write()

    def close(self) -> None:
        if self.application.is_running:
            self.application.exit()

    async def _draw(self) -> None:
        while True:
            try:
                await within(self._wake.wait(), TICK if self._ticking() else None)
            except asyncio.TimeoutError:
                self.application.invalidate()
                continue
            await asyncio.sleep(GATHER)
            self._wake.clear()
            if self._finished and self.application.is_running:
                self.application.renderer.erase()
                self._write()
            self.application.invalidate()

    def _write(self) -> None:
        text, self._finished = self._finished, ""
        sys.stdout.write(text.replace("\n", "\r\n"))
        sys.stdout.flush()

    # parts

    def _layout(
        self,
        label: Callable[[], str],
        notes: Callable[[int], list[tuple[str, str]]],
        status: Callable[[], tuple[str, str]],
    ) -> Layout:
        def partial() -> StyleAndTextTuples:
            styled = self._ansi(Text(self._partial, self._style), soft_wrap=True)
            return to_formatted_text(ANSI(styled.rstrip("\n")))

        def noted() -> StyleAndTextTuples:
            found: StyleAndTextTuples = []
            for style, text in notes(self.width):
                found.append((style, ("\n" if found else "") + text))
            return found

        def prefix(line: int, wrapped: int) -> StyleAndTextTuples:
            if line == 0 and wrapped == 0:
                return [("bold ansicyan", label())]
            return [("", "  ")]

        return Layout(
            HSplit(
                [
                    ConditionalContainer(
                        Window(
                            FormattedTextControl(partial), wrap_lines=True, dont_extend_height=True
                        ),
                        Condition(lambda: bool(self._partial)),
                    ),
                    ConditionalContainer(
                        Window(FormattedTextControl(noted), dont_extend_height=True),
                        Condition(lambda: bool(notes(self.width))),
                    ),
                    Window(
                        BufferControl(self.composer),
                        wrap_lines=True,
                        dont_extend_height=True,
                        get_line_prefix=prefix,
                    ),
                    Window(
                        FormattedTextControl(lambda: [status()]), height=1, dont_extend_height=True
                    ),
                ]
            )
        )

    def _keys(self, on_interrupt: Callable[[], None]) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _enter(event: KeyPressEvent) -> None:
            text = self.composer.text
            if not text.strip():
                self.composer.reset()
            elif self._on_line(text):
                self.composer.append_to_history()
                self.composer.reset()
            self.changed()

        @keys.add("escape", "enter")
        def _newline(event: KeyPressEvent) -> None:
            self.composer.insert_text("\n")

        @keys.add("tab")
        def _tab(event: KeyPressEvent) -> None:
            if self.composer.complete_state:
                self.composer.complete_next()
            else:
                self.composer.start_completion(insert_common_part=True)

        @keys.add("c-c")
        @keys.add("<sigint>")
        def _interrupt(event: KeyPressEvent) -> None:
            on_interrupt()
            self.changed()

        @keys.add("c-d")
        def _detach(event: KeyPressEvent) -> None:
            if self.composer.text:
                self.composer.delete()
            else:
                self.close()

        @keys.add("c-l")
        def _clear(event: KeyPressEvent) -> None:
            event.app.renderer.clear()

        return keys


def _terminal_size() -> Size:
    columns, rows = shutil.get_terminal_size()
    return Size(rows=rows or 24, columns=columns or 80)


def _split_cells(text: str, cells: int) -> tuple[str, str]:
    """The head that fits into `cells`, and the rest."""
    used = 0
    for index, char in enumerate(text):
        used += cell_len(char)
        if used > cells:
            return text[:index], text[index:]
    return text, ""
