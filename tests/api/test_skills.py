"""Skills through the API: a start may leave them out."""

from .conftest import Api


async def test_a_start_without_skills_is_understood(api: Api) -> None:
    body = {"machine": "local", "cwd": "/w", "skills": False}
    assert (await api("POST", "/sessions", body)).code == 201
    refused = await api("POST", "/sessions", {**body, "skills": "no"})
    assert (refused.code, refused.json["data"]["field"]) == (400, "skills")
