"""EmergencyStop: its existence stops its namespace, or the named subjects of it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from watchkeeper.api.v1alpha1.meta import AGE, LIST_SET, ApiModel, Column, KindInfo, ObjectName, Resource


class EmergencyStopSpec(ApiModel):
    """Why, and how far it reaches."""

    reason: str = Field(min_length=1, max_length=1024, description="Why everything must stop.")
    subjects: tuple[ObjectName, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=32,
        json_schema_extra=LIST_SET,
        description=(
            "Only these Subjects; absent: all of the namespace. Refused in "
            "the operator's own namespace, where a stop stops everything."
        ),
    )
    by: str | None = Field(default=None, max_length=253, description="User name; stamped where the API server can.")


MAX_SCOPE = 256
EVERYTHING = "everything"
"""The scope of a stop in the operator's own namespace."""


class EmergencyStopStatus(ApiModel):
    """How far it reaches; written by the operator only, and only for people: what stops is the object itself."""

    scope: str | None = Field(
        default=None,
        max_length=MAX_SCOPE,
        description=(
            "everything (in the operator's own namespace), namespace, or the named Subjects. Empty: no operator has "
            "seen it yet; it holds all the same."
        ),
    )


class EmergencyStop(Resource):
    """Its existence stops its namespace, or the named subjects of it."""

    info: ClassVar[KindInfo] = KindInfo(
        plural="emergencystops",
        short="estop",
        description=(
            "Its existence stops its namespace; one in the operator's own namespace "
            "stops everything. Deleting it needs the verb resume and a person."
        ),
        columns=(
            Column("Scope", ".status.scope"),
            Column("Reason", ".spec.reason"),
            Column("By", ".spec.by"),
            AGE,
        ),
        immutable=True,
        immutable_message="an EmergencyStop is immutable: create another, or delete it (verb resume)",
    )

    spec: EmergencyStopSpec
    status: EmergencyStopStatus = EmergencyStopStatus()

    def covers(self, subject: str) -> bool:
        """Whether this stop, in the subject's own namespace, holds for the subject."""
        return not self.spec.subjects or subject in self.spec.subjects
