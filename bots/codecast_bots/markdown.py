"""Markdown to what platforms show, from one parse tree.

`parse` gives markdown-it's tree; raw HTML in it is text, so nothing that looks like a tag is
lost. `telegram` makes text and entities: a message without markup in its text cannot be refused
for it. The result is never longer than `telegram_size` says of the source.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

MOST_ENTITIES = 100  # Telegram ignores what is beyond
TAB = "    "  # Telegram makes one blank of a tab
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\u2028-\u202e]")


@functools.cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def parse(source: str) -> SyntaxTreeNode:
    """The tree of blocks; `node.map` are the source's lines `[first, behind)`."""
    return SyntaxTreeNode(_parser().parse(source))


def utf16(text: str) -> int:
    """Length in UTF-16 units, in which Telegram counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def clean(text: str) -> str:
    """Without what a platform would change silently: tabs, controls, reordering marks."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\t", TAB))


class Entity(NamedTuple):
    """Telegram's: `offset` and `length` in UTF-16 units; `more` is a url or a language."""

    type: str
    offset: int
    length: int
    more: str = ""


class Rich(NamedTuple):
    text: str
    entities: tuple[Entity, ...]


def telegram_size(source: str) -> int:
    """At least what `telegram` makes of it, in UTF-16 units; grows with the source."""
    total = utf16(source) + 3 * source.count("\t")
    for line in source.split("\n") if "|" in source else ():
        if line.lstrip().startswith("|"):  # room to align its columns
            total += utf16(line)
    return total


def telegram(source: str) -> Rich:
    """Text and entities. Code holds no other entity, quotes no other quote."""
    maker = _Telegram()
    maker.blocks(parse(clean(source)).children, "")
    return maker.finish()


