"""An engine's services over memory: objects with versions, a clock that is set, a database that does as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from tests.memory_api import KINDS, MemoryApi
from tests.unit.domain.builders import KNOWN, NOW, policy, subject
from tests.unit.engine.sinks import MemorySink
from watchkeeper.adapters.kubernetes.objects import KubernetesObjects
from watchkeeper.adapters.kubernetes.patches import merge_difference
from watchkeeper.adapters.kubernetes.stored import parsed, status_of
from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.meta import ApiModel, Key, Resource
from watchkeeper.api.v1alpha1.standingchange import Change
from watchkeeper.api.v1alpha1.subject import CatalogEntry, Health, StoreCounts, Subject
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.engine.audit.objects import AuditedObjects
from watchkeeper.engine.audit.trail import trail_of
from watchkeeper.engine.drivers import Drivers
from watchkeeper.engine.gates import Gates
from watchkeeper.engine.services import Services
from watchkeeper.engine.settings import EngineSettings
from watchkeeper.errors import WatchkeeperError
from watchkeeper.ports.driver import (
    ActionDefinition,
    ChangeState,
    Domains,
    EffectState,
    Facts,
    Observation,
    Planned,
    Readiness,
    Reading,
    Recovery,
    RecoveryState,
    StandingIntent,
    SubjectDriver,
    Wait,
    WriteAnswer,
    WriteContext,
)
from watchkeeper.ports.guards import GuardState
from watchkeeper.ports.objects import Leases, ObjectStore, R
from watchkeeper.ports.recorder import EventType

READY: dict[str, Any] = {
    "clusterId": "7",
    "reachable": True,
    "health": "Healthy",
    "observedGeneration": 1,
    "observedTime": NOW.isoformat(),
    "conditions": [{"type": "Duplicate", "status": "False", "reason": "Only", "lastTransitionTime": NOW.isoformat()}],
}


class Stored(MutableMapping[Key, Resource]):
    """The objects of an API server in memory, typed, to be set as no API server would."""

    def __init__(self, api: MemoryApi) -> None:
        self._api = api

    def __getitem__(self, key: Key) -> Resource:
        return parsed(_KINDS[key.kind], self._api.objects[_place(key)])

    def __setitem__(self, key: Key, value: Resource) -> None:
        self._api.put(value)

    def __delitem__(self, key: Key) -> None:
        self._api.remove(_place(key))

    def __iter__(self) -> Iterator[Key]:
        return (Key(KINDS[plural].__name__, namespace, name) for plural, namespace, name in self._api.objects)

    def __len__(self) -> int:
        return len(self._api.objects)


_KINDS = {kind.__name__: kind for kind in KINDS.values()}


def _place(key: Key) -> tuple[str, str, str]:
    return _KINDS[key.kind].info.plural, key.namespace, key.name


class MemoryStore(KubernetesObjects):
    """The real store over an API server in memory. `refuse[name]` are errors that the next calls of a method raise."""

    def __init__(self, *objects: Resource) -> None:
        self.api = MemoryApi(now=lambda: NOW, namespaces=("team", "watchkeeper-system"))
        super().__init__(self.api)
        self.objects = Stored(self.api)
        self.refuse: dict[str, list[Exception | None]] = {}
        self.after: dict[str, list[Exception | None]] = {}
        """Errors raised by the next calls of a method after they took effect: the answer is lost."""
        self.then: dict[str, list[Callable[[], None] | None]] = {}
        """What happens as soon as the next calls of a method have taken effect; None: nothing."""
        for found in objects:
            self.objects[found.key] = found

    @staticmethod
    def _said(name: str, errors: dict[str, list[Exception | None]]) -> None:
        error = errors[name].pop(0) if errors.get(name) else None
        if error is not None:
            raise error

    def _goes_on(self, name: str) -> None:
        act = self.then[name].pop(0) if self.then.get(name) else None
        if act is not None:
            act()

    async def get(self, kind: type[R], namespace: str, name: str) -> R:
        self._said(f"get {kind.__name__}", self.refuse)
        found = await super().get(kind, namespace, name)
        self._goes_on(f"get {kind.__name__}")
        return found

    async def list(self, kind: type[R], namespace: str | None = None, *, strict: bool = False) -> list[R]:
        self._said(f"list {kind.__name__}", self.refuse)
        found = await super().list(kind, namespace, strict=strict)
        self._goes_on(f"list {kind.__name__}")
        return found

    async def write_status(self, obj: R, status: ApiModel) -> R:
        if not merge_difference(status_of(obj).wire(), status.wire()):
            return obj
        return await self._with_errors(f"write_status {type(obj).__name__}", super().write_status(obj, status))

    async def swap_status(self, obj: R, changes: Mapping[str, tuple[Any, Any]]) -> R:
        return await self._with_errors(f"swap_status {type(obj).__name__}", super().swap_status(obj, changes))

    async def set_finalizer(self, obj: R, *, present: bool) -> R:
        name = f"set_finalizer {type(obj).__name__}"
        return await self._with_errors(name, super().set_finalizer(obj, present=present))

    async def delete(self, obj: R) -> None:
        self._said(f"delete {type(obj).__name__}", self.refuse)
        await super().delete(obj)

    async def _with_errors(self, name: str, writing: Coroutine[Any, Any, R]) -> R:
        try:
            self._said(name, self.refuse)
        except BaseException:
            writing.close()
            raise
        written = await writing
        self._goes_on(name)
        self._said(name, self.after)
        return written


class SetClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.passed = 1000.0
        self.jumped = 0.0
        """By how much the API server's clock was set."""

    def now(self) -> datetime:
        return (NOW + timedelta(seconds=self.passed - 1000 + self.jumped)).astimezone(UTC)

    def skew_seconds(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return self.passed


class Heard:
    """A recorder that remembers reasons."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def event(
        self, regarding: Resource, *, kind: EventType, action: str, reason: str, note: str, namespace: str | None = None
    ) -> None:
        del regarding, kind, action, note, namespace
        self.reasons.append(reason)


class Database:
    """A driver with one action, `transfer-leader`, and one entry that may stand."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.refuse: Exception | None = None
        self.stands = ChangeState.PRESENT
        self.stood = False
        self.unreadable: WatchkeeperError | None = None
        self.reading = Reading(EffectState.THERE, "there", "it is there")
        self.recovery = Recovery(RecoveryState.ABSENT, "not there")
        self.blocker: Wait | None = None
        self.closed = False
        self.summary = "move it"
        self.cluster_id = "7"
        self.leaves: StandingIntent | None = None
        self.stale: tuple[str, ...] = ()
        self.waits: tuple[Wait, ...] = ()
        self.idempotent = False
        self.risk = Risk.LOW
        self.domains: Domains | None = Domains(own=frozenset({"zone=a"}), unhealthy={}, fenced={})
        self.before_check: Callable[[], None] = lambda: None
        self.before_write: Callable[[], None] = lambda: None
        self.before_gates: Callable[[], None] = lambda: None
        """Called between the claim and the last look at everything."""

    def definitions(self) -> Mapping[str, ActionDefinition]:
        return {"transfer-leader": ActionDefinition("transfer-leader", "d", self.risk, self.idempotent, {})}

    async def plan(self, action: str, parameters: Mapping[str, Any]) -> Planned:
        step = PlanStep(
            action=action, parameters=dict(parameters), targets=("region/42",), predicates=(), effect="e", undo="u"
        )
        return Planned(summary=self.summary, target="region 42", steps=(step,))

    async def check(self, step: PlanStep, facts: Facts) -> Readiness:
        self.before_check()
        held = tuple(Wait("TargetHeld", target) for target in step.targets if target in facts.held_targets)
        return Readiness(stale=self.stale, waits=(*self.waits, *held), domains=self.domains)

    def catalog(self, observation: Observation | None) -> tuple[CatalogEntry, ...]:
        del observation
        return ()

    async def observe(self) -> Observation:
        return Observation(
            cluster_id=self.cluster_id,
            version="v8.5.7",
            version_proved=True,
            health=Health.HEALTHY,
            members=(),
            leader="pd-0",
            stores=StoreCounts(total=3, up=3),
            manager=None,
            problems=(),
        )

    def standing_intent(self, step: PlanStep) -> StandingIntent | None:
        del step
        return self.leaves

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[Database]:
        self.before_gates()
        yield self

    async def execute(self, step: PlanStep, context: WriteContext) -> WriteAnswer:
        del step
        return await self._write(context)

    async def release(self, change: Change, context: WriteContext) -> WriteAnswer:
        del change
        return await self._write(context)

    async def _write(self, context: WriteContext) -> WriteAnswer:
        self.writes.append(context.operation_key)
        self.before_write()
        if self.refuse is not None:
            raise self.refuse
        return WriteAnswer(status=200, text="ok")

    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        del step, before
        return 60

    async def verify(self, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        del step, before
        return self.reading

    async def recover(self, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        del step, before, intent_time
        return self.recovery

    async def read_change(self, change: Change) -> ChangeState:
        del change
        if self.unreadable is not None:
            raise self.unreadable
        return self.stands

    def stood_before(self, change: Change, before: Mapping[str, Any]) -> bool:
        del change, before
        return self.stood

    async def release_blocker(self, change: Change) -> Wait | None:
        del change
        return self.blocker

    def manual_release_command(self, change: Change) -> str:
        return f"remove {change.target}"

    async def close(self) -> None:
        self.closed = True


class Plugin:
    """Connects to `database`, or raises `refuse`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.refuse: WatchkeeperError | None = None

    async def connect(self, subject: Subject, environment: object) -> SubjectDriver:
        del subject, environment
        if self.refuse is not None:
            raise self.refuse
        return cast("SubjectDriver", self.database)


class MemoryLeases:
    """Whoever comes first holds it."""

    def __init__(self) -> None:
        self.holders: dict[str, str] = {}
        self.refuse: WatchkeeperError | None = None

    async def claim(self, name: str, holder: str, seconds: int) -> str:
        del seconds
        if self.refuse is not None:
            raise self.refuse
        return self.holders.setdefault(name, holder)


class SetGuards:
    """Guards that are as they are set."""

    def __init__(self) -> None:
        self.state = GuardState(known=True, stamping=True)
        self.fresh: list[GuardState | None] = []
        """What the next fresh looks find; None and nothing: what is known."""

    def known(self) -> GuardState:
        return self.state

    async def survey(self) -> GuardState:
        found = self.fresh.pop(0) if self.fresh else None
        return found or self.state

    async def probe(self) -> GuardState:
        return await self.survey()

    async def start(self, changed: Callable[[], None]) -> None:
        del changed

    async def close(self) -> None:
        pass


class World:
    """Services with their fakes."""

    def __init__(self, *objects: Resource) -> None:
        self.store = MemoryStore(subject(READY), policy(approval={"mode": "Never"}), *objects)
        self.clock = SetClock()
        self.heard = Heard()
        self.database = Database()
        self.plugin = Plugin(self.database)
        self.leases = MemoryLeases()
        self.guards = SetGuards()
        store = cast("ObjectStore", self.store)
        settings = EngineSettings(operator_namespace="watchkeeper-system", instance="me")
        self.sink = MemorySink()
        self.audit = trail_of([self.sink], self.clock, self.heard, settings)
        store = cast("ObjectStore", AuditedObjects(store, self.audit, self.clock))
        self.services = Services(
            store=store,
            express=store,
            audit=self.audit,
            clock=self.clock,
            recorder=self.heard,
            leases=cast("Leases", self.leases),
            drivers=Drivers({"TiKV": cast("Any", self.plugin)}, cast("Any", None)),
            gates=Gates(store, self.clock, known=KNOWN, operator_namespace="watchkeeper-system", cache_seconds=0),
            guards=self.guards,
            settings=settings,
        )

    def read(self, kind: type[R], name: str) -> R:
        return cast("R", self.store.objects[Key(kind.__name__, "team", name)])
