"""A value that faults set for a while, one over the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Overrides(Generic[V]):
    """Remembers the value below all that were set, and which are still in force: the last of them holds."""

    def __init__(self, base: V, write: Callable[[V], None]) -> None:
        self._base = base
        self._write = write
        self._held: list[tuple[V]] = []

    def set(self, value: V) -> Callable[[], None]:
        """Set one.

        Returns:
            What takes it back.
        """
        held = (value,)
        self._held.append(held)
        self._write(value)

        def take_back() -> None:
            self._held = [one for one in self._held if one is not held]
            self._write(self._held[-1][0] if self._held else self._base)

        return take_back
