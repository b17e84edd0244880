"""Commands for machines: list, add, connect, look into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codecast_agent.protocol.errors import CodecastError

from .context import Context, connected, on_machine, overcome, waiting
from .results import Clis, Directories, Doctor, Done, Machine, Machines, Processes, Result
from .sessions import find
from .table import MACHINE, Command, Values, flag, option, positional
from .words import plural

Json = Mapping[str, Any]
FAMILY = "Machines"


INFO_LIMIT = 5.0  # seconds a list waits for a machine's figures


async def machines(context: Context, values: Values) -> Result:
    import asyncio  # not for completion, which imports the table

    found = await context.client.machines()
    online = [str(each["name"]) for each in found if each.get("state") == "online"]
    told = await asyncio.gather(*(_figures(context, name) for name in online))
    return Machines(found, dict(zip(online, told, strict=True)))


async def _figures(context: Context, machine: str) -> Json:
    """Its hardware's; a slow or lost one keeps no list from being shown."""
    import asyncio

    from codecast_jupyter.waiting import within

    try:
        return await within(context.client.machine_info(machine), INFO_LIMIT)
    except (CodecastError, asyncio.TimeoutError):
        return {}


async def add(context: Context, values: Values) -> Result:
    name = values["machine"]
    config: dict[str, Any] = {"host": values["host"] or name}
    if "@" in config["host"]:
        config["user"], _, config["host"] = config["host"].rpartition("@")
    for key in ("user", "port"):
        if values[key]:
            config[key] = values[key]
    if values["jump"]:
        config["proxy_jump"] = values["jump"]
    added = await context.client.put_machine(name, config)
    return Machine(
        added, f"Added {name}. `codecast doctor {name}` tells whether all is well with it."
    )


async def remove(context: Context, values: Values) -> Result:
    name = values["machine"]
    sessions = await context.client.sessions(machine=name, all=True)
    asks = sessions and not values["force"]
    if asks and not await context.ask.confirm(
        f"{name} has {plural(len(sessions), 'session')}. Remove the machine all the same?",
        "They go on running there, out of sight.",
        f"codecast machines remove --force {name}",
    ):
        return Done("Nothing removed.", {"removed": None})
    await context.client.remove_machine(name)
    return Done(f"Removed {name}.", {"removed": name})


async def connect(context: Context, values: Values) -> Result:
    name = values["machine"]
    found = await connected(context, name)
    return Machine(found, f"{name} is {found.get('state')}.")


async def disconnect(context: Context, values: Values) -> Result:
    found = await context.client.disconnect_machine(values["machine"])
    return Machine(found, f"{values['machine']} is {found.get('state')}. What runs there goes on.")


async def show(context: Context, values: Values) -> Result:
    found = await context.client.machine(values["machine"])
    info = None
    if found.get("state") == "online":
        try:
            info = await context.client.machine_info(values["machine"])
        except CodecastError as error:
            context.say(error.message)
    return Machine(found, "", info)


async def trust(context: Context, values: Values) -> Result:
    found = await context.client.accept_host_key(values["machine"], values["fingerprint"])
    return Machine(found, f"The host key of {values['machine']} is trusted from now on.")


async def doctor(context: Context, values: Values) -> Result:
    name = values["machine"]
    asked: set[str] = set()

    async def call() -> Json:
        async with waiting(context, f"looking at {name} ...", name):
            return await context.client.doctor(name)

    while True:
        report = await on_machine(context, name, call)
        problem = await _obstacle(context, name, report)
        if problem is None or values["no_ask"]:
            return Doctor(str(report.get("machine", name)), report["checks"])
        try:
            await overcome(context, name, problem, asked)
        except CodecastError:
            return Doctor(str(report.get("machine", name)), report["checks"])


async def _obstacle(context: Context, machine: str, report: Json) -> CodecastError | None:
    """An unknown key or a missing secret, which the person can heal at once."""
    if not any(check.get("status") == "error" for check in report["checks"]):
        return None
    error = (await context.client.machine(machine)).get("error") or {}
    if error.get("code") in ("unknown_host_key", "secret_needed"):
        return CodecastError.from_json(error)
    return None


async def clis(context: Context, values: Values) -> Result:
    name = values["machine"]

    async def call() -> Sequence[Json]:
        async with waiting(context, f"looking for CLIs on {name} ...", name):
            return await context.client.clis(name)

    return Clis(name, await on_machine(context, name, call))


