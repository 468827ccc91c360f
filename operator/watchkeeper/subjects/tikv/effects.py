"""Whether a write took effect: verification, and recovery after a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.errors import NotLeader, Transient, Unreachable
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.driver import EffectState, Reading, Recovery
from watchkeeper.ports.metrics import MetricsSource
from watchkeeper.subjects.tikv.actions.action import Action, Look
from watchkeeper.subjects.tikv.leadercounts import read_leader_counts
from watchkeeper.subjects.tikv.pd.client import WRONG_CLUSTER
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.readable import readable

PULSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Pulse:
    leader: str
    cluster_id: str
    taken: float


class Effects:
    """Reads effects, with the lane of execution."""

    def __init__(self, reader: PDReader, *, clock: Clock, metrics: Callable[[], MetricsSource | None]) -> None:
        self._reader = reader
        self._clock = clock
        self._metrics = metrics
        self._pulse: _Pulse | None = None

    async def verify(self, action: Action, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """One look. Whatever cannot be read is `UNREADABLE`."""
        try:
            with readable():
                return await action.verify(await self._look(action, before, fresh=False), step, before)
        except Transient as error:
            return Reading(EffectState.UNREADABLE, "unreadable", f"cannot be read now: {error.message}")

    async def recover(
        self, action: Action, step: PlanStep, before: Mapping[str, Any], intent_time: datetime
    ) -> Recovery:
        """After a crash.

        Raises:
            Transient: cannot be said now.
        """
        return await action.recover(await self._look(action, before, fresh=True), step, before, intent_time)

    async def _look(self, action: Action, before: Mapping[str, Any], *, fresh: bool) -> Look:
        pulse = await self._feel(fresh=fresh)
        if pulse.cluster_id != before.get("clusterId", pulse.cluster_id):
            raise Unreachable(
                f"PD belongs to cluster {pulse.cluster_id}, the write went to {before['clusterId']}",
                reason=WRONG_CLUSTER,
            )
        source = self._metrics() if action.definition.leaves is not None else None
        counts = await read_leader_counts(source) if source is not None else None
        return Look(reader=self._reader, leader=pulse.leader, counts=counts, now=self._clock.now())

    async def _feel(self, *, fresh: bool) -> _Pulse:
        """That PD has one leader and is prepared, known for two seconds at most."""
        now = self._clock.monotonic()
        if not fresh and self._pulse is not None and now - self._pulse.taken < PULSE_SECONDS:
            return self._pulse
        self._pulse = None
        members = await self._reader.members()
        if not members.leader.name:
            raise NotLeader("PD has no leader")
        if not await self._reader.schedulers():
            raise Unreachable(
                "PD lists no schedulers: its coordinator is still loading regions", reason="PDNotPrepared"
            )
        self._pulse = _Pulse(members.leader.name, str(members.header.cluster_id), now)
        return self._pulse
