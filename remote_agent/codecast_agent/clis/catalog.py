"""Which CLIs there are, where they are on this machine, and which adapter drives them.

A CLI is found on the PATH a login shell would have (`environment`), or where
`$CODECAST_CLI_<NAME>` says. A name that is not in the table is a configured ACP command.
Login is judged by the files and variables the CLIs themselves look at: no CLI is asked,
for asking costs seconds and may open a browser.
"""

import os
import sys
from _thread import allocate_lock
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Type

from ..protocol.errors import CodecastError
from .acp import adapter_for
from .contract import Adapter
from .environment import environment, fresh, keep, login, which
from .logins import logged_in
from .quirks import quirks

__all__ = ["adapter", "environment", "fresh", "keep", "login", "report", "resolve"]

VERSION_TIMEOUT = 10.0  # seconds for `CLI --version`


class Cli(NamedTuple):
    """An entry of the catalog."""

    title: str
    program: str
    args: Tuple[str, ...]  # what makes the program speak its protocol
    protocol: str  # claude, codex, acp or none (no adapter yet)
    install: str
    keys: Tuple[str, ...] = ()  # environment variables that are a login
    files: Tuple[str, ...] = ()  # files below HOME that are a login
    login_hint: str = ""
    tested: str = ""  # the version our tests run; a later one of its minor counts as tested too


CLIS: Dict[str, Cli] = {
    "claude": Cli(
        "Claude Code",
        "claude",
        (),
        "claude",
        "npm install -g @anthropic-ai/claude-code",
        (
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CODE_USE_BEDROCK",
            "CLAUDE_CODE_USE_VERTEX",
        ),
        (".claude/.credentials.json",),
        "Run `claude` once on that machine and use /login, or set ANTHROPIC_API_KEY there.",
        "2.1.329",
    ),
    "codex": Cli(
        "Codex",
        "codex",
        ("app-server",),
        "codex",
        "npm install -g @openai/codex",
        ("OPENAI_API_KEY", "CODEX_API_KEY"),
        (".codex/auth.json",),
        "Run `codex login` on that machine, or set OPENAI_API_KEY there.",
        "0.169.0",
    ),
    "gemini": Cli(
        "Gemini CLI",
        "gemini",
        ("--acp",),
        "acp",
        "npm install -g @google/gemini-cli",
        (
            "GEMINI_API_KEY",
            "GOOGLE_API_KEY",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "GOOGLE_GENAI_USE_GCA",
            "GOOGLE_GENAI_USE_VERTEXAI",
        ),
        (".gemini/oauth_creds.json", ".gemini/gemini-credentials.json"),
        quirks("gemini").login_hint,
        "0.61.0",
    ),
    "opencode": Cli(
        "OpenCode",
        "opencode",
        ("acp",),
        "acp",
        "npm install -g opencode-ai",
        (),  # any provider's key, see logins
        (),
        quirks("opencode").login_hint,
        "1.18.33",
    ),
    "demo": Cli("Demo (no AI)", "", (), "acp", ""),
}

_versions: Dict[Tuple[str, float], str] = {}  # (path, mtime) -> version
_lock = allocate_lock()


def report(refresh: bool = False) -> List[Dict[str, Any]]:
    """Every CLI: `[{cli, name, found, found_by?, path?, version?, logged_in?, login_hint?,
    install?, note?, shell_problem?, tested?, untested?}]`. `untested`: its version is older or
    newer than what `tested` stands for.

    `logged_in` is what can be told from outside; absent where nothing can. `found_by` is what
    led to it: path (that of a plain command), shell (the login shell's PATH), place (a directory
    we know of) or variable. `refresh` asks the login shell and the programs again.
    """
    answer = login(refresh)
    env = answer["env"]
    with _lock:
        if refresh:
            _versions.clear()
    found = []
    for name, cli in CLIS.items():
        entry = _entry(name, cli, env)
        if "path" in entry:
            entry["found_by"] = _found_by(name, cli, entry["path"], env, answer["path"])
        if answer["problem"]:
            entry["shell_problem"] = answer["problem"]
        found.append(entry)
    return found


def _found_by(name: str, cli: Cli, path: str, env: Dict[str, str], shell_path: str) -> str:
    if os.environ.get(_variable(name)) or env.get(_variable(name)):
        return "variable"
    if path == which(cli.program):
        return "path"
    return "shell" if path == which(cli.program, shell_path) else "place"


