"""A session's files through the API as an editor uses them, over the real hub."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import nbformat
import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.client.test_real_hub import fits
from tests.fixtures.live import Api, Talk
from tests.fixtures.server import JupyterServer


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def talk(real_server: JupyterServer, project: Path) -> Iterator[Talk]:
    talk = Api(real_server).start("local", project)
    yield talk
    talk.destroy()


def call(talk: Talk, verb: str, data: bytes | None = None, **query: str) -> Any:
    """The raw answer of `/files`; refusals are raised as the CodecastError they tell."""
    server = talk.api.server
    request = urllib.request.Request(
        f"{server.url}/api/codecast/v1{talk.path}/files?{urlencode(query)}",
        method=verb,
        data=data,
        headers={
            "Authorization": f"token {server.token}",
            "Content-Type": "application/octet-stream",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        raise CodecastError.from_json(json.loads(error.read())) from None


def refusal(talk: Talk, verb: str, data: bytes | None = None, **query: str) -> CodecastError:
    with pytest.raises(CodecastError) as caught:
        call(talk, verb, data, **query)
    return caught.value


def test_editor_reads_saves_and_hears_of_a_conflict(talk: Talk, project: Path) -> None:
    saved = json.loads(call(talk, "PUT", b"one\n", path="a $(b).py", mtime="none")[0])
    fits("File", saved)
    data, headers = call(talk, "GET", path="a $(b).py")
    assert data == b"one\n" and float(headers["X-Codecast-Mtime"]) == saved["mtime"]
    file = project / "a $(b).py"
    file.write_text("by the agent\n")
    os.utime(file, (saved["mtime"] + 2, saved["mtime"] + 2))
    problem = refusal(talk, "PUT", b"two\n", path="a $(b).py", mtime=repr(saved["mtime"]))
    assert problem.code == "conflict" and file.read_text() == "by the agent\n"
    now = repr(problem.data["mtime"])
    call(talk, "PUT", b"two\n", path="a $(b).py", mtime=now)
    assert file.read_text() == "two\n"
    call(talk, "PUT", b"over it\n", path="a $(b).py")
    assert file.read_text() == "over it\n"
    assert refusal(talk, "PUT", b"x", path="y", mtime="soon").code == "bad_request"


def test_large_file_is_saved_in_pieces_and_leaves_nothing_beside(talk: Talk, project: Path) -> None:
    data = os.urandom(3 << 20)
    call(talk, "PUT", data, path="big.bin")
    assert (project / "big.bin").read_bytes() == data
    assert refusal(talk, "PUT", bytes((64 << 20) + 1), path="huge").code == "too_large"
    names = {each["name"] for each in talk.api.get(f"{talk.path}/tree")["entries"]}
    assert "big.bin" in names and not [name for name in names if name.endswith(".part")]


def test_names_are_made_listed_renamed_and_deleted(talk: Talk, project: Path) -> None:
    path = f"{talk.path}/files"
    made = talk.api.call("POST", path, {"path": "src", "kind": "directory"})
    fits("File", made)
    talk.api.call("POST", path, {"path": "src/x.py", "kind": "file"})
    talk.api.call("PATCH", path, {"path": "src/x.py", "to": "src/y.py"})
    tree = talk.api.call("GET", f"{talk.path}/tree", query={"path": "src"})
    fits("File", tree)
    assert [(each["name"], each["kind"]) for each in tree["entries"]] == [("y.py", "file")]
    assert refusal(talk, "DELETE", path="src").code == "conflict"
    call(talk, "DELETE", path="src/y.py")
    call(talk, "DELETE", path="src")
    assert not (project / "src").exists()
    with pytest.raises(CodecastError) as caught:
        talk.api.call("GET", f"{talk.path}/tree", query={"path": "/etc"})
    assert caught.value.code == "forbidden"


def test_what_the_rules_withhold_is_not_changed_either(
    talk: Talk,
    real_server: JupyterServer,
    project: Path,
) -> None:
    (project / ".env").write_text("KEY=1")
    (project / "way").symlink_to(".env")
    before = real_server.machines_file.read_text() if real_server.machines_file.exists() else None
    real_server.machines_file.write_text("files:\n  rules:\n    - {pattern: .env, offer: never}\n")
    try:
        for path in (".env", "way"):
            assert refusal(talk, "PUT", b"KEY=2", path=path).code == "forbidden"
        for verb in ("GET", "DELETE"):
            assert refusal(talk, verb, path=".env").code == "forbidden"
        for body in ({"path": ".env", "to": "x"}, {"path": "big.bin", "to": ".env"}):
            with pytest.raises(CodecastError) as caught:
                talk.api.call("PATCH", f"{talk.path}/files", body)
            assert caught.value.code == "forbidden"
        assert (project / ".env").read_text() == "KEY=1"
    finally:
        if before is None:
            real_server.machines_file.unlink()
        else:
            real_server.machines_file.write_text(before)


def test_changes_and_their_diffs_are_told(talk: Talk, project: Path) -> None:
    assert talk.api.get(f"{talk.path}/changes")["repository"] is False
    for words in (["init"], ["add", "."], ["commit", "-m", "x"]):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *who, *words], cwd=project, check=True, capture_output=True)
    (project / "new.py").write_text("print(1)\n")
    told = talk.api.get(f"{talk.path}/changes")
    fits("Changes", told)
    assert told["files"] == [{"path": "new.py", "kind": "untracked"}]
    diff = talk.api.call("GET", f"{talk.path}/diff", query={"path": "new.py"})
    fits("Difference", diff)
    assert "+print(1)" in diff["diff"]


def test_transcript_is_exported_as_notebook_markdown_and_json(talk: Talk) -> None:
    talk.ask("read big.bin")

    def exported(kind: str) -> tuple[str, Any]:
        server = talk.api.server
        request = urllib.request.Request(
            f"{server.url}/api/codecast/v1{talk.path}/export?format={kind}",
            headers={"Authorization": f"token {server.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode(), answer.headers

    text, headers = exported("ipynb")
    nbformat.validate(nbformat.reads(text, as_version=4))
    name = talk.show()["name"]
    assert f"{name}.ipynb" in headers["Content-Disposition"]
    text, headers = exported("md")
    assert text.startswith(f"# {name}\n") and "big.bin" in text
    assert headers["Content-Type"].startswith("text/markdown")
    told = json.loads(exported("json")[0])
    assert len(told["events"]) == talk.show()["last_seq"]
    with pytest.raises(CodecastError):
        talk.api.get(f"{talk.path}/export", format="pdf")
