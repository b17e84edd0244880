"""Every command against a client in memory: its JSON, its look, its exit code, its questions."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter import cli, serving
from codecast_jupyter.commands import results, sessions
from codecast_jupyter.commands.context import Context
from codecast_jupyter.commands.parsing import parse
from codecast_jupyter.commands.render import markdown, terminal
from codecast_jupyter.commands.sessions import place
from codecast_jupyter.commands.table import TABLE
from codecast_jupyter.shell import ask

from .fakes import FakeClient

# every command, and words for it; the fake has brave-otter idle and sad-owl asking permission
CASES = {
    "start": "start gpu-1 ~/x --cli demo -n new-one -p hello",
    "attach": None,  # has tests of its own
    "ls": "ls -a",
    "show": "show sad-owl",
    "logs": "logs sad-owl --last 5",
    "stop": "stop brave-otter",
    "resume": "resume brave-otter",
    "history": "history local --limit 3",
    "adopt": "adopt local 3a5278d9 --fork -n try-two",
    "rm": "rm -f brave-otter",
    "rename": "rename brave-otter calm-cat",
    "mode": "mode brave-otter plan",
    "model": "model brave-otter big",
    "send": "send brave-otter --wait hello there",
    "interrupt": "interrupt brave-otter",
    "queue": "queue sad-owl",
    "files": "files brave-otter",
    "get": None,  # tests/commands/test_files.py
    "export": None,  # tests/commands/test_export.py
    "requests": "requests",
    "answer": "answer sad-owl n because",
    "machines": "machines",
    "machines add": "machines add lab me@10.0.0.7 -p 2222 -J gw",
    "machines remove": "machines remove -f gpu-1",
    "machines connect": "machines connect gpu-1",
    "machines disconnect": "machines disconnect local",
    "machines show": "machines show local",
    "machines trust": "machines trust gpu-1 SHA256:abc",
    "doctor": "doctor local",
    "clis": "clis local",
    "ps": "ps local",
    "kill": "kill local brave-otter",
    "dirs": "dirs local ~",
    "search": "search learning rate",
    "health": "health",
    "bots": None,  # tests/bots
    "bots check": None,
    "bots pair": None,
    "server": None,  # tests/commands/test_serving.py
    "server start": None,
    "server stop": None,
    "usage": "usage sad-owl",
    "budget": "budget sad-owl --max-cost 5 --max-turns none",
    "completion": "completion bash",
    "help": "help send",
    "version": "version",
}


async def furnished() -> FakeClient:
    client = FakeClient()
    await client.add().emit("session_state", state="ready", pid=1)
    asking = client.add("sad-owl")
    await asking.emit("session_state", state="ready", pid=2)
    await client.prompt("sad-owl", "work", id="p1")
    await client.prompt("sad-owl", "later", id="p2")
    async with asking.grown:
        await asking.grown.wait_for(lambda: bool(asking.state["requests"]))
    return client


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> list[FakeClient]:
    """What `codecast` connects to, made anew for every run."""
    made: list[FakeClient] = []

    async def connect(server: str | None, start: bool = True, say: Any = None) -> Any:
        made.append(await furnished())
        return made[-1]

    monkeypatch.setattr(serving, "connect", connect)
    return made


def test_every_command_has_a_case() -> None:
    assert set(CASES) == {command.name for command in TABLE}


@pytest.mark.parametrize("line", [line for line in CASES.values() if line])
def test_json_is_json(line: str, client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main([*line.split(), "--json"])
    out, err = capsys.readouterr()
    assert code == (1 if line.startswith("doctor") else 0), err
    assert not err
    streams = line.startswith(("logs", "send"))
    documents = [json.loads(text) for text in (out.splitlines() if streams else [out])]
    assert documents


@pytest.mark.parametrize("line", [line for line in CASES.values() if line])
def test_words_for_people(line: str, client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(line.split())
    out, err = capsys.readouterr()
    assert out.strip() and not err
    assert "\x1b" not in out, "colours where there is no terminal"
    assert not any(text.endswith(" ") for text in out.splitlines() if not line.startswith("comp"))


@pytest.mark.parametrize("line", [line for line in CASES.values() if line])
async def test_markdown_for_chats(line: str) -> None:
    fake = await furnished()
    parsed = parse(line.split())
    result = await parsed.command.run(Context(fake), parsed.values)  # type: ignore[arg-type]
    assert markdown.render(result).strip()
    if isinstance(result, results.Stream):
        await result.items.aclose()  # type: ignore[attr-defined]
    await fake.close()


def run(client: FakeClient, line: str, **more: Any) -> Any:
    parsed = parse(line.split())
    return parsed.command.run(Context(client, **more), parsed.values)  # type: ignore[arg-type]


class Person:
    """An `Ask` that says what it was told to and remembers the questions."""

    def __init__(self, yes: bool = True, secret: str = "hunter2") -> None:
        self.yes, self.said, self.asked = yes, secret, []  # type: ignore[var-annotated]

    async def confirm(self, question: str, detail: str = "", how: str = "") -> bool:
        self.asked.append(f"{question} {detail}")
        return self.yes

    async def secret(self, prompt: str, how: str = "") -> str:
        self.asked.append(prompt)
        return self.said


UNKNOWN = CodecastError(
    "unknown_host_key",
    "not known",
    "compare it",
    "ssh-ed25519 SHA256:abc",
    {"fingerprint": "SHA256:abc"},
)
SECRET = CodecastError(
    "secret_needed", "gpu-1 asks", data={"prompt": "Passphrase for id_rsa", "hidden": True}
)


async def test_unknown_key_and_passphrase_are_asked_on_the_way_to_a_start() -> None:
    client, person = await furnished(), Person()
    client.obstacle = [UNKNOWN, SECRET]
    result = await run(client, "start gpu-1 /data", ask=person)
    assert ("accept_host_key", "gpu-1", "SHA256:abc") in client.calls
    assert ("give_secret", "gpu-1", "Passphrase for id_rsa", "hunter2") in client.calls
    assert "SHA256:abc" in person.asked[0] and "Passphrase" in person.asked[1]
    assert result.session["machine"] == "gpu-1"
    await client.close()


async def test_refused_key_starts_nothing() -> None:
    client = await furnished()
    client.obstacle = [UNKNOWN]
    with pytest.raises(CodecastError) as caught:
        await run(client, "start gpu-1 /data", ask=Person(yes=False))
    assert "codecast machines trust gpu-1 SHA256:abc" in caught.value.hint
    assert not any(call[0] in ("start", "accept_host_key") for call in client.calls)
    await client.close()


async def test_script_is_told_what_to_run_instead_of_being_asked() -> None:
    client = await furnished()
    for obstacle, says in (
        (UNKNOWN, "machines trust gpu-1 SHA256:abc"),
        (SECRET, "machines connect gpu-1"),
    ):
        client.obstacle = [obstacle]
        with pytest.raises(CodecastError) as caught:
            await run(client, "machines connect gpu-1")
        assert says in caught.value.hint
    await client.close()


async def test_machine_that_is_off_stores_the_session_and_says_so() -> None:
    client = await furnished()
    client.obstacle = [CodecastError("unreachable", "no answer from gpu-1")]
    result = await run(client, "start gpu-1 /data -p hello")
    assert "when the machine returns" in result.words
    assert any(call[0] == "start" for call in client.calls)
    await client.close()


@pytest.mark.parametrize("code", ["changed_host_key", "auth_failed", "no_python"])
async def test_machine_that_waiting_will_not_heal_is_an_error(code: str) -> None:
    client = await furnished()
    client.obstacle = [CodecastError(code, "no way")]
    with pytest.raises(CodecastError) as caught:
        await run(client, "start gpu-1 /data")
    assert caught.value.code == code
    assert not any(call[0] == "start" for call in client.calls)
    await client.close()


def test_place() -> None:
    context = Context(None, cwd="/home/me/code", home="/home/me")  # type: ignore[arg-type]
    assert place(context, "local", None) == ("local", "/home/me/code")
    assert place(context, "local", "sub dir") == ("local", "/home/me/code/sub dir")
    assert place(context, "gpu-1", "/home/me/proj") == ("gpu-1", "~/proj")
    assert place(context, "gpu-1", "/home/meister") == ("gpu-1", "/home/meister")
    assert place(context, "gpu-1:/a:b", None) == ("gpu-1", "/a:b")
    with pytest.raises(CodecastError):
        place(context, "gpu-1", None)


async def test_unknown_session_names_the_nearest() -> None:
    client = await furnished()
    with pytest.raises(CodecastError) as caught:
        await run(client, "send brave-oter hello")
    assert "brave-otter" in caught.value.message
    await client.close()


async def test_rm_asks_only_while_something_runs() -> None:
    client, person = await furnished(), Person(yes=False)
    assert (await run(client, "rm brave-otter sad-owl", ask=person)).data["removed"] == [
        "1234abcd-0"
    ]
    assert len(person.asked) == 1 and "waiting" in person.asked[0]
    assert [s["name"] for s in await client.sessions()] == ["sad-owl"]
    await client.close()


async def test_prompt_from_a_pipe_and_a_file(tmp_path: Any) -> None:
    client = await furnished()
    file = tmp_path / "log.txt"
    file.write_text("a failure\n")
    await run(client, "send brave-otter -", read_input=lambda: "from the pipe\n")
    parsed = parse(["send", "brave-otter", "why?", "-f", str(file)])
    await parsed.command.run(Context(client), parsed.values)  # type: ignore[arg-type]
    sent = [call[1] for call in client.calls if call[0] == "prompt"]
    assert sent[-2:] == ["from the pipe", "why?\n\na failure"]
    file.write_bytes(b"\xff\xfe")
    for words in (["send", "brave-otter", "-f", str(file)], ["send", "brave-otter"]):
        parsed = parse(words)
        with pytest.raises(CodecastError):
            await parsed.command.run(Context(client), parsed.values)  # type: ignore[arg-type]
    await client.close()


async def test_a_waiting_prompt_gets_another_place() -> None:
    client = FakeClient()
    client.add()
    for word in ("slow now", "one", "two", "three"):
        await client.prompt("brave-otter", word, id=word)
    client.known[client._find("brave-otter").fixed["id"]].prompts["slow now"]["state"] = "running"
    for target, number, order in (
        ("3 1", 1, ["three", "one", "two"]),
        ("1 down", 2, ["one", "three", "two"]),
        ("two up", 2, ["one", "two", "three"]),
        ("1 up", 1, ["one", "two", "three"]),
        ("1 last", 3, ["two", "three", "one"]),
        ("1 9", 3, ["three", "one", "two"]),
        ("two first", 1, ["two", "three", "one"]),
    ):
        done = await run(client, f"queue brave-otter move {target}")
        assert done.data["place"] == number and done.words.startswith(f"Place {number} of 3: ")
        listed = await run(client, "queue brave-otter")
        assert [p["id"] for p in listed.prompts] == order, target
    for wrong in ("1", "1 0", "1 between"):
        with pytest.raises(CodecastError) as refused:
            await run(client, f"queue brave-otter move {wrong}")
        assert refused.value.code == "bad_request" and "up, down" in refused.value.hint
    await client.close()


async def test_send_wait_ends_with_its_own_turn_and_tells_its_failure() -> None:
    client = await furnished()
    stream = await run(client, "send --wait brave-otter slow")
    kinds = []
    async for event in stream.items:
        kinds.append(event["type"])
        if kinds.count("agent_message_chunk") == 2:
            await client.interrupt("brave-otter")
    assert kinds[-1] == "prompt_state" and stream.problem["message"] == "The prompt was cancelled."
    await client.close()


async def test_request_answered_by_somebody_else_says_who() -> None:
    client = await furnished()
    session = client.known["1234abcd-1"]
    session.answers["r1"].set_result({"option": "yes", "label": "Yes"})
    with pytest.raises(CodecastError) as caught:
        await run(client, "answer sad-owl y")
    assert caught.value.message == "It was answered already by alice on telegram."
    await client.close()


def test_errors_go_to_stderr_with_what_and_what_to_do(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["show", "nobody"]) == 1
    out, err = capsys.readouterr()
    assert (
        not out and err.startswith("codecast: There is no session 'nobody'.") and "ls --all" in err
    )
    assert cli.main(["show", "nobody", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(err)["error"]["code"] == "not_found"
    assert cli.main(["shwo"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_interrupted_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(serving, "connect", connect)
    assert cli.main(["ls"]) == 130


def test_no_keyboard_no_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert isinstance(ask.make(), ask.NobodyToAsk)


def test_long_values_fit_a_narrow_terminal() -> None:
    session = {
        "id": "x" * 36,
        "name": "n" * 60,
        "cwd": "/very/long" * 20,
        "state": {"status": "idle", "title": "t" * 300},
    }
    out = io.StringIO()
    Console(file=out, width=60).print(terminal.render(results.Sessions([session])))
    assert all(len(line) <= 60 for line in out.getvalue().splitlines())


async def test_a_setting_is_told_as_the_cli_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient()
    client.add()
    done = await run(client, "mode brave-otter plan")
    assert done.words == "brave-otter works in mode plan now." and done.data["taken"] is True
    done = await run(client, "model brave-otter big")
    assert done.words == "brave-otter uses big now." and done.data["taken"] is True
    with pytest.raises(CodecastError) as refused:
        await run(client, "model brave-otter refused")
    assert refused.value.message == "It did not take refused: unknown."
    monkeypatch.setattr(sessions, "ANSWER_WITHIN", 0.05)
    done = await run(client, "model brave-otter later")
    assert done.words == "brave-otter uses later once its CLI is started again."
    assert done.data["taken"] is None
    done = await run(client, "model brave-otter silent")
    assert "has not said yet whether it uses silent" in done.words
    assert done.data["taken"] is None


async def test_a_setting_that_was_so_before_is_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "ANSWER_WITHIN", 0.05)
    client = FakeClient()
    settings = {"model": {"value": "silent"}}
    await client.add().emit("config_option_update", settings=settings)
    done = await run(client, "model brave-otter silent")
    assert done.words == "brave-otter uses silent." and done.data["taken"] is True
