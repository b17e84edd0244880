"""codecast.yaml: machines, agents and defaults, kept as the person wrote them.

Reading checks every key and says what is wrong, in which line, and which key was probably
meant. Writing changes only what changed: comments, order and `${VAR}` stay (expansion happens on
reading alone, so a secret from the environment never lands in the file).

    machines:
      gpu-1: {host, user, port, identity_file, proxy_jump, ssh, directories, cli, mode, model,
              env, python, hidden, max_cost, max_turns, max_minutes}
    agents:
      mine: {command: [argv], env}
    defaults: {cli, mode, model, max_cost, max_turns, max_minutes}
    files:
      roots: [directories whose files may be fetched, beside the sessions' own]
      rules:
        - {pattern, max_size, offer: ask | auto | never}
    skills: {directory: a folder here whose instructions and skills go to every project}
    bots: read by `codecast bots` itself
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from codecast_agent.protocol.errors import CodecastError

from ..strict_yaml import Reader, text, yaml

MODES = ("auto", "code", "plan", "ask")
PIPES = ("auto", "asyncssh", "openssh")
OFFERS = ("ask", "auto", "never")


def default_path() -> Path:
    """`$XDG_CONFIG_HOME/codecast/codecast.yaml`, by default below ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "codecast" / "codecast.yaml"


@dataclass(frozen=True)
class MachineConfig:
    """One entry of `machines`; absent keys are None."""

    host: str | None = None
    user: str | None = None
    port: int | None = None
    identity_file: str | None = None
    proxy_jump: str | None = None
    ssh: str = "auto"
    directories: list[str] = field(default_factory=list)
    cli: str | None = None
    mode: str | None = None
    model: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    python: str | None = None
    hidden: bool = False
    max_cost: float | None = None  # US dollars a session
    max_turns: int | None = None
    max_minutes: float | None = None


@dataclass(frozen=True)
class AgentConfig:
    """A CLI of the person's own: an ACP command."""

    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Defaults:
    """What a session gets that names nothing itself."""

    cli: str | None = None
    mode: str | None = None
    model: str | None = None
    max_cost: float | None = None
    max_turns: int | None = None
    max_minutes: float | None = None


@dataclass(frozen=True)
class FileRule:
    """Which files of machines are given out; `max_size` in bytes."""

    pattern: str  # of the name; with a slash, of the path
    max_size: int | None = None
    offer: str = "ask"


@dataclass(frozen=True)
class FilesConfig:
    """What may be fetched from machines; the first rule that fits decides."""

    roots: list[str] = field(default_factory=list)
    rules: list[FileRule] = field(default_factory=list)


@dataclass(frozen=True)
class SkillsConfig:
    """The folder of this computer that holds a person's instructions and skills."""

    directory: str | None = None


@dataclass(frozen=True)
class Config:
    machines: dict[str, MachineConfig] = field(default_factory=dict)
    agents: dict[str, AgentConfig] = field(default_factory=dict)
    defaults: Defaults = field(default_factory=Defaults)
    files: FilesConfig = field(default_factory=FilesConfig)
    skills: SkillsConfig = field(default_factory=SkillsConfig)


# key -> kind; kinds: text, port, list, map, flag, amount, count, or a tuple of the words allowed
_BUDGET: dict[str, Any] = {"max_cost": "amount", "max_turns": "count", "max_minutes": "amount"}
_MACHINE: dict[str, Any] = {
    "host": "text",
    "user": "text",
    "port": "port",
    "identity_file": "text",
    "proxy_jump": "text",
    "ssh": PIPES,
    "directories": "list",
    "cli": "text",
    "mode": MODES,
    "model": "text",
    "env": "map",
    "python": "text",
    "hidden": "flag",
    **_BUDGET,
}
_AGENT: dict[str, Any] = {"command": "list", "env": "map"}
_DEFAULTS: dict[str, Any] = {"cli": "text", "mode": MODES, "model": "text", **_BUDGET}
_FILES: dict[str, Any] = {"roots": "list", "rules": "entries"}
_RULE: dict[str, Any] = {"pattern": "text", "max_size": "size", "offer": OFFERS}
_SKILLS: dict[str, Any] = {"directory": "text"}
_TOP = ("machines", "agents", "defaults", "files", "skills", "bots")


