"""An editor's changes are whole, stay below the roots, and never go over what they do not know."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess

from .conftest import S1, Talk
from .test_files import send


def call(relay: RelayProcess, verb: str, path: str, **more: Any) -> Any:
    return relay.call(f"file/{verb}", session=S1, path=path, **more)


def save(relay: RelayProcess, path: str, text: str, **more: Any) -> Any:
    return call(relay, "save", path, data=base64.b64encode(text.encode()).decode(), **more)


def refused(relay: RelayProcess, verb: str, path: str, **more: Any) -> CodecastError:
    with pytest.raises(CodecastError) as caught:
        call(relay, verb, path, **more)
    return caught.value


def test_directory_is_listed_as_it_is(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "read me.txt").write_text("12345")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "also").symlink_to("src")
    os.mkfifo(tmp_path / "pipe")
    listed = call(talk.relay, "list", ".")
    kinds = {each["name"]: each["kind"] for each in listed["entries"]}
    assert (listed["path"], listed["kind"]) == (str(tmp_path), "directory")
    wanted = {"src": "directory", "also": "directory", "read me.txt": "file", "pipe": "other"}
    assert wanted.items() <= kinds.items() and "broken" not in kinds
    one = call(talk.relay, "list", "read me.txt")
    assert (one["kind"], one["size"], one["writable"]) == ("file", 5, True)
    assert "entries" not in one
    assert refused(talk.relay, "list", "nowhere").code == "not_found"
    assert refused(talk.relay, "list", "/etc").code == "forbidden"
    assert call(talk.relay, "list", "/etc/hostname", roots=["/etc"])["kind"] == "file"


def test_file_is_replaced_whole_and_keeps_its_mode(talk: Talk, tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text("old")
    script.chmod(0o750)
    before = script.stat()
    told = save(talk.relay, "run.sh", "new\n", mtime=before.st_mtime)
    assert script.read_text() == "new\n" and stat.S_IMODE(script.stat().st_mode) == 0o750
    assert told["mtime"] == script.stat().st_mtime and script.stat().st_ino != before.st_ino
    assert save(talk.relay, "made.txt", "", mtime=None)["size"] == 0
    (tmp_path / "link").symlink_to("run.sh")
    save(talk.relay, "link", "through")
    assert (tmp_path / "link").is_symlink() and script.read_text() == "through"
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_what_changed_meanwhile_is_not_written_over(talk: Talk, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one")
    seen = call(talk.relay, "list", "a.txt")["mtime"]
    file.write_text("two")
    os.utime(file, (seen + 5, seen + 5))
    data = base64.b64encode(b"three").decode()
    problem = refused(talk.relay, "save", "a.txt", data=data, mtime=seen)
    assert problem.code == "conflict" and problem.data["mtime"] == seen + 5
    assert file.read_text() == "two"
    assert refused(talk.relay, "save", "a.txt", data=data, mtime=None).code == "conflict"
    assert refused(talk.relay, "save", "gone.txt", data=data, mtime=seen).code == "conflict"
    save(talk.relay, "a.txt", "three", mtime=seen + 5)
    # the answer may have been lost: once more does no harm
    save(talk.relay, "a.txt", "three", mtime=seen + 5)
    assert file.read_text() == "three"


def test_large_file_comes_in_pieces(talk: Talk, tmp_path: Path) -> None:
    data = os.urandom(1 << 20)
    uri = send(talk.relay, data, "saving-1")["uri"]
    assert call(talk.relay, "save", "big.bin", upload=uri)["size"] == len(data)
    found = hashlib.sha256((tmp_path / "big.bin").read_bytes()).digest()
    assert found == hashlib.sha256(data).digest()
    assert not list(talk.relay.root.glob("hosts/*/sessions/*/attachments/*/saving-1"))
    assert refused(talk.relay, "save", "x", upload="attachment:00000000/../../x").code in (
        "bad_request",
        "not_found",
    )


def test_nothing_outside_is_written_made_moved_or_deleted(
    talk: Talk, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kept.txt").write_text("kept")
    (tmp_path / "in.txt").write_text("in")
    (tmp_path / "way").symlink_to(outside)
    (tmp_path / "file").symlink_to(outside / "kept.txt")
    (tmp_path / "new").symlink_to(outside / "new.txt")
    meta = next(talk.relay.root.glob("hosts/*/sessions/*/meta.json"))
    whole = meta.read_text()
    for path in ("way/kept.txt", "file", "new", f"../{outside.name}/x", "/etc/x", str(meta)):
        data = base64.b64encode(b"bad").decode()
        assert refused(talk.relay, "save", path, data=data).code == "forbidden", path
    for verb, path, more in (
        ("make", "way/dir", {"kind": "directory"}),
        ("make", "way/file", {"kind": "file"}),
        ("rename", "in.txt", {"to": "way/in.txt"}),
        ("rename", "way/kept.txt", {"to": "mine.txt"}),
        ("delete", "way/kept.txt", {}),
        ("delete", ".", {}),
        ("delete", str(tmp_path), {}),
        ("rename", str(tmp_path), {"to": "x"}),
    ):
        problem = refused(talk.relay, verb, path, **more)
        assert problem.code in ("forbidden", "bad_request"), (verb, path, problem.message)
    assert [path.name for path in outside.iterdir()] == ["kept.txt"]
    assert (outside / "kept.txt").read_text() == "kept" and meta.read_text() == whole
    call(talk.relay, "delete", "way")  # the link itself is ours
    assert (outside / "kept.txt").exists() and not (tmp_path / "way").is_symlink()


def test_names_are_made_moved_and_deleted(talk: Talk, tmp_path: Path) -> None:
    assert call(talk.relay, "make", "sub", kind="directory")["kind"] == "directory"
    assert call(talk.relay, "make", "sub/new.py", kind="file")["size"] == 0
    assert refused(talk.relay, "make", "sub/new.py", kind="file").code == "conflict"
    assert refused(talk.relay, "make", "sub", kind="directory").code == "conflict"
    told = call(talk.relay, "rename", "sub/new.py", to="sub/neu \u00fc.py")
    assert (told["name"], told["path"]) == ("neu ü.py", str(tmp_path / "sub" / "neu ü.py"))
    (tmp_path / "other").write_text("x")
    assert refused(talk.relay, "rename", "other", to="sub/neu ü.py").code == "conflict"
    assert refused(talk.relay, "delete", "sub").code == "conflict"
    call(talk.relay, "delete", "sub/neu ü.py")
    call(talk.relay, "delete", "sub")
    assert not (tmp_path / "sub").exists()
    assert refused(talk.relay, "delete", "sub").code == "not_found"
