"""What people do and what goes wrong, all of it decided by a seed.

A schedule is data: the steps of each session's person, and faults that begin when so many
prompts were accepted in all. The same seed makes the same schedule; how the two interleave in
time is the machine's affair, and what is promised must hold for every interleaving.
"""

from __future__ import annotations

import random
from typing import NamedTuple

MACHINES = ("near", "far", "local")
PEOPLE = ("lab", "telegram", "client", "shell")  # surfaces that send

# kind -> (weight, machines it can hit, seconds it may last)
FAULTS: dict[str, tuple[float, tuple[str, ...], tuple[float, float]]] = {
    "cut the link": (4, ("near",), (0, 0)),
    "stall the link": (3, ("near",), (0.2, 6)),
    "leave the link half-open": (2, ("near",), (0, 0)),
    "delay the link": (2, ("near",), (1, 5)),
    "swallow all packets": (2, ("far",), (0.5, 6)),
    "drop packets": (2, ("far",), (1, 4)),
    "kill sshd's connections": (3, ("near", "far"), (0, 0)),
    "kill sshd": (2, ("near", "far"), (0.2, 3)),
    "stop sshd's connections": (2, ("near", "far"), (0.2, 6)),
    "kill the jump host's connections": (2, ("far",), (0, 0)),
    "kill the relay": (5, MACHINES, (0, 0)),
    "stop the relay": (3, MACHINES, (0.2, 5)),
    "kill a supervisor": (6, MACHINES, (0, 0)),
    "stop a supervisor": (3, MACHINES, (0.2, 3)),
    "kill a CLI": (6, MACHINES, (0, 0)),
    "stop a CLI": (3, MACHINES, (0.2, 3)),
    "kill the hub": (2, ("",), (0, 0)),
    "stop the hub": (2, ("",), (0.2, 4)),
    "upgrade hub and agent": (2, ("",), (0, 0)),
    "fill the disk": (2, ("near",), (0.2, 2)),
    "set the clock wrong": (3, MACHINES, (0.5, 5)),
    "end all that is detached": (1, MACHINES, (0, 0)),
    "cut the power": (2, MACHINES, (0, 0)),
    "reload every page": (3, ("",), (0, 0)),
}


class Step(NamedTuple):
    """What a person does next. `tag` names a prompt; `text` is what it says, or the tag of that
    in front of which it is moved (empty: to the end)."""

    # send, send again, edit, move, cancel, interrupt, pause (until all is delivered), wait
    do: str
    tag: str = ""
    text: str = ""
    at: str = ""  # the surface
    answers: tuple[tuple[str, str], ...] = ()  # who answers its request, and how, all at once
    ahead: int = 0  # wait: until so many prompts are under way


class Fault(NamedTuple):
    after: int  # prompts accepted
    kind: str
    machine: str
    seconds: float
    victim: int  # picks one of the machine's sessions
    value: float  # between 0 and 1; what it means depends on the kind


class Schedule(NamedTuple):
    seed: int
    prompts: int
    people: list[list[Step]]  # by session
    machines: list[str]  # by session
    faults: list[Fault]
    every: float = 0.0  # prompts between two faults


def make(
    seed: int,
    prompts: int,
    *,
    sessions: int = 9,
    every: float = 12.0,
    machines: tuple[str, ...] = MACHINES,
    kinds: tuple[str, ...] = tuple(FAULTS),
    shell: float = 0.004,
) -> Schedule:
    """`every`: prompts between two faults, on average; `shell`: part of prompts sent by a shell
    command (each costs the start of an interpreter)."""
    dice = random.Random(seed)
    where = [machines[number % len(machines)] for number in range(sessions)]
    shares = [prompts // sessions + (number < prompts % sessions) for number in range(sessions)]
    people = [
        _person(random.Random(f"{seed}/{number}"), f"{seed}.{number}", share, shell)
        for number, share in enumerate(shares)
    ]
    faults = []
    at = 0.0
    possible = [kind for kind in kinds if _machines(kind, machines)]
    while possible:
        at += dice.expovariate(1 / every)
        if at >= prompts * 0.97:
            break
        kind = dice.choices(possible, [FAULTS[kind][0] for kind in possible])[0]
        low, high = FAULTS[kind][2]
        faults.append(
            Fault(
                int(at) + 1,
                kind,
                dice.choice(_machines(kind, machines)),
                round(dice.uniform(low, high), 2),
                dice.randrange(1000),
                round(dice.random(), 3),
            )
        )
    return Schedule(seed, prompts, people, where, faults, every)


def _machines(kind: str, there: tuple[str, ...]) -> list[str]:
    return [machine for machine in FAULTS[kind][1] if machine in there or not machine]


def _person(dice: random.Random, name: str, prompts: int, shell: float) -> list[Step]:
    """Sends, lets a few gather, changes its mind."""
    steps: list[Step] = []
    for number in range(prompts):
        tag = f"{name}.{number}"
        at = "shell" if dice.random() < shell else dice.choice(PEOPLE[:3])
        verb = dice.choices(
            ["say 1", "say 3", "say 12", "ask", "work 0.3", "work 1", "big 40", "spawn", "fail"],
            [30, 20, 8, 14, 6, 1.5, 2, 2, 3],
        )[0]
        answers: tuple[tuple[str, str], ...] = ()
        if verb == "ask":
            several = dice.sample(["lab", "telegram", "client", "other hub"], dice.randint(1, 3))
            answers = tuple((each, dice.choice(["yes", "no"])) for each in several)
        steps.append(Step("send", tag, f"{tag} {verb}", at, answers))
        chance = dice.random()
        if chance < 0.05:
            steps.append(Step("edit", tag, f"{tag} say 2 edited", dice.choice(PEOPLE[:3])))
        elif chance < 0.09:
            steps.append(Step("cancel", tag, at=dice.choice(PEOPLE[:3])))
        elif chance < 0.13:
            steps.append(Step("interrupt", at=dice.choice(PEOPLE[:3])))
        elif chance < 0.15:
            steps.append(Step("send again", tag, f"{tag} {verb}", dice.choice(PEOPLE[:3])))
        elif chance < 0.23:
            ahead = f"{name}.{number - dice.randint(1, 3)}"
            moved, before = dice.choice([(tag, ahead), (tag, ahead), (ahead, "")])
            steps.append(Step("move", moved, before, dice.choice(PEOPLE[:3])))
        if dice.random() < 0.6:
            steps.append(Step("wait", ahead=dice.choice([0, 0, 1, 2, 4])))
    return steps
