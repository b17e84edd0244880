"""Hosts are found as OpenSSH would find them, and settings are OpenSSH's own answer."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import ssh_config
from codecast_jupyter.control.ssh_config import Overrides, concrete_hosts, resolve

CONFIG = """\
Include conf.d/*.conf
Include {absolute}
# Host commented
Host gpu-1 gpu-2 *.example.org !gpu-3   # two names and patterns
    User ada   # trailing comment
  HOST=quoted
Host "spaced name" 'single'
Match host gpu-1 user *
    Port 2001
    Include never/*.conf
Host *
    IdentityFile ~/.ssh/id_%n
    IdentityFile /keys/%r@%h:%p
    Include always.conf
Host github.com gpu-1
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "b.conf").write_text("Host beta\n")
    (tmp_path / "conf.d" / "a.conf").write_text("Host alpha\n  Include deeper.conf\n")
    (tmp_path / "deeper.conf").write_text("Host hidden-in-alpha\n")
    (tmp_path / "never").mkdir()
    (tmp_path / "never" / "n.conf").write_text("Host conditional\n")
    (tmp_path / "always.conf").write_text("Host always\n  Include config\n")
    absolute = tmp_path / "absolute.conf"
    absolute.write_text("Host absolute\n")
    path = tmp_path / "config"
    path.write_text(CONFIG.format(absolute=absolute))
    return path


def test_concrete_hosts_in_order_with_their_lines(config: Path) -> None:
    found = concrete_hosts(config).names
    assert list(found) == [
        "alpha",
        "beta",
        "absolute",
        "gpu-1",
        "gpu-2",
        "quoted",
        "spaced name",
        "single",
        "always",
        "github.com",
    ]
    assert found["gpu-1"] == f"{config}:4"
    assert found["beta"].endswith("conf.d/b.conf:1")


def test_files_of_the_configuration(config: Path) -> None:
    names = {path.name for path in concrete_hosts(config).watched}
    assert {"config", "conf.d", "a.conf", "b.conf", "absolute.conf", "always.conf"} <= names


def test_include_that_includes_itself_ends(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Include config\nHost one\n")
    assert list(concrete_hosts(path).names) == ["one"]


async def test_settings_are_those_of_ssh_g(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "Host web\n  HostName %h.example.org\n  User ada # who\n  Port 2222\n"
        "Match originalhost web\n  IdentityFile ~/.ssh/id_%n\n  IdentityFile /k/%r@%h:%p\n"
        "  UserKnownHostsFile ~/one /two\n  IdentityAgent $LAB_AGENT\n"
    )
    found = await resolve("web", path)
    assert (found.hostname, found.user, found.port) == ("web.example.org", "ada", 2222)
    files = [found.path(value) for value in found.options["identityfile"]]
    assert files == [Path.home() / ".ssh/id_web", Path("/k/ada@web.example.org:2222")]
    assert found.identity_files() == []
    assert found.known_hosts_files()[1] == Path("/two")


async def test_agent_is_found_as_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/default")
    monkeypatch.setenv("LAB_AGENT", "/run/lab")
    path = tmp_path / "config"
    path.write_text(
        "Host own\n  IdentityAgent $LAB_AGENT\nHost braces\n  IdentityAgent ${LAB_AGENT}\n"
        "Host none\n  IdentityAgent none\nHost named\n  IdentityAgent SSH_AUTH_SOCK\n"
    )
    expected = {
        "own": "/run/lab",
        "braces": "/run/lab",
        "none": None,
        "named": "/run/default",
        "other": "/run/default",
    }
    for name, agent in expected.items():
        assert (await resolve(name, path)).agent_path() == agent


async def test_overrides_win_over_the_config(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Host big\n  HostName 10.0.0.1\n  User ada\n  ProxyJump gate\n")
    key = tmp_path / "key"
    key.write_text("")
    overrides = Overrides("big", "bob", 99, str(key), "other:2222")
    found = await resolve("mine", path, overrides)
    assert (found.hostname, found.user, found.port) == ("10.0.0.1", "bob", 99)
    assert found.proxy_jump == "other:2222"
    assert found.identity_files()[0] == key
    argv = ["ssh", "-G", *found.arguments]
    again = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "hostname 10.0.0.1" in again.stdout


@pytest.mark.parametrize("name", ["-oProxyCommand=touch evil", "a b", "a;b", "$(x)", "", "a'b"])
async def test_name_that_a_shell_or_ssh_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config"
    path.write_text("")
    with pytest.raises(CodecastError) as caught:
        await resolve(name, path)
    assert caught.value.code == "bad_request"


async def test_tokens(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Host web\n  HostName 10.1.1.1\n  User ada\n  Port 23\n  HostKeyAlias alias\n")
    found = await resolve("web", path)
    assert found.expand("%% %h %n %p %r %k") == "% 10.1.1.1 web 23 ada alias"
    assert found.expand("%u %i") == f"{getpass.getuser()} {os.getuid()}"
    assert found.expand("%L") == socket.gethostname().split(".")[0]
    # the control socket's hash must be OpenSSH's own
    path.write_text(path.read_text() + "  ControlPath /tmp/%C\n")
    found = await resolve("web", path)
    line = next(each for each in found.options["controlpath"])
    assert found.expand("/tmp/%C") == line


@pytest.mark.parametrize(
    ("value", "hops"),
    [
        ("one", [("one", None, None)]),
        ("a@one:22,two", [("one", "a", 22), ("two", None, None)]),
        ("[::1]:2200", [("::1", None, 2200)]),
        ("ssh://u@h:7", [("h", "u", 7)]),
        ("u@dom@h", [("h", "u@dom", None)]),
        ("fe80::1", [("fe80::1", None, None)]),
    ],
)
def test_jump_hops(value: str, hops: list[tuple[str, str | None, int | None]]) -> None:
    assert ssh_config.jump_hops(value) == hops
