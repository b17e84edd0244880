"""Files of a session come whole or not at all; only what is allowed goes."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess

from .conftest import S1, Talk

PIECE = 256 << 10


def announced(data: bytes, name: str = "data.bin") -> dict[str, Any]:
    return {
        "session": S1,
        "name": name,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def send(relay: RelayProcess, data: bytes, name: str = "data.bin", stop: int = -1) -> Any:
    """Pieces, from where the machine is; `stop` leaves off after so many."""
    about = announced(data, name)
    answer = relay.call("file/put", **about, offset=0, data="")
    while "path" not in answer and stop:
        offset = answer["offset"]
        piece = data[offset : offset + PIECE]
        answer = relay.call(
            "file/put",
            **about,
            offset=offset,
            data=base64.b64encode(piece).decode(),
            done=offset + len(piece) == len(data),
        )
        stop -= 1
    return answer


def fetch(relay: RelayProcess, path: str, **more: Any) -> bytes:
    data = b""
    while True:
        answer = relay.call(
            "file/get", session=S1, path=path, offset=len(data), length=PIECE, **more
        )
        data += base64.b64decode(answer["data"])
        if len(data) >= answer["size"] or not answer["data"]:
            return data


def refusal(relay: RelayProcess, path: str, **more: Any) -> CodecastError:
    with pytest.raises(CodecastError) as caught:
        fetch(relay, path, **more)
    return caught.value


def test_twenty_megabytes_go_and_come_over_a_killed_relay(
    talk: Talk, new_relay: Callable[..., RelayProcess]
) -> None:
    data = os.urandom(20 << 20)
    first = send(talk.relay, data, stop=30)
    assert first == {"offset": 30 * PIECE}
    talk.relay.kill()
    relay = new_relay()
    about = announced(data)
    assert relay.call("file/put", **about, offset=0, data="") == {"offset": 30 * PIECE}
    answer = send(relay, data)
    assert Path(answer["path"]).read_bytes() == data
    assert answer["uri"] == f"attachment:{about['sha256'][:8]}/data.bin"
    assert fetch(relay, answer["uri"]) == data
    left = [each.name for each in Path(answer["path"]).parent.iterdir()]
    assert left == ["data.bin"], "nothing half made is left"


def test_a_piece_sent_twice_or_out_of_turn_changes_nothing(talk: Talk) -> None:
    data = os.urandom(3 * PIECE)
    about = announced(data)
    piece = base64.b64encode(data[:PIECE]).decode()
    for _ in range(2):
        assert talk.relay.call("file/put", **about, offset=0, data=piece) == {"offset": PIECE}
    late = base64.b64encode(data[2 * PIECE :]).decode()
    answer = talk.relay.call("file/put", **about, offset=2 * PIECE, data=late, done=True)
    assert answer == {"offset": PIECE}
    path = Path(send(talk.relay, data)["path"])
    before = path.stat()
    assert send(talk.relay, data)["path"] == str(path)
    assert path.stat().st_ino == before.st_ino, "what is there is not written again"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_arrives_damaged_is_refused_and_can_be_sent_again(talk: Talk) -> None:
    data = b"what was meant"
    wrong = base64.b64encode(b"what was sent!").decode()
    with pytest.raises(CodecastError, match="damaged"):
        talk.relay.call("file/put", **announced(data), offset=0, data=wrong, done=True)
    assert Path(send(talk.relay, data)["path"]).read_bytes() == data


def test_an_attachment_changed_by_the_agent_is_sent_anew(talk: Talk) -> None:
    path = Path(send(talk.relay, b"original")["path"])
    path.write_bytes(b"changed!")
    assert send(talk.relay, b"original")["path"] == str(path)
    assert path.read_bytes() == b"original"


def test_an_empty_file_arrives(talk: Talk) -> None:
    assert Path(send(talk.relay, b"", "empty")["path"]).read_bytes() == b""


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", ".hidden", "a\nb", "a\0b", "x" * 300]
)
def test_a_name_that_is_no_plain_one_is_refused(talk: Talk, name: str) -> None:
    with pytest.raises(CodecastError, match="name cannot be"):
        send(talk.relay, b"x", name)


@pytest.mark.parametrize(
    "name", ['it\'s "quoted" $(x) `y`', "two  spaces", "line\nbreak", "ünï 字", "-rf", "a%2Fb"]
)
def test_odd_names_are_fetched(talk: Talk, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("odd")
    assert fetch(talk.relay, name) == b"odd"
    assert fetch(talk.relay, "./" + name) == b"odd"
    [found] = talk.relay.call("file/stat", session=S1, paths=[name, "./" + name, "nowhere"])
    assert found["name"] == name
    assert found["size"] == 3


def test_nothing_outside_the_roots_is_fetched(talk: Talk, root: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    secret = outside / "secret"
    secret.write_text("secret")
    (tmp_path / "link").symlink_to(secret)
    (tmp_path / "folder").symlink_to(outside)
    (tmp_path / "fine").symlink_to("inside")
    (tmp_path / "inside").write_text("inside")
    assert fetch(talk.relay, "fine") == b"inside"
    ways = [
        str(secret),
        f"../{outside.name}/secret",
        "link",
        "folder/secret",
        f"file://{secret}",
        "/etc/passwd",
        "/proc/self/environ",
    ]
    for way in ways:
        problem = refusal(talk.relay, way)
        assert problem.code == "forbidden", way
        assert problem.hint
    assert talk.relay.call("file/stat", session=S1, paths=ways) == []
    assert fetch(talk.relay, str(secret), roots=[str(outside)]) == b"secret"
    assert refusal(talk.relay, str(secret), roots=[str(outside) + "x"]).code == "forbidden"
    assert refusal(talk.relay, str(secret), roots=["", "relative"]).code == "forbidden"


def test_a_session_keeps_its_own_records(talk: Talk, root: Path) -> None:
    meta = next(root.glob("hosts/*/sessions/*/meta.json"))
    assert refusal(talk.relay, str(meta), roots=[str(root)]).code == "forbidden"
    uri = send(talk.relay, b"mine")["uri"]
    assert fetch(talk.relay, uri) == b"mine"
    for way in ("attachment:../../meta.json", "attachment:00000000/..", uri + "/../../meta.json"):
        assert refusal(talk.relay, way).code == "bad_request"


def test_what_is_no_plain_file_is_said_so_at_once(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    assert "is a directory" in refusal(talk.relay, "directory").message
    assert "no plain file" in refusal(talk.relay, "pipe").message
    assert "no plain file" in refusal(talk.relay, "device", roots=["/dev"]).message
    assert refusal(talk.relay, "loop").code in ("not_found", "bad_request")
    assert refusal(talk.relay, "nowhere").code == "not_found"
    assert refusal(talk.relay, "a\0b").code == "bad_request"


def test_a_prompt_whose_attachment_is_gone_fails_with_the_reason(talk: Talk) -> None:
    block = {"type": "resource_link", "uri": "attachment:01234567/gone.bin", "name": "gone"}
    talk.call("prompt", prompt="p", content=[block])
    assert talk.ended("p") == "failed"
    [failed] = [e for e in talk.feed.of("prompt_state") if e.data["state"] == "failed"]
    assert "gone.bin is not on the machine" in failed.data["error"]["message"]
    assert talk.ask("say next") == "done"
