"""`make test-clis` says which CLI at which version broke what."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parents[1] / "tools"
RESULTS = """<testsuites><testsuite>
<testcase classname="tests.contract.test_turns" name="test_text[claude]"/>
<testcase classname="tests.contract.test_turns" name="test_text[acp-agent]"/>
<testcase classname="tests.contract.test_lives" name="test_killed[streaming-opencode]">
  <failure message="AssertionError: not resumed&#10;and more">...</failure></testcase>
<testcase classname="tests.clis.test_codex" name="test_steer"><error message="gone"/></testcase>
<testcase classname="tests.clis.test_diffs" name="test_whole"><failure message="odd"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("clis")


def test_what_broke_stands_under_its_cli_and_version(tool: ModuleType, tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    results.write_text(RESULTS)
    named = {cli: f"{cli} 9.9 (locked is 1.0)" for cli in tool.NAMES.values()}
    lines = tool.told(tool.outcomes(results), named).splitlines()
    assert "  claude 9.9 (locked is 1.0): all 1 work" in lines
    assert "  acp-agent 9.9 (locked is 1.0): all 1 work" in lines
    assert "  gemini 9.9 (locked is 1.0): no test ran" in lines
    at = lines.index("  opencode 9.9 (locked is 1.0): 1 of 1 BROKE")
    assert "test_killed[streaming-opencode]" in lines[at + 1]
    assert lines[at + 2].strip() == "AssertionError: not resumed"
    assert "  codex 9.9 (locked is 1.0): 1 of 1 BROKE" in lines
    assert "  of no single CLI: 1 of 1 BROKE" in lines


def test_the_versions_are_those_installed_beside_those_locked(
    tool: ModuleType, tmp_path: Path
) -> None:
    package = tmp_path / "@google" / "gemini-cli" / "package.json"
    package.parent.mkdir(parents=True)
    package.write_text('{"version": "99.0.1"}')
    (said,) = tool.versions(tmp_path).values()
    assert said.startswith("gemini 99.0.1 (locked is ")
