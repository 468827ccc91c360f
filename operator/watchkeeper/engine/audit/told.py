"""What of each object is in the stream already: a pass tells only what is new, and after a crash what may be missing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from watchkeeper.domain.audit.record import Fact

MAX_OBJECTS = 4096
"""Objects of which every record is remembered."""
MAX_VERSIONS = 262_144
"""Objects of which it is remembered which version was told last: a sweep over all of them repeats nothing."""


@dataclass(slots=True)
class _Known:
    ids: set[str] = field(default_factory=set)
    facets: dict[str, str] = field(default_factory=dict)


class Told:
    """Remembers by uid; the objects that were not looked at for longest are forgotten first.

    What is forgotten, or was never known to this process, is judged by its time: what happened before `since` was told by
    an earlier process (its last checkpoint says so). What is told twice has the same id; nothing is left out.
    """

    def __init__(self) -> None:
        self.since: datetime | None = None
        """None: nothing is known to have been told."""
        self._objects: OrderedDict[str, _Known] = OrderedDict()
        self._versions: OrderedDict[str, str] = OrderedDict()

    def knows(self, uid: str, version: str) -> bool:
        """Whether all that this version of the object shows has been told."""
        return self._versions.get(uid) == version

    def has(self, uid: str) -> bool:
        """Whether some version of the object has been looked at."""
        return uid in self._versions

    def fresh(self, uid: str, facts: Iterable[Fact]) -> list[Fact]:
        """Those that are not known to be in the stream."""
        known = self._objects.get(uid)
        if known is None:
            return [fact for fact in facts if self.since is None or fact.time >= self.since]
        return [fact for fact in facts if not _has(known, fact)]

    def note(self, uid: str, version: str, facts: Iterable[Fact]) -> None:
        """All of these are in the stream now."""
        known = self._objects.setdefault(uid, _Known())
        self._objects.move_to_end(uid)
        self._versions[uid] = version
        self._versions.move_to_end(uid)
        for fact in facts:
            if fact.facet is None:
                known.ids.add(fact.id)
            else:
                known.facets[fact.facet[0]] = fact.facet[1]
        while len(self._objects) > MAX_OBJECTS:
            self._objects.popitem(last=False)
        while len(self._versions) > MAX_VERSIONS:
            self._versions.popitem(last=False)


def _has(known: _Known, fact: Fact) -> bool:
    if fact.facet is None:
        return fact.id in known.ids
    return known.facets.get(fact.facet[0]) == fact.facet[1]
