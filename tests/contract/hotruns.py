"""The runs of hotspot-stats.json: two regions that much is written to and read from."""

from __future__ import annotations

from functools import partial

from tests.contract.replay import Hook, Run
from tests.contract.runs import PAUSED, cluster
from watchkeeper.simulator import Simulator
from watchkeeper.simulator.scheduling.hotpeers import total
from watchkeeper.simulator.scheduling.schedulers import BALANCE_HOT
from watchkeeper.simulator.world.flow import QUIET, Flow

_MIB = 1 << 20
HOT = (15, 39)
BEATS = 38.0
"""So long before a run the cluster is started: then the heartbeats of regions and stores come when the recorder's did."""
MOVED_AFTER = 112.0
"""Seconds of the second run after which the leader of one had moved: between 105 and 115."""


def heated(read_cpu: float) -> Hook:
    """Both get 20 MiB/s written and 30 MiB/s read from now on; the recorder's stores made their flow up, too."""
    flow = Flow(
        written_bytes=20 * _MIB,
        written_keys=50_000,
        read_bytes=30 * _MIB,
        read_keys=80_000,
        read_queries=40_000,
        read_cpu=read_cpu,
    )

    def hook(simulator: Simulator) -> None:
        simulator.faults.pause_scheduler(BALANCE_HOT, PAUSED)
        regions = [simulator.region(region) for region in HOT]

        def of_store(store: int) -> Flow:
            reads = [flow.reads for region in regions if region.leader_store == store]
            writes = [flow.writes for region in regions if region.peer_on(store)]
            return total([*reads, *writes])

        simulator.world.flow_of = lambda region: flow if region.id in HOT else QUIET
        simulator.world.store_flow = of_store

    return hook


def cooled(simulator: Simulator) -> None:
    """Nothing is written to them or read from them any more."""
    simulator.world.flow_of = lambda region: QUIET
    simulator.world.store_flow = lambda store: QUIET


def region_heartbeats(simulator: Simulator, seconds: float) -> None:
    """The recorder changed how often its regions report."""
    simulator.world.knobs = simulator.world.knobs.model_copy(update={"region_heartbeat_seconds": seconds})


def begin_first(simulator: Simulator) -> None:
    """The first run, of which hot-04 to hot-14 are the end: regions report every 10 s."""
    region_heartbeats(simulator, 10.0)
    heated(10.0)(simulator)


def begin_second(simulator: Simulator) -> None:
    """The run of hot-tl-1, in which regions report every 20 s. PD still remembers the first one.

    That is why writes showed after 45 s and reads after 145 s, and not after three minutes: at its first sample reads
    must have had degree 3 (8 heartbeats in the first run, 5 without flow) and writes degree 2. The pause of 50 s follows
    from that: it is the only one with which both first appearances and the writes' next degree, after 105 s, come true.
    """
    begin_first(simulator)
    simulator.clock.advance(80.0)
    cooled(simulator)
    simulator.clock.advance(50.0)
    region_heartbeats(simulator, 20.0)
    heated(20.0)(simulator)


def move_one(simulator: Simulator) -> None:
    """The hot-region scheduler moved one of the two leaders."""
    region = simulator.region(15)
    with simulator.world.regions.changing(region):
        region.leader_store = 3


def _first(simulator: Simulator) -> None:
    begin_first(simulator)
    simulator.clock.advance(76.0)


def _second(simulator: Simulator) -> None:
    begin_second(simulator)
    simulator.clock.advance(MOVED_AFTER)
    move_one(simulator)
    simulator.clock.advance(145.2 - MOVED_AFTER)


HOT_RUNS = [
    Run("hotspot-stats.json", "hot-03", cluster),
    Run(
        "hotspot-stats.json",
        "hot-04",
        partial(cluster, leaders={15: 1, 39: 1}, paused=True),
        before={"hot-04": _first},
        settle=30.0,
    ),
    Run(
        "hotspot-stats.json",
        "hot-21",
        partial(cluster, leaders={15: 1, 39: 1}, paused=True),
        before={"hot-21": _second},
        settle=BEATS,
    ),
]
