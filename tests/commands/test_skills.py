"""What became of a person's skills is said at the start."""

from codecast_jupyter.commands.parsing import parse
from codecast_jupyter.commands.sessions import skills_words


def test_added_and_skipped_are_told() -> None:
    report = {
        "added": ["a", "b", "c", "d"],
        "same": ["e"],
        "skipped": [{"path": "CLAUDE.md", "reason": "another one is there already"}],
    }
    assert skills_words({"skills": report}) == (
        "Skills: added 4 files; skipped CLAUDE.md (another one is there already)."
    )
    assert skills_words({}) == skills_words({"skills": {"same": ["e"]}}) == ""


def test_a_start_can_do_without_them() -> None:
    assert parse(["start", "gpu", "~/x", "--no-skills"]).values["no_skills"] is True
    assert parse(["start", "gpu", "~/x"]).values["no_skills"] is False
