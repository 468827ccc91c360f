"""The events that the engine posts: action and reason are constants, documented in the reference."""

from __future__ import annotations

from enum import StrEnum


class Doing(StrEnum):
    """What was being done (`action` of the event)."""

    PLAN = "Plan"
    EXECUTE = "Execute"
    VERIFY = "Verify"
    CANCEL = "Cancel"
    ACKNOWLEDGE = "Acknowledge"
    STAND = "Stand"
    RELEASE = "Release"
    OBSERVE = "Observe"
    STOP = "Stop"
    GUARD = "Guard"
    READ = "Read"
    LOG = "LogMessage"
    RECORD = "Record"
