"""PD's id allocator: one counter for stores, regions and peers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

MAX_ID = 2**63 - 1
"""PD counts in 64 bits; ids that are read as signed numbers stay below."""

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
"""The id of a store, region or peer as people write it down."""


class IdAllocator:
    """Gives each number once."""

    def __init__(self, first: int = 1) -> None:
        self._next = first

    def allocate(self) -> int:
        """The next free id."""
        given, self._next = self._next, self._next + 1
        return given

    def reserve(self, used: int) -> None:
        """Never give out ids up to this one."""
        self._next = max(self._next, used + 1)

    @property
    def next(self) -> int:
        """The id that would be given next."""
        return self._next
