"""Machines: what is known of them, their connection, and what their relay tells."""

from __future__ import annotations

from ..control.doctor import examine
from .auth import permit
from .base import ResourceHandler


class MachinesHandler(ResourceHandler):
    @permit("read")
    async def get(self) -> None:
        self.query()
        self.answer([machine.to_json() for machine in self.hub.machines.list()])


class MachineHandler(ResourceHandler):
    @permit("read")
    async def get(self, machine: str) -> None:
        self.query()
        self.answer(self.hub.machines.get(machine).to_json())

    @permit("write")
    async def put(self, machine: str) -> None:
        self.answer(self.hub.machines.put(machine, self.body()).to_json())

    @permit("write")
    async def delete(self, machine: str) -> None:
        self.query()
        self.hub.machines.remove(machine)
        self.done()


class ConnectHandler(ResourceHandler):
    @permit("execute")
    async def post(self, machine: str) -> None:
        self.body()
        found = self.hub.machines.get(machine)
        await found.connect()
        if found.error is not None and found.state != "online":
            raise found.error
        self.answer(found.to_json())


class DisconnectHandler(ResourceHandler):
    @permit("execute")
    async def post(self, machine: str) -> None:
        self.body()
        found = self.hub.machines.get(machine)
        await found.disconnect()
        self.answer(found.to_json())


class HostKeyHandler(ResourceHandler):
    @permit("write")
    async def post(self, machine: str) -> None:
        found = self.hub.machines.get(machine)
        await found.accept_host_key(self.body()["fingerprint"])
        self.answer(found.to_json())


class SecretHandler(ResourceHandler):
    @permit("write")
    async def post(self, machine: str) -> None:
        body, found = self.body(), self.hub.machines.get(machine)
        await found.give_secret(body["prompt"], body["value"])
        self.answer(found.to_json())


class DoctorHandler(ResourceHandler):
    @permit("execute")  # it connects
    async def get(self, machine: str) -> None:
        self.query()
        found = self.hub.machines.get(machine)
        checks = await examine(found)
        self.answer({"machine": found.name, "checks": [check.to_json() for check in checks]})


class _RelayHandler(ResourceHandler):
    """Answers with what the machine's relay says."""

    method: str

    @permit("read")
    async def get(self, machine: str) -> None:
        query = self.query()
        if self.method == "host/directories":
            query.setdefault("path", "~")
        link = await self.hub.machines.get(machine).link()
        self.answer(await link.call(self.method, query))


class ClisHandler(_RelayHandler):
    method = "host/clis"


class HistoryHandler(ResourceHandler):
    # where the CLIs keep their records, if codecast.yaml moves them for the machine's sessions
    places = ("HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_DATA_HOME")

    @permit("read")
    async def get(self, machine: str) -> None:
        query, found = self.query(), self.hub.machines.get(machine)
        env = {name: found.settings.env[name] for name in self.places if name in found.settings.env}
        if env:
            query["env"] = env
        link = await found.link()
        self.answer(await link.call("host/history", query))


class InfoHandler(_RelayHandler):
    method = "host/info"


class DirectoriesHandler(_RelayHandler):
    method = "host/directories"


class ProcessesHandler(_RelayHandler):
    method = "host/processes"


class KillHandler(ResourceHandler):
    @permit("execute")
    async def delete(self, machine: str, session: str) -> None:
        self.query()
        link = await self.hub.machines.get(machine).link()
        self.answer(await link.call("host/kill", {"session": session}))
