"""The people of a run: each works through the steps of one session, at several surfaces.

What they were told is written down, with what they cannot know: a change whose answer was
lost may have been made or not. They behave as patient people do: what failed for want of a
connection is tried again (a prompt under its own id), and a session that stands still with
prompts in its queue is resumed.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.error
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client.blocking import Client
from tests.fixtures.live import Talk, until

from .rig import Rig
from .schedule import Step
from .surfaces import Progress

Json = dict[str, Any]
PATIENCE = 120.0  # seconds for one thing to be accepted, or to come to its end
STILL = 2.0  # seconds without a word after which a person looks at the session
MAYBE = {"link_lost", "unreachable", "timeout", "internal"}  # it may have happened


class Move(NamedTuple):
    tag: str
    before: str  # a tag; empty is the end
    sure: bool  # whether the answer was heard


class Told:
    """What the people of one session know. `texts` holds every text a prompt may have."""

    def __init__(self) -> None:
        self.accepted: list[str] = []  # tags in the order of sending, by whoever sent
        self.refused: dict[str, str] = {}
        self.maybe: set[str] = set()  # tags whose sending was not answered
        self.texts: dict[str, list[str]] = {}  # the last one is what was last confirmed
        self.maybe_texts: dict[str, list[str]] = {}
        self.cancelled: set[str] = set()
        self.maybe_cancelled: set[str] = set()
        self.moves: list[Move] = []  # those that were made, or may have been
        self.winners: dict[str, list[tuple[str, str]]] = {}  # tag -> (surface, option)
        self.losers: dict[str, list[str]] = {}
        self.ids: dict[str, str] = {}  # tag -> the prompt's id
        self.latency: list[float] = []  # seconds from an answer's click to its being told


class Person:
    """One session's; `count` is told of each accepted prompt."""

    def __init__(
        self, rig: Rig, session: str, machine: str, nonce: str, progress: Progress, client: Client
    ) -> None:
        self.rig, self.session, self.machine, self.nonce = rig, session, machine, nonce
        self.progress, self.client = progress, client
        self.told = Told()
        self.patience = PATIENCE
        self.problem: Exception | None = None
        self.counted = 0
        self.over = threading.Event()
        self._answers: dict[str, tuple[tuple[str, str], ...]] = {}
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="answer")
        self._log: list[str] = []

    def close(self) -> None:
        self._pool.shutdown()

    def follow(self, steps: list[Step], counted: threading.Semaphore) -> None:
        try:
            self._follow(steps, counted)
        except Exception as problem:  # a mistake of the harness, told when all threads have ended
            self.problem = problem

    def _follow(self, steps: list[Step], counted: threading.Semaphore) -> None:
        for step in steps:
            if self.over.is_set():
                return
            do = {
                "send": self._send,
                "send again": self._again,
                "edit": self._edit,
                "move": self._move,
                "cancel": self._cancel,
                "interrupt": self._interrupt,
                "pause": self._pause,
                "wait": self._wait,
            }[step.do]
            do(step)
            if step.do == "send":
                counted.release()

    # -- prompts

    def _talk(self, at: str) -> Talk:
        return Talk(self.rig.api(at), self.session)

    def _send(self, step: Step) -> None:
        self._answers[step.tag] = step.answers
        self.told.texts[step.tag] = [step.text]
        if step.at == "shell":
            self._send_by_shell(step)
            return
        id = f"{self.nonce}-{step.tag}"
        self.told.ids[step.tag] = id
        self._post(step, id)

    def _again(self, step: Step) -> None:
        """The same prompt under the same id, as a client does that heard no answer."""
        if step.tag in self.told.ids and step.tag in self.told.accepted:
            self._post(step, self.told.ids[step.tag], again=True)

    def _post(self, step: Step, id: str, again: bool = False) -> None:
        end = time.monotonic() + self.patience
        while True:
            try:
                if step.at == "client":
                    self.client.prompt(self.session, step.text, id=id)
                else:
                    self._talk(step.at).prompt(step.text, id=id)
                if not again:
                    self.told.accepted.append(step.tag)
                return
            except CodecastError as error:
                if error.code not in MAYBE:
                    if not again:
                        self.told.refused[step.tag] = error.code
                    return
            except (OSError, HTTPException, AssertionError):
                pass
            if time.monotonic() > end or self.over.is_set():
                self.told.maybe.add(step.tag)
                return
            time.sleep(0.1)

    def _send_by_shell(self, step: Step) -> None:
        command = self.rig.hub_command("send", self.session, step.text, "--json")
        try:
            out, _ = command.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired:
            command.kill()
            out, _ = command.communicate()
        if command.returncode == 0:
            self.told.accepted.append(step.tag)
            self.told.ids[step.tag] = json.loads(out)["id"]
        else:
            self.told.maybe.add(step.tag)

    def _edit(self, step: Step) -> None:
        id = self.told.ids.get(step.tag)
        if id is None:
            return
        path = f"/sessions/{self.session}/prompts/{id}"
        sure = _made(lambda: self.rig.api(step.at).call("PATCH", path, {"text": step.text}))
        if sure:
            self.told.texts[step.tag].append(step.text)
        elif sure is None:
            self.told.maybe_texts.setdefault(step.tag, []).append(step.text)

    def _cancel(self, step: Step) -> None:
        id = self.told.ids.get(step.tag)
        if id is None:
            return
        path = f"/sessions/{self.session}/prompts/{id}"
        sure = _made(lambda: self.rig.api(step.at).call("DELETE", path))
        if sure:
            self.told.cancelled.add(step.tag)
        elif sure is None:
            self.told.maybe_cancelled.add(step.tag)

    def _move(self, step: Step) -> None:
        id, before = self.told.ids.get(step.tag), self.told.ids.get(step.text)
        if id is None or (step.text and before is None):
            return
        if step.at == "client":
            sure = _made(lambda: self.client.move_prompt(self.session, id, before))
        else:
            path = f"/sessions/{self.session}/prompts/{id}/move"
            sure = _made(lambda: self.rig.api(step.at).post(path, before=before))
        if sure is not False:
            self.told.moves.append(Move(step.tag, step.text, bool(sure)))

    def _interrupt(self, step: Step) -> None:
        try:
            self._talk(step.at).interrupt()
        except (CodecastError, OSError, HTTPException, AssertionError):
            return

    def _pause(self, step: Step) -> None:
        """Until the machine has all that was sent."""
        until(
            lambda: all(
                prompt["state"] != "stored" for prompt in self._talk("lab").prompts().values()
            ),
            "all is delivered",
        )

    # -- requests

    def asked(self, event: Json) -> None:
        """A request was shown: those who want to answer do, all at once."""
        tag = str(event.get("call"))
        for surface, option in self._answers.get(tag, ()) or (("lab", "yes"),):
            self._pool.submit(self.answer, event["request"], tag, surface, option)

    def answer(self, request: str, tag: str, surface: str, option: str) -> None:
        began = time.monotonic()
        try:
            if surface == "other hub":
                with self.rig.other_hub(self.machine) as relay:
                    began = time.monotonic()
                    relay.call(
                        "session/answer",
                        session=self.session,
                        request=request,
                        option=option,
                        by="other",
                        where=surface,
                    )
            else:
                self._talk(surface).answer({"request": request}, option=option)
            self.told.winners.setdefault(tag, []).append((surface, option))
            self.told.latency.append(time.monotonic() - began)
        except CodecastError as error:
            self.told.losers.setdefault(tag, []).append(error.code)
        except Exception as error:  # a lost connection: it may have been heard
            self.told.losers.setdefault(tag, []).append(repr(error))

    # -- waiting

    def open_prompts(self) -> int:
        ids = {self.told.ids[tag] for tag in self.told.accepted if tag in self.told.ids}
        return self.progress.under_way(self.session, ids)

    def _wait(self, step: Step) -> None:
        self.wait(step.ahead, self.patience)

    def wait(self, ahead: int, patience: float) -> bool:
        """Until at most `ahead` prompts are under way. Looks after a session that stands still."""
        end = time.monotonic() + patience
        still = time.monotonic() + STILL
        seen = -1
        while (now := self.open_prompts()) > ahead:
            if time.monotonic() > end or self.over.is_set():
                return False
            if now != seen:
                seen, still = now, time.monotonic() + STILL
            elif time.monotonic() > still:
                self._look()
                still = time.monotonic() + STILL
            with self.progress.changed:
                self.progress.changed.wait(0.2)
        return True

    def _look(self) -> None:
        """What a person does who wonders: answers what is open, resumes what has ended."""
        try:
            talk = self._talk("lab")
            for prompt in talk.prompts().values():
                self.progress.prompt(prompt)
            state = talk.state
            if state["process"] in ("exited", "failed", "stopped"):
                talk.api.post(f"{talk.path}/resume")
            for request in talk.api.get(f"{talk.path}/requests"):
                if request["outcome"] == "open":
                    self.answer(request["request"], str(request.get("call")), "lab", "yes")
        except (CodecastError, OSError, HTTPException, AssertionError, urllib.error.URLError):
            return


def _made(change: Callable[[], Any]) -> bool | None:
    """Whether a change was made; None when nobody can know, as its answer was lost."""
    try:
        change()
    except CodecastError as error:
        return None if error.code in MAYBE else False
    except (OSError, HTTPException, AssertionError):
        return None
    return True
