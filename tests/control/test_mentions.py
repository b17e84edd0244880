"""A file that an agent names is recognised, however it writes it; prose names none."""

from __future__ import annotations

import json
import sqlite3

import pytest

from codecast_jupyter.control import mentions
from codecast_jupyter.control.schema import prepare


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I wrote `results.csv` for you.", "results.csv"),
        ("see ./a/b.txt.", "./a/b.txt"),
        ("The plot is at out/plot.png, the data beside it", "out/plot.png"),
        ("`my report (final).pdf`", "my report (final).pdf"),
        ('saved as "two words.txt"!', "two words.txt"),
        ("in src/train.py:42 there", "src/train.py"),
        ("[the log](logs/run 1.log)", "logs/run 1.log"),
        ("`/abs/path/x`", "/abs/path/x"),
        ("~/notes.md?", "~/notes.md"),
        ("**bold/file.txt**", "bold/file.txt"),
        ("`Makefile`", "Makefile"),
        ("it's (see it's/here.txt)", "here.txt"),
        ("Größe: `größe.txt`", "größe.txt"),
    ],
)
def test_it_is_found(text: str, name: str) -> None:
    found = mentions.in_text(text)
    assert name in found or any(each.endswith("/" + name) for each in found), found


@pytest.mark.parametrize(
    "text",
    [
        "Done. I looked at everything and it works now; nothing else to do...",
        "See https://example.com/a/b.html for more",
        "Hello! How are you? 3 + 4 = 7.",
        "",
    ],
)
def test_prose_names_none(text: str) -> None:
    assert mentions.in_text(text) == []


def test_text_in_pieces_and_tool_calls_the_newest_first(tmp_path) -> None:
    prepare(tmp_path / "c.db")
    db = sqlite3.connect(tmp_path / "c.db")

    def add(seq: int, type: str, **fields: object) -> None:
        body = json.dumps({"type": type, **fields})
        db.execute("INSERT INTO events VALUES (1, ?, 0, ?, ?)", (seq, type, body))

    for seq, text in enumerate(["wrote `fir", "st.tx", "t` now"], 1):
        content = {"type": "text", "text": text}
        add(seq, "agent_message_chunk", message="m", content=content)
    add(
        4, "tool_call", call="c", locations=[{"path": "/w/second.py"}], title="", kind="", status=""
    )
    add(5, "tool_call_update", call="c", content=[{"type": "diff", "path": "third.py"}])
    db.execute("INSERT INTO events VALUES (1, 6, 0, 'tool_call', 'no json')")
    assert mentions.in_events(db, 1) == ["third.py", "/w/second.py", "first.txt"]
