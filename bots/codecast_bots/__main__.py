"""`python -m codecast_bots`: what `codecast bots` runs."""

import sys

from .app import main

if __name__ == "__main__":
    sys.exit(main())
