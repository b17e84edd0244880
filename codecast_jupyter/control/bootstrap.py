"""Starts the agent on a machine over one exec channel: the hub's side of docs/protocol.md, "Boot".

The command is a few lines of `sh` that find a Python, around the stub (`codecast_agent.boot`,
minimised and compressed). The stub answers behind `MARKER`, which is how the output of shell
start-up files is told from ours. Only a machine that lacks this agent's hash is sent the archive:
one deflated JSON object of the package's sources, the same bytes for the same code.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import hashlib
import json
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import codecast_agent.protocol
from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.wire import MARKER
from codecast_jupyter.waiting import within

from .pipes import Pipe, PipeEnd

PYTHONS = (
    "python3",
    *(f"python3.{minor}" for minor in range(14, 7, -1)),
    "/usr/bin/python3",
    "/usr/local/bin/python3",
)
NUDGE_AFTER = 5.0  # seconds of silence
NUDGE = b"\n" * 8  # ends an sftp server and a `read` in a start-up file; stub and relay skip it
MAX_NOISE = 1 << 20  # bytes of shell chatter before the marker
PACKAGE = Path(codecast_agent.protocol.__file__).parent.parent


@dataclass(frozen=True)
class Archive:
    """The agent as it travels. `hash` names its directory on the machine."""

    data: bytes
    sha256: str

    @property
    def hash(self) -> str:
        return self.sha256[:16]


@cache
def archive() -> Archive:
    """The installed agent, packed once a process. Tests and bytecode do not travel."""
    return pack(PACKAGE)


def pack(package: Path) -> Archive:
    """The sources of `package` as one deflated JSON object, path to text, in sorted order."""
    files = {
        f"{package.name}/{path.relative_to(package).as_posix()}": path.read_text("utf-8")
        for path in sorted([*package.rglob("*.py"), *package.rglob("*.toml")])
    }
    data = zlib.compress(json.dumps(files, sort_keys=True, ensure_ascii=True).encode(), 9)
    return Archive(data, hashlib.sha256(data).hexdigest())


@cache
def stub() -> str:
    """The stub's source without comments, annotations and long names."""
    tree = ast.parse((PACKAGE / "boot.py").read_text("utf-8"))
    tree.body = tree.body[1:]
    _Shorter(tree).visit(tree)
    lines = ast.unparse(tree).splitlines()
    return "\n".join(
        " " * ((len(line) - len(line.lstrip())) // 4) + line.lstrip() for line in lines if line
    )


class _Shorter(ast.NodeTransformer):
    """Gives every name that the stub itself binds a short one."""

    def __init__(self, tree: ast.Module) -> None:
        nodes = list(ast.walk(tree))
        taken = {node.id for node in nodes if isinstance(node, ast.Name)}
        bound: dict[str, None] = {}
        for node in nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound[node.id] = None
            elif isinstance(node, ast.arg):
                bound[node.arg] = None
            elif (isinstance(node, ast.FunctionDef) and node.name != "boot") or (
                isinstance(node, ast.ExceptHandler) and node.name
            ):
                bound[node.name or ""] = None
        free = [a for a in string.ascii_letters if a not in taken]
        self.names = dict(zip(bound, free, strict=False))
        if len(self.names) < len(bound):
            raise ValueError("the stub binds more names than there are letters")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg, node.annotation = self.names[node.arg], None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name, node.returns = self.names.get(node.name, node.name), None
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        if node.name:
            node.name = self.names[node.name]
        return node


def commands(wanted: Archive, python: str | None = None) -> list[str]:
    """The commands to try in turn: through `sh`, then plain for shells that forbid that.

    Each is one line whose only quoting is a single-quoted word without `!`: sh, bash, dash,
    zsh, ksh, tcsh and fish read it alike. `python` is the person's own choice of interpreter.
    """
    source = f"{stub()}\nboot({wanted.sha256!r},{len(wanted.data)})"
    packed = base64.b64encode(zlib.compress(source.encode(), 9)).decode()
    run = f'import zlib,base64;exec(zlib.decompress(base64.b64decode(b\\"{packed}\\")))'
    where = " ".join(_sh_word(p) for p in ((python,) if python else PYTHONS))
    error = '{\\"error\\":{\\"code\\":\\"no_python\\"}}'
    wrapped = (
        f'exec /bin/sh -c \'for p in {where}; do p=$(command -v "$p") && [ -x "$p" ] && '
        f'exec "$p" -I -S -c "{run}"; done; printf "\\n\\036codecast {error}\\n"\''
    )
    plain = f"python3 -I -S -c '{run}'".replace('\\"', '"')
    return [wrapped] if python else [wrapped, plain]


def _sh_word(path: str) -> str:
    """`path` as a word for `sh` inside a single-quoted word of any shell: no quote of it survives
    in clear, because all but the plainest characters go through printf's octal escapes."""
    start = ""
    if path.startswith("~/"):
        start, path = '"$HOME"/', path[2:]
    plain = string.ascii_letters + string.digits + "/._-+"
    if all(char in plain for char in path):
        return start + path
    octal = "".join(f"\\{byte:03o}" for byte in path.encode())
    return f'{start}"$(printf "{octal}")"'


@dataclass
class Booted:
    """A started agent, whose relay speaks on `pipe` from now on. `sent` tells of a first deploy."""

    pipe: Pipe
    root: str
    sent: bool
    noise: bytes
    _attempt: _Attempt

    def listen(self, on_data: Callable[[bytes], None], on_close: Callable[[PipeEnd], None]) -> None:
        """Hand the pipe over, with what came on it since the stub's last word."""
        self.pipe.on_data, self.pipe.on_close = on_data, on_close
        if self._attempt.buffer:
            on_data(self._attempt.buffer)
        if self._attempt.end is not None:
            on_close(self._attempt.end)


async def boot(
    open_pipe: Callable[[], Pipe],
    *,
    python: str | None = None,
    wanted: Archive | None = None,
    timeout: float = 60,
    progress: Callable[[str], None] = lambda text: None,
) -> Booted:
    """Start the agent over a pipe of `open_pipe`; a restricted shell gets a second try.

    Raises CodecastError: `no_python`, `no_place`, `bootstrap_failed`, or what the pipe raised.
    """
    wanted = wanted or archive()
    failed: CodecastError | None = None
    for command in commands(wanted, python):
        pipe = open_pipe()
        attempt = _Attempt(pipe, wanted, progress)
        try:
            await pipe.start(command)
            done, _ = await asyncio.wait({attempt.done}, timeout=NUDGE_AFTER)
            if not done and not attempt.spoke:
                progress("waiting for the machine's shell")
                pipe.write(NUDGE)
            return await within(attempt.done, timeout)
        except asyncio.TimeoutError:
            await pipe.close()
            raise CodecastError(
                "bootstrap_failed",
                f"The machine did not start our agent within {timeout:.0f} seconds.",
                "Its shell start-up files may wait for input, or its home may hang: try"
                " `ssh HOST true` by hand.",
                attempt.words(),
            ) from None
        except _Silent as silent:
            await pipe.close()
            if silent.final:
                raise silent.error from None
            failed = failed or silent.error
        except BaseException:
            await pipe.close()
            raise
    assert failed is not None
    raise failed


class _Silent(Exception):
    """The channel ended before the stub spoke."""

    def __init__(self, error: CodecastError, final: bool) -> None:
        self.error = error
        self.final = final  # it was not the shell, so another command would not help


class _Attempt:
    """One command on one pipe, up to the word `have`."""

    def __init__(self, pipe: Pipe, wanted: Archive, progress: Callable[[str], None]) -> None:
        self.pipe = pipe
        self.wanted = wanted
        self.progress = progress
        self.done: asyncio.Future[Booted] = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.noise = b""
        self.spoke = False
        self.sent = False
        self.end: PipeEnd | None = None
        pipe.on_data = self.data
        pipe.on_close = self.closed

    def data(self, data: bytes) -> None:
        self.buffer += data
        while not self.done.done():
            start = self.buffer.find(MARKER)
            end = self.buffer.find(b"\n", start + len(MARKER)) if start >= 0 else -1
            if end < 0:
                if not self.spoke and len(self.buffer) > MAX_NOISE:
                    self.fail(_no_agent("The machine's shell prints without end.", self.words()))
                return
            if not self.spoke:
                self.noise = self.buffer[:start].lstrip(b"\n")
            line = self.buffer[start + len(MARKER) : end]
            self.buffer = self.buffer[end + 1 :]
            self.spoke = True
            try:
                said = json.loads(line)
                self.take(said)
            except (ValueError, AttributeError, KeyError, TypeError):
                self.fail(_no_agent("The machine answered with something else.", repr(line[:500])))

    def take(self, said: dict[str, Any]) -> None:
        if "need" in said:
            self.sent = True
            self.progress(f"sending our agent ({len(self.wanted.data) >> 10} KB)")
            self.pipe.write(self.wanted.data)
        elif "have" in said:
            self.done.set_result(Booted(self.pipe, str(said["root"]), self.sent, self.noise, self))
        else:
            self.fail(_explain(said["error"]))

    def closed(self, end: PipeEnd) -> None:
        self.end = end
        if self.done.done():
            return
        if self.spoke:
            self.fail(_no_agent("The connection ended while our agent was starting.", self.words()))
        else:
            detail = "\n".join(filter(None, [end.words(), self.words()]))
            error = _no_agent("The machine ended our command before it could start.", detail)
            self.done.set_exception(_Silent(end.error or error, end.error is not None))

    def fail(self, error: CodecastError) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def words(self) -> str:
        """What the machine printed, the tail of it."""
        text = self.pipe.stderr_tail()
        if not self.spoke:
            text = f"{self.buffer[-2000:].decode(errors='replace')}\n{text}"
        return text.strip()


def _no_agent(message: str, detail: str) -> CodecastError:
    return CodecastError(
        "bootstrap_failed",
        message,
        "The account must be allowed to run commands over SSH (no ForceCommand, no nologin shell,"
        " MaxSessions above 0); `codecast doctor` tells more.",
        detail,
    )


def _explain(value: Any) -> CodecastError:
    """The stub's short words in full."""
    error = CodecastError.from_json(value)
    if error.code == "no_python":
        error.message = "There is no Python 3.8 or newer on the machine's PATH."
        error.hint = (
            "Install python3 there, or name its path for this machine: `python: /path/to/python3`"
            " in codecast.yaml."
        )
    elif error.code == "no_place":
        error.message = "No directory of the machine can hold our files."
        error.hint = (
            "Free some space, or set CODECAST_ROOT to a directory of yours with mode 0700"
            " in the start-up files of the shell there."
        )
    elif error.code == "bootstrap_failed" and not error.hint:
        error.message = "Our agent arrived damaged: its checksum is wrong."
        error.hint = "Try again; if it stays so, something on the way changes binary data."
    return error
