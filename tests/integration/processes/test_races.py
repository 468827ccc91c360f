"""Two operator processes without an election: neither executes twice, and never do two write to a Subject at once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from localcluster.cluster import Cluster
from localcluster.faultproxy import FaultProxy
from localcluster.faults import Latency, Match, Rule
from tests.integration.processes.claims import versions_of, windows_of
from tests.integration.processes.operators import an_operator, settings_for
from tests.integration.processes.world import EASY_ORDERS, NO_APPROVAL, World, until, worlds
from watchkeeper.api.v1alpha1.actionproposal import AttemptState, Phase

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HALF = 2
"""Worlds whose policy asks nobody, and as many where a person approves. With many more this process is the bottleneck."""
ROUNDS = 13
RACES = 2 * HALF * ROUNDS
PATIENT = {"attempt_seconds": "5", "recovery_grace_seconds": "3", "observe_interval_seconds": "15"}
"""Nothing crashes here, so no process should judge what another has under way, nor tidy up after it."""


@dataclass
class Field:
    """Where the races are run."""

    asking: list[World]
    free: list[World]
    proxies: dict[str, FaultProxy]

    @property
    def worlds(self) -> list[World]:
        return [*self.asking, *self.free]

    def lost_claims(self) -> int:
        """How often a claim was answered that somebody had been faster (422: a test of the patch failed)."""
        asked = [
            r for p in self.proxies.values() for r in p.requests(Match(method="PATCH", path="/subjects/[^/]+/status"))
        ]
        return sum(r.upstream_status in (409, 422) for r in asked)


@asynccontextmanager
async def two_operators(cluster: Cluster, folder: Path) -> AsyncIterator[Field]:
    """Both watch all worlds, each through a proxy that delays requests by chance, repeatably."""
    async with AsyncExitStack() as stack:
        proxies = {name: stack.enter_context(FaultProxy(cluster.endpoint, reuse=True)) for name in ("one", "two")}
        asking = await stack.enter_async_context(worlds(cluster, HALF, policy=EASY_ORDERS))
        free = await stack.enter_async_context(worlds(cluster, HALF, policy=NO_APPROVAL))
        field = Field(asking, free, proxies)
        settings = settings_for((world.namespace for world in field.worlds), **PATIENT)
        for seed, (name, proxy) in enumerate(proxies.items()):
            _delay(proxy, seed)
            await stack.enter_async_context(an_operator(cluster, folder, settings, name=name, via=proxy))
        for seed, world in enumerate(field.worlds):
            _delay(world.databases[0], seed)
            await until(world.healthy, "the Subject is healthy", told=world.picture)
        yield field


def _delay(proxy: FaultProxy, seed: int) -> None:
    proxy.add(Latency(0.02), Match(probability=0.4, seed=2 * seed + 1))
    proxy.add(Latency(0.1), Match(probability=0.1, seed=2 * seed + 2))


async def _decided(field: Field, world: World, *names: str) -> None:
    """A person approves where the policy asks for one; then everything comes to an end."""
    if world in field.asking:
        await asyncio.gather(*(world.approve(name) for name in names))
    await until(world.quiet, f"{names} have ended", told=world.picture)


async def test_a_proposal_is_executed_once(installed: Cluster, tmp_path: Path) -> None:
    async with two_operators(installed, tmp_path) as field:

        async def races(world: World) -> None:
            for region, target in world.led_regions()[:ROUNDS]:
                name = await world.propose("transfer-leader", region=region.id, toStore=target)
                await _decided(field, world, name)
                assert (await world.proposal(name)).status.phase is Phase.COMPLETED, await world.picture()
                assert region.leader_store == target

        await asyncio.gather(*(races(world) for world in field.worlds))
        told = await _judged(installed, field, writes_of_each={1})
        print(f"\n{RACES} races on one proposal each: {told}")


async def test_two_proposals_share_a_subject(installed: Cluster, tmp_path: Path) -> None:
    async with two_operators(installed, tmp_path) as field:

        async def races(world: World) -> None:
            led = world.led_regions()
            for number in range(ROUNDS):
                (region, target), other = led[2 * number], led[2 * number + 1]
                rival, rival_target = other if number % 2 else (region, _third_store(region.id, world, target))
                names = await asyncio.gather(
                    world.propose("transfer-leader", region=region.id, toStore=target),
                    world.propose("transfer-leader", region=rival.id, toStore=rival_target),
                )
                await _decided(field, world, *names)
                await _both_ended(world, names, same=rival is region)

        await asyncio.gather(*(races(world) for world in field.worlds))
        told = await _judged(installed, field, writes_of_each={0, 1})
        print(f"\n{RACES} races of two proposals on one Subject: {told}")


async def test_a_claim_is_not_taken_from_a_slow_replica(installed: Cluster, tmp_path: Path) -> None:
    """Were it taken, the slow one would give back what it takes for its own claim, while the other's write is in flight."""
    pause = 4.0
    settings = {"attempt_seconds": "12", "recovery_grace_seconds": "7", "write_timeout_seconds": "6"}
    async with worlds(installed, 1) as [world]:
        with FaultProxy(installed.endpoint, reuse=True) as proxy:
            times = settings_for([world.namespace], **settings)
            async with an_operator(installed, tmp_path, times, name="slow", via=proxy):
                await until(world.healthy, "the Subject is healthy", told=world.picture)
                intent = Match(method="PATCH", path="actionproposals", body='"phase": "Executing"', times=1)
                late = proxy.add(Latency(pause), intent)
                world.databases[0].add(Latency(pause), Match(method="POST"))
                await _transfer(world)
                await until(lambda: _hit(late), "the slow one has its claim", told=world.picture)
                async with an_operator(installed, tmp_path, times, name="quick"):
                    await until(world.quiet, "it is executed", told=world.picture)
                assert len(world.writes) == 1, await world.picture()
                _one_write_at_a_time(installed, world, lasting=pause)


