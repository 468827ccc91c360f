"""`make soak`: rounds of the machine with seed after seed, and the larger models, for as long as is asked."""

from __future__ import annotations

import argparse
import secrets
import sys
import time

from tests.property.explore import explore
from tests.property.machine import Machine, summary
from tests.property.protocolstate import Budget, Rules
from tests.property.rounds import play

LONGEST_MINUTES = 720
LARGE = {
    "two proposals, crash, stall": (Rules(most=1, allowed=1), Budget(stalls=1, crashes=1), 2),
    "stop and resume, stall, crash": (Rules(), Budget(stops=2, stalls=1, crashes=1), 1),
    "lost answers of the API server, stall, crash": (Rules(), Budget(lost_answers=1, stalls=1, crashes=1), 1),
}


def main() -> int:
    """Exit status 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="0: one round only")
    parser.add_argument("--seed", type=int, default=None, help="of the first round; those after it count up")
    asked = parser.parse_args()
    if not 0 <= asked.minutes <= LONGEST_MINUTES:
        parser.error(f"--minutes must be between 0 and {LONGEST_MINUTES}")
    number = secrets.randbelow(2**31) if asked.seed is None else asked.seed
    until = time.monotonic() + asked.minutes * 60
    if asked.minutes and not _models():
        return 1
    while True:
        print(f"seed {number}", flush=True)
        try:
            play(number)
        except AssertionError as error:
            print(error)
            print(f"\nfound; the same again: make soak SEED={number} MINUTES=0")
            return 1
        number += 1
        if time.monotonic() >= until:
            print(summary(Machine.total))
            return 0


def _models() -> bool:
    for name, (rules, budget, proposals) in LARGE.items():
        found = explore(rules, budget, proposals=proposals)
        print(f"model, {name}: {found.states} states, {found.transitions} transitions", flush=True)
        if found.violation or found.stuck:
            print(found.violation or f"{len(found.stuck)} states never come to rest")
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
