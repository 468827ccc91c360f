"""Between the JSON of the API server and our models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from watchkeeper.api.v1alpha1.meta import ApiModel, Resource
from watchkeeper.errors import Invalid
from watchkeeper.ports.objects import R

_SET_BY_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")


def parsed(kind: type[R], raw: Mapping[str, Any]) -> R:
    """The typed object; items of a list carry no kind, so it is set here.

    Raises:
        Invalid: what is stored does not fit our model, such as an object older than the schema; with every path.
    """
    try:
        return kind.model_validate({**raw, "kind": kind.__name__})
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        raise Invalid(problems, reason="InvalidObject") from error


def created(obj: Resource) -> dict[str, Any]:
    """What is sent to create the object: without what only the API server sets, and without empty metadata."""
    raw = obj.wire()
    raw.pop("status", None)
    raw["kind"] = type(obj).__name__
    raw["metadata"] = {key: value for key, value in raw["metadata"].items() if value and key not in _SET_BY_SERVER}
    return raw


def status_of(obj: Resource) -> ApiModel:
    """The status; only kinds that have one may be asked."""
    status = getattr(obj, "status", None)
    if not isinstance(status, ApiModel):
        raise TypeError(f"{type(obj).__name__} has no status")
    return status
