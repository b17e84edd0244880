import random

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import names


@pytest.mark.parametrize(
    "name", ["brave-otter", "a", "Größe_2", "数据.清洗", "v1.2", "x" * 64, "0-day"]
)
def test_a_word_is_a_name(name):
    assert names.check(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-rf",
        "two words",
        "a/b",
        "a\n",
        "..",
        "x" * 65,
        "end-",
        "$(id)",
        "0bd4c6f4-8a54-4a3b-9d3a-111111111111",
        None,
        7,
    ],
)
def test_what_would_confuse_a_shell_an_url_or_an_id_is_no_name(name):
    with pytest.raises(CodecastError) as caught:
        names.check(name)
    assert caught.value.code == "bad_request"
    assert "brave-otter" in caught.value.hint


def test_invented_names_are_valid_and_never_in_use_even_when_nearly_all_are():
    used: set[str] = set()
    choose = random.Random(1)
    for _ in range(2000):
        name = names.invent(lambda n: n in used, choose)
        assert names.check(name) not in used
        used.add(name)
    everything = {f"{a}-{n}" for a in names.ADJECTIVES for n in names.NOUNS}
    name = names.invent(lambda n: n in everything, choose)
    assert name not in everything
    assert names.check(name)


def test_a_long_name_keeps_its_length_when_it_is_made_distinct():
    taken = {"x" * 64}
    assert names.check(names.distinct("x" * 64, lambda n: n in taken)) not in taken
