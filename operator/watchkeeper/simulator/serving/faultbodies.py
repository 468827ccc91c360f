"""The bodies that POST /faults takes: one model per fault, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from watchkeeper.simulator.faults import Faults, RouteFault
from watchkeeper.simulator.scheduling.execution import StepAction


class FaultBody(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def apply(self, faults: Faults) -> None:
        """Make it happen.

        Raises:
            ValueError: if it names something that does not exist.
        """
        raise NotImplementedError


class StoreFault(FaultBody):
    """A store dies, falls silent or comes back."""

    kind: Literal["kill-store", "silence-store", "return-store"]
    store: int

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        {
            "kill-store": faults.kill_store,
            "silence-store": faults.silence_store,
            "return-store": faults.return_store,
        }[self.kind](self.store)


class SetStore(FaultBody):
    """What a store says of itself."""

    kind: Literal["set-store"]
    store: int
    busy: bool | None = None
    slow_score: int | None = Field(default=None, ge=1, le=100)
    available_bytes: int | None = Field(default=None, ge=0)

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        faults.set_store(self.store, busy=self.busy, slow_score=self.slow_score)
        if self.available_bytes is not None:
            faults.fill_store(self.store, self.available_bytes)


class Steps(FaultBody):
    """A store ignores or delays steps of operators."""

    kind: Literal["steps"]
    action: StepAction
    store: int | None = None
    region: int | None = None
    seconds: float = Field(default=0.0, ge=0)

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        faults.steps(self.action, store=self.store, region=self.region, seconds=self.seconds)


class Clear(FaultBody):
    """Stores carry out steps again, or routes answer again."""

    kind: Literal["clear-steps", "clear-routes"]

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        (faults.clear_steps if self.kind == "clear-steps" else faults.clear_routes)()


class ChangePdLeader(FaultBody):
    """The PD leadership moves."""

    kind: Literal["change-pd-leader"]
    to: str | None = None

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        faults.change_pd_leader(self.to)


class MemberFault(FaultBody):
    """A PD member dies, hangs or runs again."""

    kind: Literal["kill-member", "hang-member", "return-member"]
    member: str

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        {
            "kill-member": faults.kill_member,
            "hang-member": faults.hang_member,
            "return-member": faults.return_member,
        }[self.kind](self.member)


class ForeignEntry(FaultBody):
    """Somebody else makes or removes an evict-leader entry."""

    kind: Literal["foreign-evict", "foreign-release"]
    store: int

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        (faults.foreign_evict if self.kind == "foreign-evict" else faults.foreign_release)(self.store)


class ForeignPause(FaultBody):
    """Somebody else pauses a scheduler or a checker."""

    kind: Literal["pause-scheduler", "pause-checker"]
    name: str
    seconds: int

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        (faults.pause_scheduler if self.kind == "pause-scheduler" else faults.pause_checker)(self.name, self.seconds)


class GcService(FaultBody):
    """A service such as BR holds garbage collection."""

    kind: Literal["gc-service"]
    service_id: str
    ttl_seconds: int
    age_seconds: int = 0

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        faults.gc_service(self.service_id, ttl_seconds=self.ttl_seconds, age_seconds=self.age_seconds)


class GcRelease(FaultBody):
    """The service lets go."""

    kind: Literal["gc-release"]
    service_id: str

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        faults.gc_release(self.service_id)


class Halt(FaultBody):
    """Somebody else sets halt-scheduling."""

    kind: Literal["halt-scheduling"]
    on: bool

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        faults.halt_scheduling(on=self.on)


class ClusterId(FaultBody):
    """The endpoints belong to another cluster."""

    kind: Literal["cluster-id"]
    cluster_id: int

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        faults.cluster_id(self.cluster_id)


class Route(FaultBody):
    """Requests of some routes are delayed, refused or left without an answer."""

    kind: Literal["route"]
    path: str = ""
    method: str | None = None
    member: str | None = None
    status: int | None = Field(default=None, ge=400, le=599)
    body: str = ""
    seconds: float = Field(default=0.0, ge=0)
    hangs: bool = False
    after: bool = False
    times: int | None = Field(default=None, ge=1)

    def apply(self, faults: Faults) -> None:
        """Make it happen."""
        faults.route(RouteFault(**self.model_dump(exclude={"kind"})))


AnyFault = Annotated[
    StoreFault
    | SetStore
    | Steps
    | Clear
    | ChangePdLeader
    | MemberFault
    | ForeignEntry
    | ForeignPause
    | GcService
    | GcRelease
    | Halt
    | ClusterId
    | Route,
    Field(discriminator="kind"),
]

FAULT: TypeAdapter[AnyFault] = TypeAdapter(AnyFault)
