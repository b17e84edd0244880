"""Markdown as the cards of Lark read it.

Theirs is close to the usual, but what looks like a tag is one (`<at id=all>` calls everybody),
backslashes mean nothing, pictures must be theirs and tables are few. So it is written anew from
the parse tree: every mark in words becomes a numeric reference, the rest keeps its form.
"""

from __future__ import annotations

import re

from markdown_it.tree import SyntaxTreeNode

from ..markdown import aligned, cells, clean, parse, plain

MOST_TABLES = 4  # of a card; more make the platform drop it silently
FENCES = 14  # bytes of an opening and a closing one with their line ends
_MARKS = re.compile(r"[*_~`<>\[\]\\$|]|&(?=#|\w+;)|:(?=[A-Za-z_]+:)|!(?=\[|$)")
_LINE_MARKS = re.compile(r"^(\s*)([#+\-=|]|\d+(?=[.)]))")
_HEAVY = frozenset('*_~`<>[]\\$&:#+-=|"\n')


def size(source: str) -> int:
    """At least the bytes that `lark` of it takes in a card; grows with the source."""
    total = len(_bytes(source)) + sum(5 * source.count(char) for char in _HEAVY)
    total += 3 * source.count("\t")
    for line in source.split("\n") if "|" in source else ():
        if line.lstrip().startswith("|"):  # room to align its columns
            total += 2 * len(_bytes(line))
    indented = False
    for line in source.split("\n") if "    " in source or "\t" in source else ():
        before, indented = indented, "    " in line or "\t" in line
        total += FENCES if indented and not before else 0  # code, which gets a fence
    return total


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def lark(source: str) -> str:
    return _Lark().blocks(parse(clean(source)).children).strip("\n")


def summary(source: str, most: int = 80) -> str:
    """What lists of chats and notifications show: its first words."""
    words = " ".join(
        part
        for node in parse(clean(source[:1000])).children
        for part in (node.content if node.type == "fence" else plain(node)).split()
    )
    return words[: most - 1] + "…" if len(words) > most else words


class _Lark:
    def __init__(self) -> None:
        self.tables = 0

    def blocks(self, nodes: list[SyntaxTreeNode], dense: bool = False) -> str:
        parts: list[str] = []
        before: SyntaxTreeNode | None = None
        for node in nodes:
            if before is not None:
                close = before.map and node.map and node.map[0] <= before.map[1]
                tight = close and node.type == before.type == "paragraph"
                parts.append("\n" if tight or dense else "\n\n")
            parts.append(self.block(node))
            before = node
        return "".join(parts)

    def block(self, node: SyntaxTreeNode) -> str:
        kind = node.type
        if kind == "paragraph":
            return self.lines(self.inline(node.children))
        if kind == "heading":
            return f"{'#' * int(node.tag[1:])} {self.inline(node.children)}"
        if kind in ("fence", "code_block"):
            return fenced(node.content, node.info if kind == "fence" else "")
        if kind in ("bullet_list", "ordered_list"):
            return self.items(node)
        if kind == "blockquote":
            return "\n".join(f"> {line}" for line in self.blocks(node.children).split("\n"))
        if kind == "table":
            return self.table(node)
        return "---" if kind == "hr" else self.lines(escaped(plain(node)))

    def lines(self, text: str) -> str:
        """No line of words begins like something else."""
        return "\n".join(
            _LINE_MARKS.sub(lambda m: m[1] + _reference(m[2][0]) + m[2][1:], line)
            for line in text.split("\n")
        )

    def items(self, node: SyntaxTreeNode) -> str:
        number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
        found = []
        for item in node.children:
            mark = "- " if number is None else f"{number}. "
            number = None if number is None else number + 1
            first, *rest = self.blocks(item.children, dense=True).split("\n")
            indent = " " * (4 if number is not None else 2)
            found += [mark + first, *(indent + line for line in rest)]
        return "\n".join(found)

    def table(self, node: SyntaxTreeNode) -> str:
        rows = cells(node)
        self.tables += 1
        if self.tables > MOST_TABLES:
            lines = [line.replace("─", "-") for line in aligned(rows)]
            most = sum(2 * len(_bytes(cell)) + 2 for row in rows for cell in row)
            if sum(len(_bytes(line)) + 1 for line in lines) > most:
                lines = [" | ".join(row) for row in rows]
            return fenced("\n".join(lines), "")
        found = [row for part in node.children for row in part.children]
        shown = [
            [
                self.inline(cell.children).replace("|", "\\|").replace("\n", " ")
                for cell in r.children
            ]
            for r in found
        ]
        ruler = ["---"] * len(rows[0])
        return "\n".join(f"| {' | '.join(row)} |" for row in [shown[0], ruler, *shown[1:]])

    def inline(self, nodes: list[SyntaxTreeNode]) -> str:
        return "".join(map(self.piece, nodes))

    def piece(self, node: SyntaxTreeNode) -> str:
        kind = node.type
        if kind == "text":
            return escaped(node.content)
        if kind == "code_inline":
            mark = "`" * (max(map(len, re.findall("`+", node.content)), default=0) + 1)
            room = " " if "`" in node.content else ""
            return f"{mark}{room}{node.content}{room}{mark}"
        if kind in ("softbreak", "hardbreak"):
            return "\n"
        inner = self.inline(node.children)
        if kind in _AROUND and inner.strip():
            return f"{_AROUND[kind]}{inner}{_AROUND[kind]}"
        if kind in ("link", "image"):
            address = str(node.attrs.get("href") or node.attrs.get("src") or "")
            words = escaped(plain(node)) if kind == "image" else inner
            if re.fullmatch(r"https?://[^\s()<>]+", address):
                return f"[{words or escaped(address)}]({address})"
            return f"{words} ({escaped(address)})" if words else escaped(address)
        return inner


_AROUND = {"strong": "**", "em": "*", "s": "~~"}


def fenced(content: str, info: str) -> str:
    """A block of code whose fence nothing in it can close."""
    longest = max(map(len, re.findall("`{3,}", content)), default=2)
    language = re.match(r"[\w+#-]{0,20}", info)
    return f"{'`' * (longest + 1)}{language[0] if language else ''}\n{content.rstrip()}\n" + "`" * (
        longest + 1
    )


def escaped(text: str) -> str:
    return _MARKS.sub(lambda m: _reference(m[0]), text)


def _reference(char: str) -> str:
    return f"&#{ord(char)};"
