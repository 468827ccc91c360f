"""Requests by the size of the cluster: they must not grow with the number of regions."""

from __future__ import annotations

from localcluster.bench import requestcounts
from localcluster.bench.database import Size
from localcluster.bench.figures import heading, line, table
from localcluster.bench.journal import Journal
from localcluster.bench.requestcounts import ProposalCounts
from localcluster.bench.yard import ASK_ONE, Yard

PD_SECONDS = 1.0
SIZES = tuple(
    Size(stores, regions, PD_SECONDS)
    for stores, regions in ((3, 30), (3, 3_000), (30, 300), (30, 10_000), (300, 1_000), (300, 30_000))
)


async def sizes(yard: Yard, journal: Journal) -> None:
    """Measure and print."""
    heading("Requests to PD by size: one look at a Subject; one transfer-leader from its plan to its proof")
    places = [await yard.place(size, ASK_ONE) for size in SIZES]
    seen = await requestcounts.observations(yard, places)
    counted = await requestcounts.proposals(yard, places)
    journal.read()
    rows = [_row(size, looks, counts) for size, looks, counts in zip(SIZES, seen, counted, strict=True)]
    table(("stores", "regions", "a look", "planned", "checked", "written", "verified"), rows)
    pairs = [(rows[i][2:], rows[i + 1][2:]) for i in range(0, len(rows), 2)]
    grown = any(few != many for few, many in pairs)
    line("with more regions", "different: look at the table" if grown else "the same")
    namespaces = {place.namespace for place in places}
    began = min(life.created for (namespace, _), life in journal.lives.items() if namespace in namespaces)
    kinds = requestcounts.by_kind([request for request in journal.requests if request.received > began])
    line("API requests per proposal", f"{sum(kinds.values()) / len(SIZES):.1f}")
    for what, count in kinds.most_common():
        line(f"  {what}", f"{count / len(SIZES):.1f}")


def _row(size: Size, looks: list[int], counts: ProposalCounts) -> tuple[object, ...]:
    look = str(looks[0]) if len(set(looks)) == 1 else "/".join(map(str, looks))
    parts = (counts.planned, counts.checked, counts.writes, counts.verified)
    return size.stores, size.regions, look, *(len(part) for part in parts)
