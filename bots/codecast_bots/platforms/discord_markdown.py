"""Markdown as Discord reads it.

Theirs is close to the usual, so the source stays as it is, line by line, but for what they read
otherwise: deep headings, tables, fences of tildes or inside lists, `__bold__` (underlined there),
`||` (a spoiler), pictures, rules, and a Python prompt that would quote all that follows.
"""

from __future__ import annotations

import html
import re

from ..markdown import aligned, cells, clean, parse, utf16

_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})[ \t]*([^`]*)$")
_RULER = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_CODE = re.compile(r"((?<!`)(`+)(?!`).+?(?<!`)\2(?!`))")
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|lt|gt|amp|quot|apos|nbsp);")
BREAK = "\u200b"  # no width: what stands around it is not one mark
MARKS = re.compile(r"([\\*_~`|>#\[\]()<:@-])")


def size(source: str) -> int:
    """At least what Discord counts of `discord` of it; grows with the source."""
    total = utf16(source) + 3 * source.count("\t")
    total += 2 * source.count("||") + 5 * source.count("```") + 3 * source.count(">>>")
    for line in source.split("\n") if "|" in source else ():
        if line.lstrip().startswith("|"):  # room to align its columns, and for a fence
            total += utf16(line) + 6
    # a fence that begins later than at its line's first place gets one of our own
    return total + 8 * source.count("~~~")


def escaped(text: str) -> str:
    """What is shown as it is."""
    return MARKS.sub(r"\\\1", clean(text)).strip()


def discord(source: str) -> str:
    """Trimmed, as Discord would."""
    lines = clean(source).split("\n")
    found: list[str] = []
    fence, indent = "", 0
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        mark = _FENCE.match(line)
        if fence:
            if mark and not mark[3].strip() and mark[2].startswith(fence):
                fence = ""
                found.append("```")
                continue
            inner = line[min(indent, len(line) - len(line.lstrip())) :]
            found.append(inner.replace("```", f"``{BREAK}`"))
        elif mark:
            fence, indent = mark[2], len(mark[1])
            words = mark[3].split()
            found.append("```" + (re.sub(r"[^\w+#.-]", "", words[0])[:30] if words else ""))
        elif _begins_table(lines, number - 1):
            end = number + 1
            while end < len(lines) and lines[end].lstrip().startswith("|"):
                end += 1
            found.append(_table(lines[number - 1 : end]))
            number = end
        else:
            found.append(_line(line))
    if fence:
        found.append("```")
    return "\n".join(found).strip()


def _begins_table(lines: list[str], at: int) -> bool:
    if not lines[at].lstrip().startswith("|") or at + 1 >= len(lines):
        return False
    return bool(_RULER.match(lines[at + 1])) and "|" in lines[at + 1]


def _table(lines: list[str]) -> str:
    source = "\n".join(line.strip() for line in lines)
    tree = parse(source)
    body = source
    if tree.children and tree.children[0].type == "table":
        rows = aligned(cells(tree.children[0]))
        if sum(utf16(row) + 1 for row in rows) <= 2 * utf16(source):
            body = "\n".join(rows)
    return "```\n" + body.replace("```", f"``{BREAK}`") + "\n```"


def _line(line: str) -> str:
    heading = re.match(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*$", line)
    if heading and len(heading[1]) > 3:
        words = _words(heading[2]).replace("**", "")
        return f"**{words}**" if words else ""
    if re.match(r"^ {0,3}([-*_])[ \t]*(\1[ \t]*){2,}$", line):
        return "———"
    line = re.sub(r"^(\s*)>>>", r"\1\\>\\>\\>", line)
    return _words(line)


def _words(line: str) -> str:
    """Outside of code."""
    parts: list[str] = []
    at = 0
    for code in _CODE.finditer(line):
        parts += [_plain(line[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*parts, _plain(line[at:])])


def _plain(text: str) -> str:
    text = _ENTITY.sub(lambda m: html.unescape(m[0]), text)
    text = re.sub(r"(?<![\\\w])__(?=\S)(.+?)(?<=\S)__(?!\w)", r"**\1**", text)
    text = re.sub(r"!(?=\[[^\]]*\]\()", "", text)
    return text.replace("||", "\\|\\|")
