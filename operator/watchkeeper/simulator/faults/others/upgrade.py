"""The rolling upgrade of tidb-operator v1: `pkg/manager/member/tikv_upgrader.go` (v1.6.6), as far as PD feels it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from watchkeeper.simulator.faults.fault import Heal
from watchkeeper.simulator.faults.others.people import V1
from watchkeeper.simulator.faults.others.tidboperator import WHO, OperatorFault, remove_entries
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.scheduling.schedulers import EVICT_LEADER
from watchkeeper.simulator.world.store import Liveness, StateName

_SYNC_SECONDS = 5.0
_MISSED_SECONDS = 600.0
"""An entry that somebody has removed is made again, after this time (#5614)."""
_MANY_LEADERS = 200
"""A store that had fewer is not waited for."""
_BACK_SHARE = 2 / 3
_BACK_SECONDS = 400.0
"""How long it waits at most until that part of the leaders is back."""


class V1Upgrade(OperatorFault):
    """tidb-operator v1 restarts every store, the highest id first: evict, wait, restart, take the entry away.

    It takes the entry away when the store is Up again; where the store had 200 leaders or more it then waits until two
    thirds are back, for 400 s at most. An entry that is missing after ten minutes is made again. At its end it removes
    the evict-leader entries of all stores, also those that others have made.
    """

    kind: Literal["operator-v1-upgrade"] = "operator-v1-upgrade"
    restart_seconds: float = Field(default=30.0, ge=0.1, le=86_400, description="how long a pod is gone")
    evict_timeout_seconds: float = Field(
        default=1500 * 60, gt=0, le=31_536_000, description="evictLeaderTimeout: then it restarts anyway"
    )

    def begin(self, scene: Scene) -> Heal:
        """Begin with the last store."""
        return _Upgrade(scene, self.restart_seconds, self.evict_timeout_seconds).begin()


class _Upgrade:
    """One store after the other; `_look` is what is to be looked at in each pass."""

    def __init__(self, scene: Scene, restart_seconds: float, timeout: float) -> None:
        self._scene = scene
        self._restart_seconds = restart_seconds
        self._timeout = timeout
        self._waiting = sorted(store.id for store in scene.world.living_stores())
        self._began = scene.now
        self._asked = scene.now
        self._had = 0
        self._dead: list[Heal] = []
        self._stop: list[Heal] = []
        self._look: Callable[[], None] = self._evicting

    def begin(self) -> Heal:
        """Start on the first store; the result stops everything where it is."""
        self._next()
        self._stop.append(self._scene.every(_SYNC_SECONDS, lambda: self._look(), at_once=False))
        return self._end

    @property
    def _store(self) -> int:
        return self._waiting[-1]

    @property
    def _leaders(self) -> int:
        """By the store's own metrics, which it trusts more than PD's (#3781)."""
        return self._scene.world.regions.led_by(self._store)

    def _next(self) -> None:
        if not self._waiting:
            scheduler = self._scene.coordinator.schedulers.get(EVICT_LEADER)
            remove_entries(self._scene, list(scheduler.stores) if scheduler is not None else [])
            self._end()
            return
        self._began, self._had, self._look = self._scene.now, self._leaders, self._evicting
        if len(self._scene.world.living_stores()) > 1:
            self._evict()

    def _evict(self) -> None:
        self._asked = self._scene.now
        body = {"name": EVICT_LEADER, "store_id": self._store}
        self._scene.insist(WHO, "POST", f"{V1}/schedulers", body, about=f"{WHO} {self._store}")

    def _evicting(self) -> None:
        alone = len(self._scene.world.living_stores()) == 1
        if not self._leaders or alone or self._scene.now - self._began > self._timeout:
            self._restart()
        elif self._scene.now - self._asked > _MISSED_SECONDS and not self._is_evicted():
            self._evict()

    def _is_evicted(self) -> bool:
        scheduler = self._scene.coordinator.schedulers.get(EVICT_LEADER)
        return scheduler is not None and self._store in scheduler.stores

    def _restart(self) -> None:
        text = f"{WHO}: restarts the pod of store {self._store}, {self._leaders} leaders left"
        self._dead.append(self._scene.store_states.add(self._store, Liveness.DEAD))
        self._scene.events.add("others", text)
        self._scene.after(self._restart_seconds, self._ready)
        self._look = lambda: None

    def _ready(self) -> None:
        if self._dead:
            self._dead.pop()()
            self._look = self._returning
            self._returning()

    def _returning(self) -> None:
        """Ready is not enough: PD must call the store Up."""
        store = self._scene.world.stores.get(self._store)
        if store is None or self._scene.world.state_name(store) is StateName.UP:
            remove_entries(self._scene, [self._store])
            self._began, self._look = self._scene.now, self._refilling
            if self._had < _MANY_LEADERS:
                self._done()

    def _refilling(self) -> None:
        is_back = self._leaders >= self._had * _BACK_SHARE
        if is_back or self._scene.now - self._began > _BACK_SECONDS:
            self._done()

    def _done(self) -> None:
        self._waiting.pop()
        self._next()

    def _end(self) -> None:
        while self._stop:
            self._stop.pop()()
        while self._dead:
            self._dead.pop()()
