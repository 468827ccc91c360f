"""What a simulated cluster begins with, and how it is built."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from watchkeeper.simulator.knobs import Knobs
from watchkeeper.simulator.layout import RegionSpec, require_layout
from watchkeeper.simulator.timeline import TimelineEntry, unknown_names
from watchkeeper.simulator.workload.spec import WorkloadSpec
from watchkeeper.simulator.world.placement import Rule
from watchkeeper.simulator.world.registration import StoreSpec


def _filled(pattern: str, **parts: str | int) -> str:
    """The pattern itself, once it is known that it can be filled.

    Raises:
        ValueError: it has other parts than there are, or is no pattern.
    """
    try:
        pattern.format(**parts)
    except (KeyError, IndexError, AttributeError, ValueError) as error:
        allowed = ", ".join(f"{{{name}}}" for name in parts)
        raise ValueError(f"may have only {allowed} in it") from error
    return pattern


MemberName = Annotated[str, AfterValidator(lambda text: _filled(text, i=0))]
StoreName = Annotated[str, AfterValidator(lambda text: _filled(text, i=0, id=1, ns="", zone=""))]


_PATTERNS = {
    "store_list": ("stores", "zones", "address", "status_address", "capacity_gib"),
    "region_list": ("regions", "region_size_mib"),
}
"""What lists of stores and regions take the place of."""


class Scenario(BaseModel):
    """A cluster in its first moment. In `address` and `status_address` stand {i} (from 0), {id}, {ns} and {zone}."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(default="", description="what happens, in a few words")
    description: str = Field(default="", description="what happens, for somebody who does not know the product")
    look_at: tuple[str, ...] = Field(default=(), description="what to look at while it runs")
    timeline: tuple[TimelineEntry, ...] = Field(default=(), description="what happens, and when")
    cluster_id: int = Field(default=7_710_446_740_134_071_411, ge=1, le=2**64 - 1)
    version: str = "v8.5.7"
    members: int = Field(default=1, ge=1, le=7)
    member_name: MemberName = "pd-{i}"
    stores: int = Field(default=6, ge=0, le=1000)
    zones: int = Field(default=3, ge=1, le=1000)
    namespace: str = "tikv"
    address: StoreName = "tikv-{i}.tikv-peer.{ns}.svc:20160"
    status_address: StoreName = "tikv-{i}.tikv-peer.{ns}.svc:20180"
    regions: int = Field(default=66, ge=0, le=10_000_000)
    replicas: int = Field(default=3, ge=1, le=100)
    region_size_mib: int = Field(default=96, ge=1, le=1_000_000)
    capacity_gib: int = Field(default=100, gt=0, le=1_000_000, description="of each store")
    computed: bool = Field(
        default=False,
        description="regions are worked out when asked for: up to ten million, without load, never split or merged",
    )
    bootstrapped: bool = True
    max_store_down_seconds: float = Field(default=1800.0, gt=0, le=31_536_000)
    rules: tuple[Rule, ...] = ()
    store_list: tuple[StoreSpec, ...] = ()
    region_list: tuple[RegionSpec, ...] = ()
    workload: WorkloadSpec = WorkloadSpec()
    knobs: Knobs = Knobs()

    @model_validator(mode="after")
    def _is_computable(self) -> Self:
        if self.computed and not self.workload.is_quiet:
            raise ValueError("a computed population takes no workload: leave out `workload` or `computed`")
        if self.computed and (
            self.store_list or self.region_list or self.replicas > self.zones or self.zones > self.stores
        ):
            raise ValueError(
                "a computed population needs `stores`, at least as many as `zones`, and those as `replicas`"
            )
        return self

    @model_validator(mode="after")
    def _says_nothing_twice(self) -> Self:
        for listed, patterns in _PATTERNS.items():
            given = [name for name in patterns if name in self.model_fields_set]
            if getattr(self, listed) and given:
                raise ValueError(
                    f"{given[0]} has no effect where {listed} names them one by one: leave one of both out"
                )
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        try:
            stores = self.store_specs
        except ValidationError as error:
            place, told = error.errors()[0]["loc"][0], error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ValueError(f"{place} gives a store that cannot be: {told}") from error
        if self.members > 1 and self.member_name.format(i=0) == self.member_name.format(i=1):
            raise ValueError("member_name gives all members the same name: put {i} into it")
        require_layout(stores, self.region_list)
        return self

    @property
    def store_specs(self) -> tuple[StoreSpec, ...]:
        """The stores that it begins with: those of the list, or as many as the pattern gives."""
        return self.store_list or tuple(self._store(number) for number in range(self.stores))

    def _store(self, number: int) -> StoreSpec:
        zone = f"z{number % self.zones + 1}"
        names = {"i": number, "id": number + 1, "ns": self.namespace, "zone": zone}
        return StoreSpec(
            id=number + 1,
            address=self.address.format(**names),
            status_address=self.status_address.format(**names),
            labels={"zone": zone, "host": f"h{number + 1}"},
            capacity_gib=self.capacity_gib,
        )

    @model_validator(mode="after")
    def _heals_what_it_named(self) -> Self:
        unknown = unknown_names(self.timeline)
        if unknown:
            raise ValueError(f"the timeline heals {', '.join(unknown)}, which no earlier entry has as its name")
        return self
