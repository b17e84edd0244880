"""What Codecast runs on a machine: standard library only, Python 3.8 and newer."""

import sys

# Relays and demo agents run with -S. (From 3.14 on a class keeps its annotations elsewhere.)
if sys.flags.no_site and sys.version_info < (3, 14):
    from . import thin

    thin.install()
