"""What the watches have shown: which objects exist, whose they are, and roughly how they stand.

Only for waking the right keys and for counting in columns; no decision about a write is ever made from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from watchkeeper.api.v1alpha1.meta import Key


@dataclass(frozen=True, slots=True)
class Seen:
    """A few facts of an object as last seen."""

    subject: str | None
    ended: bool


def claims_of(subject: Key) -> Key:
    """What the claims of a Subject are known by: they are a face of their own."""
    return Key("Claims", subject.namespace, subject.name)


class Tracker:
    """Keys by kind, namespace and subject."""

    def __init__(self) -> None:
        self._seen: dict[Key, Seen] = {}
        self._faces: dict[Key, str] = {}

    def saw(self, key: Key, seen: Seen) -> None:
        """Remember the object."""
        self._seen[key] = seen

    def lost(self, key: Key) -> None:
        """Forget the object."""
        self._seen.pop(key, None)
        self._faces.pop(key, None)
        if key.kind == "Subject":
            self._faces.pop(claims_of(key), None)

    def face_changed(self, key: Key, face: str) -> bool:
        """Whether what matters to others (`face`) differs from what was seen before; remembers it."""
        changed = self._faces.get(key) != face
        self._faces[key] = face
        return changed

    def keys(
        self, *, kind: str | None = None, namespace: str | None = None, subject: str | None = None, live: bool = False
    ) -> Iterator[Key]:
        """Keys that fit; `live`: only those that have not ended."""
        for key, seen in list(self._seen.items()):
            if kind is not None and key.kind != kind:
                continue
            if namespace is not None and key.namespace != namespace:
                continue
            if subject is not None and seen.subject != subject:
                continue
            if live and seen.ended:
                continue
            yield key
