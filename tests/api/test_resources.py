"""Every resource answers what the file says, and hands the hub what it was given."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Api

Json = dict[str, Any]


async def test_health_tells_what_is_there(api: Api, session: Json) -> None:
    answer = await api("GET", "/health")
    assert answer.code == 200
    assert (answer.json["protocol"], answer.json["sessions"], answer.json["machines"]) == (1, 1, 1)
