"""codecast.yaml: every mistake is named, nothing the person wrote is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import config

WRITTEN = """\
# my machines
machines:
  gpu-1:            # the big one
    host: gpu.example.org
    user: ${LAB_USER}
    env:
      TOKEN: "${LAB_TOKEN:-none}"   # never in clear
    directories: [~/proj, /data]

  # kept for later
  old: {hidden: true}

agents:
  mine:
    command: [my-agent, --acp]
defaults:
  mode: ask
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dir" / "codecast.yaml"


def wrong(text: str) -> CodecastError:
    with pytest.raises(CodecastError) as caught:
        config.read(text, Path("/x/codecast.yaml"))
    assert caught.value.code == "bad_request"
    assert "/x/codecast.yaml" in caught.value.message
    return caught.value


def test_values_are_read_and_variables_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_USER", "ada")
    monkeypatch.delenv("LAB_TOKEN", raising=False)
    found = config.read(WRITTEN, Path("x"))
    machine = found.machines["gpu-1"]
    assert (machine.host, machine.user, machine.ssh) == ("gpu.example.org", "ada", "auto")
    assert machine.env == {"TOKEN": "none"}
    assert machine.directories == ["~/proj", "/data"]
    assert found.machines["old"].hidden is True
    assert found.agents["mine"].command == ["my-agent", "--acp"]
    assert found.defaults.mode == "ask"


def test_absent_file_is_an_empty_configuration(path: Path) -> None:
    assert config.load(path) == config.Config()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("machines:\n  gpu:\n    hsot: x\n", 3, ("`hsot`", "`host`")),
        ("machines:\n  gpu:\n    identityfile: x\n", 3, ("`identityfile`", "`identity_file`")),
        ("machnies:\n  gpu: {}\n", 1, ("`machnies`", "`machines`")),
        ("defaults:\n\n  modell: x\n", 3, ("`modell`", "`model`")),
        ("agents:\n  a:\n    command: [x]\n    envs: {}\n", 4, ("`envs`", "`env`")),
        ("machines:\n  gpu:\n    mode: ful\n", 3, ("`ful`", "auto, code, plan, ask")),
        ("machines:\n  gpu:\n    ssh: asynssh\n", 3, ("`asynssh`", "`asyncssh`")),
        ("machines:\n  gpu:\n    port: 70000\n", 3, ("port number",)),
        ("machines:\n  gpu:\n    port: many\n", 3, ("port number",)),
        ("machines:\n  gpu:\n    hidden: perhaps\n", 3, ("true or false",)),
        ("machines:\n  gpu:\n    directories: /one\n", 3, ("a list",)),
        ("machines:\n  gpu:\n    env: [A]\n", 3, ("names with texts",)),
        ("machines: [gpu]\n", 1, ("names with their settings",)),
        ("machines:\n  gpu:\n    user: ${CODECAST_NOT_SET}\n", 3, ("CODECAST_NOT_SET",)),
        ("agents:\n  a:\n    env: {}\n", 2, ("`command`",)),
        ("machines:\n  gpu:\n   host: [\n", 4, ("YAML",)),
    ],
)
def test_mistake_is_named_with_its_line(text: str, line: int, words: tuple[str, ...]) -> None:
    error = wrong(text)
    assert f"line {line}" in error.message
    for word in words:
        assert word in f"{error.message} {error.hint}"


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "a b", "a/b", "", "ä"])
def test_name_that_could_be_an_option_or_a_path_is_refused(path: Path, name: str) -> None:
    with pytest.raises(CodecastError, match="cannot be the name"):
        config.put_machine(path, name, {"host": "x"})
    assert not path.exists()


def test_writing_keeps_comments_order_and_variables(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_USER", "ada")
    path.parent.mkdir()
    path.write_text(WRITTEN)
    path.chmod(0o640)
    found = config.put_machine(path, "gpu-1", {"port": 2222, "env": None})
    assert found.machines["gpu-1"].port == 2222
    config.put_machine(path, "new", {"host": "n.example.org"})
    text = path.read_text()
    for kept in ("# my machines", "# the big one", "${LAB_USER}", "# kept for later", "hidden"):
        assert kept in text
    assert "TOKEN" not in text
    assert "ada" not in text
    assert text.index("gpu-1") < text.index("old") < text.index("new")
    assert path.stat().st_mode & 0o777 == 0o640
    assert config.remove_machine(path, "new") is True
    assert config.remove_machine(path, "new") is False
    assert "n.example.org" not in path.read_text()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_new_file_is_the_owners_alone(path: Path) -> None:
    config.put_machine(path, "gpu", {"host": "x"})
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_comments_alone_survive_the_first_machine(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("# nothing yet\n")
    config.put_machine(path, "gpu", {"host": "x"})
    assert path.read_text().startswith("# nothing yet\n")


def test_bad_value_writes_nothing(path: Path) -> None:
    config.put_machine(path, "gpu", {"host": "x"})
    before = path.read_text()
    with pytest.raises(CodecastError):
        config.put_machine(path, "gpu", {"hots": "y"})
    with pytest.raises(CodecastError):
        config.put_machine(path, "gpu", {"port": -1})
    assert path.read_text() == before


def test_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_text("machines: {}\n")
    path.parent.mkdir()
    path.symlink_to(real)
    config.put_machine(path, "gpu", {"host": "x"})
    assert path.is_symlink()
    assert "gpu" in real.read_text()


def test_unreadable_file_says_so(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe\x00machines")
    with pytest.raises(CodecastError, match="cannot be read"):
        config.load(path)
    assert path.exists()


def test_files_have_roots_and_rules_with_sizes(tmp_path: Path) -> None:
    path = tmp_path / "codecast.yaml"
    text = (
        "files:\n  roots: [/scratch, ~/out]\n  rules:\n    - {pattern: .env, offer: never}\n"
        "    - {pattern: '*.log', max_size: 1.5 kB}\n    - {pattern: '*', max_size: 2GiB}\n"
    )
    found = config.read(text, path).files
    assert found.roots == ["/scratch", "~/out"]
    assert found.rules == [
        config.FileRule(".env", None, "never"),
        config.FileRule("*.log", 1536, "ask"),
        config.FileRule("*", 2 << 30, "ask"),
    ]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("{offer: never}", "has no `pattern`"),
        ("{pattern: x, offer: nver}", "Did you mean `never`?"),
        ("{pattern: x, maxsize: 5}", "Did you mean `max_size`?"),
        ("{pattern: x, max_size: much}", "a size in bytes"),
        ("{pattern: x, max_size: -5}", "a size in bytes"),
        ("{pattern: x, max_size: true}", "a size in bytes"),
        ("just words", "must hold settings"),
    ],
)
def test_a_mistake_in_a_rule_for_files_is_named(tmp_path: Path, rule: str, says: str) -> None:
    with pytest.raises(CodecastError) as caught:
        config.read(f"files:\n  rules:\n    - {rule}\n", tmp_path / "codecast.yaml")
    assert "files.rules[1]" in caught.value.message
    assert says in caught.value.message + caught.value.hint
