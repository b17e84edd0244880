"""Codecast in notebooks and scripts: `import codecast_jupyter as cc`.

    s = cc.start("gpu-1", "~/project", cli="claude", mode="code")
    t = s.ask("Why is the loss NaN?")          # blocks, with live output
    t = await s.ask("Fix it.")                 # or is awaited

`session`, `turn`, `request` and `machine` are the things of the API as objects; `run` asks
many sessions at once and never twice; `magics` is `%codecast` over the one command table;
`widgets` live in the page; `frames` and `timeline` make tables and pictures of what happened.

A kernel in an environment of its own runs all of it with tornado and IPython alone; anywidget
adds the widgets, pandas the tables, matplotlib the pictures. So nothing here imports
jupyter_server, the hub, or a shell, and what is optional is imported where it is used.
"""

from __future__ import annotations

from . import errors

errors.install()
