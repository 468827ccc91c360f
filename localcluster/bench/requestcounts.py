"""How many requests PD and the API server see for one look at a Subject, and for one proposal, by the size of the cluster.

The proposals run one after the other, under an operator that looks at its Subjects only once: what is counted between
creation and end belongs to the proposal, but for the leader's lease, which is left out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from localcluster.bench.audittail import ApiRequest
from localcluster.bench.database import PDRequest
from localcluster.bench.people import SUBJECT
from localcluster.bench.yard import LIFTED, OPERATOR_USER, Place, Yard
from localcluster.errors import LocalClusterError

LOOK_SECONDS = 2.0
_GAP_SECONDS = 0.8
"""A longer silence lies between two looks."""
_SEEN_SECONDS = 9.0
_ONE_LOOK = {**LIFTED, "observe_interval_seconds": "86400", "sweep_interval_seconds": "86400"}
_ENDED = ("Completed", "Failed", "Cancelled")


@dataclass(frozen=True, slots=True)
class ProposalCounts:
    """Requests to PD for one proposal, by what they were for."""

    planned: list[PDRequest]
    checked: list[PDRequest]
    """After the approval and before the write."""
    writes: list[PDRequest]
    verified: list[PDRequest]
    """After the write: how many depends on how long PD takes."""


def looks(requests: list[PDRequest]) -> list[int]:
    """The number of requests of each whole look; the first and the last may have been cut and do not count."""
    groups: list[int] = []
    last = float("-inf")
    for request in requests:
        if request.at - last > _GAP_SECONDS:
            groups.append(0)
        groups[-1] += 1
        last = request.at
    return groups[1:-1]


async def observations(yard: Yard, places: list[Place]) -> list[list[int]]:
    """For each place, the requests to PD of a few looks."""
    quick = {**LIFTED, "observe_interval_seconds": str(LOOK_SECONDS), "sweep_interval_seconds": "86400"}
    async with yard.operator(**quick):
        starts = [place.database.count() for place in places]
        await asyncio.sleep(_SEEN_SECONDS)
        return [looks(place.database.since(start)) for place, start in zip(places, starts, strict=True)]


async def proposals(yard: Yard, places: list[Place]) -> list[ProposalCounts]:
    """For each place, one transfer-leader that is planned, approved, executed and verified."""
    async with yard.operator(**_ONE_LOOK):
        return [await _one(yard, place) for place in places]


async def _one(yard: Yard, place: Place) -> ProposalCounts:
    transfer = place.database.transfer()
    first = place.database.count()
    name = await yard.people.propose(place.namespace, transfer)
    await _until(yard, place, name, ("Validated",))
    await asyncio.sleep(0.5)
    second = place.database.count()
    planned = place.database.since(first)
    await yard.people.approve(place.namespace, name)
    await _until(yard, place, name, ("Completed",))
    await asyncio.sleep(0.5)
    return _split(planned, place.database.since(second))


def _split(planned: list[PDRequest], executed: list[PDRequest]) -> ProposalCounts:
    writes = [request for request in executed if request.method != "GET"]
    if not writes:
        raise LocalClusterError("a proposal was completed without a write to the database")
    sent = executed.index(writes[0])
    verified = [request for request in executed[sent:] if request.method == "GET"]
    return ProposalCounts(planned, executed[:sent], writes, verified)


async def _until(yard: Yard, place: Place, name: str, wanted: tuple[str, ...]) -> None:
    status: dict[str, object] = {}
    for _ in range(150):
        status = (await yard.people.get(place.namespace, "actionproposals", name)).get("status", {})
        if status.get("phase") in wanted:
            return
        if status.get("phase") in _ENDED:
            break
        await asyncio.sleep(0.2)
    raise LocalClusterError(f"{name} on {SUBJECT} did not become {wanted[0]}: {status.get('message')}")


def by_kind(requests: list[ApiRequest]) -> Counter[str]:
    """The operator's requests to the API server by verb and resource, without those for the leader's lease."""
    own = (request for request in requests if request.user == OPERATOR_USER)
    return Counter(request.what for request in own if not request.resource.startswith("leases"))
