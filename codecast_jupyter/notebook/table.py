"""A list that a notebook shows as a table, a terminal as columns and pandas as a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from codecast_jupyter.commands.render.markdown import esc
from codecast_jupyter.commands.render.markdown import table as markdown_table
from codecast_jupyter.commands.words import one_line

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")
WIDTH = 60  # characters of a cell in a terminal


class Table(list[T]):
    """`row` gives an item's cells by column; `empty` is what is said where there is none."""

    def __init__(
        self,
        items: Iterable[T],
        row: Callable[[T], Mapping[str, Any]],
        empty: str = "Nothing.",
        data: Callable[[T], Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(items)
        self._row = row
        self._data = data or row
        self._empty = empty

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        rows = [self._row(item) for item in self]
        columns = list(dict.fromkeys(key for row in rows for key in row))
        return columns, [[_text(row.get(column)) for column in columns] for row in rows]

    def _repr_markdown_(self) -> str:
        if not self:
            return esc(self._empty)
        columns, rows = self._cells()
        return markdown_table(columns, [[esc(cell) for cell in row] for row in rows])

    def __repr__(self) -> str:
        if not self:
            return self._empty
        columns, rows = self._cells()
        lines = [columns, *[[one_line(cell, WIDTH) for cell in row] for row in rows]]
        widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def to_frame(self) -> pandas.DataFrame:
        """All fields of all items. Raises CodecastError without pandas."""
        from .frames import frame

        return frame([dict(self._data(item)) for item in self])


def _text(value: Any) -> str:
    return "" if value is None else one_line(value)
