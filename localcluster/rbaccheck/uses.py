"""What a user asked of the API server, and whether the authorizer allowed it, by the audit log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from localcluster.rbaccheck.grants import Permission

_DECISION = "authorization.k8s.io/decision"
"""Set by the API server on every audit event: `allow` or `forbid`; an object that admission refuses was allowed here.

Source: k8s.io/apiserver pkg/endpoints/filters/authorization.go.
"""


@dataclass(slots=True)
class Uses:
    """Requests of one user, counted."""

    allowed: Counter[Permission] = field(default_factory=Counter)
    forbidden: Counter[Permission] = field(default_factory=Counter)


def uses(lines: Iterable[str], user: str) -> Uses:
    """Count the requests of that user in the lines of an audit log; only those about resources."""
    found = Uses()
    for line in lines:
        event = json.loads(line)
        wanted = "ResponseStarted" if event["verb"] == "watch" else "ResponseComplete"
        refused = event["stage"] == "ResponseComplete" and _decision(event) == "forbid"
        if event["user"]["username"] != user or "objectRef" not in event or not (event["stage"] == wanted or refused):
            continue
        counter = found.forbidden if refused else found.allowed
        counter[_asked(event)] += 1
    return found


def _decision(event: dict[str, Any]) -> str | None:
    return (event.get("annotations") or {}).get(_DECISION)


def _asked(event: dict[str, Any]) -> Permission:
    target = event["objectRef"]
    resource, subresource = target["resource"], target.get("subresource")
    return Permission(
        group=target.get("apiGroup", ""),
        resource=f"{resource}/{subresource}" if subresource else resource,
        verb=event["verb"],
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
    )


def unused(granted: Iterable[Permission], seen: Uses) -> list[Permission]:
    """Grants that no request needed."""
    return [grant for grant in granted if not any(grant.covers(asked) for asked in seen.allowed)]
