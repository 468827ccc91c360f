"""What can go wrong in the simulated cluster, and what other people do to it."""

from watchkeeper.simulator.faults.old import Faults, RouteFault

__all__ = ["Faults", "RouteFault"]
