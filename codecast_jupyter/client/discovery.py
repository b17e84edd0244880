"""Find the server: what was said, what the environment says, files in Jupyter's runtime folder.

The order: arguments; CODECAST_URL and CODECAST_TOKEN; CODECAST_CONNECTION_FILE (kernels and
terminals of a server inherit it); the files of the server that started this kernel
(JPY_PARENT_PID); the newest file of the runtime folder. Files stay behind when a server is
killed, so a file counts only while its process lives; the client then asks /health.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from codecast_agent.protocol.errors import CodecastError

BASE = "api/codecast/v1"


class Connection(NamedTuple):
    """Where the server is. `source` tells how it was found."""

    url: str
    token: str = ""
    source: str = "arguments"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"} if self.token else {}

    def api(self, path: str) -> str:
        """The URL of a path of the API, such as `/sessions`."""
        return f"{self.url.rstrip('/')}/{BASE}{path}"

    @property
    def stream(self) -> str:
        return "ws" + self.api("/stream").removeprefix("http")

    def __repr__(self) -> str:  # a token must not end up in a notebook's output
        return f"Connection({self.url!r}, {self.source!r})"


def discover(url: str | None = None, token: str | None = None) -> Connection:
    """The most likely server. Raises CodecastError("unreachable") when there is none at all."""
    for connection in candidates(url, token):
        return connection
    raise nothing_found([])


def candidates(url: str | None = None, token: str | None = None) -> Iterator[Connection]:
    """Every server it may be, the most likely first. What was said explicitly is the only one."""
    said = _http(os.environ.get("CODECAST_URL", ""))
    secret = os.environ.get("CODECAST_TOKEN", "")
    if url:
        url = _http(url)
        # a token meant for one server is not shown to another
        yield Connection(url, token or (secret if said in ("", url) else ""))
        return
    if said:
        yield Connection(said, token or secret, "CODECAST_URL")
        return
    seen: set[str] = set()
    for source, path in _files():
        connection = read(path, source)
        if connection is not None and connection.url not in seen:
            seen.add(connection.url)
            yield connection._replace(token=token or connection.token)


def read(path: Path, source: str = "") -> Connection | None:
    """A connection file of a living process, ours or the server's own."""
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        url, pid = str(info["url"]), int(info["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Connection(_http(url), str(info.get("token") or ""), source) if alive(pid) else None


def alive(pid: int) -> bool:
    """Whether there is such a process on this computer."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return pid > 0
    return True


def nothing_found(tried: list[str]) -> CodecastError:
    return CodecastError(
        "unreachable",
        "No Jupyter server with Codecast was found.",
        "Start JupyterLab, or set CODECAST_URL and CODECAST_TOKEN to those of a server.",
        "\n".join(tried),
    )


def _files() -> Iterator[tuple[str, Path]]:
    if path := os.environ.get("CODECAST_CONNECTION_FILE"):
        yield "CODECAST_CONNECTION_FILE", Path(path)
    runtime = runtime_dir()
    if pid := os.environ.get("JPY_PARENT_PID"):
        yield "JPY_PARENT_PID", runtime / f"codecast-{pid}.json"
        yield "JPY_PARENT_PID", runtime / f"jpserver-{pid}.json"
    yield from (("runtime folder", path) for path in newest(runtime))


def newest(runtime: Path) -> list[Path]:
    """Our connection files, the newest first."""
    dated: list[tuple[float, Path]] = []
    for path in runtime.glob("codecast-*.json"):
        try:
            dated.append((path.stat().st_mtime, path))
        except OSError:  # removed meanwhile
            continue
    return [path for _, path in sorted(dated, reverse=True)]


def runtime_dir() -> Path:
    """Jupyter's own answer; without jupyter_core, its rule for Unix."""
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        if given := os.environ.get("JUPYTER_RUNTIME_DIR"):
            return Path(given)
        data = os.environ.get("JUPYTER_DATA_DIR")
        return (Path(data) if data else Path.home() / ".local/share/jupyter") / "runtime"
    return Path(jupyter_runtime_dir())


def _http(url: str) -> str:
    return url if "://" in url or not url else f"http://{url}"
