"""What can go wrong in the simulated cluster, and what other people do to it.

A fault is data (:class:`Fault`, one class per kind, all of them in :data:`FAULTS`): it can be written into a scenario
file or sent to the control port. :class:`Faults` injects and heals them. They may overlap in any way.
"""

from watchkeeper.simulator.faults.catalogue import FAULT, FAULTS, AnyFault, FaultField
from watchkeeper.simulator.faults.fault import Area, Fault, Happening, Lasting
from watchkeeper.simulator.faults.routefault import RouteFault
from watchkeeper.simulator.faults.shortcuts import Faults

__all__ = ["FAULT", "FAULTS", "AnyFault", "Area", "Fault", "FaultField", "Faults", "Happening", "Lasting", "RouteFault"]
