"""Parameters of actions: their models, and every error at once, each with its path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from watchkeeper.api.v1alpha1.meta import MAX_INTEGER
from watchkeeper.subjects.tikv.pd.models import PDStore
from watchkeeper.subjects.tikv.topology import Topology, is_tikv, pod_of

_POD = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_NUMERAL = re.compile(r"^[0-9]{1,16}$")


def _store_name(value: Any) -> int | str:
    if isinstance(value, str) and _NUMERAL.match(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_INTEGER:
        return value
    if isinstance(value, str) and _POD.match(value):
        return value
    raise PydanticCustomError("store", "must be the id of a store or the name of its pod, such as 7 or tikv-5")


StoreName = Annotated[
    int | str,
    PlainValidator(_store_name),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_INTEGER},
                {"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
            ]
        }
    ),
]
"""A store by id, by id as text, or by the name of its pod."""

RegionId = Annotated[int, Field(strict=True, ge=1, le=MAX_INTEGER)]


class Parameters(BaseModel):
    """Base of all: camelCase names, nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class TransferLeader(Parameters):
    """Of transfer-leader."""

    region: RegionId = Field(description="Id of the region.")
    to_store: StoreName = Field(description="The store that is to lead it, by id or pod name; it must hold a voter.")


class TransferPeer(Parameters):
    """Of transfer-peer."""

    region: RegionId = Field(description="Id of the region.")
    from_store: StoreName = Field(description="The store that gives its replica up, by id or pod name.")
    to_store: StoreName = Field(description="The store that gets it, by id or pod name.")


class DrainStore(Parameters):
    """Of drain-store."""

    store: StoreName = Field(description="The store that is to lead nothing, by id or pod name.")
    seconds: Annotated[int, Field(strict=True, ge=60, le=86400)] = Field(description="For how long.")


class UndrainStore(Parameters):
    """Of undrain-store."""

    store: StoreName = Field(description="The store that may lead again, by id or pod name.")


@dataclass(slots=True)
class Checked:
    """What is good among the parameters, and what is wrong with the others."""

    values: dict[str, Any]
    problems: list[str]

    def number(self, name: str) -> int | None:
        """A whole number that is good."""
        value = self.values.get(name)
        return value if isinstance(value, int) else None


def check(model: type[Parameters], given: Mapping[str, Any]) -> Checked:
    """Check each parameter against the model by itself, so that no error hides another."""
    try:
        values = model.model_validate(dict(given)).model_dump(by_alias=True)
        return Checked(values, [])
    except ValidationError as error:
        details = error.errors()
    known = ", ".join(field.alias or name for name, field in model.model_fields.items())
    bad = {str(detail["loc"][0]) for detail in details if detail["loc"]}
    problems = [f"parameters.{detail['loc'][0]}: {_text(detail, known)}" for detail in details if detail["loc"]]
    return Checked({name: _plain(value) for name, value in given.items() if name not in bad}, problems)


def resolve_stores(checked: Checked, topology: Topology, names: tuple[str, ...]) -> dict[str, PDStore]:
    """Find the named stores in the inventory; ids replace names in `checked`, problems are added to it."""
    found: dict[str, PDStore] = {}
    for name in names:
        if name not in checked.values:
            continue
        store = _resolve(checked.values[name], topology)
        if isinstance(store, str):
            checked.problems.append(f"parameters.{name}: {store}")
            del checked.values[name]
            continue
        checked.values[name] = store.store.id
        found[name] = store
    return found


def _resolve(given: int | str, topology: Topology) -> PDStore | str:
    if isinstance(given, int):
        stores = [store for store in topology.stores if store.store.id == given]
    else:
        stores = [store for store in topology.stores if pod_of(store) == given]
    if not stores:
        what = f"store {given}" if isinstance(given, int) else f"a store in pod {given}"
        return f"{what} is not in the cluster; stores are {topology.inventory()}"
    if len(stores) > 1:
        ids = ", ".join(str(store.store.id) for store in stores)
        return f"pod name {given} stands for stores {ids}: give the id"
    if not is_tikv(stores[0]):
        return f"store {stores[0].store.id} is a TiFlash store; it leads no regions and is left alone"
    return stores[0]


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _NUMERAL.match(value) else value


def _text(detail: ErrorDetails, known: str) -> str:
    limits = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return f"is not known; the parameters are {known}"
        case "greater_than_equal":
            return f"must be at least {limits['ge']}, not {detail['input']}"
        case "less_than_equal":
            return f"must be at most {limits['le']}, not {detail['input']}"
        case "int_type":
            return f"must be a whole number, not {_shown(detail['input'])}"
        case "store":
            return f"{detail['msg']}, not {_shown(detail['input'])}"
    return detail["msg"]


def _shown(value: Any) -> str:
    """A wrong value is told to everybody who reads status and Events: numbers as they are, of a text only how long it is."""
    if isinstance(value, str) and not _NUMERAL.match(value):
        return f"a text of {len(value)} characters"
    if isinstance(value, bool | int | float | str) or value is None:
        return repr(value)[:64]
    return f"a {type(value).__name__}"
