"""Who is let in too far, by a role, a code, or a log."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_bots import access, commands, logs, settings
from codecast_bots.access import Access, make_pairing, needed, pair, totp
from codecast_bots.platforms.contract import Person, Place
from codecast_bots.settings import PlatformSettings, StepUp
from codecast_bots.store import Store
from tests.bots.servers.telegram import TOKEN

HERE = Place("telegram", "1", "10")
GROUP = Place("telegram", "1", "-10", kind="group")
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "state" / "bots.sqlite")
    yield made  # type: ignore[misc]
    made.close()


def rights(store: Store, **lists: list[str]) -> Access:
    own = PlatformSettings("telegram", **{k: frozenset(v) for k, v in lists.items()})  # type: ignore[arg-type]
    return Access(own, store, StepUp(SECRET), store.directory / "audit.jsonl")


def test_every_command_of_the_table_needs_a_known_role() -> None:
    named = {command.name for command in commands.offered()}
    admin = {name for name in named if needed(name) == "admin"}
    assert admin == {"rm", "machines add", "machines remove", "machines trust", "kill", "budget",
                     "code", "pair", "export"} & named  # fmt: skip
    assert needed("something new") == "admin"
    assert {needed(name) for name in ("ls", "show", "logs", "diff")} == {"viewer"}
    assert {needed(name) for name in ("send", "start", "answer", "press")} == {"operator"}


def test_empty_lists_mean_nobody_and_groups_count_by_themselves(store: Store) -> None:
    ann = Person("5", "Ann")
    assert not rights(store).allows(ann, HERE, "ls")
    viewer = rights(store, viewers=["5"])
    assert viewer.allows(ann, HERE, "ls") and not viewer.allows(ann, HERE, "send")
    assert not viewer.allows(ann, GROUP, "ls")
    both = rights(store, admins=["5"], chats=["-10"])
    assert both.allows(ann, GROUP, "rm")
    assert not both.allows(Person("6", "Ann"), GROUP, "ls"), "a name is no id"
    assert not both.allows(Person("5", "Ann", is_bot=True), GROUP, "ls")


def test_a_step_up_code_is_the_standards_and_counts_once(store: Store) -> None:
    assert totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 59 // 30) == "287082"  # RFC 6238
    rule, ann = rights(store, admins=["5"]), Person("5", "Ann")
    assert rule.needs_code(ann, "rm") and rule.needs_code(ann, "mode auto")
    assert not rule.needs_code(ann, "ls")
    code = totp(SECRET, int(time.time() // 30))
    assert not rule.take_code(ann, "000000" if code != "000000" else "111111")
    assert rule.take_code(ann, code)
    assert not rule.needs_code(ann, "rm")
    assert not rule.take_code(ann, code), "a second time"
    other = rights(store, admins=["5"])
    for _ in range(access.PAIR_TRIES):
        other.take_code(ann, "12345")
    assert not other.take_code(ann, totp(SECRET, int(time.time() // 30))), "guessing is stopped"


def test_a_pairing_code_is_void_after_wrong_ones_and_after_its_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = Person("5", "Ann")
    code = make_pairing(store, "operator")
    for _ in range(access.PAIR_TRIES):
        assert pair(store, "telegram", ann, "1111-1111-1111") == ""
    assert pair(store, "telegram", ann, code) == ""
    monkeypatch.setattr(access, "PAIR_FOR", -1.0)
    assert pair(store, "telegram", ann, make_pairing(store, "operator")) == ""
    monkeypatch.setattr(access, "PAIR_FOR", 300.0)
    assert pair(store, "telegram", ann, make_pairing(store, "operator").upper()) == "operator"
    assert rights(store).role(ann) == "operator"
    assert code not in (store.directory / "bots.sqlite").read_bytes().decode("latin-1")


def test_what_was_done_is_on_record_for_the_owner_alone(store: Store) -> None:
    rights(store, admins=["5"]).note(Person("5", "Ann"), HERE, "rm", "done", session="s")
    file = store.directory / "audit.jsonl"
    line = json.loads(file.read_text())
    assert (line["person"], line["what"], line["outcome"], line["role"]) == (
        "5", "rm", "done", "admin",
    )  # fmt: skip
    assert file.stat().st_mode & 0o077 == 0
    assert (store.directory / "bots.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("typed", "name", "values"),
    [
        ("/ls", "ls", {}),
        ("/mode plan", "mode", {"session": "otter", "mode": "plan"}),
        ("/mode other-one plan", "mode", {"session": "other-one", "mode": "plan"}),
        ("/interrupt@codecast_bot", "interrupt", {"session": "otter"}),
        ("/tool_display batch", "tool-display", {"how": "batch"}),
        ("/machines_add gpu-9 x.org —user me", "machines add", {"host": "x.org", "user": "me"}),
        ("/add_machine gpu-9 h", "machines add", {"machine": "gpu-9"}),
        ("/machines", "machines", {}),
        ("/start gpu ~/p —max-cost 5", "start", {"max_cost": 5.0, "directory": "~/p"}),
        ("/file out/x.png", "get", {"session": "otter", "path": "out/x.png"}),
        ('/send it\'s "so"\nand so', "send", {"session": "otter", "text": ['it\'s "so"\nand so']}),
        ("/send --steer go on", "send", {"session": "otter", "text": ["go on"], "steer": True}),
        ("/queue edit 1 new words", "queue", {"session": "otter", "action": "edit"}),
        ("/rename “new-name”", "rename", {"session": "otter", "name": "new-name"}),
    ],
)
def test_commands_are_read_as_people_type_them(typed: str, name: str, values: object) -> None:
    read = commands.read(typed, "otter", {"otter", "other-one"})
    assert read.command is not None and read.command.name == name
    assert isinstance(values, dict)
    assert {key: read.values[key] for key in values} == values


def test_other_commands_go_to_the_cli_and_the_shells_are_not_for_chats() -> None:
    assert commands.read("/compact now", "otter", ()).text == "/compact now"
    assert commands.read("//model", "otter", ()).text == "/model"
    assert commands.read("/server stop", "otter", ()).text == "/server stop"
    with pytest.raises(CodecastError, match="no session here"):
        commands.read("/compact", "", ())
    with pytest.raises(CodecastError, match="not from a chat"):
        commands.read("/get otter x --output=/etc/cron.d/x", "", {"otter"})


def test_no_token_is_in_any_log_line(caplog: pytest.LogCaptureFixture) -> None:
    writer = logs.Redacting([TOKEN, "other-secret"])
    try:
        raise ValueError(f"https://api.telegram.org/bot{TOKEN}/getMe?token=abc&x=1 other-secret")
    except ValueError:
        logging.getLogger("httpx").exception("request to %s", f"/file/bot{TOKEN}/a")
    (record,) = caplog.records
    text = writer.format(record)
    assert TOKEN not in text and "other-secret" not in text and "token=abc" not in text
    assert "1234567890:" + "A" * 35 not in writer.redact("a bot1234567890:" + "A" * 35 + "/x")


def test_settings_name_the_wrong_key_and_keep_their_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "codecast.yaml"
    monkeypatch.setenv("CODECAST_TELEGRAM_TOKEN", TOKEN)
    file.write_text("bots:\n  telegram: {admins: [5], chats: [-10]}\n  files: {max_size: 2 MB}\n")
    found = settings.load(file)
    assert found.platforms["telegram"].admins == {"5"}
    assert found.max_size == 2 << 20
    assert TOKEN not in repr(found) and TOKEN in found.secrets
    for wrong, words in [
        ("bots: {telegram: {admin: [5]}}", "Did you mean `admins`?"),
        ("bots: {tool_display: none}", "timer, append, batch"),
        ("bots: {step_up: {}}", "has no secret"),
        ("bots: [telegram]", "must hold settings"),
    ]:
        file.write_text(wrong)
        with pytest.raises(CodecastError) as error:
            settings.load(file)
        assert words in str(error.value), wrong
