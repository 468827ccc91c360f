"""Subject: one managed cluster."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from watchkeeper.api.v1alpha1.conditions import Condition
from watchkeeper.api.v1alpha1.meta import (
    AGE,
    ATOMIC,
    KEYED_BY_TYPE,
    LIST_SET,
    ApiModel,
    Column,
    Count,
    FreeObject,
    KindInfo,
    LocalRef,
    Resource,
    Rule,
    Target,
    Timestamp,
)
from watchkeeper.api.v1alpha1.vocabulary import Invariant, Mode, Risk

MAX_IN_FLIGHT = 64
MAX_RECENT_WRITES = 384
"""More than limits.maxActionsPerHour can be, so that nothing of the last hour is ever forgotten."""
MAX_VIOLATIONS = 16


class SubjectType(StrEnum):
    """Which plug-in speaks to it."""

    TIKV = "TiKV"


class ManagerSetting(StrEnum):
    """Whether to look for an operator that owns the pods."""

    AUTO = "Auto"
    NONE = "None"


class Health(StrEnum):
    """How the cluster is."""

    HEALTHY = "Healthy"
    DEGRADED = "Degraded"
    CRITICAL = "Critical"
    BLIND = "Blind"


ClientUrl = Annotated[str, Field(max_length=253, pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+$")]
"""A client URL of a PD member: scheme, host and port only."""


class ServiceRef(ApiModel):
    """A Service in the same namespace."""

    name: str = Field(
        min_length=1, max_length=63, pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$", description="Name of the Service."
    )
    port: int = Field(default=2379, ge=1, le=65535, description="Port of PD's client URL.")


class TiKVConnection(ApiModel):
    """How to reach PD and what to read beside it."""

    endpoints: tuple[ClientUrl, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=16,
        json_schema_extra=LIST_SET,
        description="Client URLs of PD members, scheme, host and port only.",
    )
    service_ref: ServiceRef | None = Field(
        default=None, description="A Service that leads to PD, instead of endpoints."
    )
    tls_secret_ref: LocalRef | None = Field(
        default=None,
        description="Secret of type kubernetes.io/tls with ca.crt, tls.crt and tls.key; makes serviceRef use https.",
    )
    prometheus_url: str | None = Field(
        default=None,
        max_length=1024,
        pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/\-]*)?$",
        description="Prometheus that scrapes this cluster. When named, being unable to read it is blindness.",
    )
    allow_untested_version: bool = Field(
        default=False, description="Also act on a PD version that Watchkeeper was not proved on (8.5 is)."
    )


class SubjectSpec(ApiModel):
    """Which cluster, and how patient to be with it."""

    type: SubjectType = Field(description="Which plug-in speaks to it.")
    tikv: TiKVConnection | None = Field(default=None, description="For type TiKV: how to reach it.")
    manager: ManagerSetting = Field(
        default=ManagerSetting.AUTO,
        description=(
            "Auto: look for TidbCluster and TiKVGroup objects; where one is "
            "found no standing action is offered. None: nobody owns the pods."
        ),
    )
    settle_seconds: int = Field(
        default=120, ge=0, le=3600, description="How long an effect must hold before an action counts as completed."
    )
    leader_stable_seconds: int = Field(
        default=300,
        ge=0,
        le=3600,
        description="How long PD's leader must have been the same before anything is written.",
    )

    def reached_by(self) -> dict[str, Any]:
        """How the database is reached, as JSON; nothing of how patient to be with it, or of what is read beside it."""
        how: dict[str, Any] = {"type": str(self.type)}
        if self.tikv is not None:
            how["endpoints"] = sorted(self.tikv.endpoints or ())
            how["service"] = self.tikv.service_ref.wire() if self.tikv.service_ref else {}
            how["secret"] = self.tikv.tls_secret_ref.name if self.tikv.tls_secret_ref else ""
        return how


class Member(ApiModel):
    """One PD member."""

    name: str = Field(max_length=253, description="Its name.")
    healthy: bool = Field(description="Whether it answers PD's own health check.")
    leader: bool = Field(description="Whether it leads.")
    client_url: str = Field(default="", max_length=253, description="Its first client URL.")


class LeaderStatus(ApiModel):
    """PD's leader and since when it has been seen leading: kept here so that a restart does not begin it anew."""

    name: str = Field(max_length=253, description="The member that leads.")
    since_time: Timestamp = Field(description="Since when this operator, or an earlier one, has seen it lead.")


