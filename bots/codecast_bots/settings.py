"""The section `bots` of codecast.yaml, and the secrets it points to.

    bots:
      server: {url, token_file}     # a server elsewhere; else it is found like by the shell
      state: directory              # ~/.local/state/codecast-bots
      tool_display: timer           # append, batch
      step_up: {secret_file, classes: [remove, machines, budget, auto, always]}
      files: {max_size}
      telegram: {token_file, viewers, operators, admins, chats, drafts, url}
      discord: {token_file, viewers, operators, admins, chats, url}
      lark: {app_id, secret_file, viewers, operators, admins, chats, url}

Ids are the platforms' own, as numbers or texts. Secrets come from the environment
(CODECAST_TELEGRAM_TOKEN, CODECAST_DISCORD_TOKEN, CODECAST_LARK_APP_ID and _SECRET), from
systemd's credentials, or from a file that only its owner can read; never from here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.strict_yaml import Reader, text

from .rendering import TOOL_DISPLAYS

PLATFORMS = ("telegram", "discord", "lark")
CLASSES = ("remove", "machines", "budget", "auto", "always")
_PEOPLE: dict[str, Any] = {
    "viewers": "list", "operators": "list", "admins": "list", "chats": "list", "url": "text",
}  # fmt: skip
_KINDS: dict[str, dict[str, Any]] = {
    "telegram": {"token_file": "text", "drafts": "flag", **_PEOPLE},
    "discord": {"token_file": "text", **_PEOPLE},
    "lark": {"app_id": "text", "secret_file": "text", **_PEOPLE},
}
_BOTS = ("server", "state", "tool_display", "step_up", "files", *PLATFORMS)


@dataclass(frozen=True)
class PlatformSettings:
    """`secret` is the token (of Lark, the app's secret); `url` another server than the
    platform's own."""

    name: str
    secret: str = field(default="", repr=False)
    viewers: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()
    chats: frozenset[str] = frozenset()
    url: str = ""
    app_id: str = ""
    drafts: bool = True


@dataclass(frozen=True)
class StepUp:
    secret: str = field(repr=False)
    classes: frozenset[str] = frozenset(CLASSES)


@dataclass(frozen=True)
class Settings:
    platforms: Mapping[str, PlatformSettings]
    state: Path
    tool_display: str = "timer"
    url: str | None = None
    token: str | None = field(default=None, repr=False)
    step_up: StepUp | None = None
    max_size: int = 50 << 20  # bytes of a file, either way

    @property
    def secrets(self) -> list[str]:
        """What no log may show."""
        found = [platform.secret for platform in self.platforms.values()]
        found += [self.token or "", self.step_up.secret if self.step_up else ""]
        return [secret for secret in found if secret]


def load(path: Path) -> Settings:
    """Raises CodecastError("bad_request") that names file, line and key, or the secret's file."""
    reader = Reader(path, ("bots",))
    section = reader.parse(text(path)).get("bots")
    if section is None:
        section = CommentedMap()
    if not isinstance(section, CommentedMap):
        raise CodecastError(
            "bad_request", f"{path}: bots must hold settings.", f"Its keys are {', '.join(_BOTS)}."
        )
    reader.keys(section, _BOTS, "bots")
    plain = CommentedMap({k: v for k, v in section.items() if k in ("state", "tool_display")})
    own = reader.fields(plain, {"state": "text", "tool_display": TOOL_DISPLAYS}, "bots")
    server = reader.fields(
        section.get("server"), {"url": "text", "token_file": "text"}, "bots.server"
    )
    files = reader.fields(section.get("files"), {"max_size": "size"}, "bots.files")
    platforms = {
        name: _platform(reader, name, section[name]) for name in PLATFORMS if name in section
    }
    step_up = None
    if section.get("step_up") is not None:
        kinds = {"secret_file": "text", "classes": "list"}
        values = reader.fields(section["step_up"], kinds, "bots.step_up")
        wrong = set(values.get("classes", [])) - set(CLASSES)
        if wrong:
            raise reader.wrong(
                section,
                "step_up",
                f"bots.step_up.classes cannot have {', '.join(sorted(wrong))}.",
                f"They are {', '.join(CLASSES)}.",
            )
        secret = _secret("CODECAST_BOTS_TOTP", "totp", values.get("secret_file"))
        if not secret:
            raise reader.wrong(
                section,
                "step_up",
                "bots.step_up has no secret.",
                "Name its `secret_file`, or set CODECAST_BOTS_TOTP.",
            )
        step_up = StepUp(secret, frozenset(values.get("classes", CLASSES)))
    token = None
    if server.get("token_file"):
        token = owner_only(Path(server["token_file"]).expanduser())
    state = (
        own.get("state") or os.environ.get("XDG_STATE_HOME", "~/.local/state") + "/codecast-bots"
    )
    return Settings(
        platforms,
        Path(state).expanduser(),
        own.get("tool_display", "timer"),
        server.get("url"),
        token,
        step_up,
        files.get("max_size", 50 << 20),
    )


def _platform(reader: Reader, name: str, value: Any) -> PlatformSettings:
    values = reader.fields(value, _KINDS[name], f"bots.{name}")
    upper = name.upper()
    if name == "lark":
        variable, file = f"CODECAST_{upper}_SECRET", values.pop("secret_file", None)
        values.setdefault("app_id", os.environ.get("CODECAST_LARK_APP_ID", ""))
    else:
        variable, file = f"CODECAST_{upper}_TOKEN", values.pop("token_file", None)
    for people in ("viewers", "operators", "admins", "chats"):
        values[people] = frozenset(values.get(people, ()))
    return PlatformSettings(name, _secret(variable, name, file), **values)


def _secret(variable: str, credential: str, file: str | None) -> str:
    """From the environment, systemd, or the file, in this order; empty when there is none."""
    if given := os.environ.get(variable, "").strip():
        return given
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory and (path := Path(directory, credential)).is_file():
        return path.read_text("utf-8").strip()
    return owner_only(Path(file).expanduser()) if file else ""


def owner_only(path: Path) -> str:
    """A secret's file. Raises CodecastError("bad_request") when others could read it."""
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise CodecastError(
                "bad_request",
                f"{path} can be read by others.",
                f"Run: chmod 600 {path}",
            )
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise CodecastError(
            "bad_request", f"{path} cannot be read: {error.strerror}.", "It should hold the token."
        ) from None