def resolve(cli: str, command: Optional[List[str]] = None) -> List[str]:
    """How to call a CLI: `command`, or the program of the catalog where it is found.

    Raises CodecastError("cli_missing", "not_supported").
    """
    if command:
        program = _which(command[0], environment())
        if program is None:
            raise CodecastError(
                "cli_missing",
                "there is no program %s on this machine" % command[0],
                "Check the command configured for the CLI %r." % cli,
            )
        return [program, *command[1:]]
    if cli == "demo":
        return _demo()
    entry = CLIS.get(cli)
    if entry is None:
        raise CodecastError(
            "cli_missing",
            "there is no CLI named %r" % cli,
            "Known are %s; others need a `command` in the configuration." % ", ".join(CLIS),
        )
    adapter(cli)
    path = _find(cli, entry, environment())
    if path is None:
        raise CodecastError(
            "cli_missing",
            "%s is not installed on this machine" % entry.title,
            "Install it there: %s (or set $%s to its path)" % (entry.install, _variable(cli)),
        )
    return [path, *entry.args]


def adapter(cli: str) -> Type[Adapter]:
    """The adapter that drives a CLI; an unknown name is a configured ACP agent.

    Raises CodecastError("not_supported") for a CLI whose protocol we do not speak yet.
    """
    entry = CLIS.get(cli)
    if entry is not None and entry.protocol == "none":
        raise CodecastError(
            "not_supported",
            "%s is known but cannot be driven yet" % entry.title,
            "Start another CLI.",
        )
    if entry is not None and entry.protocol == "claude":
        from .claude import ClaudeAdapter

        return ClaudeAdapter
    if entry is not None and entry.protocol == "codex":
        from .codex import CodexAdapter

        return CodexAdapter
    return adapter_for(cli)


def _entry(name: str, cli: Cli, env: Dict[str, str]) -> Dict[str, Any]:
    entry: Dict[str, Any] = {"cli": name, "name": cli.title, "found": True}
    if name == "demo":
        entry["note"] = "Needs no key: a small program that edits files and asks, no AI."
        entry["version"] = "1"
        return entry
    path = _find(name, cli, env)
    entry["found"] = path is not None
    if cli.protocol == "none":
        entry["note"] = "Known, but it cannot be started by Codecast yet."
    entry["install"] = cli.install
    if path is None:
        return entry
    entry["path"] = path
    version = _version(path, env)
    if version:
        entry["version"] = version
    if version and cli.tested:
        entry["tested"] = cli.tested
        untested = _untested(version, cli.tested)
        if untested:
            entry["untested"] = untested
    known = logged_in(cli.program, cli.keys, cli.files, env)
    if known is not None:
        entry["logged_in"] = known
    elif name == "opencode":
        entry["note"] = "No login was found; its free models need none."
    if not known:
        entry["login_hint"] = cli.login_hint
    return entry


def _untested(version: str, tested: str) -> Optional[str]:
    """`older`, `newer`, or None within the tested range or where the version is no number."""
    ours, theirs = (
        [int(part) for part in text.split("-")[0].split(".") if part.isdigit()]
        for text in (tested, version)
    )
    if len(theirs) < 2:
        return None
    if theirs < ours:
        return "older"
    return "newer" if theirs[:2] > ours[:2] else None


def _demo() -> List[str]:
    """Our own agent, from the directory this very file is in; `-I -S` as the relay itself."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        " from codecast_agent.clis.demo import main; main()"
    )
    return [sys.executable, "-I", "-S", "-c", code, root]


def _variable(cli: str) -> str:
    return "CODECAST_CLI_" + cli.upper().replace("-", "_")


def _find(name: str, cli: Cli, env: Dict[str, str]) -> Optional[str]:
    """The program's path: where the variable says, else on the PATH."""
    override = os.environ.get(_variable(name)) or env.get(_variable(name))
    return _which(override or cli.program, env)


def _which(program: str, env: Dict[str, str]) -> Optional[str]:
    return which(os.path.expanduser(program), env.get("PATH"))


def _version(path: str, env: Dict[str, str]) -> str:
    """What `--version` says, kept while the file does not change; empty when it fails."""
    try:
        key = (path, os.stat(path).st_mtime)
    except OSError:
        return ""
    with _lock:
        if key in _versions:
            return _versions[key]
    import subprocess  # only where a person asks

    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=VERSION_TIMEOUT,
            env=env,
            check=False,
        )
        words = done.stdout.decode("utf-8", "replace").split()
    except (OSError, subprocess.SubprocessError):
        return ""
    version = next((word.lstrip("v") for word in words if word.lstrip("v")[:1].isdigit()), "")
    with _lock:
        _versions[key] = version
    return version
