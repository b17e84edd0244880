"""docs/protocol.md lists every method that a relay answers."""

import re
import subprocess
import sys
from pathlib import Path

from tests.fixtures.agent import AGENT

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_every_method_of_a_relay_is_listed(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from codecast_agent.relay import Relay\n"
        "from codecast_agent.relay import GROUPS\n"
        "relay = Relay(sys.argv[2], 'test')\n"
        "[relay._load(group) for group in GROUPS]\n"
        "print(*relay._methods)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(AGENT), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`([\w/]+)`", row.split("|")[1])}
    answered = set(done.stdout.split())
    assert len(answered) > 20
    assert answered - listed == set(), "missing in docs/protocol.md"
    assert {name for name in listed if "/" in name} - answered == set(), "not answered any more"
