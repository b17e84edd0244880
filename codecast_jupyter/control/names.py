"""Names people can say: `brave-otter`.

A name is one word for shells, URLs and chats: letters and digits of any script, `-`, `_`
and `.` inside, 64 characters at most, and never the look of an id. Names are compared
without case.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from codecast_agent.protocol.errors import CodecastError

ADJECTIVES = re.findall(
    r"\w+",
    "agile amber apt bold brave breezy bright brisk calm candid cheery clever cosmic cozy crisp"
    " curious daring deft dapper eager early earnest easy fair fancy fast fearless fine fleet"
    " fluent fond frank fresh gentle glad golden good grand happy hardy hearty honest humble ideal"
    " jolly jovial keen kind lively loyal lucid lucky magic mellow merry mighty modest neat nimble"
    " noble patient perky plucky polite proud prompt quick quiet rapid ready robust rosy serene"
    " sharp shiny silent silver simple sleek smart smooth snappy solar solid spry steady stellar"
    " sturdy sunny swift tidy tranquil trusty upbeat vivid warm wise witty zesty",
)
NOUNS = re.findall(
    r"\w+",
    "acorn albatross aspen badger bamboo beacon beaver birch bison brook canyon cedar cheetah"
    " cobra comet condor coral cougar coyote crane cricket dolphin dragon eagle egret ember falcon"
    " fern ferret finch fjord fox galaxy gazelle gecko glacier grove gull harbor hawk hazel"
    " hedgehog heron hornet ibex iris island jackal jaguar jasper juniper kestrel kiwi koala"
    " lagoon lark lemur leopard lily lion lotus lynx magpie maple marten meadow meteor mink moose"
    " narwhal nebula newt oak ocean ocelot orchid oriole osprey otter owl panda panther pebble"
    " pelican penguin petrel pine planet plover pony puffin puma quail quartz rabbit raccoon raven"
    " reef river robin salmon sparrow spruce squid starling stork swallow swan tapir tern thistle"
    " tiger toucan tulip turtle valley walrus willow wolf wombat wren yak zebra",
)

_WORD = re.compile(r"[^\W_](?:[\w.-]{0,62}[^\W_])?")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def check(name: object) -> str:
    """The name, when it is one. Raises CodecastError("bad_request")."""
    if not isinstance(name, str) or not _WORD.fullmatch(name) or _ID.fullmatch(name):
        raise CodecastError(
            "bad_request",
            f"{name!r} is no name for a session.",
            "Take up to 64 letters and digits, with - _ . between them, such as brave-otter.",
        )
    return name


def invent(taken: Callable[[str], bool], choose: random.Random | None = None) -> str:
    """A free name. `taken` says whether one is in use."""
    pick = choose or random.SystemRandom()
    for _ in range(64):
        name = f"{pick.choice(ADJECTIVES)}-{pick.choice(NOUNS)}"
        if not taken(name):
            return name
    return distinct(name, taken)


def distinct(name: str, taken: Callable[[str], bool]) -> str:
    """`name`, or the first of `name-2`, `name-3`, ... that is free."""
    number, candidate = 1, name
    while taken(candidate):
        number += 1
        suffix = f"-{number}"
        candidate = name[: 64 - len(suffix)].rstrip("-_.") + suffix
    return candidate
