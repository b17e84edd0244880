"""A transcript leaves as a notebook that opens, reads well and runs nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.events import text
from codecast_jupyter.commands import results
from codecast_jupyter.commands.render.disarm import disarmed
from codecast_jupyter.commands.render.notebook import notebook

from .fake_session import DIFF, OPTIONS
from .test_files import run

SESSION = {"id": "1" * 32, "name": "brave-otter", "machine": "gpu-1", "cli": "claude", "cwd": "~/p"}
LONG = "\n".join(f"line {number}" for number in range(100))


def conversation() -> list[dict[str, Any]]:
    """One of everything a person would want to read again."""
    told: list[dict[str, Any]] = [
        {"type": "session_state", "state": "ready"},
        {
            "type": "prompt_state",
            "prompt": "p1",
            "state": "running",
            "content": [text("why is *this* slow?\n\n$x_1$ and | a pipe")],
            "by": "alice",
            "where": "notebook",
        },
        {"type": "turn_started", "turn": 1, "prompts": ["p1"]},
        {"type": "agent_thought_chunk", "message": "m0", "content": text("let me see")},
        {"type": "agent_message_chunk", "message": "m1", "content": text("# Findings\n```\n# no ")},
        {"type": "agent_message_chunk", "message": "m1", "content": text("heading\n```\n## Why")},
        {
            "type": "tool_call",
            "call": "c1",
            "title": "pytest -q",
            "kind": "execute",
            "status": "completed",
            "raw_input": {"command": "pytest -q\n# ```"},
            "content": [{"type": "text", "text": LONG + "\n```\nend"}],
        },
        {
            "type": "request_opened",
            "request": "r1",
            "kind": "permission",
            "title": "Edit train.py",
            "content": [{"type": "diff", "path": "train.py", "diff": DIFF}],
            "options": OPTIONS,
        },
        {"type": "request_resolved", "request": "r1", "option": "yes", "label": "Yes", "by": "bob"},
        {
            "type": "tool_call",
            "call": "c2",
            "title": "Edit train.py",
            "kind": "edit",
            "status": "completed",
            "content": [{"type": "diff", "path": "train.py", "diff": DIFF}],
        },
        {"type": "usage_update", "cost_usd": 0.25},
        {"type": "prompt_state", "prompt": "p1", "state": "done"},
        {"type": "turn_ended", "turn": 1, "reason": "end_turn", "cost_usd": 0.25},
    ]
    return [{"seq": n, "time": 1700000000.0 + n, **event} for n, event in enumerate(told, 1)]


def cells(made: dict[str, Any], kind: str) -> list[str]:
    found = [cell for cell in made["cells"] if cell["metadata"]["codecast"]["kind"] == kind]
    return ["".join(cell["source"]) for cell in found]


def test_notebook_is_valid_and_has_each_thing_in_a_cell_of_its_own() -> None:
    made = notebook(SESSION, conversation())
    nbformat.validate(nbformat.from_dict(made))
    assert "brave\\-otter" in cells(made, "title")[0] and "0\\.2500" in cells(made, "title")[0]
    [prompt] = cells(made, "prompt")
    assert "why is \\*this\\* slow?" in prompt and "\\$x\\_1\\$" in prompt and "by alice" in prompt
    [answer] = cells(made, "answer")
    assert "### Findings" in answer and "\n# no heading" in answer and "#### Why" in answer
    [command] = cells(made, "command")
    assert "pytest -q\n# ```" in command and "all 102 lines" in command
    [request] = cells(made, "request")
    assert "**Yes** by bob" in request and "+lr = 0.1" in request
    [diff] = cells(made, "diff")
    assert "```diff" in diff and "+lr = 0.1" in diff


def test_nothing_in_it_runs() -> None:
    assert {cell["cell_type"] for cell in notebook(SESSION, conversation())["cells"]} == {
        "markdown"
    }


def test_foreign_words_end_no_fence() -> None:
    [command] = cells(notebook(SESSION, conversation()), "command")
    assert "````" in command  # longer than any run of ticks inside
    assert command.rstrip().endswith("</details>")


def test_same_session_gives_the_same_notebook() -> None:
    first, second = notebook(SESSION, conversation()), notebook(SESSION, conversation())
    assert first == second
    ids = [cell["id"] for cell in first["cells"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("events", [[], [{"seq": 1, "type": "notice"}], [{"type": "unheard_of"}]])
def test_strange_or_no_events_are_still_a_notebook(events: list[dict[str, Any]]) -> None:
    nbformat.validate(nbformat.from_dict(notebook({}, events)))


async def test_export_writes_a_file_once(tmp_path: Path) -> None:
    result, _ = await run(["export", "brave-otter"], tmp_path)
    assert isinstance(result, results.Done)
    made = tmp_path / "brave-otter.ipynb"
    nbformat.validate(nbformat.read(made, as_version=4))
    with pytest.raises(CodecastError, match="exists already"):
        await run(["export", "brave-otter"], tmp_path)
    await run(["export", "brave-otter", "--force"], tmp_path)


async def test_export_knows_the_format_by_the_name_and_prints(tmp_path: Path) -> None:
    await run(["export", "brave-otter", "-o", "a.md"], tmp_path)
    assert (tmp_path / "a.md").read_text().startswith("# brave-otter")
    printed, _ = await run(["export", "brave-otter", "--format", "json", "-o", "-"], tmp_path)
    assert json.loads(printed.text)["session"]["name"] == "brave-otter"
    with pytest.raises(CodecastError, match="cannot be written"):
        await run(["export", "brave-otter", "-o", "no/such/place.md"], tmp_path)


NASTY = """\
<script>one()</script> <img src=x onerror=two()> `code <b>`
`open
closed` <img src=x onerror=three()> `again`
[link](javascript:four()) [link](java\tscript:five()) [link](JavaScript\\:six())
[link](&#106;avascript:seven()) <https://example.org/a?b=1&c=2>
cost $5
```html
<script>code()</script> $
````
still
```
<iframe src=x>
~~~
<img src=x onerror=eight()>"""


def test_agent_can_put_no_html_and_no_script_into_a_page() -> None:
    """By two programs that render notebooks' Markdown, which trust what they get."""
    from markdown_it import MarkdownIt
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    text = disarmed(NASTY)
    for html in (
        MarkdownIt("commonmark", {"html": True}).render(text),
        markdown2html_mistune(text),
    ):
        tags = set(re.findall(r"<([a-z]+)", html))
        assert tags <= {"p", "pre", "code", "a", "br", "div", "span", "em"}, tags
        for link in re.findall(r'href="([^"]*)"', html):
            assert not re.match(r"(?i)\W*(java|vb)script:", link.replace("\t", "")), link
    assert "<script>code()</script>" in text, "code stays as it was written"
    assert "https://example.org/a?b=1" in text


def test_words_that_hide_nothing_stay_as_they_are() -> None:
    plain = "# A head\n\n- a < b, x > y\n- `code` **bold**\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    assert disarmed(plain) == plain