async def ps(context: Context, values: Values) -> Result:
    name = values["machine"]

    async def call() -> Sequence[Json]:
        return await context.client.processes(name)

    found = await on_machine(context, name, call)
    names = {s["id"]: s["name"] for s in await context.client.sessions(name, all=True)}
    return Processes(name, [{**p, "name": names.get(str(p.get("session")))} for p in found])


async def kill(context: Context, values: Values) -> Result:
    name, wanted = values["machine"], values["session"]
    try:
        session = str((await find(context, wanted))["id"])
    except CodecastError as error:
        if error.code != "not_found":
            raise
        session = wanted  # its row may be gone: that is what this command is for
    answer = await context.client.kill(name, session)
    killed = answer.get("killed")
    count = len(killed) if isinstance(killed, list) else killed
    return Done(f"Ended {plural(int(count or 0), 'process', 'processes')}.", answer)


async def dirs(context: Context, values: Values) -> Result:
    name, path = values["machine"], values["path"]
    if path is None and ":" in name:
        name, _, path = name.partition(":")

    async def call() -> Json:
        return await context.client.directories(name, path or "~", hidden=values["all"])

    return Directories(name, await on_machine(context, name, call))


COMMANDS = (
    Command(
        "machines",
        "List machines: `local`, the hosts of your ssh config, and added ones",
        machines,
        (),
        ("machines list", "machines ls"),
        (("machines", ""),),
        family=FAMILY,
    ),
    Command(
        "machines add",
        "Add a machine that is not in your ssh config",
        add,
        (
            positional("machine", "what you call it"),
            positional("host", "host name or address, USER@HOST too", required=False),
            option("user", "login name", short="u"),
            option("port", "SSH port", type=int, short="p"),
            option("jump", "go through this host", short="J", metavar="HOST"),
        ),
        (),
        (("machines add lab me@10.0.0.7 -J gateway", "through a jump host"),),
        "Hosts of ~/.ssh/config are machines already; nothing needs adding.",
        FAMILY,
    ),
    Command(
        "machines remove",
        "Remove an added machine",
        remove,
        (MACHINE, flag("force", "do not ask", short="f")),
        ("machines rm",),
        (("machines remove lab", ""),),
        family=FAMILY,
    ),
    Command(
        "machines connect",
        "Connect to a machine now; asks for passphrases and unknown host keys",
        connect,
        (MACHINE,),
        examples=(("machines connect gpu-1", ""),),
        family=FAMILY,
    ),
    Command(
        "machines disconnect",
        "Close the connection; what runs there goes on",
        disconnect,
        (MACHINE,),
        examples=(("machines disconnect gpu-1", ""),),
        family=FAMILY,
    ),
    Command(
        "machines show",
        "Show one machine: connection, load, GPUs",
        show,
        (MACHINE,),
        examples=(("machines show gpu-1", ""),),
        family=FAMILY,
    ),
    Command(
        "machines trust",
        "Accept the host key a machine has shown",
        trust,
        (MACHINE, positional("fingerprint", "as shown: SHA256:...")),
        examples=(
            ("machines trust gpu-1 SHA256:2vO0...", "after comparing it with the machine's own"),
        ),
        family=FAMILY,
    ),
    Command(
        "doctor",
        "Check a machine step by step and say what to do",
        doctor,
        (MACHINE, flag("no-ask", "only look: ask for no key or passphrase")),
        examples=(("doctor gpu-1", ""),),
        family=FAMILY,
    ),
    Command(
        "clis",
        "List the CLIs of a machine",
        clis,
        (MACHINE,),
        examples=(("clis gpu-1", "versions, and whether they are logged in"),),
        family=FAMILY,
    ),
    Command(
        "ps",
        "List our processes on a machine, lost ones too",
        ps,
        (MACHINE,),
        examples=(("ps gpu-1", ""),),
        family=FAMILY,
    ),
    Command(
        "kill",
        "End what is left of a session on a machine",
        kill,
        (
            MACHINE,
            positional("session", "its name or id, as `codecast ps` shows it", complete="session"),
        ),
        examples=(("kill gpu-1 0b54...", "when its supervisor is gone"),),
        family=FAMILY,
    ),
    Command(
        "dirs",
        "List a directory of a machine",
        dirs,
        (
            positional("machine", "a machine, or MACHINE:PATH", complete="place"),
            positional("path", "its home by default", required=False, complete="directory"),
            flag("all", "hidden ones too", short="a"),
        ),
        examples=(("dirs gpu-1 ~/project", ""),),
        family=FAMILY,
    ),
)
