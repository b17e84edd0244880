"""What a person gets wrong, or finds wrong on a machine: one clear message where they wait, with
the cause and what to do, and nothing left behind.

Most is typed into a shell, as a person would; the shell and the API tell the same errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.e2e.conftest import Model
from tests.fixtures.live import Talk, assert_nothing_left
from tests.fixtures.sshd import Client, Sshd, free_port, keygen
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import Shell, World, configuration, opened

# every interpreter is replaced by a file that cannot run, for this sshd and what it starts
NO_PYTHON = """
mount --make-rprivate /
for file in /usr/bin/python3* /usr/local/bin/python3*; do
    [ ! -f "$file" ] || mount --bind "$0" "$file"
done
exec "$@"
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """`gpu` is well; each of the other machines has one thing wrong with it."""
    directory = tmp_path_factory.mktemp("bad")
    client = Client(directory / "keys")
    gpu = Sshd(
        directory / "gpu",
        client.authorized,
        environment={"CODECAST_CLI_CLAUDE": "/nowhere/claude"},
    )
    nothing = directory / "nothing"
    nothing.touch(0o644)
    bare = Sshd(
        directory / "bare",
        client.authorized,
        wrap=["unshare", "-m", "sh", "-c", NO_PYTHON, str(nothing)],
        environment={"PATH": "/usr/bin:/bin"},
    )
    client.add_host("gpu", gpu)
    client.add_host("bare", bare)
    other = Path(f"{keygen(directory / 'other_key')}.pub")
    locked = Sshd(directory / "locked", other)
    client.add_host("wrong-key", locked)
    strange = f"UserKnownHostsFile {directory / 'no_hosts'}"
    client.add_host("stranger", gpu, strange, trust=False)
    (directory / "changed_hosts").write_text(
        f"[{gpu.address}]:{gpu.port} {Path(f'{client.key}.pub').read_text()}"
    )
    changed = f"UserKnownHostsFile {directory / 'changed_hosts'}"
    client.add_host("changed", gpu, changed, trust=False)
    client.add_text(f"Host down\n    HostName 127.0.0.1\n    Port {free_port()}\n")
    hosts = {"gpu": gpu, "bare": bare, "locked": locked}
    with opened(World(directory, client, hosts, "gpu", configuration())) as world:
        yield world


@pytest.fixture
def bad(shared: World) -> Iterator[World]:
    yield shared
    shared.mend()


@pytest.fixture
def cwd(shared: World) -> Path:
    return shared.project()


def refused(told: Shell, *words: str) -> None:
    """A failure, told once, in words, on stderr alone."""
    assert told.code == 1, told
    assert told.out == ""
    for word in words:
        assert word in told.err, told.err
    assert "Traceback" not in told.err
    assert "internal" not in told.err.lower()


def problem(told: Shell) -> dict[str, Any]:
    """The error of `--json`; whatever goes wrong must say what to do."""
    assert told.code == 1, told
    found: dict[str, Any] = json.loads(told.err)["error"]
    assert found["message"]
    assert found["hint"]
    return found


def test_an_unknown_machine(bad: World, cwd: Path) -> None:
    before = bad.trace()
    refused(bad.shell("start", "gpuu", str(cwd), "--cli", "demo"), "'gpuu'", "Did you mean `gpu`?")
    with pytest.raises(CodecastError) as caught:
        bad.talk(cwd, machine="nowhere")
    assert caught.value.code == "not_found"
    assert caught.value.data["http_status"] == 404
    bad.assert_untouched(before)


@pytest.mark.parametrize(
    ("machine", "code"),
    [
        ("wrong-key", "auth_failed"),
        ("stranger", "unknown_host_key"),
        ("changed", "changed_host_key"),
        ("bare", "no_python"),
        ("down", "unreachable"),
    ],
)
def test_a_machine_with_something_wrong(bad: World, cwd: Path, machine: str, code: str) -> None:
    before = bad.trace()
    told = problem(bad.shell("start", machine, str(cwd), "--cli", "demo", "--json"))
    assert told["code"] == code
    refused(bad.shell("start", machine, str(cwd), "--cli", "demo"), told["message"].split("\n")[0])
    with pytest.raises(CodecastError) as caught:
        bad.talk(cwd, machine=machine)
    assert caught.value.code == code
    bad.assert_untouched(before)
    examined = bad.shell("doctor", machine)
    assert examined.code == 1
    assert "Traceback" not in examined.err


def test_a_changed_host_key_is_told_apart_and_cannot_be_accepted(bad: World, cwd: Path) -> None:
    unknown = problem(bad.shell("start", "stranger", str(cwd), "--cli", "demo", "--json"))
    assert unknown["data"]["fingerprint"] == bad.sshd.fingerprint()
    changed = problem(bad.shell("start", "changed", str(cwd), "--cli", "demo", "--json"))
    assert changed["data"]["fingerprint"] == bad.sshd.fingerprint()
    assert changed["message"] != unknown["message"]
    with pytest.raises(CodecastError):
        bad.api.post("/machines/changed/host-key", fingerprint=bad.sshd.fingerprint())
    assert bad.api.machine("changed")["state"] != "online"


