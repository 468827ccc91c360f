"""PD's operator controller: one operator per region, sent step by step, kept as a record afterwards.

Everything here lives in the memory of the PD leader: a leader change forgets it (surprise 32).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from watchkeeper.simulator.scheduling.execution import StepExecutor
from watchkeeper.simulator.scheduling.kinds import Kind, Priority, Status
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.steps import AddLearner, Step
from watchkeeper.simulator.scheduling.storelimits import StoreLimiter
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World

RECORD_SECONDS = 600.0
"""`operatorStatusRemainTime`: how long a record is kept unless the next operator of the region replaces it."""


@dataclass(slots=True)
class _Memory:
    """What the leader remembers."""

    running: dict[int, Operation] = field(default_factory=dict)
    records: dict[int, Operation] = field(default_factory=dict)
    """The last one of each region, in the order of their ends."""


class OperatorController:
    """Accepts, drives and ends operators."""

    def __init__(self, world: World, executor: StepExecutor, limiter: StoreLimiter) -> None:
        self._world = world
        self._executor = executor
        self._limiter = limiter
        self._memory = _Memory()
        self._is_silent = False
        self.on_end: Callable[[int], None] = lambda region_id: None
        """Called with the region when an operator has ended, however it ended."""
        self.on_news: Callable[[Operation, str], None] = lambda operation, event: None
        """Called when an operator has been created, and when it has ended."""
        self.events: Counter[tuple[str, str]] = Counter()
        """Operators by description and event, as in `pd_schedule_operators_count`."""

    def forget(self) -> None:
        """The PD leader has changed: running operators and records are gone, silently."""
        self._memory = _Memory()

    def be_silent(self, *, on: bool) -> None:
        """While no PD leader is at work it hears of no region and sends no step; one that goes on looks at all."""
        was_silent, self._is_silent = self._is_silent, on
        if was_silent and not on:
            for operation in self.running:
                region = self._world.regions.get(operation.region_id)
                if region is not None:
                    self._check(operation, region)

    @property
    def running(self) -> list[Operation]:
        """All that run, by region."""
        return [self._memory.running[region_id] for region_id in sorted(self._memory.running)]

    def running_on(self, region_id: int) -> Operation | None:
        """The one that runs on a region."""
        return self._memory.running.get(region_id)

    def status_of(self, region_id: int) -> Operation | None:
        """The running one, else the record of the last, for ten minutes."""
        running = self._memory.running.get(region_id)
        if running is not None:
            return running
        record = self._memory.records.get(region_id)
        if record is None or record.finished_at is None:
            return None
        return record if self._world.clock.now - record.finished_at <= RECORD_SECONDS else None

    def records_since(self, unix_seconds: int) -> list[Operation]:
        """The last of each region, of the last ten minutes and since that Unix time, in the order of their ends."""
        now = self._world.clock.now
        ended = [one for one in self._memory.records.values() if now - (one.finished_at or 0.0) <= RECORD_SECONDS]
        self._memory.records = {one.region_id: one for one in ended}
        return [one for one in ended if self._world.clock.wall_ns(one.finished_at) >= unix_seconds * 1_000_000_000]

    def count(self, kind: Kind) -> int:
        """How many running ones count against the limit of a kind: each against its most special one only.

        An operator of balance-region that moves a leader, too, does not use up leader-schedule-limit (`SchedulerKind`).
        """
        return sum(one.kind & -one.kind == kind for one in self._memory.running.values())

    def add(self, operation: Operation) -> bool:
        """Start it now; False where PD would refuse: something as urgent runs, or a store limit is used up."""
        region = self._world.regions.get(operation.region_id)
        refusal = self._refusal(operation)
        self.events[(operation.desc, "check")] += 1
        if region is None or refusal is not None:
            self.events[(operation.desc, refusal or "not-found")] += 1
            return False
        old = self._memory.running.get(operation.region_id)
        if old is not None:
            self._end(old, Status.REPLACED, "replace")
        self._start(operation, region)
        return True

    def _refusal(self, operation: Operation) -> str | None:
        """Why it would not be added: PD's name of the event (`operator_controller.go`)."""
        region = self._world.regions.get(operation.region_id)
        if region is None:
            return "not-found"
        if (region.conf_ver, region.version) != (operation.conf_ver, operation.version):
            return "epoch-not-match"
        old = self._memory.running.get(operation.region_id)
        if old is not None and operation.priority <= old.priority:
            return "already-have"
        if operation.priority is not Priority.URGENT and not self._limiter.allows(operation):
            return "exceed-limit"
        return None

    def add_together(self, operations: Sequence[Operation]) -> bool:
        """Start all of them or none, as PD does with the two of a merge."""
        if any(self._refusal(one) is not None for one in operations):
            return False
        return all(self.add(one) for one in operations)

    def _start(self, operation: Operation, region: Region) -> None:
        now = self._world.clock.now
        operation.created = operation.started = now
        operation.created_text = operation.started_text = self._world.time_text(now)
        operation.status = Status.STARTED
        self._memory.running[region.id] = operation
        self._limiter.take(operation)
        self.events[(operation.desc, "create")] += 1
        self.on_news(operation, "create")
        self._world.clock.after(operation.timeout, lambda: self._time_out(operation))
        self._check(operation, region)

    def cancel(self, region_id: int) -> bool:
        """End the running one; what a store has been sent it still does."""
        operation = self._memory.running.get(region_id)
        if operation is None:
            return False
        self._end(operation, Status.CANCELED, "cancel")
        return True

    def region_changed(self, region: Region) -> None:
        """A region heartbeat: go on with the operator, or end it."""
        operation = self._memory.running.get(region.id)
        if operation is not None and not self._is_silent:
            self._check(operation, region)

    def bury(self, operations: Sequence[Operation]) -> None:
        """Keep refused ones as cancelled records, as PD does: they show where nothing runs on their region."""
        now = self._world.clock.now
        for operation in operations:
            operation.status = Status.CANCELED
            operation.created = operation.started = operation.finished_at = now
            operation.created_text = operation.finished_text = self._world.time_text(now)
            self._memory.records.pop(operation.region_id, None)
            self._memory.records[operation.region_id] = operation

    def region_gone(self, region: Region) -> None:
        """The region was merged into another one: its operator is cancelled, though it succeeded (surprise 8)."""
        operation = self._memory.running.get(region.id)
        if operation is not None:
            self._end(operation, Status.CANCELED, "cancel")

    def _is_running(self, operation: Operation) -> bool:
        return self._memory.running.get(operation.region_id) is operation

    def _check(self, operation: Operation, region: Region) -> None:
        before = operation.step
        if operation.advance(region):
            self._end(operation, Status.SUCCESS, "finish")
        elif self._is_stale(operation, region):
            self._end(operation, Status.CANCELED, "cancel")
        elif operation.step is not None and (
            operation.step is not before or operation.started == self._world.clock.now
        ):
            self._send(operation, operation.step)

    def _is_stale(self, operation: Operation, region: Region) -> bool:
        """The step can no longer succeed, or somebody else changed the peers or, where it merges, the range."""
        step = operation.step
        if Kind.MERGE in operation.kind and region.version != operation.version:
            return True
        if step is not None and step.obstacle(region) is not None:
            return True
        grown = region.conf_ver - operation.conf_ver
        return grown > operation.explained_changes(region) or (
            isinstance(step, AddLearner) and step.applied(region) and self._target_is_down(step)
        )

    def _target_is_down(self, step: AddLearner) -> bool:
        """A new peer on a Down store ends the operator as soon as a heartbeat is looked at (life-146)."""
        store = self._world.stores.get(step.store_id)
        return store is None or self._world.is_down(store)

    def _send(self, operation: Operation, step: Step) -> None:
        region = self._world.regions.get(operation.region_id)
        if region is None or not self._is_running(operation) or operation.step is not step:
            return
        self._executor.receive(step, region)
        self._world.clock.after(step.resend_seconds, lambda: self._resend(operation, step))

    def _resend(self, operation: Operation, step: Step) -> None:
        region = self._world.regions.get(operation.region_id)
        if region is None or not self._is_running(operation) or operation.step is not step:
            return
        if self._is_silent:
            self._world.clock.after(step.resend_seconds, lambda: self._resend(operation, step))
        elif self._is_stale(operation, region):
            self._end(operation, Status.CANCELED, "cancel")
        else:
            self._send(operation, step)

    def _time_out(self, operation: Operation) -> None:
        if self._is_running(operation):
            self._end(operation, Status.TIMEOUT, "timeout")

    def _end(self, operation: Operation, status: Status, event: str) -> None:
        now = self._world.clock.now
        operation.status = status
        operation.finished_at = now
        operation.finished_text = self._world.time_text(now)
        del self._memory.running[operation.region_id]
        self._memory.records.pop(operation.region_id, None)
        self._memory.records[operation.region_id] = operation
        self.events[(operation.desc, event)] += 1
        self.on_news(operation, event)
        self.on_end(operation.region_id)
