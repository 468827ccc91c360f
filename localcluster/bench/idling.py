"""What it costs while nothing happens: with one Subject, alone and beside finished proposals."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from localcluster.bench.audittail import ApiRequest, of_user
from localcluster.bench.figures import heading, line
from localcluster.bench.journal import Journal
from localcluster.bench.meters import usage
from localcluster.bench.yard import LIFTED, OPERATOR_USER, Place, Yard

WINDOW_SECONDS = 30.0
"""Three looks at the Subject, at the default interval of 10 s."""
NO_SWEEP = {"sweep_interval_seconds": "86400"}
SWEEP_SECONDS = 6.0
DEFAULT_SWEEP_SECONDS = 120.0
_SHOWN = 6
_CALM_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Idle:
    """Costs of a window."""

    seconds: float
    cpu_seconds: float
    resident_mib: float
    api: list[ApiRequest]
    database: int

    def per_minute(self, count: float) -> float:
        """A count of the window as one of a minute."""
        return 60 * count / self.seconds


async def idling(yard: Yard, journal: Journal, finished: int) -> None:
    """Measure and print; `finished` proposals lie there."""
    heading(f"Idle: {len(yard.places)} Subject, {finished} finished proposals, default settings")
    async with yard.operator(**NO_SWEEP) as pid:
        calm = await _calm(journal)
        line("after its start it is calm within", f"{calm:.0f} s", "from the first look at the Subject")
        idle = await _window(journal, pid, yard.places[0])
    line("CPU", f"{100 * idle.cpu_seconds / idle.seconds:.2f} % of a core", f"resident {idle.resident_mib:.0f} MiB")
    line("API requests per minute", f"{idle.per_minute(len(idle.api)):.0f}", _kinds(idle))
    line("PD requests per minute", f"{idle.per_minute(idle.database):.0f}")
    if finished:
        await _sweeping(yard, journal, idle)


async def _calm(journal: Journal) -> float:
    """Wait until the passes of the start are over: a second in which no proposal was read."""
    began = quiet = time.monotonic()
    while time.monotonic() - quiet < 1.5 and time.monotonic() - began < _CALM_SECONDS:
        seen = len(journal.requests)
        await asyncio.sleep(0.25)
        journal.read()
        if any(r.what == "get actionproposals" for r in of_user(journal.requests[seen:], OPERATOR_USER)):
            quiet = time.monotonic()
    return quiet - began


async def _window(journal: Journal, pid: int, place: Place) -> Idle:
    journal.read()
    first, asked = len(journal.requests), place.database.count()
    before, began = usage(pid), time.monotonic()
    await asyncio.sleep(WINDOW_SECONDS)
    after, seconds = usage(pid), time.monotonic() - began
    database = len(place.database.since(asked))
    journal.read()
    api = of_user(journal.requests[first:], OPERATOR_USER)
    return Idle(seconds, after.cpu_seconds - before.cpu_seconds, after.resident_mib, api, database)


def _kinds(idle: Idle) -> str:
    counts = Counter(request.what for request in idle.api)
    return ", ".join(f"{idle.per_minute(count):.0f} {what}" for what, count in counts.most_common(_SHOWN))


async def _sweeping(yard: Yard, journal: Journal, idle: Idle) -> None:
    """The cost of one sweep: from the list of one to the list of the next, less what the time alone costs."""
    async with yard.operator(sweep_interval_seconds=str(SWEEP_SECONDS), **LIFTED) as pid:
        first = await _next_sweep(journal)
        before, began = usage(pid), time.monotonic()
        await asyncio.sleep(SWEEP_SECONDS / 2)  # one sweep makes a list for each namespace
        last = await _next_sweep(journal)
        after, seconds = usage(pid), time.monotonic() - began
    api = len(of_user(journal.requests[first:last], OPERATOR_USER)) - len(idle.api) * seconds / idle.seconds
    cpu = after.cpu_seconds - before.cpu_seconds - idle.cpu_seconds * seconds / idle.seconds
    line("one sweep over everything", f"{max(0.0, api):.0f} API requests, {max(0.0, cpu):.2f} s CPU")
    share = DEFAULT_SWEEP_SECONDS / 60
    line(
        "with a sweep every 120 s (the default)",
        f"{100 * (idle.cpu_seconds / idle.seconds + max(0.0, cpu) / DEFAULT_SWEEP_SECONDS):.2f} % of a core, "
        f"{idle.per_minute(len(idle.api)) + max(0.0, api) / share:.0f} API requests per minute",
    )


async def _next_sweep(journal: Journal) -> int:
    """The place in the log of the next list of all proposals, which only a sweep makes."""
    journal.read()
    seen = len(journal.requests)

    def found() -> int | None:
        fresh = enumerate(journal.requests[seen:], start=seen)
        return next((i for i, r in fresh if r.user == OPERATOR_USER and r.what == "list actionproposals"), None)

    if not await journal.until(lambda: found() is not None, seconds=SWEEP_SECONDS * 4):
        raise TimeoutError("no sweep came")
    return found() or seen