async def _transfer(world: World) -> None:
    region, target = world.led_regions()[0]
    await world.approve(await world.propose("transfer-leader", region=region.id, toStore=target))


async def _hit(rule: Rule) -> bool:
    return rule.hits > 0


def _third_store(region_id: int, world: World, target: int) -> int:
    """Another store that the region can be led from."""
    region = world.simulator.region(region_id)
    return next(p.store_id for p in region.peers if p.store_id not in (region.leader_store, target))


async def _both_ended(world: World, names: tuple[str, ...], *, same: bool) -> None:
    """On different targets both succeed; on the same one the later may find that its plan no longer holds."""
    ended = [await world.proposal(name) for name in names]
    completed = [p for p in ended if p.status.phase is Phase.COMPLETED]
    others = [p.status.reason for p in ended if p.status.phase is not Phase.COMPLETED]
    assert completed, await world.picture()
    assert not others or (same and others == ["Stale"]), await world.picture()


async def _judged(cluster: Cluster, field: Field, *, writes_of_each: set[int]) -> str:
    """Count everything: writes by proposal, by attempt and by process, and claims at any time."""
    holders: Counter[str] = Counter()
    unsent = writes = 0
    for world in field.worlds:
        world.check_writes()
        by_proposal = Counter(write.attempt.partition("/")[0] for write in world.writes)
        for proposal in await world.proposals():
            assert by_proposal.pop(proposal.metadata.uid, 0) in writes_of_each, await world.picture()
            unsent += sum(a.state is AttemptState.NOT_SENT for a in proposal.status.attempts)
            holders.update(a.holder.partition("-")[0] for a in proposal.status.attempts if a.answer is not None)
        assert not by_proposal, f"writes of nobody: {by_proposal}"
        writes += len(world.writes)
        _one_write_at_a_time(cluster, world)
    lost = field.lost_claims()
    assert set(holders) == set(field.proxies), f"no race: only {dict(holders)} executed anything"
    assert lost > 0, "no race: no claim was ever lost"
    return f"{writes} writes, by {dict(holders)}; {lost} claims lost to the other, {unsent} attempts not sent"


def _one_write_at_a_time(cluster: Cluster, world: World, *, lasting: float = 0.0) -> None:
    """No version of the Subject has two claims Writing, and each write's own claim is Writing from its begin to its end."""
    if cluster.audit_log is None:
        return
    versions = versions_of(cluster.audit_log, world.namespace)
    assert all(len(version.writing) <= 1 for version in versions), versions
    windows = windows_of(versions)
    to_wall = time.time() - time.monotonic()
    for request in world.databases[0].requests():
        if request.method != "GET":
            key = parse_qs(urlsplit(request.path).query)["watchkeeper"][0]
            sent = request.began + to_wall
            mine = [window for window in windows if window.key == key]
            assert any(w.begin < sent and sent + lasting < w.end for w in mine), (
                f"{key} was sent at {sent}, outside its claims {mine}"
            )
