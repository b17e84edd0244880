"""Markdown as models write it, half-finished too, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

PARTS = [
    "```python\n", "```", "```\n", "~~~\n", "````\n", "  ```\n", "``", "`", " ", "\n", "\n\n",
    "# Head\n", "## A longer heading\n", "| a | b |\n", "|---|---|\n", "| 1 | 22222222222 |\n",
    "word ", "a longer sentence with `code` in it. ", "longword" * 9, "**", "*", "_", "~~",
    "[link](http://x.y/z)", "[lin", "[q](javascript:x)", "![i](http://a/b.png)", "<http://a.b>",
    "é", "👨‍👩‍👧", "🇩🇪", "☃\u202e", "漢字", "\t", "- item\n", "1. one\n", "12) x\n", "   - sub\n",
    "> quote\n", ">> deeper\n", "***\n", "---\n", "===\n", "    code\n", "<b>x</b>", "&nbsp;",
    "List<String> x = foo<Bar>(y);\n", "<details>\n", "\\", "\\*", "  \n", "@everyone ",
]  # fmt: skip

documents = st.lists(st.sampled_from(PARTS), max_size=60).map("".join)
