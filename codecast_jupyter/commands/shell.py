"""Commands of the shell itself: the server, completion, help, version."""

from __future__ import annotations

from codecast_agent.protocol.errors import CodecastError

from .context import Context
from .results import Help, Result, Text, Version
from .table import Command, Values, find, flag, names, nearest, positional

FAMILY = "The shell"
SHELLS = ("bash", "zsh", "fish")


async def server_status(context: Context, values: Values) -> Result:
    from codecast_jupyter import serving

    return await serving.status()


async def server_start(context: Context, values: Values) -> Result:
    from codecast_jupyter import serving

    return await serving.start(context.say)


async def server_stop(context: Context, values: Values) -> Result:
    from codecast_jupyter import serving

    return await serving.stop(values["force"])


async def completion(context: Context, values: Values) -> Result:
    from .completion import script

    return Text(script(values["shell"]))


async def help(context: Context, values: Values) -> Result:
    wanted = " ".join(values["command"])
    if not wanted:
        return Help("")
    command = find(wanted) or find(values["command"][0])
    if command is None:
        near = nearest(wanted, names())
        raise CodecastError(
            "not_found",
            f"There is no command {wanted!r}." + (f" Did you mean {near!r}?" if near else ""),
            "`codecast help` lists them.",
        )
    return Help(command.name)


async def version(context: Context, values: Values) -> Result:
    from codecast_agent.protocol.wire import PROTOCOL
    from codecast_jupyter import __version__

    return Version(__version__, PROTOCOL)


COMMANDS = (
    Command(
        "server",
        "Tell which server the shell uses",
        server_status,
        (),
        ("server status",),
        (("server", ""),),
        "A running Jupyter server with Codecast is used; where there is none, the first command"
        " that needs one starts its own in the background, for you alone.",
        FAMILY,
        client=False,
    ),
    Command(
        "server start",
        "Start a server in the background where none runs",
        server_start,
        (),
        examples=(("server start", "it listens on this computer only"),),
        family=FAMILY,
        client=False,
    ),
    Command(
        "server stop",
        "Stop the server that `codecast` started; sessions go on",
        server_stop,
        (flag("force", "also a person's own Jupyter server"),),
        examples=(("server stop", ""),),
        family=FAMILY,
        client=False,
    ),
    Command(
        "completion",
        "Print a script that lets your shell complete",
        completion,
        (positional("shell", "bash, zsh or fish", choices=SHELLS),),
        examples=(
            ("completion bash > ~/.local/share/bash-completion/completions/codecast", "bash"),
            ('completion zsh > "${fpath[1]}/_codecast"', "zsh"),
            ("completion fish > ~/.config/fish/completions/codecast.fish", "fish"),
        ),
        family=FAMILY,
        client=False,
    ),
    Command(
        "help",
        "Explain a command, or list all",
        help,
        (positional("command", "a command", required=False, many=True, complete="command"),),
        examples=(("help send", ""),),
        family=FAMILY,
        client=False,
    ),
    Command(
        "version",
        "Print the version",
        version,
        (),
        examples=(("version", ""),),
        family=FAMILY,
        client=False,
    ),
)
