"""``python -m localcluster.rbaccheck``: 0 only if every permission of the operator is used and none is missing."""

from __future__ import annotations

import sys

from localcluster.errors import LocalClusterError
from localcluster.rbaccheck.check import check


def main() -> int:
    """Play, judge, print."""
    try:
        verdict = check(lambda text: print(f"playing: {text}", flush=True))
    except LocalClusterError as error:
        print(f"the scenario failed: {error}", file=sys.stderr)
        return 2
    print("\n".join(verdict.lines()))
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
