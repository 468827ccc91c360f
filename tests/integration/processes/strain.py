"""Proposals that are made steadily, what has to be true of them in the end, and how many requests all that took."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from localcluster.faultproxy import FaultProxy
from localcluster.faults import Match
from tests.integration.processes.world import World, until
from watchkeeper.api.v1alpha1.actionproposal import AttemptOutcome, Phase


@dataclass(frozen=True)
class Wish:
    """A transfer-leader that was asked for."""

    name: str
    region: int
    target: int


async def propose_steadily(world: World, *, seconds: float, pause: float) -> list[Wish]:
    """Ask for one transfer after another, each of another region as long as there are any."""
    wishes: list[Wish] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        region, target = world.led_regions()[len(wishes) % len(world.simulator.world.regions)]
        name = await world.propose("transfer-leader", region=region.id, toStore=target)
        wishes.append(Wish(name, region.id, target))
        await asyncio.sleep(max(0.0, begun + pause - time.monotonic()))
    return wishes


async def right_in_the_end(world: World, wishes: list[Wish], *, seconds: float) -> Counter[str]:
    """Everything comes to an end that fits what PD was asked and did; how often each end came."""
    await until(world.quiet, "everything has ended", seconds=seconds, told=world.picture)
    world.check_writes()
    accepted = Counter(w.attempt.partition("/")[0] for w in world.writes if w.status == 200)
    ends: Counter[str] = Counter()
    for proposal in await world.proposals():
        outcomes = {attempt.outcome for attempt in proposal.status.attempts}
        done = accepted.pop(proposal.metadata.uid, 0)
        assert done <= 1, f"executed {done} times\n{await world.picture()}"
        if proposal.status.phase is Phase.COMPLETED:
            assert done == 1, f"completed, and PD was never asked\n{await world.picture()}"
        elif AttemptOutcome.UNKNOWN not in outcomes:
            assert done == 0, f"ended as {proposal.status.reason}, and PD took it\n{await world.picture()}"
        ends[f"{proposal.status.phase}/{proposal.status.reason}"] += 1
    assert ends.total() == len(wishes)
    assert not accepted, f"writes of nobody: {accepted}"
    return ends


@dataclass(frozen=True)
class Rates:
    """Requests a second through the proxies, in one stretch of time."""

    kubernetes: float
    database: float

    def __str__(self) -> str:
        return f"{self.kubernetes:.1f} requests/s to the API server, {self.database:.1f}/s to PD"


def rates(world: World, api: FaultProxy, begin: float, end: float) -> Rates:
    """What the operator asked about this world between two moments of the monotonic clock."""

    def count(proxy: FaultProxy, match: Match) -> int:
        return sum(begin <= record.began < end for record in proxy.requests(match))

    kubernetes = count(api, Match(path=f"/namespaces/{world.namespace}/"))
    database = sum(count(proxy, Match()) for proxy in world.databases)
    return Rates(kubernetes / (end - begin), database / (end - begin))


async def idle_rates(world: World, api: FaultProxy, *, seconds: float) -> Rates:
    """Watch for a while in which nothing happens."""
    begin = time.monotonic()
    await asyncio.sleep(seconds)
    return rates(world, api, begin, begin + seconds)
