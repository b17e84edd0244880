"""All that a run needs: a hub in a real Jupyter server, three machines, an agent with witness.

`Rig` is opened once for many rounds. Which version of the agent (and of the hub, where an
older one is at hand) the server runs is its PYTHONPATH.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from codecast_jupyter.client.discovery import Connection
from tests.fixtures.agent import RelayProcess
from tests.fixtures.live import Api
from tests.fixtures.netns import Network
from tests.fixtures.server import JupyterServer
from tests.fixtures.sshd import Client, Sshd

from .background import LOOP
from .machine import Machine
from .planted import AGENT, HUB, Change, copy_with
from .wire import Wire

WITNESS = Path(__file__).parent / "witness.py"


class Rig:
    """`with opened(directory) as rig:`."""

    def __init__(
        self,
        directory: Path,
        network: Network | None,
        planted: Iterable[Change] = (),
        earlier: str = "",
    ) -> None:
        self.directory = directory
        client = Client(directory / "keys")
        self.machines: dict[str, Machine] = {}
        self._hosts: list[Sshd] = []
        self._near(client)
        if network is not None:
            self._far(client, network)
        person = directory / "person"
        person.mkdir()
        self.machines["local"] = Machine("local", person, directory / "control-local")
        agents = {"witness": {"command": [sys.executable, "-I", "-S", str(WITNESS)]}}
        machines = {name: {"python": str(each.python)} for name, each in self.machines.items()}
        self.server = JupyterServer(
            directory / "server",
            ssh_config=client.config,
            machines=json.dumps({"agents": agents, "machines": machines}),
            env={"HOME": str(person), "XDG_STATE_HOME": "", "XDG_RUNTIME_DIR": ""},
            cwd=directory,
        )
        sources = [AGENT.parent]
        path = os.environ.get("PYTHONPATH", "")
        if planted:
            sources.insert(0, copy_with(planted, directory / "planted"))
            path = os.pathsep.join(filter(None, [str(sources[0]), path]))
        self.agent = next(each for each in sources if (each / AGENT.name).is_dir())
        # the one that the sources are, another build of the same, and what was before
        self.versions = [path, self._other_version(path)]
        if earlier:
            self.versions.append(_earlier(earlier, directory / "earlier", path))
        self.version = 0
        self.server.set_environment("PYTHONPATH", path)
        self.hub = threading.Lock()  # held by who restarts it
        self.restarts = 0

    def _near(self, client: Client) -> None:
        sshd = Sshd(self.directory / "near", client.authorized)
        wire = Wire(sshd.port)
        client.add_host("near", sshd, f"Port {wire.port}", trust=False)
        with client.known_hosts.open("a") as file:
            file.write(sshd.known_hosts_line(f"[127.0.0.1]:{wire.port}"))
        control = self.directory / "control-near"
        self.machines["near"] = Machine(
            "near", sshd.home, control, hosts=(sshd,), wire=wire, small_disk=True
        )
        self._hosts.append(sshd)

    def _far(self, client: Client, network: Network) -> None:
        def host(name: str, address: str) -> Sshd:
            return Sshd(
                self.directory / name, client.authorized, address=address, wrap=network.wrap(name)
            )

        jump, inner = host("jump", network.jump), host("inner", network.inner)
        client.add_host("jump", jump)
        client.add_host("far", inner, "ProxyJump jump")
        control = self.directory / "control-far"
        self.machines["far"] = Machine(
            "far", inner.home, control, hosts=(jump, inner), network=network
        )
        self._hosts += [jump, inner]

    def _other_version(self, path: str) -> str:
        """PYTHONPATH for a hub that brings another build of the agent."""
        other = self.directory / "other"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(self.agent / AGENT.name, other / AGENT.name, ignore=ignored)
        with (other / AGENT.name / "relay.py").open("a") as file:
            file.write("\n# another build\n")
        return os.pathsep.join(filter(None, [str(other), path]))

    @property
    def connection(self) -> Connection:
        return Connection(self.server.url, self.server.token)

    def api(self, surface: str) -> Api:
        return Api(self.server, surface)

    def start(self) -> None:
        for host in self._hosts:
            host.start()
        self.server.start()

    def other_hub(self, machine: str) -> RelayProcess:
        """A second hub's relay on a machine, as another computer of the person has one."""
        found = self.machines[machine]
        env = {"HOME": str(found.ground.home)}
        # under the probe, too: it may bury and start supervisors, whose syncs count
        return RelayProcess(found.ground.root, env=env, agent=self.agent, python=str(found.python))

    def restart_hub(
        self, version: int | None = None, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        """kill -9 and start, with another version of the agent if one is named."""
        with self.hub:
            self.server.kill()
            meanwhile()
            if version is not None:
                self.version = version
                self.server.set_environment("PYTHONPATH", self.versions[version])
            self.server.start()
            self.restarts += 1

    def hub_command(self, *words: str) -> subprocess.Popen[str]:
        """`codecast WORDS` as a person types it beside this server."""
        return subprocess.Popen(
            [sys.executable, "-m", "codecast_jupyter.cli", *words],
            env=self.server.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self.server.stop()
        for machine in self.machines.values():
            machine.mend()
        for host in self._hosts:
            host.stop()
        for machine in self.machines.values():
            machine.close()
            if machine.wire is not None:
                machine.wire.close()
        LOOP.close()


def _earlier(revision: str, directory: Path, path: str) -> str:
    """PYTHONPATH for a hub of an earlier revision, with the agent of that time."""
    root = Path(__file__).parents[3]
    directory.mkdir()
    command = ["git", "archive", "--format=tar", revision, "codecast_jupyter", "remote_agent"]
    packed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", directory], input=packed, check=True)
    # made by the build, and part of no revision
    shutil.copy(HUB / "_version.py", directory / HUB.name / "_version.py")
    return os.pathsep.join(filter(None, [str(directory), str(directory / "remote_agent"), path]))


@contextlib.contextmanager
def opened(
    directory: Path, planted: Iterable[Change] = (), *, far: bool = True, earlier: str = ""
) -> Iterator[Rig]:
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network()) if far else None
        rig = Rig(directory, network, planted, earlier)
        stack.callback(rig.close)
        rig.start()
        yield rig
