"""A drain with a real Prometheus that scrapes the simulated stores under their own labels."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcluster.prometheus import Prometheus
from tests.integration.engine.world import EngineWorld
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.api.v1alpha1.conditions import is_true


@pytest.fixture
def prometheus(world: EngineWorld) -> Iterator[Prometheus]:
    with Prometheus({"tikv": world.simulator.scrape_targets()}) as running:
        yield running


async def named(world: EngineWorld, url: str) -> None:
    await world.patch(await world.subject(), {"tikv": {"prometheusUrl": url}})
    await world.observed()


async def test_a_drain_is_verified_by_tikvs_own_count_too(world: EngineWorld, prometheus: Prometheus) -> None:
    await named(world, prometheus.url)
    assert is_true((await world.subject()).status.conditions, "MetricsReadable")
    proposal = await world.approved("drain-store", store=4, seconds=600)
    ended = await world.ended(proposal.metadata.name, seconds=60)
    assert ended.status.phase is Phase.COMPLETED, ended.status.message
    assert world.simulator.leader_count(4) == 0


async def test_a_prometheus_that_dies_holds_what_has_not_begun_and_no_stop(
    world: EngineWorld, prometheus: Prometheus
) -> None:
    await named(world, prometheus.url)
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    prometheus.stop()
    await world.waiting(proposal.metadata.name, "SubjectUnreachable")
    assert world.writes == []
    assert (await world.subject()).status.health == "Blind"
    await world.make("emergencystops", "EmergencyStop", "fire", {"reason": "fire"})
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.CANCELLED, "Stopped"), "a stop needs no Prometheus"
