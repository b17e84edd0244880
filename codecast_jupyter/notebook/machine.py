"""Machines: places to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codecast_jupyter.client.types import Cli
from codecast_jupyter.client.types import Machine as MachineData
from codecast_jupyter.commands.context import connected

from .connection import client
from .performing import guided
from .table import Table


class Machine:
    """`local`, a host of the ssh configuration, or one of codecast.yaml.

    >>> cc.machine("gpu-1").connect().clis()
    """

    def __init__(self, data: MachineData) -> None:
        self.data = data

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def state(self) -> str:
        """offline, connecting, online, reconnecting or failed, when it was last asked."""
        return str(self.data.get("state", ""))

    @property
    def host(self) -> str:
        return str(self.data.get("host") or "")

    def refresh(self) -> Machine:
        self.data = client().machine(self.name)
        return self

    def connect(self) -> Machine:
        """Raises CodecastError with what stands in the way (`codecast doctor` tells more)."""
        found: Any = guided(lambda context: connected(context, self.name))
        self.data = found
        return self

    def clis(self) -> Table[Cli]:
        """The CLIs it has, and how those that are missing are installed."""
        return Table(client().clis(self.name), _cli_row, "No CLI is known.")

    def info(self) -> dict[str, Any]:
        """Processors, memory, disk, load, GPUs."""
        return client().machine_info(self.name)

    def _row(self) -> Mapping[str, Any]:
        error = self.data.get("error") or {}
        return {
            "machine": self.name,
            "state": self.state,
            "host": self.host,
            "sessions": self.data.get("sessions") or "",
            "note": error.get("message", ""),
        }

    def __repr__(self) -> str:
        return f"<Machine {self.name}: {self.state}>"

    def __str__(self) -> str:
        return self.name


def _cli_row(cli: Cli) -> Mapping[str, Any]:
    found = cli.get("found")
    return {
        "CLI": cli["cli"],
        "version": cli.get("version") if found else "not found",
        "login": {True: "yes", False: "no"}.get(cli.get("logged_in"), ""),  # type: ignore[arg-type]
        "note": cli.get("note") or ("" if found else cli.get("install") or ""),
    }


def machines() -> Table[Machine]:
    """All machines.

    >>> [m.name for m in cc.machines() if m.state == "online"]
    """
    found = [Machine(data) for data in client().machines()]
    return Table(found, Machine._row, "No machine is known.", lambda machine: machine.data)


def machine(name: str) -> Machine:
    """Raises CodecastError("not_found")."""
    return Machine(client().machine(name))