def aligned(rows: list[list[str]]) -> list[str]:
    """A table's rows as lines of equal columns for a fixed-width font."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=False)]
    lines = []
    for number, row in enumerate(rows):
        cells = zip(row, widths, strict=False)
        lines.append("  ".join(cell + " " * (w - _width(cell)) for cell, w in cells).rstrip())
        if number == 0:
            lines.append("  ".join("─" * width for width in widths))
    return lines


def cells(table: SyntaxTreeNode) -> list[list[str]]:
    """The plain words of a table node, heads first."""
    return [
        [plain(cell) for cell in row.children] for part in table.children for row in part.children
    ]


def plain(node: SyntaxTreeNode) -> str:
    """The words below a node, without marks."""
    if node.type in ("text", "code_inline"):
        return node.content
    if node.type in ("softbreak", "hardbreak"):
        return " "
    return "".join(plain(child) for child in node.children)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


_STYLES = {"strong": "bold", "em": "italic", "s": "strikethrough"}


class _Telegram:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.entities: list[Entity] = []
        self.open: list[list[str | int]] = []  # styles around what is written: type, offset, more
        self.quoted = False

    def write(self, text: str) -> None:
        self.parts.append(text)
        self.length += utf16(text)

    def begin(self, type: str, more: str = "") -> None:
        self.open.append([type, self.length, more])

    def end(self) -> None:
        type, offset, more = self.open.pop()
        if self.length > int(offset):
            entity = Entity(str(type), int(offset), self.length - int(offset), str(more))
            self.entities.append(entity)

    def code(self, type: str, text: str, more: str = "") -> None:
        """Code: what styles it stands in are interrupted, save a quote."""
        styles = [style for style in self.open if style[0] != "blockquote"]
        for style in styles:
            if self.length > int(style[1]):
                offset = int(style[1])
                length = self.length - offset
                self.entities.append(Entity(str(style[0]), offset, length, str(style[2])))
        begun = self.length
        self.write(text)
        if self.length > begun:
            self.entities.append(Entity(type, begun, self.length - begun, more))
        for style in styles:
            style[1] = self.length

    # blocks

    def blocks(self, nodes: list[SyntaxTreeNode], indent: str) -> None:
        before: SyntaxTreeNode | None = None
        for node in nodes:
            if before is not None:
                self.write("\n" * self._gap(before, node) + indent)
            self.block(node, indent)
            before = node

    def _gap(self, before: SyntaxTreeNode, node: SyntaxTreeNode) -> int:
        """As many line ends as the source has, at most an empty line."""
        if before.map is None or node.map is None:
            return 1
        last = before.map[1]
        if before.type in ("bullet_list", "ordered_list", "list_item", "blockquote"):
            last = _last_line(before)
        return max(1, min(2, node.map[0] - last + 1))

    def block(self, node: SyntaxTreeNode, indent: str) -> None:
        kind = node.type
        if kind == "paragraph":
            self.inline(node.children)
        elif kind == "heading":
            self.begin("bold")
            self.inline(node.children)
            self.end()
        elif kind in ("fence", "code_block"):
            language = node.info.split(" ")[0] if kind == "fence" else ""
            self.code("pre", node.content.rstrip("\n"), language[:60])
        elif kind in ("bullet_list", "ordered_list"):
            self.items(node, indent)
        elif kind == "blockquote":
            self.quote(node, indent)
        elif kind == "table":
            self.table(node)
        elif kind == "hr":
            self.write("———")
        else:
            self.write(plain(node))

    def items(self, node: SyntaxTreeNode, indent: str) -> None:
        number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else 0
        before: SyntaxTreeNode | None = None
        for item in node.children:
            if before is not None:
                self.write("\n" * self._gap(before, item) + indent)
            self.write(f"{number}. " if number or node.type == "ordered_list" else "• ")
            number += node.type == "ordered_list"
            self.blocks(item.children, indent + "  ")
            before = item

    def quote(self, node: SyntaxTreeNode, indent: str) -> None:
        if self.quoted:
            self.blocks(node.children, indent)
            return
        self.quoted = True
        self.begin("blockquote")
        self.blocks(node.children, indent)
        self.end()
        self.quoted = False

    def table(self, node: SyntaxTreeNode) -> None:
        rows = cells(node)
        lines = aligned(rows)
        most = sum(2 * sum(map(utf16, row)) + 2 * len(row) for row in rows)
        if sum(utf16(line) + 1 for line in lines) > most:  # one wide cell would widen every row
            lines = [" | ".join(row) for row in rows]
        self.code("pre", "\n".join(lines))

    # inside a block

    def inline(self, nodes: list[SyntaxTreeNode]) -> None:
        for node in nodes:
            kind = node.type
            if kind == "text":
                self.write(node.content)
            elif kind == "code_inline":
                self.code("code", node.content)
            elif kind in ("softbreak", "hardbreak"):
                self.write("\n")
            elif kind in _STYLES:
                if any(style[0] == _STYLES[kind] for style in self.open):
                    self.inline(node.children)
                else:
                    self.begin(_STYLES[kind])
                    self.inline(node.children)
                    self.end()
            elif kind == "link":
                self.link(node)
            elif kind == "image":
                words, address = plain(node), str(node.attrs.get("src", ""))
                self.write(f"{words} ({address})" if words else address)
            else:
                self.inline(node.children)

    def link(self, node: SyntaxTreeNode) -> None:
        address = str(node.attrs.get("href", ""))
        words = plain(node)
        if not address.startswith(("http://", "https://", "tg://")) or words == address:
            self.inline(node.children)
            if words != address:
                self.write(f" ({address})")
            return
        self.begin("text_link", address)
        self.inline(node.children)
        self.end()

    def finish(self) -> Rich:
        """Trimmed as the platform would, with the entities it would keep."""
        whole = "".join(self.parts)
        text = whole.strip()
        lead = utf16(whole) - utf16(whole.lstrip())
        size = utf16(text)
        found = []
        for entity in self.entities:
            begin = max(0, entity.offset - lead)
            length = min(size, entity.offset + entity.length - lead) - begin
            if length > 0:
                found.append(Entity(entity.type, begin, length, entity.more))
        # the outer before the inner; of too many the code stays
        if len(found) > MOST_ENTITIES:
            found.sort(key=lambda e: (e.type != "pre", e.type != "code", e.offset))
            del found[MOST_ENTITIES:]
        found.sort(key=lambda e: (e.offset, -e.length))
        return Rich(text, tuple(found))


def _last_line(node: SyntaxTreeNode) -> int:
    """Behind the last line with words in it: lists count the empty line after them as theirs."""
    if not node.children:
        return node.map[1] if node.map else 0
    last = node.children[-1]
    if last.type in ("bullet_list", "ordered_list", "list_item", "blockquote"):
        return _last_line(last)
    return last.map[1] if last.map else (node.map[1] if node.map else 0)
