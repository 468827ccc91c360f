"""A thousand proposals in one go over a few Subjects, with every budget lifted and nobody to be asked."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import replace

from localcluster.bench.figures import heading, line
from localcluster.bench.journal import Journal, Life
from localcluster.bench.meters import Usage, usage
from localcluster.bench.yard import LIFTED, OPERATOR_USER, Place, Yard
from localcluster.errors import LocalClusterError

PATIENCE_SECONDS = 120.0
_STOP_SECONDS = 60.0


async def burst(yard: Yard, journal: Journal, count: int) -> float:
    """Measure and print; returns the operator's CPU seconds per proposal."""
    places = yard.places
    heading(f"{count} transfer-leader in one go on {len(places)} Subjects: budgets lifted, approval Never")
    async with yard.operator(**LIFTED) as pid:
        journal.read()
        first, asked = len(journal.requests), [place.database.count() for place in places]
        before, began = usage(pid), time.time()
        await asyncio.gather(*(_propose(yard, places[number % len(places)]) for number in range(count)))
        created = time.time() - began
        await journal.until(lambda: _ended(_lives(journal, places)) >= count, seconds=PATIENCE_SECONDS)
        await asyncio.sleep(2.0)  # finalizers and claims go after the end
        after = usage(pid)
        database = sum(len(place.database.since(n)) for place, n in zip(places, asked, strict=True))
        journal.read()
        lives, last = [replace(life) for life in _lives(journal, places)], len(journal.requests)
        if _ended(lives) < count:
            await _stop(yard, journal, places)
    line("all created", f"{created:.1f} s")
    _moment("all Validated", [life.validated for life in lives], count, began)
    _moment("all ended", [life.ended for life in lives], count, began)
    line("ended as", ", ".join(f"{n} {phase}" for phase, n in Counter(life.phase for life in lives).most_common()))
    _memory(before, after)
    done = max(1, _ended(lives))
    api = sum(1 for r in journal.requests[first:last] if r.user == OPERATOR_USER)
    cpu = (after.cpu_seconds - before.cpu_seconds) / done
    line(
        "per ended proposal",
        f"{1000 * cpu:.0f} ms CPU, {api / done:.1f} API requests, {database / done:.1f} PD requests",
    )
    return cpu


async def _stop(yard: Yard, journal: Journal, places: list[Place]) -> None:
    """End what did not end in time by a stop in every namespace, so that it is quiet afterwards."""
    for place in places:
        await yard.people.make(place.namespace, "emergencystops", "EmergencyStop", "enough", {"reason": "measured"})
    if not await journal.until(lambda: all(life.ended for life in _lives(journal, places)), seconds=_STOP_SECONDS):
        raise LocalClusterError(f"stopped proposals did not end within {_STOP_SECONDS:.0f} s")


async def _propose(yard: Yard, place: Place) -> None:
    await yard.people.propose(place.namespace, place.database.transfer())


def _lives(journal: Journal, places: list[Place]) -> list[Life]:
    namespaces = {place.namespace for place in places}
    return [life for (namespace, _), life in journal.lives.items() if namespace in namespaces]


def _ended(lives: list[Life]) -> int:
    return sum(1 for life in lives if life.ended is not None)


def _moment(label: str, moments: list[float | None], count: int, began: float) -> None:
    reached = [moment for moment in moments if moment is not None]
    if len(reached) == count:
        line(label, f"{max(reached) - began:.1f} s", "after the first was created")
    else:
        line(label, f"NOT within {PATIENCE_SECONDS:.0f} s: {len(reached)} of {count}")


def _memory(before: Usage, after: Usage) -> None:
    line(
        "resident memory",
        f"{before.resident_mib:.0f} → {after.resident_mib:.0f} MiB, peak {after.peak_mib:.0f} MiB",
    )
