"""`python -m bnclaims`: the command `bnclaims`, see `bnclaims.cli`."""

import sys

from bnclaims.cli import main

if __name__ == "__main__":
    sys.exit(main())
