"""Every fault by its name."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field, TypeAdapter

from watchkeeper.simulator.faults.disk import ColdRestart, DiskGrey, DiskHung, DiskLow, DiskSlow, StoreBusy
from watchkeeper.simulator.faults.fault import Fault
from watchkeeper.simulator.faults.hot import HotRow
from watchkeeper.simulator.faults.network import NetworkCut
from watchkeeper.simulator.faults.others.backup import BrBackup, BrRestore, CdcHoldsGc, Lightning
from watchkeeper.simulator.faults.others.people import (
    ForeignEvict,
    ForeignRelease,
    ForgottenPause,
    HaltScheduling,
    PausedChecker,
    PdCtl,
    PdCtlMoves,
)
from watchkeeper.simulator.faults.others.tidboperator import V1Failover, V2Reconcile
from watchkeeper.simulator.faults.others.upgrade import V1Upgrade
from watchkeeper.simulator.faults.pd import (
    PdClockOff,
    PdClusterId,
    PdEtcdLeaderDiffers,
    PdHalfHung,
    PdLeaderChange,
    PdLeaderFlapping,
    PdLockup,
    PdMemberDown,
    PdMemberHung,
    PdQuorumLost,
    PdUndercount,
)
from watchkeeper.simulator.faults.region import (
    BouncingLeaders,
    BrokenIsolation,
    ExtraPeers,
    IgnoredSteps,
    MissingPeers,
    PendingPeers,
    RegionMerge,
    RegionSplit,
    RegionWithoutLeader,
    StuckConfChange,
)
from watchkeeper.simulator.faults.routes import PdHalfOpen, PdRateLimit, PdRoute, PdSlow
from watchkeeper.simulator.faults.store import OomLoop, StoreCrash, StoreReplaced, StoreSilent, ZoneLoss

AnyFault = (
    StoreCrash
    | StoreSilent
    | NetworkCut
    | DiskGrey
    | DiskSlow
    | DiskHung
    | StoreBusy
    | DiskLow
    | OomLoop
    | ColdRestart
    | StoreReplaced
    | ZoneLoss
    | RegionWithoutLeader
    | StuckConfChange
    | PendingPeers
    | RegionSplit
    | RegionMerge
    | HotRow
    | BrokenIsolation
    | MissingPeers
    | ExtraPeers
    | IgnoredSteps
    | BouncingLeaders
    | PdLeaderChange
    | PdLeaderFlapping
    | PdMemberDown
    | PdMemberHung
    | PdQuorumLost
    | PdSlow
    | PdHalfOpen
    | PdHalfHung
    | PdEtcdLeaderDiffers
    | PdUndercount
    | PdRateLimit
    | PdClockOff
    | PdLockup
    | PdClusterId
    | PdRoute
    | PdCtl
    | PdCtlMoves
    | ForeignEvict
    | ForeignRelease
    | ForgottenPause
    | PausedChecker
    | HaltScheduling
    | BrBackup
    | BrRestore
    | Lightning
    | CdcHoldsGc
    | V1Upgrade
    | V1Failover
    | V2Reconcile
)

FaultField = Annotated[AnyFault, Field(discriminator="kind")]
FAULT: TypeAdapter[AnyFault] = TypeAdapter(FaultField)
"""Reads a fault from JSON or Python data."""

FAULTS: dict[str, type[Fault]] = {fault.name(): fault for fault in get_args(AnyFault)}
"""Name to class, in the order in which they are shown."""
