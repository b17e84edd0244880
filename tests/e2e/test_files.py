"""Files between this computer and a machine behind a jump host, with the real Claude Code."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Model
from tests.fixtures.live import until
from tests.fixtures.world import World

Json = dict[str, Any]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)


def told(model: Model, marker: str) -> list[Json]:
    """The content blocks of the last message with `marker` that the model was sent."""
    for path in sorted(model.records.iterdir(), reverse=True):
        for message in reversed(json.loads(path.read_text())["body"].get("messages", [])):
            if isinstance(message["content"], list) and marker in json.dumps(message["content"]):
                found: list[Json] = message["content"]
                return found
    raise AssertionError(f"the model was never told {marker!r}")


def test_an_image_text_and_a_large_file_reach_claude(
    far: World, model: Model, project: Path, tmp_path: Path
) -> None:
    talk = far.talk(project, "claude", mode="ask")
    (tmp_path / "a picture.png").write_bytes(PIXEL)
    (tmp_path / "notes.txt").write_text("remember the milk")
    (tmp_path / "data.bin").write_bytes(os.urandom(20 << 20))
    (tmp_path / "run.log").write_text("".join(f"tick {n}\n" for n in range(9000)))
    names = ("a picture.png", "notes.txt", "data.bin", "run.log")
    files = [f"--attach={tmp_path / name}" for name in names]
    done = far.shell("send", talk.id, "--wait", "say:all of it is here", *files)
    assert (done.code, done.err) == (0, "")
    assert "all of it is here" in done.out

    blocks = told(model, "say:all of it is here")
    [image] = [block for block in blocks if block["type"] == "image"]
    assert image["source"]["media_type"] == "image/png"
    assert len(image["source"]["data"]) > 50
    text = "\n".join(block["text"] for block in blocks if block["type"] == "text")
    assert "notes.txt:\n```\nremember the milk\n```" in text
    line = next(line for line in text.splitlines() if "/data.bin (" in line)
    path = Path(line.removeprefix("Attached file: ").removesuffix(" (application/octet-stream)"))
    assert path.read_bytes() == (tmp_path / "data.bin").read_bytes()
    assert path.is_relative_to(far.ground.directory(talk.id) / "attachments")

    # its own files are read unasked, and nothing else there
    meta = far.ground.directory(talk.id) / "meta.json"
    id = talk.prompt(f"read:{meta}\nsay:not read")
    request = talk.wait_request()
    assert "meta.json" in json.dumps(request)
    talk.choose(request, "reject_once")
    talk.wait_prompt(id, "done", "failed", "cancelled")
    [log] = path.parent.parent.glob("*/run.log")
    seq = talk.events()[-1]["seq"]
    talk.ask(f"read:{log}\nsay:read it")
    assert "request_opened" not in [event["type"] for event in talk.events(seq)]
    assert "tick 7" in json.dumps(talk.events(seq))

    talk.destroy()
    until(lambda: not path.exists(), "the attachment goes with its session")


def test_a_large_file_goes_and_comes_while_connections_are_killed(
    far: World, project: Path, tmp_path: Path
) -> None:
    talk = far.talk(project, "claude", mode="ask")
    data = os.urandom(20 << 20)
    (tmp_path / "data.bin").write_bytes(data)
    over = threading.Event()
    kills: list[int] = []

    def trouble() -> None:
        while not over.wait(1.0):
            if far.api.machine(far.machine)["state"] == "online":
                far.kill_connection()
                kills.append(1)

    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        done = far.shell("send", talk.id, "say:here", f"--attach={tmp_path / 'data.bin'}")
        assert (done.code, done.err) == (0, "")
        attachments = far.ground.directory(talk.id) / "attachments"
        path = until(lambda: next(attachments.glob("*/data.bin"), None), "it is there")
    finally:
        over.set()
        thread.join()
    assert path.read_bytes() == data
    assert kills
    [prompt] = talk.prompts()
    talk.wait_prompt(prompt)

    (project / "two words.bin").write_bytes(data)
    far.kill_connection()
    target = tmp_path / "back.bin"
    done = far.shell("get", talk.id, "two words.bin", "-o", str(target))
    assert (done.code, done.err) == (0, "")
    assert target.read_bytes() == data


def test_what_the_agent_wrote_is_offered_and_fetched(
    far: World, project: Path, tmp_path: Path
) -> None:
    talk = far.talk(project, "claude", mode="auto")
    talk.ask("say:Only words, no file.")
    assert json.loads(far.shell("files", talk.id, "--json").out) == []
    (project / "made before.csv").write_text("1,2")
    talk.ask("bash:echo hello > result.txt\nsay:Look at `result.txt` and `made before.csv`, not x.")
    offered = json.loads(far.shell("files", talk.id, "--json").out)
    assert {each["name"]: each["size"] for each in offered} == {
        "result.txt": 6,
        "made before.csv": 3,
    }
    done = far.shell("get", talk.id, "result.txt", "-o", str(tmp_path))
    assert done.code == 0, done.err
    assert (tmp_path / "result.txt").read_text() == "hello\n"
    refused = far.shell("get", talk.id, "/etc/passwd", "-o", str(tmp_path))
    assert refused.code == 1
    assert "/etc/passwd is not below" in refused.err
    assert [each.name for each in tmp_path.iterdir()] == ["result.txt"]
