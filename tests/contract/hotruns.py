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


def heated(read_cpu: float, *, only_writes: bool = False) -> Hook:
    """Both get 20 MiB/s written and 30 MiB/s read from now on; the recorder's stores made their flow up, too."""
    whole = Flow(
        written_bytes=20 * _MIB,
        written_keys=50_000,
        read_bytes=30 * _MIB,
        read_keys=80_000,
        read_queries=40_000,
        read_cpu=read_cpu,
    )
    flow = whole.writes if only_writes else whole

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


def _hot_for(seconds: float, read_cpu: float, *, written_before: float = 0.0) -> Hook:
    """Writes may have begun before: the recorder's regions reported three times as often as TiKV's."""

    def hook(simulator: Simulator) -> None:
        heated(read_cpu, only_writes=True)(simulator)
        simulator.clock.advance(written_before)
        heated(read_cpu)(simulator)
        simulator.clock.advance(seconds)

    return hook


HOT_RUNS = [
    Run("hotspot-stats.json", "hot-03", cluster),
    Run(
        "hotspot-stats.json",
        "hot-04",
        partial(cluster, leaders={15: 1, 39: 1}, paused=True),
        before={"hot-04": _hot_for(76.0, 10.0)},
        settle=30.0,
    ),
    Run(
        "hotspot-stats.json",
        "hot-21",
        partial(cluster, leaders={15: 3, 39: 1}, paused=True),
        before={"hot-21": _hot_for(185.0, 20.0, written_before=50.0)},
        settle=30.0,
    ),
]
