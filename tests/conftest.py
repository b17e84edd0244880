"""Shared by all tests: a Jupyter server in this process, with our extension and nothing open."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ("pytest_jupyter.jupyter_server",)


def pytest_configure() -> None:
    """A run that is terminated ends as by Ctrl-C: servers, sshd and namespaces are taken down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What is imported by now lives to the end: looking through it after every module, for what
    a test left, would take a fifth of a second each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def nothing_leaks_out_of_a_module() -> Iterator[None]:
    """What was left open, in a cycle of references too, fails a test of the module that left it
    and not whichever runs when the collector comes by."""
    yield
    gc.collect()


@pytest.fixture
def jp_server_config(tmp_path: Path) -> dict[str, Any]:
    return {
        "ServerApp": {
            # no other: its warnings about handlers without authentication must be ours
            "jpserver_extensions": {"codecast_jupyter": True, "jupyter_server_terminals": False},
            # a handler that forgot to authenticate is refused, as on a careful server
            "allow_unauthenticated_access": False,
        },
        "CodecastApp": {
            "machines_file": str(tmp_path / "codecast.yaml"),
            "data_dir": str(tmp_path / "codecast"),
        },
    }
