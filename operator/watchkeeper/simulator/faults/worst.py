"""Several reasons for one state: the worst one holds, and the state ends with the last reason."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Worst(Generic[K, V]):
    """Keeps the reasons by key. `mild_to_bad` orders the states; `change` is called when the worst one of a key moves."""

    def __init__(self, mild_to_bad: Sequence[V], change: Callable[[K, V | None], None]) -> None:
        self._order = list(mild_to_bad)
        self._change = change
        self._held: dict[K, list[V]] = {}

    def of(self, key: K) -> V | None:
        """The state that holds; None without any reason."""
        return max(self._held.get(key, []), key=self._order.index, default=None)

    def add(self, key: K, state: V) -> Callable[[], None]:
        """Another reason.

        Returns:
            What takes it away again, once.
        """
        self._update(key, [*self._held.get(key, []), state])
        taken = [state]

        def take_away() -> None:
            if taken:
                held = list(self._held[key])
                held.remove(taken.pop())
                self._update(key, held)

        return take_away

    def _update(self, key: K, states: list[V]) -> None:
        before = self.of(key)
        self._held[key] = states
        after = self.of(key)
        if after != before:
            self._change(key, after)
