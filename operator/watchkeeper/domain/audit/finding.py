"""What a check of a stream works with, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from watchkeeper.domain.audit.chain import Head


class Fault(StrEnum):
    """What can be wrong."""

    UNREADABLE = "Unreadable"
    """No JSON object: cut off by a crash, or altered. By itself no error: if it was a record, one is missing."""
    ALTERED = "Altered"
    REMOVED = "Removed"
    REORDERED = "Reordered"
    FORKED = "Forked"
    """Two different records have one place in a chain."""
    HEADLESS = "Headless"
    """A chain does not begin at its first record."""
    TRUNCATED = "Truncated"
    CHAIN_MISSING = "ChainMissing"
    UNVOUCHED = "Unvouched"
    """Nothing that was signed speaks for it."""
    CHECKPOINT = "Checkpoint"
    """A checkpoint is not to be believed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or (`error` is False) worth knowing."""

    fault: Fault
    line: int
    """Of the input, from 1; 0 where it is about no line."""
    message: str
    error: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a record: a year's stream is checked in one go."""

    line: int
    chain: str
    seq: int
    hash: str
    """As the record says it."""
    content: str
    """The hash of what the record says; empty where it cannot be made."""
    previous: str
    recorded: str
    starts: bool
    """Whether it is the record that a chain begins with."""
    named: Head | None
    """The head before the chain that it begins."""
