"""Kinds, priorities and end states of operators (`pkg/schedule/operator`); the numbers are PD's."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Kind(IntFlag):
    """What an operator touches and who made it; `257` is admin and leader (recording tl-06)."""

    ADMIN = 1
    MERGE = 2
    RANGE = 4
    REPLICA = 8
    SPLIT = 16
    HOT_REGION = 32
    REGION = 128
    LEADER = 256

    @property
    def text(self) -> str:
        """As in `kind:admin,leader`."""
        return ",".join(_KIND_NAMES[kind] for kind in _KIND_NAMES if kind in self)


_KIND_NAMES = {
    Kind.ADMIN: "admin",
    Kind.MERGE: "merge",
    Kind.RANGE: "range",
    Kind.REPLICA: "replica",
    Kind.SPLIT: "split",
    Kind.HOT_REGION: "hot-region",
    Kind.REGION: "region",
    Kind.LEADER: "leader",
}


class Priority(IntEnum):
    """Who may replace whom: only a higher one replaces a lower."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    URGENT = 3


class Status(IntEnum):
    """Life of an operator; the object form of the list shows the number."""

    CREATED = 0
    STARTED = 1
    SUCCESS = 2
    CANCELED = 3
    REPLACED = 4
    EXPIRED = 5
    TIMEOUT = 6

    @property
    def text(self) -> str:
        """As in `status: RUNNING`; EXPIRED is shown as TIMEOUT."""
        return _STATUS_TEXTS[self]


_STATUS_TEXTS = {
    Status.CREATED: "RUNNING",
    Status.STARTED: "RUNNING",
    Status.SUCCESS: "SUCCESS",
    Status.CANCELED: "CANCEL",
    Status.REPLACED: "REPLACE",
    Status.EXPIRED: "TIMEOUT",
    Status.TIMEOUT: "TIMEOUT",
}
