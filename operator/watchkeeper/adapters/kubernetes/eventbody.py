"""The JSON of an `events.k8s.io/v1` Event and of the patch of its series."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from watchkeeper.adapters.kubernetes.series import EventKey, Series
from watchkeeper.visible import visible_lines

CONTROLLER = "watchkeeper.dev/operator"
NOTE_BYTES = 1024
INSTANCE_LENGTH = 128
_NAME_LENGTH = 220
_WORD_LENGTH = 128


def micro_time(moment: datetime) -> str:
    """A moment as Kubernetes writes `metav1.MicroTime`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def event_name(regarding: str) -> str:
    """A fresh name; chosen by us, so that an Event whose answer was lost is not made twice."""
    return f"{regarding[:_NAME_LENGTH].rstrip('-.') or 'event'}.{secrets.token_hex(8)}"


def cut(text: str, size: int = NOTE_BYTES) -> str:
    """Made visible, and at most `size` bytes of UTF-8 (the API server counts bytes), never half a character."""
    return visible_lines(text).encode()[:size].decode(errors="ignore")


def event(key: EventKey, series: Series, *, instance: str) -> dict[str, Any]:
    """The Event of the first occurrence."""
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": series.name, "namespace": key.namespace},
        "eventTime": micro_time(series.first_time),
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:INSTANCE_LENGTH],
        "action": key.action[:_WORD_LENGTH],
        "reason": key.reason[:_WORD_LENGTH],
        "type": key.type.value,
        "note": key.note,
        "regarding": {
            "apiVersion": key.api_version,
            "kind": key.regarding_kind,
            "namespace": key.regarding_namespace,
            "name": key.regarding_name,
            "uid": key.regarding_uid,
        },
    }


def series_patch(series: Series) -> dict[str, Any]:
    """The merge patch that says how often it occurred by now."""
    return {"series": {"count": series.count, "lastObservedTime": micro_time(series.last_time)}}