def load(path: Path) -> Config:
    """The configuration, `${VAR}` expanded; an absent file is an empty one.

    Raises CodecastError `bad_request` that names file, line and key.
    """
    return read(text(path), path)


def read(source: str, path: Path) -> Config:
    """`load` for text; `path` is for the error messages."""
    reader = Reader(path, _TOP)
    root = reader.parse(source)
    reader.keys(root, _TOP, "the file")
    machines: dict[str, MachineConfig] = {}
    for name, entry, where in reader.entries(root, "machines"):
        _check_name(name, path)
        machines[name] = MachineConfig(**reader.fields(entry, _MACHINE, where))
    agents: dict[str, AgentConfig] = {}
    for name, entry, where in reader.entries(root, "agents"):
        values = reader.fields(entry, _AGENT, where)
        if not values.get("command"):
            raise reader.wrong(root["agents"], name, f"{where} has no `command`.", "Give its argv.")
        agents[name] = AgentConfig(**values)
    defaults = Defaults(**reader.fields(root.get("defaults"), _DEFAULTS, "defaults"))
    return Config(machines, agents, defaults, _files(reader, root), _skills(reader, root))


def _files(reader: Reader, root: CommentedMap) -> FilesConfig:
    values = reader.fields(root.get("files"), _FILES, "files")
    rules = []
    for number, entry in enumerate(values.get("rules", []), 1):
        where = f"files.rules[{number}]"
        rule = reader.fields(entry, _RULE, where)
        if not rule.get("pattern"):
            raise reader.wrong(root["files"], "rules", f"{where} has no `pattern`.")
        rules.append(FileRule(**rule))
    return FilesConfig(values.get("roots", []), rules)


def _skills(reader: Reader, root: CommentedMap) -> SkillsConfig:
    directory = reader.fields(root.get("skills"), _SKILLS, "skills").get("directory")
    if directory is None:
        return SkillsConfig()
    path = os.path.expanduser(directory)  # noqa: PTH111 (Path's raises for an unknown user)
    if not Path(path).is_absolute():
        raise reader.wrong(
            root["skills"],
            "directory",
            f"skills.directory cannot be `{directory}`.",
            "Write the whole path, or one that begins with ~/.",
        )
    return SkillsConfig(path)


def put_machine(path: Path, name: str, values: dict[str, Any]) -> Config:
    """Write the given keys of machine `name`; None removes a key. Returns the new configuration.

    Nothing is written when the result would not be valid.
    """
    _check_name(name, path)
    root = Reader(path, _TOP).parse(text(path))
    machines = root.get("machines")
    if machines is None:
        machines = root["machines"] = CommentedMap()
    entry = machines.get(name)
    if entry is None:
        entry = machines[name] = CommentedMap()
    for key, value in values.items():
        if value is None:
            entry.pop(key, None)
        elif entry.get(key) != value:
            entry[key] = value
    return _store(path, root)


def remove_machine(path: Path, name: str) -> bool:
    """Whether the file had such a machine, which is now gone from it."""
    root = Reader(path, _TOP).parse(text(path))
    machines = root.get("machines")
    if not machines or name not in machines:
        return False
    del machines[name]
    _store(path, root)
    return True


def _store(path: Path, root: CommentedMap) -> Config:
    out = io.StringIO()
    yaml().dump(root, out)
    config = read(out.getvalue(), path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = path.resolve()  # a link to a dotfiles repository stays one
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(out.getvalue())
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                Path(temporary).chmod(target.stat().st_mode & 0o777)
            Path(temporary).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise CodecastError(
            "bad_request", f"{path} cannot be written.", "Check its owner and mode.", str(error)
        ) from None
    return config


def _check_name(name: str, path: Path) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@:+-]*", name):
        raise CodecastError(
            "bad_request",
            f"{name!r} cannot be the name of a machine.",
            "Letters, digits and . _ - @ : + are allowed; it begins with a letter or digit.",
            str(path),
        )
