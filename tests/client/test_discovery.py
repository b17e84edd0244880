"""Where the server is: arguments, environment, files; and none that is dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import AsyncClient, Connection
from codecast_jupyter.client.discovery import candidates, discover


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    for name in ("URL", "TOKEN", "CONNECTION_FILE"):
        monkeypatch.delenv(f"CODECAST_{name}", raising=False)
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    return folder


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def write(
    path: Path, url: str, *, pid: int | None = None, token: str = "t", age: float = 0
) -> Path:
    path.write_text(json.dumps({"url": url, "token": token, "pid": pid or os.getpid()}))
    when = path.stat().st_mtime - age
    os.utime(path, (when, when))
    return path


def test_the_order(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CodecastError) as error:
        discover()
    assert (error.value.code, "CODECAST_URL" in error.value.hint) == ("unreachable", True)

    write(runtime / "codecast-1.json", "http://old", age=100)
    write(runtime / "codecast-2.json", "http://new")
    assert [c.url for c in candidates()] == ["http://new", "http://old"]

    monkeypatch.setenv("JPY_PARENT_PID", "77")
    write(runtime / "jpserver-77.json", "http://parent")
    assert discover().url == "http://parent"
    write(runtime / "codecast-77.json", "http://ours", age=1000)
    assert discover().url == "http://ours"

    inherited = write(tmp_path / "x.json", "http://inherited")
    monkeypatch.setenv("CODECAST_CONNECTION_FILE", str(inherited))
    assert discover() == Connection("http://inherited", "t", "CODECAST_CONNECTION_FILE")

    monkeypatch.setenv("CODECAST_URL", "host:8888/base/")
    monkeypatch.setenv("CODECAST_TOKEN", "said")
    assert discover() == Connection("http://host:8888/base/", "said", "CODECAST_URL")
    assert discover("http://argument", "mine") == Connection("http://argument", "mine")
    assert discover("http://argument").token == ""  # it belongs to the other server
    assert discover("http://host:8888/base/").token == "said"
    monkeypatch.delenv("CODECAST_URL")
    assert discover("http://argument").token == "said"


def test_files_of_the_dead_and_broken_ones_do_not_count(runtime: Path) -> None:
    write(runtime / "codecast-1.json", "http://dead", pid=dead_pid())
    (runtime / "codecast-2.json").write_text("{")
    (runtime / "codecast-3.json").write_text('{"url": "http://x"}')
    with pytest.raises(CodecastError):
        discover()


def test_urls_of_the_api() -> None:
    found = Connection("https://hub/user/a%40b/", "t")
    assert found.api("/health") == "https://hub/user/a%40b/api/codecast/v1/health"
    assert found.stream == "wss://hub/user/a%40b/api/codecast/v1/stream"
    assert Connection("http://x").headers == {}


async def test_a_live_process_that_does_not_answer_is_passed_over(
    runtime: Path, connection: Connection
) -> None:
    write(runtime / "codecast-8.json", "http://127.0.0.1:9")
    write(runtime / "codecast-9.json", connection.url, token=connection.token, age=50)
    async with await AsyncClient.discover() as client:
        assert client.url == connection.url


async def test_nothing_that_answers_is_told_with_what_was_tried(runtime: Path) -> None:
    write(runtime / "codecast-8.json", "http://127.0.0.1:9")
    write(runtime / "codecast-9.json", "http://127.0.0.1:10", age=9)
    with pytest.raises(CodecastError) as error:
        await AsyncClient.discover()
    assert "127.0.0.1:9" in error.value.detail
    assert "127.0.0.1:10" in error.value.detail


async def test_the_file_of_our_server_leads_to_it_and_goes_with_it(
    server: Any, http_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(os.environ["CODECAST_CONNECTION_FILE"])
    assert path.stat().st_mode & 0o777 == 0o600
    info = json.loads(path.read_text())
    assert (info["pid"], info["token"]) == (os.getpid(), server.identity_provider.token)
    async with await AsyncClient.discover() as client:
        assert client.connection.source == "CODECAST_CONNECTION_FILE"
        assert (await client.health())["machines"] == 1
    await server.extension_manager.stop_all_extensions()
    assert not path.exists()
    assert "CODECAST_CONNECTION_FILE" not in os.environ


async def test_a_client_follows_its_server_to_another_port(
    runtime: Path, connection: Connection
) -> None:
    path = write(runtime / "codecast-1.json", "http://127.0.0.1:9")
    client = AsyncClient(discover(), surface="test")
    write(path, connection.url, token=connection.token)
    async with client:
        assert (await client.health())["machines"] == 1
        assert client.url == connection.url
