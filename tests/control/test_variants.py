"""Every sshd setting, shell and file system we know of: it works, or the error says why.

Each variant is a server in a mount namespace with an account of its own, and the hub's whole
way to it: connect, deploy, attach again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import bootstrap
from codecast_jupyter.control.machines import Machines
from tests.fixtures import private
from tests.fixtures.sshd import Client, Sshd

HOME = "/home/dev/.local/state/codecast"
VAR_TMP = f"/var/tmp/codecast-{private.DEV}"


@dataclass
class Variant:
    """`expect` is the directory our files are in, or the code of the error."""

    name: str
    expect: str = HOME
    config: tuple[str, ...] = ()
    shell: str = "/bin/bash"
    mounts: str = ""
    bashrc: str = ""


def small_home(size: str, then: str) -> str:
    return (
        f"umount /home/dev; mount -t tmpfs -o size={size},mode=700,uid={private.DEV}"
        f" tmpfs /home/dev; {then}"
    )


READ_ONLY_HOME = small_home("50m", "mount -o remount,ro /home/dev")
HIDE_PYTHON = (
    "touch /run/cc-empty; chmod 644 /run/cc-empty;"
    " for f in /usr/bin/python3* /usr/local/bin/python3*; do"
    " test -f $f -a ! -L $f && mount --bind /run/cc-empty $f; done; true"
)
READ_ONLY_EVERYWHERE = READ_ONLY_HOME + (
    "\nfor m in /var/tmp /dev/shm; do mount -o remount,ro $m; done\nmount -o remount,ro /tmp"
)
NO_EXEC = READ_ONLY_HOME + "\nfor m in /var/tmp /tmp; do mount -o remount,noexec $m; done"

VARIANTS = [
    Variant("default"),
    Variant("AllowTcpForwarding no", config=("AllowTcpForwarding no",)),
    Variant("AllowTcpForwarding remote", config=("AllowTcpForwarding remote",)),
    Variant("AllowStreamLocalForwarding no", config=("AllowStreamLocalForwarding no",)),
    Variant("DisableForwarding", config=("DisableForwarding yes",)),
    Variant("PermitOpen none", config=("PermitOpen none",)),
    Variant("MaxSessions 1", config=("MaxSessions 1",)),
    Variant("MaxSessions 0", "bootstrap_failed", config=("MaxSessions 0",)),
    Variant("PermitTTY no", config=("PermitTTY no", "AllowAgentForwarding no")),
    Variant("sftp only", "bootstrap_failed", config=("ForceCommand internal-sftp",)),
    Variant("ForceCommand date", "bootstrap_failed", config=("ForceCommand /bin/date",)),
    Variant("ForceCommand wrapper", config=('ForceCommand /bin/sh -c "$SSH_ORIGINAL_COMMAND"',)),
    Variant("dash", shell="/bin/dash"),
    Variant("zsh", shell="/bin/zsh"),
    Variant("tcsh", shell="/bin/tcsh"),
    Variant("fish", shell="/usr/bin/fish"),
    Variant("ksh", shell="/bin/ksh"),
    Variant("rbash", shell="/bin/rbash"),
    Variant("nologin", "bootstrap_failed", shell="/usr/sbin/nologin"),
    Variant("noisy bashrc", bashrc="echo Welcome, quota 95%; echo second line >&2\n"),
    Variant("home noexec", mounts=small_home("50m", "mount -o remount,noexec /home/dev")),
    Variant("home read-only", VAR_TMP, mounts=READ_ONLY_HOME),
    Variant(
        "home full", VAR_TMP, mounts=small_home("256k", "dd if=/dev/zero of=/home/dev/f bs=1k || :")
    ),
    Variant("home read-only, rest noexec", VAR_TMP, mounts=NO_EXEC),
    Variant("read-only everywhere", "no_place", mounts=READ_ONLY_EVERYWHERE),
    Variant("no python3", "no_python", mounts=HIDE_PYTHON),
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
async def test_variant(
    variant: Variant,
    machines: Machines,
    client: Client,
    place: Path,
    start_sshd: Callable[..., Sshd],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "NUDGE_AFTER", 1.0)
    directory = place / "gpu"
    directory.mkdir()
    wrap = private.wrap(directory, variant.shell, variant.mounts)
    if variant.bashrc:
        (directory / "home" / ".bashrc").write_text(variant.bashrc)
    start_sshd(
        config=variant.config,
        environment={"HOME": "/home/dev"},
        wrap=wrap,
        lines=["User dev"],
    )
    machine = machines.get("gpu")
    if not variant.expect.startswith("/"):
        with pytest.raises(CodecastError) as caught:
            await machine.link()
        assert caught.value.code == variant.expect
        assert caught.value.hint
        return
    for deployed in (True, False):
        link = await machine.link()
        assert link.root == variant.expect
        assert link.deployed is deployed
        assert link.hello["uid"] == private.DEV
        await machine.disconnect()
    if variant.bashrc:
        assert b"Welcome, quota 95%" in link.noise
