"""Search: found wherever the pieces were cut, and nothing typed is syntax."""

from __future__ import annotations

import pytest

from codecast_agent.protocol import events
from codecast_jupyter.control import messages, search
from tests.fixtures.hubs import ANN, until


async def spoken(hub, machine, **more):
    session = (await hub.sessions.start("gpu", "/w", actor=ANN, **more))["id"]
    return session, machine.journals[session]


def say(journal, *pieces, message="m1", type="agent_message_chunk"):
    for piece in pieces:
        journal.add(type, message=message, content=events.text(piece))


async def found(hub, query, count=1):
    async def hits():
        return [hit for hit in [await hub.search(query)] if len(hit) == count]

    return (await until(hits))[0]


async def test_a_phrase_is_found_across_chunks_and_its_place_is_marked(hub, machine, monkeypatch):
    monkeypatch.setattr(messages, "SLICE", 2)
    session, journal = await spoken(hub, machine, name="brave-otter")
    say(journal, "The qui", "ck brown f", "ox jum", "ps over the lazy dog")
    (hit,) = await found(hub, '"quick brown fox"')
    assert (hit["session"], hit["name"], hit["machine"]) == (session, "brave-otter", "gpu")
    assert hit["kind"] == "message"
    assert hit["seq"] == 4
    words = [hit["snippet"][start:end] for start, end in hit["marks"]]
    assert " ".join(words) == "quick brown fox"
    say(journal, " and away", message="m1")
    assert await found(hub, '"lazy dog and away"')


async def test_prompts_thoughts_and_tool_calls_are_found(hub, machine):
    session, journal = await spoken(hub, machine)
    await hub.sessions.prompt(session, "please refactor the parser", actor=ANN)
    say(journal, "hmm, a lexer", message="t1", type="agent_thought_chunk")
    journal.add(
        "tool_call", call="c1", title="Edit src/lexer_test.py", kind="edit", status="pending",
        raw_input={"path": "src/lexer_test.py", "new": "def test_unicode(): ..."},
    )  # fmt: skip
    journal.add(
        "tool_call_update", call="c1", status="completed",
        content=[{"type": "text", "text": "3 lines were written zealously"}],
    )  # fmt: skip
    assert {h["kind"] for h in await found(hub, "refactor", 2)} == {"prompt", "message"}
    assert (await found(hub, "lexer -test_unicode -lexer_test"))[0]["kind"] == "thought"
    assert (await found(hub, "test_unicode"))[0]["kind"] == "tool"
    assert (await found(hub, "zealously"))[0]["kind"] == "tool"


async def test_a_prompt_to_a_machine_that_is_away_is_found(hub, machine):
    session, _ = await spoken(hub, machine)
    await machine.away()
    await hub.sessions.prompt(session, "remember the milk", actor=ANN)
    assert (await found(hub, "milk"))[0]["kind"] == "prompt"
    await hub.sessions.destroy(session, actor=ANN)
    assert await hub.search("milk") == []


async def test_a_message_that_a_retry_started_anew_is_found_by_its_last_words_only(hub, machine):
    _, journal = await spoken(hub, machine)
    say(journal, "abandoned words")
    assert await found(hub, "abandoned")
    journal.add("message_discarded", message="m1")
    say(journal, "final words")
    assert await found(hub, "final")
    assert await hub.search("abandoned") == []


async def test_words_without_spaces_between_them_are_found_inside(hub, machine):
    _, journal = await spoken(hub, machine)
    say(journal, "请先清洗数据 再训练模型。", message="m1")
    say(journal, "データを整形しました", message="m2")
    (hit,) = await found(hub, "清洗数据")
    assert [hit["snippet"][a:b] for a, b in hit["marks"]] == ["清洗数据"]
    assert await found(hub, "整形")
    assert await hub.search("清洗 -模型") == []


async def test_the_last_word_may_be_a_beginning_and_accents_do_not_matter(hub, machine):
    _, journal = await spoken(hub, machine)
    say(journal, "Größere Änderungen am Résumé")
    for query in ("grossere anderung", "resum", "RÉSUMÉ", "am Änder"):
        assert bool(await hub.search(query)) == (query != "grossere anderung"), query


HOSTILE = [
    "", " ", '"', '""', "'", "*", "-", "--", "- -x", "NOT", "AND OR NOT", "NEAR(a b)", "a NEAR/2 b",
    "text:x", "^x", "{a b}: c", "(((", "a AND", 'un"balanced', '"a" "b', "a*b*c", "%", "_", "\\",
    "x' OR 1=1 --", "'; DROP TABLE messages; --", "\x00", "\ud800", "a" * 100_000, "é" * 3000,
    " ".join(["w"] * 5000), "🚀", "清%_\\", "-清", '-"a b"', "messages_fts MATCH 'x'",
    "\ue000\ue001",
    '{"a": [1]}', "a\nb\tc", "col : val", "+a +b", "a:b:c",
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE)
async def test_nothing_a_person_types_is_syntax(hub, machine, query):
    _, journal = await spoken(hub, machine)
    say(journal, "plain words: x a b c w NOT AND OR NEAR drop table")
    hits = await hub.search(query)
    assert isinstance(hits, list)
    assert await found(hub, "plain"), "and the index is whole"


def test_operators_are_words_and_only_signs_and_quotes_mean_something():
    assert search.parse('foo -bar "a NOT b" -"x y" OR qux') == (
        ['"foo"', '"a NOT b"', '"OR"', '"qux"*'],
        ['"bar"', '"x y"'],
        [],
    )
