"""How fast it answers: one proposal at a time on each of a few Subjects, with the operator's default settings."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial

from localcluster.bench.database import Size
from localcluster.bench.figures import heading, line, percentile, spread
from localcluster.bench.journal import Journal
from localcluster.bench.meters import usage
from localcluster.bench.yard import ASK_ONE, OPERATOR_USER, Place, Yard

SUBJECTS = 4
ROUNDS = 8
PAUSE_SECONDS = 6.0
"""From one proposal on a Subject to the next, so that PD's budget, of 5 reads a second, is full again."""
GOAL_SECONDS = 1.0
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What was measured; lists in seconds."""

    validated: list[float]
    first_write: list[float]
    completed: list[float]
    unfinished: int


async def answering(yard: Yard, journal: Journal) -> None:
    """Measure and print."""
    heading(f"Answers: {SUBJECTS} Subjects, {ROUNDS} transfer-leader each, one after the other, default settings")
    places = [await yard.place(Size(6, 66), ASK_ONE) for _ in range(SUBJECTS)]
    async with yard.operator() as pid:
        before, began = usage(pid), time.monotonic()
        journal.read()
        first = len(journal.requests)
        await asyncio.gather(*(_rounds(yard, place, journal) for place in places))
        after, seconds = usage(pid), time.monotonic() - began
    journal.read()
    answers = _answers(places, journal)
    total = SUBJECTS * ROUNDS
    line("create → Validated", spread(answers.validated))
    met = percentile(answers.first_write, 0.95) < GOAL_SECONDS
    line("approve → first write to PD", spread(answers.first_write), f"goal P95 < 1 s: {'met' if met else 'NOT met'}")
    line("approve → Completed", spread(answers.completed), "PD takes 0.3 s; looks at the effect are 2 s apart")
    if answers.unfinished:
        line("did not complete in time", f"{answers.unfinished} of {total}")
    asked = sum(1 for r in journal.requests[first:] if r.user == OPERATOR_USER)
    line(
        "all in all, per proposal",
        f"{1000 * (after.cpu_seconds - before.cpu_seconds) / total:.0f} ms CPU, {asked / total:.1f} API requests",
        f"with {seconds:.0f} s of watching {len(yard.places)} Subjects and of leading",
    )


async def _rounds(yard: Yard, place: Place, journal: Journal) -> None:
    for _ in range(ROUNDS):
        began = time.monotonic()
        key = (place.namespace, await yard.people.propose(place.namespace, place.database.transfer()))
        if await journal.until(partial(_has, journal, key, ended=False), seconds=_PATIENCE_SECONDS):
            await yard.people.approve(*key)
            await journal.until(partial(_has, journal, key, ended=True), seconds=_PATIENCE_SECONDS)
        await asyncio.sleep(max(0.0, began + PAUSE_SECONDS - time.monotonic()))


def _has(journal: Journal, key: tuple[str, str], *, ended: bool) -> bool:
    """Validated, or ended; the log is a moment behind the answers, so a proposal may not be in it yet."""
    life = journal.lives.get(key)
    return life is not None and (life.ended if ended else life.validated) is not None


def _answers(places: list[Place], journal: Journal) -> Answers:
    namespaces = {place.namespace for place in places}
    lives = [life for (namespace, _), life in journal.lives.items() if namespace in namespaces]
    written: dict[str, float] = {}
    for place in places:
        for request in place.database.since(0):
            if request.method != "GET":
                written.setdefault(request.uid, request.at)
    approved = [(life, life.approved) for life in lives if life.approved is not None]
    return Answers(
        validated=[life.validated - life.created for life in lives if life.validated is not None],
        first_write=[written[life.uid] - at for life, at in approved if life.uid in written],
        completed=[life.ended - at for life, at in approved if life.ended is not None and life.phase == "Completed"],
        unfinished=sum(1 for life in lives if life.phase != "Completed"),
    )
