"""Looks for a message of which nobody knows whether it was sent."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .contract import Forbidden, Outgoing, Place
from .discord_http import Rest
from .discord_objects import channel_of, components, content_of

Json = dict[str, Any]
LOOK = 100  # messages behind the mark
MOST_FILES = 10  # of a message


async def find(
    rest: Rest, place: Place, out: Outgoing, mark: str, own: str, known: Collection[str]
) -> tuple[str, str]:
    """Its id and what it says; empty where it was not sent. What was streamed meanwhile may have
    made the wanted words longer than those that were sent."""
    if not mark:
        return "", ""
    try:
        found = await rest.history(channel_of(place), mark, LOOK)
    except Forbidden:  # it may not read back; the nonce is left
        return "", ""
    wanted, ids = content_of(out), _ids(components(out.controls))
    files = min(len(out.files), MOST_FILES)
    for message in found:
        content = str(message.get("content") or "")
        if str(message["author"]["id"]) != own or str(message["id"]) in known:
            continue
        if message.get("interaction_metadata") or message.get("interaction"):
            continue
        if len(message.get("attachments") or []) != files:
            continue
        theirs = _ids(message.get("components") or [])
        if content == wanted and (theirs == ids or out.live):
            return str(message["id"]), content
        if ids and theirs == ids:
            return str(message["id"]), content
        grew = content and not ids and not theirs and not files and wanted.startswith(content)
        if grew:
            return str(message["id"]), content
    return "", ""


def _ids(rows: list[Json]) -> list[str]:
    return [str(part.get("custom_id")) for row in rows for part in row.get("components") or []]
