"""Events for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from watchkeeper.api.v1alpha1.meta import Resource


class EventType(StrEnum):
    """What `kubectl get events` shows in its TYPE column."""

    NORMAL = "Normal"
    WARNING = "Warning"


class Recorder(Protocol):
    """Fire and forget: an event never fails a reconcile."""

    def event(
        self,
        regarding: Resource,
        *,
        kind: EventType,
        action: str,
        reason: str,
        note: str,
        namespace: str | None = None,
    ) -> None:
        """Post an event about an object.

        Args:
            regarding: the object.
            kind: Normal or Warning.
            action: what was being done, a CamelCase constant.
            reason: why it is said, a CamelCase constant.
            note: a sentence, at most 1,024 characters (longer ones are cut).
            namespace: where to post it instead of the object's own namespace (when that is going away).
        """
        ...
