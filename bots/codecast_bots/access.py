"""Who may do what: roles by id, a code to let a first person in, a step-up code for what is
dangerous, and a log of everything that was done.

Nobody is let in by default. A group counts only when it is listed (or an admin let it in), and
in it each person counts by their own id. A command that is not named here needs an admin.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import struct
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

from codecast_agent.protocol.errors import CodecastError

from .platforms.contract import Person, Place
from .settings import PlatformSettings, StepUp
from .store import Store

ROLES = ("viewer", "operator", "admin")
PAIR_FOR, PAIR_TRIES = 300.0, 5  # seconds a code lives; wrong ones until it is void
STEP_UP_FOR = 300.0  # seconds a step-up code counts

VIEWER = {
    "ls", "show", "logs", "usage", "files", "requests", "machines", "machines show", "clis",
    "history", "search", "health", "help", "version", "doctor", "ps", "dirs",
    "queue", "resume-here", "exit", "diff", "whoami", "start-here",
}  # fmt: skip
OPERATOR = {
    "start", "send", "interrupt", "answer", "stop", "resume", "rename", "mode", "model", "get",
    "queue edit", "adopt", "attach", "new", "clear", "tool-display", "machines connect",
    "machines disconnect", "press",
}  # fmt: skip
# danger classes, of which the settings choose those that need a step-up code
DANGERS = {
    "rm": "remove", "machines remove": "remove", "kill": "remove",
    "machines add": "machines", "machines trust": "machines",
    "budget": "budget", "mode auto": "auto", "start auto": "auto", "always": "always",
}  # fmt: skip


class Access:
    """The rights on one platform."""

    def __init__(
        self,
        settings: PlatformSettings,
        store: Store,
        step_up: StepUp | None = None,
        audit: Path | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.step_up = step_up
        self._audit = audit
        self._stepped: dict[str, float] = {}
        self._tries: dict[str, list[float]] = {}

    def role(self, person: Person) -> str:
        """The highest one; empty for who has none."""
        if person.is_bot:
            return ""
        granted = self.store.people(self.settings.name).get(person.id, "")
        for role in reversed(ROLES):
            if person.id in getattr(self.settings, role + "s") or granted == role:
                return role
        return ""

    def place_allowed(self, place: Place) -> bool:
        if place.kind == "private":
            return True
        granted = self.store.people(self.settings.name).get("chat " + place.chat)
        return place.chat in self.settings.chats or granted is not None

    def allows(self, person: Person, place: Place, what: str) -> bool:
        """`what` is a command, with its dangerous value where it has one (`mode auto`)."""
        role = self.role(person)
        if not role or not self.place_allowed(place):
            return False
        return ROLES.index(role) >= ROLES.index(needed(what))

    def refuse(self, person: Person, place: Place, what: str) -> NoReturn:
        """Raises CodecastError("forbidden"), and has it on record."""
        self.note(person, place, what, "not allowed")
        raise CodecastError(
            "forbidden", f"You may not do this here ({what}).", "An admin of the bot can: /whoami."
        )

    # -- the step-up code

    def needs_code(self, person: Person, what: str) -> bool:
        if self.step_up is None or danger(what) not in self.step_up.classes:
            return False
        return time.monotonic() - self._stepped.get(person.id, -1e9) > STEP_UP_FOR

    def take_code(self, person: Person, code: str) -> bool:
        """Whether it is the code of now (or of the last half minute), used for the first time."""
        if self.step_up is None:
            return False
        now = time.monotonic()
        tries = [at for at in self._tries.get(person.id, []) if now - at < PAIR_FOR]
        self._tries[person.id] = [*tries, now]
        if len(tries) >= PAIR_TRIES:
            return False
        step = int(time.time() // 30)
        fact = f"code {self.settings.name} {person.id}"
        last = int(self.store.fact(fact) or 0)  # a used one stays so over a restart
        for moment in (step, step - 1):
            right = totp(self.step_up.secret, moment)
            if hmac.compare_digest(right, code.strip()) and moment > last:
                self.store.put_fact(fact, moment)
                self._stepped[person.id] = now
                return True
        return False

    # -- the log

    def note(self, person: Person, place: Place, what: str, outcome: str, **more: Any) -> None:
        """A line of the audit log, which is for the owner alone."""
        if self._audit is None:
            return
        line = {
            "time": round(time.time(), 3),
            "platform": place.platform,
            "person": person.id,
            "name": person.name,
            "role": self.role(person),
            "chat": place.chat,
            "thread": place.thread,
            "what": what,
            "outcome": outcome,
            **more,
        }
        descriptor = os.open(self._audit, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def needed(what: str) -> str:
    """The lowest role that may do it."""
    if what in DANGERS and what not in ("mode auto", "start auto", "always"):
        return "admin"
    head = what if what in VIEWER or what in OPERATOR else what.split(" ")[0]
    if head in VIEWER:
        return "viewer"
    if head in OPERATOR or what == "always":
        return "operator"
    return "admin"


def danger(what: str) -> str:
    return DANGERS.get(what, "")


def totp(secret: str, moment: int) -> str:
    """RFC 6238: six digits of `moment`, the count of half minutes since 1970."""
    padded = secret.replace(" ", "").upper()
    try:
        key = base64.b32decode(padded + "=" * (-len(padded) % 8))
    except binascii.Error:
        return ""
    digest = hmac.new(key, struct.pack(">Q", moment), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


# -- pairing


def make_pairing(store: Store, role: str) -> str:
    """A one-time code; only its hash is kept, and it replaces an earlier one."""
    code = "-".join(secrets.token_hex(2) for _ in range(3))
    store.put_fact(
        "pairing", {"hash": _hash(code), "role": role, "until": time.time() + PAIR_FOR, "tries": 0}
    )
    return code


def pair(store: Store, platform: str, person: Person, code: str) -> str:
    """The role that the person has now; empty when the code is wrong, used or too old."""
    waiting: Mapping[str, Any] | None = store.fact("pairing")
    if waiting is None or time.time() > waiting["until"]:
        store.put_fact("pairing", None)
        return ""
    if not hmac.compare_digest(str(waiting["hash"]), _hash(code.strip().lower())):
        tries = waiting["tries"] + 1
        store.put_fact("pairing", None if tries >= PAIR_TRIES else {**waiting, "tries": tries})
        return ""
    store.put_fact("pairing", None)
    role = str(waiting["role"])
    store.put_person(platform, person.id, role, person.name)
    return role


def _hash(code: str) -> str:
    return hashlib.sha256(b"codecast pairing " + code.encode()).hexdigest()


def known(platform: str, settings: PlatformSettings, store: Store) -> Collection[str]:
    """The ids that have a role."""
    listed = {*settings.viewers, *settings.operators, *settings.admins}
    return listed | {id for id in store.people(platform) if not id.startswith("chat ")}
