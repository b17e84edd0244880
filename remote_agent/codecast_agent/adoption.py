"""Conversations that a person began by hand: listed, checked, brought into a journal.

All of it is slow (files are read, processes looked at) and runs in a child of the relay. A
session is made whole: its history is in its journal before its directory appears, so that
nobody ever sees half of it. Imported records bear the time at which they happened, and the
last of them says that the CLI has ended: that is how such a conversation stands.
"""

import os
import shutil
import time
from collections import deque
from functools import partial
from typing import Any, Deque, Dict, List, Tuple

from .clis import history
from .clis.environment import environment
from .clis.history.contract import LONG, Found, Past, Reader, shorten
from .journal import Journal
from .places import Meta, Place
from .protocol import records
from .protocol.errors import CodecastError

Params = Dict[str, Any]
EVENTS = 20000  # of one conversation are imported, the newest
BYTES = 64 << 20
BATCH = 1 << 20
MOST = 1000  # conversations in one list


def listing(params: Params) -> List[Dict[str, Any]]:
    """Conversations as `Found.to_json`, the newest first.

    Raises CodecastError("bad_request", "not_supported").
    """
    limit = params.get("limit", history.LIMIT)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise CodecastError("bad_request", "A limit is a number above 0, not %r." % (limit,))
    texts = {name: params.get(name) or "" for name in ("cli", "cwd", "query")}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise CodecastError("bad_request", "%s cannot be %r." % (name, value))
    env = params.get("env") or {}
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        raise CodecastError("bad_request", "An environment maps names to texts.")
    places = history.places_in({**environment(), **env})
    cwd = os.path.normpath(os.path.expanduser(texts["cwd"])) if texts["cwd"] else None
    found = history.listing(places, texts["cli"] or None, cwd, min(limit, MOST), texts["query"])
    return [each.to_json() for each in found]


def take_over(directory: str, meta: Meta) -> bool:
    """Make the directory of a session that goes on with `meta["native"]`; False when there is
    one of its id already.

    Raises CodecastError: `session_in_use` where another process writes the conversation,
    `not_found` and `not_supported` where it is to be imported and cannot be, `disk_full`.
    """
    cli, native = meta["cli"], meta["native"]
    fill = None
    if cli in history.READERS or meta["history"]:
        if meta["fork"] and cli in history.READERS and cli not in history.FORKING:
            raise CodecastError(
                "not_supported",
                "%s cannot fork a conversation." % cli,
                "Adopt it itself, once no other process writes it.",
            )
        reader = history.reader(cli, history.places_in({**environment(), **meta["env"]}))
        found = reader.find(native)
        if found is not None and found.live is not None and not meta["fork"]:
            raise _in_use(found)
        if meta["history"]:
            if found is None:
                raise CodecastError(
                    "not_found",
                    "%s has no conversation %s on this machine." % (cli, native),
                    "`codecast history MACHINE` lists those there are.",
                )
            fill = partial(_fill, reader, found)
    return Place.create(directory, meta, fill) is not None


def _in_use(found: Found) -> CodecastError:
    live = found.live
    assert live is not None
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(live.since))
    hint = "End it there and adopt it then"
    if found.cli in history.FORKING:
        hint += ", or fork it: the fork is a conversation of its own"
    return CodecastError(
        "session_in_use",
        "Another process is in that conversation since %s: %s" % (since, live.reason),
        hint + ".",
        data=live.to_json(),
    )


def _fill(reader: Reader, found: Found, place: Place) -> None:
    if found.cli == "gemini":  # it has lost conversations that were resumed: keep what there is
        shutil.copy2(found.path, os.path.join(place.path, "adopted.jsonl"))
    kept, dropped = _newest(reader, found)
    journal = Journal(place.journal)
    try:
        _write(journal, _framed(found, kept, dropped))
    finally:
        journal.close()


def _newest(reader: Reader, found: Found) -> "Tuple[Deque[Tuple[float, bytes]], int]":
    """The last events as `(time, JSON)`, within the limits, and how many came before them."""
    kept: Deque[Tuple[float, bytes]] = deque()
    size = dropped = 0
    for when, event in reader.events(found):
        payload = records.dump({**event, "history": True})
        if len(payload) > LONG:
            payload = records.dump({**_shorter(event), "history": True})
        kept.append((when, payload))
        size += len(payload)
        while len(kept) > EVENTS or (size > BYTES and len(kept) > 1):
            size -= len(kept.popleft()[1])
            dropped += 1
    return kept, dropped


def _shorter(event: Dict[str, Any]) -> Dict[str, Any]:
    """With long texts cut, in words; what a program would read is left out."""
    short = {key: value for key, value in event.items() if not key.startswith("raw")}
    content = event.get("content")
    if isinstance(content, dict):
        short["content"] = _cut(content)
    elif isinstance(content, list):
        short["content"] = [_cut(block) for block in content]
    return short


def _cut(block: Dict[str, Any]) -> Dict[str, Any]:
    return {
        key: shorten(value) if isinstance(value, str) else value for key, value in block.items()
    }


def _framed(
    found: Found, kept: "Deque[Tuple[float, bytes]]", dropped: int
) -> "List[Tuple[float, bytes]]":
    """The events between what says where they come from, and how the conversation stands."""
    text = "The history of a conversation that was begun by hand in %s on %s." % (
        found.cwd or "an unknown directory",
        time.strftime("%Y-%m-%d", time.gmtime(found.started)),
    )
    before: List[Past] = [
        (found.started, {"type": "session_info_update", "title": found.title}),
        (found.started, {"type": "notice", "level": "info", "text": text}),
    ]
    if dropped:
        text = (
            "Its first %d events are left out here, for at most %d events and %d MiB are"
            " imported; the CLI itself goes on with all it remembers."
        )
        text %= (dropped, EVENTS, BYTES >> 20)
        before.append((found.started, {"type": "notice", "level": "warning", "text": text}))
    after = (found.updated, {"type": "session_state", "state": "exited"})
    return [
        *((when, records.dump({**event, "history": True})) for when, event in before),
        *kept,
        (after[0], records.dump({**after[1], "history": True})),
    ]


def _write(journal: Journal, events: "List[Tuple[float, bytes]]") -> None:
    """Times never go back, and none lies ahead of now."""
    now, last = time.time(), 0.0
    payloads: List[bytes] = []
    times: List[int] = []
    size = 0
    for when, payload in events:
        last = min(max(when, last), now)
        payloads.append(payload)
        times.append(int(last * 1e6))
        size += len(payload)
        if size >= BATCH:
            journal.append(payloads, times)
            payloads, times, size = [], [], 0
    journal.append(payloads, times)
    if not journal.sync() or journal.full is not None:
        reason = journal.full.strerror if journal.full else "the disk is full"
        raise CodecastError(
            "disk_full",
            "The machine cannot store the conversation: %s." % reason,
            "Free space for %s." % journal.directory,
        )
