"""``python -m watchkeeper.runtime``: the operator."""

import sys

from watchkeeper.runtime.main import main

sys.exit(main())