def test_no_such_directory(bad: World, cwd: Path) -> None:
    before = bad.trace()
    missing = str(cwd / "missing" / "deeper")
    told = problem(bad.shell("start", "gpu", missing, "--cli", "demo", "--json"))
    assert told["code"] == "no_such_directory"
    assert missing in told["message"]
    refused(bad.shell("start", "gpu", missing, "--cli", "demo"), missing)
    (cwd / "file").write_text("no directory")
    told = problem(bad.shell("start", "gpu", str(cwd / "file"), "--cli", "demo", "--json"))
    assert told["code"] == "no_such_directory"
    assert not (cwd / "missing").exists()
    bad.assert_untouched(before)


@pytest.mark.parametrize(
    ("cli", "code", "words"),
    [
        ("claude", "cli_missing", "npm install -g @anthropic-ai/claude-code"),
        ("missing", "cli_missing", "no-such-program-anywhere"),
        ("claud", "cli_missing", "claud"),
        ("broken", "cli_failed", "the cause, in its own words"),
    ],
)
def test_a_cli_that_does_not_start(bad: World, cwd: Path, cli: str, code: str, words: str) -> None:
    before = bad.trace()
    told = problem_of(bad.shell("start", "gpu", str(cwd), "--cli", cli, "--json"))
    assert told["code"] == code
    refused(bad.shell("start", "gpu", str(cwd), "--cli", cli), words)
    bad.assert_untouched(before)


def problem_of(told: Shell) -> dict[str, Any]:
    """Likewise, where the CLI's own words say what to do."""
    assert told.code == 1, told
    found: dict[str, Any] = json.loads(told.err)["error"]
    assert found.get("hint") or found.get("detail")
    return found


def test_a_prompt_of_5_mb(bad: World, cwd: Path) -> None:
    talk = bad.talk(cwd, "scripted")
    text = "say all of it arrived\n# " + "0123456789abcdef" * (5 << 16) + "\nsay to the end"
    told = bad.shell("send", talk.id, "-", "--wait", input=text)
    assert told.code == 0, told.err
    assert "all of it arrived" in told.out
    assert text_of(talk.events()) == "all of it arrivedto the end"
    (prompt,) = talk.prompts().values()
    assert prompt["content"] == [{"type": "text", "text": text}]
    assert_whole(talk.events())


def test_a_prompt_larger_than_any(bad: World, cwd: Path) -> None:
    talk = bad.talk(cwd, "scripted")
    told = bad.shell("send", talk.id, "-", "--json", input="x" * (33 << 20))
    assert problem(told)["code"] == "too_large"
    assert talk.prompts() == {}


@pytest.mark.parametrize("text", ["-rf say", "--help", "--", "- a list\n- of two"])
def test_a_prompt_that_begins_with_a_dash(bad: World, cwd: Path, text: str) -> None:
    talk = bad.talk(cwd, "scripted")
    # these two mean something else, unless it is said that no options follow
    words = ["--", text] if text in ("--help", "--") else [text]
    told = bad.shell("send", talk.id, *words)
    assert told.code == 0, told.err
    (prompt,) = talk.prompts().values()
    assert prompt["content"] == [{"type": "text", "text": text}]
    talk.wait_prompt(prompt["id"])


def test_output_that_is_no_utf8(bad: World, cwd: Path) -> None:
    talk = bad.talk(cwd, "demo", mode="auto")
    told = bad.shell("send", talk.id, "--wait", r"run printf 'Gr\374\337e \200\377'; echo after")
    assert told.code == 0, told.err
    assert "Gr" in told.out
    assert "after" in told.out
    assert_whole(talk.events())


HOSTILE = """it's a "test" $(touch pwned) `touch pwned`; touch pwned & é 漢 \\n *?[x]"""


def test_a_hostile_directory(bad: World, cwd: Path) -> None:
    directory = cwd / HOSTILE
    directory.mkdir()
    told = bad.shell("start", "gpu", str(directory), "--cli", "demo", "--mode", "auto", "--json")
    assert told.code == 0, told.err
    talk = Talk(bad.api, json.loads(told.out)["id"])
    assert talk.show()["cwd"] == str(directory)
    talk.ask("run pwd; touch here")
    assert (directory / "here").exists()
    talk.ask("write note.txt: written")
    assert (directory / "note.txt").exists()
    assert not list(bad.directory.rglob("pwned"))
    assert bad.shell("show", talk.id).code == 0
    assert bad.shell("rm", talk.id).code == 0
    assert_nothing_left(talk.id)
    assert not bad.ground.directories()


def test_claude_in_a_hostile_directory(far: World, model: Model, project: Path) -> None:
    directory = project / HOSTILE
    directory.mkdir()
    talk = far.talk(directory, "claude", mode="auto")
    talk.ask("bash:touch here.txt\nsay:done")
    assert (directory / "here.txt").exists()
    assert not list(far.directory.rglob("pwned"))


def test_claude_that_is_not_logged_in(far: World, project: Path) -> None:
    """It starts, and says so; the prompt fails with what to do; afterwards nothing is left."""
    before = far.trace()
    env = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "HOME": str(far.ground.home)}
    with_key = far.server.machines_file.read_text()
    config = json.loads(with_key)
    config["machines"]["inner"]["env"] = env
    far.server.machines_file.write_text(json.dumps(config))
    try:
        talk = far.talk(project, "claude")
        told = far.shell("send", talk.id, "--wait", "say:nothing")
        assert told.code == 1
        assert "not logged in" in told.err
        assert "/login" in told.err
        id = next(iter(talk.prompts()))
        assert talk.wait_prompt(id, "failed")["error"]["code"] == "not_logged_in"
        assert_whole(talk.events())
        talk.destroy()
    finally:
        far.server.machines_file.write_text(with_key)
    far.assert_untouched(before)
