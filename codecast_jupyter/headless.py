"""`python -m codecast_jupyter.headless PORT`: a Jupyter server with Codecast and nothing else.

On loopback only; its token comes by `JUPYTER_TOKEN`. See `serving`, which starts it.
"""

from __future__ import annotations

import sys
from pathlib import Path

# What Jupyter's libraries import where they find it and this server never uses: a grammar that
# takes a second to build, and what is there for kernels. A person waits for the start.
if __name__ == "__main__":
    for unused in ("rfc3987_syntax", "pandas", "numpy"):
        sys.modules.setdefault(unused, None)  # type: ignore[arg-type]

from codecast_jupyter.app import CodecastApp


class Headless(CodecastApp):
    """Codecast's extension and no other."""

    load_other_extensions = False


def main(port: int) -> None:
    """Serve until told to stop."""
    # Jupyter finds the extension by the module of the class, which must not be __main__
    from codecast_jupyter.headless import Headless

    Headless.launch_instance(  # type: ignore[no-untyped-call]
        [
            "--no-browser",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=50",
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.allow_remote_access=False",
            "--ServerApp.terminals_enabled=False",
            f"--ServerApp.root_dir={Path.home()}",
            "--allow-root",
        ]
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
