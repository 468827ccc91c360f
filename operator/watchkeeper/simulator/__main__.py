"""``python -m watchkeeper.simulator``: see :mod:`watchkeeper.simulator.cli`."""

from __future__ import annotations

import sys

from watchkeeper.simulator.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