class StoreCounts(ApiModel):
    """Stores by state."""

    total: Count = Field(description="All but Tombstone.")
    up: Count = Field(description="Up.")
    disconnected: Count = Field(default=0, description="Silent for more than 20 s.")
    down: Count = Field(default=0, description="Silent for longer than max-store-down-time.")
    offline: Count = Field(default=0, description="Being removed.")


class CatalogEntry(ApiModel):
    """One action that can be asked for."""

    name: str = Field(max_length=63, description="Name of the action.")
    source: str = Field(max_length=16, description="Subject or Tool.")
    description: str = Field(max_length=1024, description="What it does.")
    risk: Risk = Field(description="Low, Medium or High.")
    idempotent: bool = Field(description="Whether sending it twice is harmless.")
    available: bool = Field(description="Whether it can be asked for now.")
    reason: str = Field(default="", max_length=512, description="Why not, where not.")
    parameters: FreeObject = Field(description="JSON Schema of the parameters.")


class InFlightState(StrEnum):
    """How far the holder of a claim is."""

    WRITING = "Writing"
    VERIFYING = "Verifying"
    UNKNOWN = "Unknown"


class InFlight(ApiModel):
    """A claim on the Subject: who is writing or verifying, on what. At most one entry is Writing.

    An entry that is Unknown freezes its action on this Subject until a person acknowledges the proposal.
    """

    operation_key: str = Field(max_length=128, description="uid/step/attempt.")
    action: str = Field(max_length=63, description="Name of the action, or Release.")
    kind: str = Field(max_length=63, description="ActionProposal or StandingChange.")
    name: str = Field(max_length=253, description="Its name.")
    uid: str = Field(max_length=64, description="Its uid.")
    holder: str = Field(max_length=253, description="The process that claimed it; no other one takes it for its own.")
    state: InFlightState = Field(description="Writing, Verifying, or Unknown until acknowledged.")
    targets: tuple[Target, ...] = Field(max_length=16, json_schema_extra=ATOMIC, description="What it touches.")
    claimed_time: Timestamp = Field(description="When it was claimed.")
    deadline_time: Timestamp = Field(description="No write of this claim starts after this.")


class RecentWrite(ApiModel):
    """One write that was claimed, for limits that must survive deleted proposals."""

    operation_key: str = Field(max_length=128, description="uid/step/attempt.")
    action: str = Field(max_length=63, description="Name of the action.")
    targets: tuple[Target, ...] = Field(max_length=16, json_schema_extra=ATOMIC, description="What it touches.")
    time: Timestamp = Field(description="When it was claimed.")


class Violation(ApiModel):
    """An invariant that does not hold, and since when: kept here so that a restart does not begin its grace anew."""

    invariant: Invariant = Field(description="Which one.")
    target: Target = Field(description="On what: database, metrics, counts, or cluster/ID.")
    since_time: Timestamp = Field(description="When it was first seen violated, without a look between that says no.")


