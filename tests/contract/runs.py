"""The runs of the recordings and how the cluster of each was made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.contract.recorded_cluster import scenario
from tests.contract.replay import Hook, Run
from watchkeeper.simulator import Knobs, Simulator
from watchkeeper.simulator.scheduling.execution import StepAction

PAUSED = 100_000


def cluster(*, leaders: Mapping[int, int] | None = None, paused: bool = False, **more: Any) -> Simulator:
    """The cluster of the recordings; `paused`: all schedulers are."""
    simulator = Simulator(scenario(leaders=leaders, **more))
    simulator.world.ids.reserve(262)
    if paused:
        for name in simulator.coordinator.schedulers.names:
            simulator.faults.pause_scheduler(name, PAUSED)
    return simulator


def ignoring(region: int) -> Hook:
    """Steps for a region are ignored from then on."""
    return lambda simulator: simulator.faults.steps(StepAction.IGNORE, region=region)


SLOW_STEPS = Knobs(transfer_leader_seconds=1.0, change_peer_seconds=1.0, snapshot_seconds=3.0)

RUNS = [
    Run("before-bootstrap.json", "before-bootstrap-01", partial(cluster, bootstrapped=False)),
    Run("members-health.json", "members-01", cluster),
    Run("stores.json", "stores-01", cluster),
    Run("regions.json", "regions-01", cluster),
    Run(
        "operators-transfer-leader.json",
        "tl-01",
        partial(cluster, leaders={15: 3, 39: 3}, paused=True, knobs=SLOW_STEPS),
        before={"tl-20": ignoring(39)},
    ),
    Run(
        "operators-transfer-peer.json",
        "tp-01",
        partial(cluster, leaders={63: 3, 35: 2}, paused=True, knobs=SLOW_STEPS),
    ),
    Run("operators-other.json", "oth-01", partial(cluster, paused=True)),
    Run("operators-refusals.json", "ref-001", partial(cluster, paused=True)),
    Run("schedulers-evict-leader.json", "ev-01", cluster),
    Run("schedulers-other.json", "sch-01", cluster),
    Run("config-and-ttl.json", "cfg-01", cluster),
    Run("limits.json", "lim-01", cluster),
    Run("rules-labels.json", "rules-01", cluster),
    Run("hotspot-stats.json", "hot-03", cluster),
    Run("gc.json", "gc-01", cluster),
]
