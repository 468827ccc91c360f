"""What every kind shares: the base models, object metadata, references and the description of a kind for its CRD.

Conventions (Kubernetes API conventions): camelCase on the wire, no floats, no nullable, every string and list bounded,
a description on every field. Reading ignores unknown fields, so that a newer CRD does not break an older operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

GROUP = "watchkeeper.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORY = "watchkeeper"
MAX_INTEGER = 2**53 - 1

ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}
LIST_SET: JsonDict = {"x-kubernetes-list-type": "set"}
KEYED_BY_TYPE: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
KEYED_BY_BY: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["by"]}


def rfc3339(moment: datetime) -> str:
    """The moment in UTC to the second, as Kubernetes writes `metav1.Time`."""
    try:
        universal = moment.astimezone(UTC)
    except OverflowError:  # the first or last day of the calendar, in a zone beyond which there is none in UTC
        universal = moment.replace(tzinfo=UTC)
    return universal.strftime("%Y-%m-%dT%H:%M:%SZ")


Timestamp = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""An aware moment; written to the second."""

GivenTime = Annotated[
    Timestamp,
    Field(
        json_schema_extra={
            "pattern": (
                r"^([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}"
                r"(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
            )
        }
    ),
]
"""A moment that people write. `format: date-time` alone lets in what no reader takes: the year 0, zones of 99 hours, and
any character before fractions of a second (k8s.io/kube-openapi, strfmt.IsDateTime)."""

FreeObject = Annotated[
    dict[str, Any], Field(max_length=64, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
]
"""An open map: only for parameters of actions and for values in a plan."""

Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
"""A whole number that is never negative; JSON readers hold integers exactly up to 2^53-1."""

Target = Annotated[str, Field(min_length=1, max_length=253)]
"""What an action touches, such as region/42 or store/7."""

ObjectName = Annotated[str, Field(min_length=1, max_length=253)]
"""The name of an object."""


class ApiModel(BaseModel):
    """Base of everything inside an object: immutable, camelCase on the wire."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
    )

    def wire(self) -> dict[str, Any]:
        """The JSON form with absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields set to other values (already validated ones)."""
        return self.model_copy(update=changes)


class OwnerReference(ApiModel):
    """An object that takes this one along when it is deleted (Kubernetes' garbage collection)."""

    api_version: str
    kind: str
    name: str
    uid: str


class ObjectMeta(ApiModel):
    """The part of `metadata` that Watchkeeper reads."""

    name: str = ""
    generate_name: str | None = None
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class LocalRef(ApiModel):
    """The name of an object in the same namespace."""

    name: str = Field(min_length=1, max_length=253, description="Name of the object, in the same namespace.")


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column; `wide` ones show with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule at the root of a kind or on its spec (`x-kubernetes-validations`)."""

    rule: str
    message: str
    field_path: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What the CRD of a kind needs beside the schema of its spec and status.

    `immutable` says that spec may not change but for the fields in `mutable`: the rule is generated from the model.
    """

    plural: str
    short: str
    description: str
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    root_rules: tuple[Rule, ...] = ()
    spec_rules: tuple[Rule, ...] = ()
    immutable: bool = False
    immutable_message: str = ""
    mutable: tuple[str, ...] = ()
    has_status: bool = True


AGE = Column("Age", ".metadata.creationTimestamp", "date")


class Resource(ApiModel):
    """A whole object. Kinds give `info` and typed `spec` and `status`."""

    info: ClassVar[KindInfo]

    api_version: str = API_VERSION
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()

    @property
    def key(self) -> Key:
        """Where the object lives."""
        return Key(type(self).__name__, self.metadata.namespace, self.metadata.name)


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Kind, namespace and name: what the queue holds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """For logs and events."""
        return f"{self.kind}/{self.namespace}/{self.name}"