class SubjectStatus(ApiModel):
    """What was seen; written by the operator only."""

    observed_generation: Count | None = Field(default=None, description="The generation of spec last acted on.")
    cluster_id: str | None = Field(
        default=None, max_length=32, description="PD's cluster id, as text: it needs 64 bits."
    )
    reachable: bool | None = Field(default=None, description="Whether PD answered.")
    health: Health | None = Field(default=None, description="Healthy, Degraded, Critical or Blind.")
    version: str | None = Field(default=None, max_length=64, description="PD's version.")
    manager: str | None = Field(default=None, max_length=253, description="Who owns the pods, where found.")
    leader: LeaderStatus | None = Field(default=None, description="PD's leader.")
    members: tuple[Member, ...] = Field(
        default=(), max_length=16, json_schema_extra=ATOMIC, description="PD's members."
    )
    members_summary: str | None = Field(default=None, max_length=32, description="For the column, such as 3/3.")
    stores: StoreCounts | None = Field(default=None, description="Stores by state.")
    stores_summary: str | None = Field(default=None, max_length=32, description="For the column, such as 58/60.")
    catalog: tuple[CatalogEntry, ...] = Field(
        default=(), max_length=64, json_schema_extra=ATOMIC, description="Every action that can be asked for."
    )
    in_flight: tuple[InFlight, ...] = Field(
        default=(), max_length=MAX_IN_FLIGHT, json_schema_extra=ATOMIC, description="Who is writing or verifying now."
    )
    recent_writes: tuple[RecentWrite, ...] = Field(
        default=(),
        max_length=MAX_RECENT_WRITES,
        json_schema_extra=ATOMIC,
        description="Writes claimed in the last hour, oldest first; limits are counted from it.",
    )
    mode: Mode | None = Field(
        default=None, description="The mode that holds for this Subject now; empty without an OperatorPolicy."
    )
    pending: Count | None = Field(default=None, description="Proposals that have not ended.")
    standing: Count | None = Field(default=None, description="Standing changes that have not ended.")
    stopped: bool | None = Field(default=None, description="Whether an EmergencyStop holds.")
    violations: tuple[Violation, ...] = Field(
        default=(),
        max_length=MAX_VIOLATIONS,
        json_schema_extra=ATOMIC,
        description="Invariants seen violated, those still in their grace period too.",
    )
    tickets: Count | None = Field(default=None, description="Tickets that are open.")
    observed_time: Timestamp | None = Field(
        default=None, description="When it was last read (to the minute while nothing changes)."
    )
    message: str | None = Field(default=None, max_length=4096, description="What is wrong and what to do.")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=KEYED_BY_TYPE,
        description="Ready, Reachable, MetricsReadable, Duplicate, VersionProved, Managed, GuardActive.",
    )


class Subject(Resource):
    """One managed cluster."""

    info: ClassVar[KindInfo] = KindInfo(
        plural="subjects",
        short="subj",
        description="One managed cluster: how to reach it, how it is, and every action that can be asked for.",
        columns=(
            Column("Mode", ".status.mode"),
            Column("Health", ".status.health"),
            Column(
                "Observed",
                ".status.observedTime",
                "date",
                description="How long ago the operator last looked; it notes that once a minute at least.",
            ),
            Column("Stores", ".status.storesSummary"),
            Column("PD", ".status.membersSummary"),
            Column("Tickets", ".status.tickets", "integer"),
            Column("Pending", ".status.pending", "integer"),
            Column("Standing", ".status.standing", "integer"),
            Column("Stopped", ".status.stopped", "boolean"),
            Column(
                "Guard",
                '.status.conditions[?(@.type=="GuardActive")].status',
                description="Whether the admission policies stand as shipped; where not, nothing executes.",
            ),
            AGE,
            Column("Version", ".status.version", wide=True),
            Column("Manager", ".status.manager", wide=True),
            Column("Metrics", ".spec.tikv.prometheusUrl", wide=True),
        ),
        selectable=(".status.health",),
        spec_rules=(
            Rule(
                "self.type != 'TiKV' || has(self.tikv)",
                "spec.tikv is required for type TiKV: say how to reach PD",
                field_path=".tikv",
                reason="FieldValueRequired",
            ),
            Rule(
                "!has(self.tikv) || (has(self.tikv.endpoints) != has(self.tikv.serviceRef))",
                "spec.tikv needs exactly one of endpoints and serviceRef",
                field_path=".tikv",
                reason="FieldValueInvalid",
            ),
        ),
    )

    spec: SubjectSpec
    status: SubjectStatus = SubjectStatus()
