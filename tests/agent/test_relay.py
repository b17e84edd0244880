"""A relay's manners: its life is its connection's, and it answers whatever it is asked."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_agent.relay import find_sshd
from tests.fixtures.agent import RelayProcess, text, until

from .conftest import S1, Talk


def test_hello_says_where_we_are(relay: RelayProcess) -> None:
    hello = relay.hello
    assert hello["protocol"] == 1 and hello["agent"] == "test"
    assert hello["uid"] == os.getuid() and hello["pid"] == relay.pid
    assert hello["root"] == str(relay.root)
    assert abs(hello["time"] - time.time()) < 60
    assert set(hello) == {
        *("protocol", "agent", "python", "hostname", "user", "uid", "home", "root", "pid"),
        *("boot_id", "platform", "time"),
    }


def test_other_protocol_is_told_apart(new_relay: Callable[..., RelayProcess]) -> None:
    relay = new_relay(hello=False)
    with pytest.raises(CodecastError) as caught:
        relay.call("hello", protocols=[2, 3], lease=1, hub="x")
    assert caught.value.code == "protocol_mismatch"


def test_end_of_stdin_ends_it(relay: RelayProcess) -> None:
    assert relay.process.stdin is not None
    relay.process.stdin.close()
    assert relay.process.wait(30) == 0


def test_silent_hub_loses_its_lease_and_the_session_lives(
    talk: Talk, new_relay: Callable[..., RelayProcess]
) -> None:
    silent = new_relay(lease=1.5)
    kept = new_relay(lease=1.5)
    silent.call("ping", n=1)

    def ended() -> bool:
        kept.call("ping", n=2)
        return silent.process.poll() is not None

    until(ended, "the lease ends")
    assert kept.process.poll() is None
    assert talk.ask("say alive") == "done"


def test_lease_spares_a_parent_that_is_no_sshd(new_relay: Callable[..., RelayProcess]) -> None:
    relay = new_relay(lease=0.1)
    assert relay.process.wait(30) == 0  # and we, its parent, are here to see it


def test_sshd_is_found_only_where_it_holds_the_connection(tmp_path: Path) -> None:
    """Below shells; not below another program, which may itself live in a person's login."""
    sshd = tmp_path / "sshd"
    sshd.symlink_to(sys.executable)
    code = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    inner = "import os, sys; print(os.getppid(), os.getpid(), flush=True); sys.stdin.read()"
    naming = (
        "import ctypes, subprocess, sys; ctypes.CDLL(None).prctl(15, b'sshd', 0, 0, 0);"
        " subprocess.run(sys.argv[1:])"
    )
    below = [sys.executable, "-c", inner]
    cases = {
        "direct": ([sys.executable, "-c", naming, *below], True),
        "shell": ([sys.executable, "-c", naming, "sh", "-c", '"$@"; true', "sh", *below], True),
        "program": ([sys.executable, "-c", naming, sys.executable, "-c", code, *below], False),
    }
    for name, (argv, found) in cases.items():
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None and process.stdout is not None
        with process:
            parent = int(process.stdout.readline().split()[0])
            assert find_sshd(parent) == (process.pid if found else 0), name
            process.stdin.close()


def test_unknown_method_and_malformed_parameters(talk: Talk) -> None:
    with pytest.raises(CodecastError) as caught:
        talk.relay.call("session/levitate", session=S1)
    assert caught.value.code == "not_supported"
    with pytest.raises(CodecastError) as caught:
        talk.relay.call("session/subscribe", session=S1)
    assert caught.value.code == "bad_request"
    with pytest.raises(CodecastError) as caught:
        talk.relay.call("session/prompt", session=[S1], prompt="p", content=[text("x")])
    assert caught.value.code == "bad_request"
    assert talk.ask("say fine") == "done"


def test_garbage_ends_the_relay_not_the_session(
    talk: Talk, new_relay: Callable[..., RelayProcess]
) -> None:
    assert talk.relay.process.stdin is not None
    talk.relay.process.stdin.write(b"no frame\n")
    talk.relay.process.stdin.flush()
    talk.relay.process.wait(30)
    assert [entry["alive"] for entry in new_relay().call("session/list")] == [True]


def test_stranger_at_the_socket_is_turned_away(talk: Talk) -> None:
    """The directory keeps others out; should it ever not, the socket does."""
    place = next(talk.relay.root.glob(f"hosts/*/sessions/{S1}"))
    code = (
        "import os, socket, sys; os.chdir(sys.argv[1]); os.setgid(65534); os.setuid(65534);"
        " s = socket.socket(socket.AF_UNIX)\n"
        'try:\n s.connect(\'sup.sock\'); s.sendall(b\'{"id":1,"method":"ready"}\\n\');'
        " print(s.recv(100))\n"
        "except OSError as e: print(b'')"
    )
    modes = {path: path.stat().st_mode for path in [place, place / "sup.sock"]}
    for path in modes:
        path.chmod(0o777)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=True
        )
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert done.stdout.strip() == "b''"


def test_slow_reader_costs_no_memory(talk: Talk, new_relay: Callable[..., RelayProcess]) -> None:
    talk.ask("flood 60000")
    slow = new_relay()
    feed = slow.subscribe(S1)  # read by a thread that parses: slower than the files
    feed.wait_seq(talk.feed.last_seq)
    with open(f"/proc/{slow.pid}/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    assert peak < 30_000


def test_acknowledged_events_stay(talk: Talk) -> None:
    assert talk.call("ack", seq=3) == {}
    feed = talk.relay.subscribe(S1)
    feed.wait_seq(3)
    assert feed.events[0].seq == 1
