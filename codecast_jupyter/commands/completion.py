"""Completion for shells, and later for chats and notebooks.

`candidates` knows the table; what only the server knows comes through `fetch`, a function
from an API path to parsed JSON (None when it cannot be had at once). The hidden verb
`codecast __complete` uses a plain HTTP request to a running server: it imports little,
waits a second at most and never starts a server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from codecast_agent.protocol.events import WAITING_PROMPT_STATES

from .table import TABLE, Argument, Command, split

if TYPE_CHECKING:
    from codecast_jupyter.client import Connection

Fetch = Callable[[str], Any]
GLOBALS = {
    "--json": "one JSON document",
    "--server": "URL of a Jupyter server",
    "--no-color": "no colours",
    "--help": "explain the command",
}


class Candidate(NamedTuple):
    value: str
    help: str = ""


def candidates(words: list[str], fetch: Fetch) -> list[Candidate]:
    """What can stand in place of the last of `words` (those after `codecast`)."""
    *before, current = words or [""]
    before = _without_globals(before)
    if before is None:
        return []
    command, rest = split(before)
    if command is None or (not rest and _has_children(command)):
        heads = _commands(before, current)
        if command is None or heads:
            return heads + (_starting(_globals(), current) if not before else [])
    assert command is not None
    return _starting(_arguments(command, rest, current, fetch), current)


def _without_globals(words: list[str]) -> Any:
    """Words without `--json`, `--server URL`, ...; None when a URL is to be typed now."""
    kept: list[str] = []
    index = 0
    while index < len(words):
        if words[index] == "--server":
            index += 2
            if index > len(words):
                return None
            continue
        if words[index] not in GLOBALS and not words[index].startswith("--server="):
            kept.append(words[index])
        index += 1
    return kept


def _globals() -> list[Candidate]:
    return [Candidate(name, help) for name, help in GLOBALS.items()]


def _has_children(command: Command) -> bool:
    return any(other.name.startswith(command.name + " ") for other in TABLE)


def _commands(before: list[str], current: str) -> list[Candidate]:
    """First or second words of command names."""
    prefix = " ".join([*before, current])
    found: dict[str, str] = {}
    for command in TABLE:
        for name in (command.name, *(a for a in command.aliases if " " in a)):
            if name.startswith(prefix):
                word = name.split(" ")[len(before)] if len(name.split(" ")) > len(before) else ""
                if word and (word not in found or name == word):
                    found[word] = command.help
    return [Candidate(word, help) for word, help in found.items()]


def _starting(found: list[Candidate], prefix: str) -> list[Candidate]:
    lower = prefix.lower()
    return [c for c in found if c.value.lower().startswith(lower)]


def _arguments(command: Command, rest: list[str], current: str, fetch: Fetch) -> list[Candidate]:
    given: dict[str, str] = {}
    pending: Argument | None = None
    place = 0
    plain = False
    for word in rest:
        if pending is not None:
            given[pending.key] = word
            pending = None
            continue
        option = None if plain else _option(command, word)
        if option is not None:
            if not option.flag and "=" not in word:
                pending = option
            elif "=" in word:
                given[option.key] = word.partition("=")[2]
            continue
        if word == "--":
            plain = True
            continue
        if place < len(command.positionals):
            argument = command.positionals[place]
            given.setdefault(argument.key, word)
            if not argument.many:
                place += 1
    if pending is not None:
        return _values(pending, given, current, fetch)
    if current.startswith("-") and not plain:
        if "=" in current:
            option = _option(command, current)
            head = current.partition("=")[0] + "="
            if option is None:
                return []
            return [
                Candidate(head + c.value, c.help)
                for c in _values(option, given, current[len(head) :], fetch)
            ]
        return [Candidate(f"--{a.name}", a.help) for a in command.options] + _globals()
    if place < len(command.positionals):
        return _values(command.positionals[place], given, current, fetch)
    return []


def _option(command: Command, word: str) -> Argument | None:
    head = word.partition("=")[0]
    for argument in command.options:
        if head == f"--{argument.name}" or (argument.short and word == f"-{argument.short}"):
            return argument
    return None


def _values(
    argument: Argument, given: dict[str, str], current: str, fetch: Fetch
) -> list[Candidate]:
    if argument.choices:
        return [Candidate(choice) for choice in argument.choices]
    source = SOURCES.get(argument.complete)
    return source(given, current, fetch) if source else []


def _list(fetch: Fetch, path: str) -> list[Any]:
    found = fetch(path)
    return found if isinstance(found, list) else []


def _machines(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    return [Candidate(str(m["name"]), str(m.get("state", ""))) for m in _list(fetch, "machines")]


def _places(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    """Machines, or `MACHINE:DIRECTORY` once there is a colon."""
    if ":" not in current:
        return _machines(given, current, fetch)
    machine, _, path = current.partition(":")
    found = _directories({"machine": machine}, path, fetch)
    return [Candidate(f"{machine}:{c.value}", c.help) for c in found]


def _directories(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    """Directories on the machine, each with a `/` so that one can go on."""
    machine = given.get("machine", "")
    if not machine or ":" in machine:
        return []
    head, slash, last = current.rpartition("/")
    folder = head + slash
    if machine == "local" and not folder.startswith(("/", "~")):
        asked = str(Path.cwd() / folder)
    else:
        asked = folder or "~"
    hidden = "&hidden=true" if last.startswith(".") else ""
    found = fetch(
        f"machines/{quote(machine, safe='')}/directories?path={quote(asked, safe='')}{hidden}"
    )
    if not isinstance(found, dict):
        return []
    return [Candidate(f"{folder}{e['name']}/") for e in found.get("entries", []) if e.get("is_dir")]


def _sessions(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    return [
        Candidate(
            str(s.get("name") or s["id"]),
            f"{(s.get('state') or {}).get('status', '')}, {s.get('cli')} on {s.get('machine')}",
        )
        for s in _list(fetch, "sessions?all=true")
    ]


def _clis(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    machine = given.get("machine", "").partition(":")[0]
    found = _list(fetch, f"machines/{quote(machine, safe='')}/clis") if machine else []
    if not found:
        return [Candidate(name) for name in ("claude", "codex", "gemini", "opencode", "demo")]
    return [
        Candidate(str(c["cli"]), str(c.get("version") or "")) for c in found if c.get("found", True)
    ]


def _models(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    """What this session offers, or what sessions of this CLI offered."""
    if given.get("session"):
        found = fetch(f"sessions/{quote(given['session'], safe='')}")
        sessions = [found] if isinstance(found, dict) else []
    else:
        sessions = _list(fetch, "sessions?all=true")
        if given.get("cli"):
            sessions = [s for s in sessions if s.get("cli") == given["cli"]]
    seen: dict[str, str] = {}
    for session in sessions:
        settings = (session.get("state") or {}).get("settings") or {}
        for choice in (settings.get("model") or {}).get("choices") or []:
            seen[str(choice.get("value"))] = str(choice.get("name") or "")
    return [Candidate(value, help) for value, help in seen.items()]


def _conversations(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    machine, cli = given.get("machine", ""), given.get("cli")
    path = f"machines/{quote(machine, safe='')}/history"
    found = _list(fetch, path + (f"?cli={quote(cli, safe='')}" if cli else "")) if machine else []
    return [Candidate(str(c["native"]), f"{c['cli']}: {c['title']}"[:100]) for c in found]


def _requests(session: str, fetch: Fetch) -> list[Any]:
    found = _list(fetch, f"sessions/{quote(session, safe='')}/requests")
    return [r for r in found if r.get("outcome", "open") == "open"]


def _choices(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    found: list[Candidate] = []
    opened = _requests(given.get("session", ""), fetch)
    if len(opened) > 1 and "choice" not in given:
        return [Candidate(str(r["request"]), str(r.get("title", ""))) for r in opened]
    for request in opened[:1]:
        options = [str(option.get("label", "")) for option in request.get("options") or []]
        for question in (request.get("questions") or [])[:1]:
            options.extend(str(option.get("label", "")) for option in question.get("options") or [])
        found.extend(Candidate(str(number), label) for number, label in enumerate(options, 1))
    return found


def _prompts(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    found = _list(fetch, f"sessions/{quote(given.get('session', ''), safe='')}/prompts")
    waiting = [p for p in found if p.get("state") in WAITING_PROMPT_STATES]
    return [Candidate(str(n), str(p.get("text", ""))[:60]) for n, p in enumerate(waiting, 1)]


def _names(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    return [Candidate(command.name, command.help) for command in TABLE if " " not in command.name]


def _files(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    folder = current.rpartition("/")[0] or "/" * current.startswith("/")
    try:
        entries = sorted(os.scandir(Path(folder).expanduser()), key=lambda e: e.name)
    except OSError:
        return []
    prefix = folder if folder in ("", "/") else folder + "/"
    return [Candidate(prefix + e.name + ("/" if e.is_dir() else "")) for e in entries]


def _offers(given: dict[str, str], current: str, fetch: Fetch) -> list[Candidate]:
    found = _list(fetch, f"sessions/{quote(given.get('session', ''), safe='')}/offered")
    return [Candidate(str(file.get("name", ""))) for file in found]


SOURCES: dict[str, Callable[[dict[str, str], str, Fetch], list[Candidate]]] = {
    "machine": _machines,
    "place": _places,
    "directory": _directories,
    "session": _sessions,
    "cli": _clis,
    "model": _models,
    "conversation": _conversations,
    "mode": lambda given, current, fetch: [],  # its choices are in the table
    "choice": _choices,
    "prompt": _prompts,
    "command": _names,
    "file": _files,
    "offer": _offers,
}


def main(arguments: list[str]) -> int:
    """`codecast __complete SHELL WORD...`: the words after `codecast`, the last one unfinished."""
    shell, words = arguments[0], arguments[1:]
    try:
        found = candidates(words, fetcher(words))
    except Exception:  # a shell completing must not see a traceback
        return 1
    current = words[-1] if words else ""
    # bash splits words at ":" and "=", and wants only what follows
    cut = max(current.rfind(":"), current.rfind("=")) + 1 if shell == "bash" else 0
    lines = []
    for candidate in found:
        help = " ".join(candidate.help.split())
        value = candidate.value[cut:]
        if any(ord(char) < 32 for char in value):
            continue
        lines.append(value if shell == "bash" or not help else f"{value}\t{help}")
    print("\n".join(lines))
    return 0


def fetcher(words: list[str]) -> Fetch:
    """GET from the server that commands would use; each path once, None on any failure."""
    from codecast_jupyter.client import discovery

    url = next((words[n + 1] for n, w in enumerate(words[:-1]) if w == "--server"), None)
    return fetch_from(discovery.candidates(url))


def fetch_from(servers: Iterable[Connection]) -> Fetch:
    """GET from the first of these that answers; each path once, None on any failure."""
    listed: list[Connection] | None = None
    known: dict[str, Any] = {}

    def fetch(path: str) -> Any:
        nonlocal listed
        if listed is None:
            listed = list(servers)
        if path not in known:
            for server in listed:
                known[path] = _get(server, path)
                if known[path] is not None:
                    break
        return known.get(path)

    return fetch


def _get(server: Connection, path: str) -> Any:
    from urllib.request import ProxyHandler, Request, build_opener

    request = Request(server.api("/" + path), headers=server.headers)
    try:
        # a loopback server: never through a proxy of the environment
        with build_opener(ProxyHandler({})).open(request, timeout=1.0) as answer:
            return json.loads(answer.read())
    except (OSError, ValueError):
        return None


def script(shell: str) -> str:
    """The script for `bash`, `zsh` or `fish`."""
    return {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}[shell]


_BASH = r"""# bash completion for codecast
_codecast() {
    local line="${COMP_LINE:0:COMP_POINT}" words=() value
    # words by blanks alone: bash's own list is cut at ":" and "=" too
    read -ra words <<< "$line"
    [[ $line == *" " ]] && words+=("")
    COMPREPLY=()
    while IFS= read -r value; do
        [[ -n $value ]] && COMPREPLY+=("$(printf '%q' "$value")")
    done < <("${words[0]}" __complete bash "${words[@]:1}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=] ]] && compopt -o nospace
    return 0
}
complete -F _codecast codecast
"""

_ZSH = r"""#compdef codecast
# zsh completion for codecast
_codecast() {
    local -a found open
    local line value help
    while IFS= read -r line; do
        [[ -z $line ]] && continue
        value=${line%%$'\t'*}
        help=''
        [[ $line == *$'\t'* ]] && help=${line#*$'\t'}
        value=${value//\\/\\\\}
        value=${value//:/\\:}
        if [[ $value == */ ]]; then open+=("$value"); else found+=("$value:$help"); fi
    done < <("${words[1]}" __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#found} )) && _describe -V codecast found
    (( ${#open} )) && _describe -V directory open -S ''
    return 0
}
if [[ ${funcstack[1]} == _codecast ]]; then _codecast "$@"; else compdef _codecast codecast; fi
"""

_FISH = r"""# fish completion for codecast
function __codecast_complete
    set -l words (commandline -opc) (commandline -ct)
    command $words[1] __complete fish $words[2..-1] 2>/dev/null
end
complete -c codecast -f -a '(__codecast_complete)'
"""
