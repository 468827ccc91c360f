"""Moments and spans for people."""

from __future__ import annotations

from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.meta import rfc3339

_UNITS = ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def span(passed: timedelta) -> str:
    """Its two largest units, such as 3h12m; nothing negative."""
    left = max(0, int(passed.total_seconds()))
    parts: list[str] = []
    for seconds, unit in _UNITS:
        count, left = divmod(left, seconds)
        if parts:
            return parts[0] + (f"{count}{unit}" if count else "")
        if count:
            parts.append(f"{count}{unit}")
    return parts[0] if parts else "0s"


def moment(time: datetime, now: datetime) -> str:
    """As kubectl and the operator's messages show it, and how long ago or in how long."""
    shown = rfc3339(time)
    return f"{shown} ({span(now - time)} ago)" if time <= now else f"{shown} (in {span(time - now)})"
