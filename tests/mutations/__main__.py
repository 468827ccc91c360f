"""`make mutants`: break every gate once in a copy of the checkout; the tests that hold it must go red."""

from __future__ import annotations

import argparse
import queue
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutations.checkout import GREEN, Checkout, Judged, Verdict
from tests.mutations.table import Mutation, mutations

MACHINE = ("property/test_machine.py",)
SECONDS, MACHINE_SECONDS, BASELINE_SECONDS = 120.0, 900.0, 900.0


def main() -> int:
    """Exit status 0: every one was caught; 1: not so; 2: nothing could be said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="those whose file or name holds this text")
    parser.add_argument("--workers", type=int, default=2, help="how many at once (2)")
    parser.add_argument("--machine", action="store_true", help="let the property machine find what it is said to find")
    asked = parser.parse_args()
    chosen = [one for one in mutations() if asked.only in one.title and (one.machine or not asked.machine)]
    if not chosen:
        print(f"no mutation is called {asked.only!r}")
        return 2
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="watchkeeper-mutants-") as folder:
        copies = [Checkout(Path(folder, str(number))) for number in range(max(1, asked.workers))]
        problem = _unusable(copies[0], tests_of(chosen, machine=asked.machine))
        if problem is not None:
            print(problem)
            return 2
        judged = _judged(copies, chosen, machine=asked.machine)
    return _told(judged, time.monotonic() - began)


def tests_of(chosen: Sequence[Mutation], *, machine: bool) -> tuple[str, ...]:
    """What must be green before anything is broken."""
    return MACHINE if machine else tuple(dict.fromkeys(test for one in chosen for test in one.tests))


def _unusable(copy: Checkout, tests: tuple[str, ...]) -> str | None:
    """Why nothing that these tests say would mean anything."""
    found = copy.imported()
    if not found.is_relative_to(copy.package.resolve()) and not found.is_relative_to(copy.package):
        return f"the tests would run against {found}, not against the copy"
    run = copy.pytest(tests, seconds=BASELINE_SECONDS)
    if run.returncode != GREEN:
        return f"{run.stdout}{run.stderr}\nthe tests fail although nothing is broken"
    print(f"{run.stdout.strip().splitlines()[-1]} with nothing broken", flush=True)
    return None


def _judged(copies: Sequence[Checkout], chosen: Sequence[Mutation], *, machine: bool) -> list[Judged]:
    free: queue.SimpleQueue[Checkout] = queue.SimpleQueue()
    for copy in copies:
        free.put(copy)

    def judge(mutation: Mutation) -> Judged:
        copy = free.get()
        try:
            tests, seconds = (MACHINE, MACHINE_SECONDS) if machine else (mutation.tests, SECONDS)
            judged = copy.judge(mutation, tests, seconds=seconds)
        finally:
            free.put(copy)
        print(f"{judged.verdict:9} {judged.seconds:5.1f} s  {mutation.title}: {judged.by or mutation.why}", flush=True)
        return judged

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(judge, chosen))


def _told(judged: Sequence[Judged], seconds: float) -> int:
    """By file, then what was not caught."""
    files = Counter(one.mutation.file for one in judged)
    caught = Counter(one.mutation.file for one in judged if one.verdict is Verdict.CAUGHT)
    print(f"\n{'caught':>6} {'of':>4}  file")
    for file, count in files.items():
        print(f"{caught[file]:6} {count:4}  {file}")
    print(f"{caught.total():6} {files.total():4}  in {seconds:.0f} s")
    left = [one for one in judged if one.verdict is not Verdict.CAUGHT]
    for one in left:
        print(f"\n{one.verdict}: {one.mutation.title} ({one.mutation.area}) {one.by}\n  {one.mutation.why}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
