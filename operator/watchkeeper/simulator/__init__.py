"""A simulator of PD v8.5.7 and its TiKV stores: one process, HTTP only.

What travels between PD and TiKV by gRPC in reality happens inside. The state and its behaviour in time
(`world`, `scheduling`) know nothing of HTTP; `pdapi` turns requests into answers without sockets; `serving` puts
listeners before it. Tests use :class:`Simulator`; people use ``python -m watchkeeper.simulator``.
"""

from watchkeeper.simulator.knobs import Knobs
from watchkeeper.simulator.scenario import Scenario
from watchkeeper.simulator.serving.server import Endpoints
from watchkeeper.simulator.simulator import Simulator
from watchkeeper.simulator.workload.spec import WorkloadSpec

__all__ = ["Endpoints", "Knobs", "Scenario", "Simulator", "WorkloadSpec"]
