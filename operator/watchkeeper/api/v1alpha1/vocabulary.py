"""Closed sets that several kinds share."""

from __future__ import annotations

from enum import StrEnum


class Risk(StrEnum):
    """How much an action can hurt: tiers T1, T2 and T3 of the action sheet. T4 does not exist here."""

    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class Mode(StrEnum):
    """What the standing orders allow."""

    OBSERVE = "Observe"
    EXECUTE = "Execute"


class Invariant(StrEnum):
    """What must hold of a Subject; a ticket names the one that does not."""

    BLIND = "Blind"
    DUPLICATE_CLUSTER = "DuplicateCluster"


class Severity(StrEnum):
    """How much a violated invariant matters."""

    CRITICAL = "Critical"
    WARNING = "Warning"
