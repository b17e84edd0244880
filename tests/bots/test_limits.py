"""What a platform would refuse for its size: every one's own limits, and all that is rendered.

The limits are written down here once more, as the platforms publish them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecast_bots.markdown import telegram, utf16
from codecast_bots.platforms import discord, lark
from codecast_bots.platforms import telegram as telegram_platform
from codecast_bots.platforms.contract import Button, Limits, Outgoing, Place
from codecast_bots.platforms.discord_objects import payload
from codecast_bots.platforms.lark_card import card, dumped
from codecast_bots.rendering import TOOL_DISPLAYS, Style, render
from codecast_bots.replies import Reply
from codecast_bots.settings import PlatformSettings
from codecast_bots.splitting import split
from codecast_bots.view import View
from tests.bots.documents import documents
from tests.bots.servers.lark_rules import problem
from tests.bots.servers.telegram import problem_of
from tests.bots.stage import Writer
from tests.bots.test_splitting import ends_open

FEW = settings(max_examples=15, deadline=None, derandomize=True)
LARK_BYTES = 30 * 1024


class Platform(NamedTuple):
    name: str
    limits: Limits
    problem: Callable[[Outgoing], str]  # what it would refuse; empty for nothing


def telegram_problem(out: Outgoing) -> str:
    rich = telegram(out.body)
    entities = [vars(e) if hasattr(e, "__dict__") else e._asdict() for e in rich.entities]
    if utf16(rich.text) > 4096:
        return f"{utf16(rich.text)} units"
    return problem_of(rich.text, [{**e, "url": e["more"]} for e in entities])


def discord_problem(out: Outgoing) -> str:
    made = payload(out)
    if len(made["content"]) > 2000:
        return f"{len(made['content'])} characters"
    rows = made.get("components") or []
    few = len(rows) <= 5 and all(len(row["components"]) <= 5 for row in rows)
    return "" if few else "too many components"


def lark_problem(out: Outgoing) -> str:
    made = card(out, Place("lark", "cli_a", "oc_1"))
    if len(dumped(made).encode("utf-8", "surrogatepass")) > LARK_BYTES:
        return "more than 30 KB"
    return problem(made)


def limits_of(module: Any, name: str, app_id: str = "") -> Limits:
    adapter = module.make(PlatformSettings(name, "1:secret", app_id=app_id))
    found: Limits = adapter.limits(Place(name, "1", "5"))
    return found


PLATFORMS = [
    Platform("telegram", limits_of(telegram_platform, "telegram"), telegram_problem),
    Platform("discord", limits_of(discord, "discord"), discord_problem),
    Platform("lark", limits_of(lark, "lark", app_id="cli_a"), lark_problem),
]
each_platform = pytest.mark.parametrize("platform", PLATFORMS, ids=lambda p: p.name)
long_documents = st.tuples(documents, documents, st.integers(1, 80)).map(
    lambda three: (three[0] + three[1] * three[2])[:40_000]
)


@each_platform
@FEW
@given(source=long_documents)
def test_every_piece_of_a_long_answer_is_taken_at_the_real_limits(
    platform: Platform, source: str
) -> None:
    limits = platform.limits
    pieces = split(source, limits.text, limits.size)
    assert "".join(piece.source for piece in pieces) == source
    for piece in pieces:
        assert limits.size(piece.text) <= limits.text
        assert not ends_open(piece.text)
        assert not platform.problem(Outgoing(piece.text, live=True)), piece.text[:200]


@each_platform
@FEW
@given(source=long_documents, part=st.floats(0, 1))
def test_what_was_sent_stays_when_the_answer_grows(
    platform: Platform, source: str, part: float
) -> None:
    limits = platform.limits
    before = split(source[: int(len(source) * part)], limits.text, limits.size)
    after = split(source, limits.text, limits.size)
    assert before[:-1] == after[: len(before) - 1]


@each_platform
@FEW
@given(seed=st.integers(0, 10_000), text=long_documents, how=st.sampled_from(TOOL_DISPLAYS))
def test_everything_that_is_rendered_is_taken(
    platform: Platform, seed: int, text: str, how: str
) -> None:
    writer, view = Writer(), View()
    writer.turn(1, random.Random(seed), parts=25)
    writer.say("long", text)
    options = [{"id": "y", "kind": "allow_once", "label": "Allow " + text[:300]}]
    content = [{"type": "text", "text": text}]
    for kind in ("Edit", "Bash"):
        writer.add("request_opened", request=f"r {kind}", kind="permission", call="c",
                   title=f"{kind} {text[:500]}", content=content, options=options)  # fmt: skip
    writer.add("request_resolved", request="r Bash", option="y", by="ann", where="lab")
    style = Style("s1", "calm-otter", "gpu", platform.name, how)
    for event in writer.events:
        view.apply(event)
    for wanted in render(view, style, platform.limits, now=9e9):
        assert not platform.problem(wanted.out), wanted.key
        assert platform.limits.size(wanted.out.body) <= platform.limits.text
        most = platform.limits.caption
        if wanted.attachments and most is not None:
            assert platform.limits.size(wanted.out.body) <= most


@each_platform
@FEW
@given(body=long_documents, file=st.booleans())
def test_every_reply_is_taken_and_words_too_long_for_a_file_stand_alone(
    platform: Platform, body: str, file: bool
) -> None:
    reply = Reply(body, buttons=(("t" * 16, "Yes"),), files=(("a", "/a"),) if file else ())
    made = reply.outgoing(platform.limits)
    assert sum(bool(out.files) for out in made) == file
    assert [len(out.controls) for out in made if out.body.strip()][-1:] in ([1], [])
    most = platform.limits.caption
    for out in made:
        assert not out.body.strip() or not platform.problem(out)
        if out.files and most is not None:
            assert platform.limits.size(out.body) <= most


@pytest.mark.parametrize("how", TOOL_DISPLAYS)
def test_tool_calls_as_timer_as_lines_and_in_batches(how: str) -> None:
    writer, view = Writer(), View()
    writer.add("turn_started", turn=1, prompts=["p1"])
    for number in range(20):
        call = f"c{number}"
        writer.add("tool_call", call=call, title=f"Bash {number}", kind="execute", status="pending")
        writer.add("tool_call_update", call=call, status="failed" if number == 3 else "completed")
    for event in writer.events:
        view.apply(event)
    limits, style = PLATFORMS[0].limits, Style("s1", "otter", "gpu", "telegram", how)
    live = [d.out.body for d in render(view, style, limits, now=1100.0)]
    writer.say("m1", "Done.")
    for event in writer.events[-1:]:
        view.apply(event)
    ended = [d for d in render(view, style, limits, now=1100.0) if d.block.startswith("tools")]
    assert all(d.final and not d.out.live for d in ended)
    if how == "timer":  # one line, which moves on
        assert len(live) == len(ended) == 1
        assert live[0].startswith("⏱ ") and "20 tools, 1 failed" in live[0]
        assert ended[0].out.body.startswith("✓ 20 tools, 1 failed in ")
        return
    lines = [line for d in ended for line in d.out.body.split("\n")]
    assert len(lines) == 20 and len(ended) == 2
    assert [line[0] for line in lines] == ["✗" if n == 3 else "✓" for n in range(20)]
    # a batch is shown when it is full; lines at once
    assert [body.count("\n") + 1 for body in live] == ([15] if how == "batch" else [15, 5])


def test_a_request_that_is_long_comes_as_a_file_before_its_controls_and_stays_one() -> None:
    """Before it is decided and after, so that nothing is deleted or written anew."""
    view, writer = View(), Writer()
    text = json.dumps({"words": "word " * 5000})
    writer.add("request_opened", request="r1", kind="permission", title="Edit x",
               content=[{"type": "text", "text": text}],
               options=[{"id": "y", "kind": "allow_once", "label": "Allow"}])  # fmt: skip
    writer.add("request_resolved", request="r1", option="y", by="ann", where="lab")
    limits, style = PLATFORMS[0].limits, Style("s1", "otter", "gpu", "telegram")
    keys = []
    for event in writer.events:
        view.apply(event)
        made = render(view, style, limits)
        keys.append([d.key for d in made])
        assert made[0].attachments and not made[0].out.controls
    assert keys[0] == keys[1]
    assert not made[-1].out.controls
    opened = View()
    opened.apply(writer.events[0])
    assert isinstance(render(opened, style, limits)[-1].out.controls[0], Button)
