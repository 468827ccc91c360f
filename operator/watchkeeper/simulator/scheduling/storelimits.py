"""Store limits: how many peers a minute PD's own schedulers and checkers may add or remove on one store.

Operators made by hand, and other urgent ones, are not held back by them (`ExceedStoreLimit`).
"""

from __future__ import annotations

from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.steps import AddLearner, RemovePeer
from watchkeeper.simulator.world.configuration import UNLIMITED, StoreLimit
from watchkeeper.simulator.world.state import World

_SMALL_REGION_MIB = 20
_WHOLE = 1.0
_SMALL = 0.2


class StoreLimiter:
    """A bucket of tokens per store and direction, filled as the limit says."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._spent: dict[tuple[int, str], tuple[float, float]] = {}

    def allows(self, operation: Operation) -> bool:
        """Whether every store concerned has a token left."""
        cost = _SMALL if operation.size < _SMALL_REGION_MIB else _WHOLE
        return all(self._tokens(store, way) >= cost for store, way in _touched(operation))

    def has_token(self, store: int, way: str) -> bool:
        """Whether a whole region may be added to a store (`add-peer`) or removed from it (`remove-peer`) now."""
        return self._tokens(store, way) >= _WHOLE

    def take(self, operation: Operation) -> None:
        """Use up the tokens of an operator that was added; an urgent one takes none where there are too few."""
        cost = _SMALL if operation.size < _SMALL_REGION_MIB else _WHOLE
        for store, way in _touched(operation):
            held = self._tokens(store, way)
            if held >= cost:
                self._spent[(store, way)] = (held - cost, self._world.clock.now)

    def forget(self) -> None:
        """The PD leader has changed: every bucket is full again."""
        self._spent.clear()

    def _tokens(self, store: int, way: str) -> float:
        rate = self._rate(store, way)
        if rate >= UNLIMITED:
            return float(UNLIMITED)
        per_second = rate / 60
        capacity = max(per_second, _WHOLE)
        tokens, since = self._spent.get((store, way), (capacity, self._world.clock.now))
        return min(capacity, tokens + (self._world.clock.now - since) * per_second)

    def _rate(self, store: int, way: str) -> float:
        temporary = self._world.config.temporary.get(f"{way}-{store}")
        if temporary is not None and temporary[1] > self._world.clock.now and isinstance(temporary[0], int | float):
            return float(temporary[0])
        limit = self._world.config.store_limits.get(store, StoreLimit())
        return limit.add_peer if way == "add-peer" else limit.remove_peer


def _touched(operation: Operation) -> list[tuple[int, str]]:
    touched: list[tuple[int, str]] = []
    for step in operation.steps:
        if isinstance(step, AddLearner) and not step.is_light:
            touched.append((step.store_id, "add-peer"))
        elif isinstance(step, RemovePeer):
            touched.append((step.store_id, "remove-peer"))
    return touched
