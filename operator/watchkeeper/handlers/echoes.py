"""Watch events that only repeat what a pass of this very process has just written.

Such an event needs no pass. The write compared the resourceVersion, so the pass had seen everything up to it; every pass
that writes says itself when to come back (or fails, and comes back for that); and only passes over an object write to it
by this store. So it holds for ActionProposals. It does not hold for Subjects and StandingChanges, which passes over
proposals write to as well. An event that comes before the answer to its write is not known here, and is passed on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.api.v1alpha1.meta import Resource

REMEMBERED = 4096


class Echoes:
    """What was written and not yet heard of again, as (uid, resourceVersion); the oldest are forgotten first."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._written: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wrote(self, obj: Resource) -> None:
        """This process has written that version in a pass over this very object."""
        meta = obj.metadata
        if not isinstance(obj, ActionProposal) or not meta.uid or not meta.resource_version:
            return
        self._written[(meta.uid, meta.resource_version)] = None
        while len(self._written) > self._remembered:
            self._written.popitem(last=False)

    def heard(self, body: Mapping[str, Any]) -> bool:
        """Whether an event's object is such a version; it is forgotten with that."""
        meta = body["metadata"]
        version = (str(meta.get("uid")), str(meta.get("resourceVersion")))
        return self._written.pop(version, version) is None
