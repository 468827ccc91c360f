"""Compare-and-set on single fields of a status, whatever else is written meanwhile.

Why it is safe: the API server applies a JSON patch to the object as stored and writes the result only if nobody wrote in
between (it applies the patch anew otherwise), so all `test` operations hold at the moment of the write. The `uid` is
tested as well: an object deleted and made again under the same name is another one.

Two things a plain `test` of the old value cannot say: that a field is absent (a `test` on a missing path is an error in
RFC 6902, and differs between libraries), and that a stored value *means* the old one though it is spelled otherwise (an
entry written by an older version, without a field that has a default). So where the first patch fails its tests, the
object is read: if our model reads a field as another value, that is the conflict. Else a second patch tests exactly what
was read just now: the stored JSON of each field that is there, and for fields that are not, the resourceVersion of the
whole object, under which they are known to be absent. Either way every test pins a state that was compared with `old`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.answers import PatchTestFailed
from watchkeeper.adapters.kubernetes.connection import JSON_PATCH, Requester
from watchkeeper.adapters.kubernetes.patches import Operation, pointer, put, removed, tested
from watchkeeper.adapters.kubernetes.stored import parsed, status_of
from watchkeeper.errors import Conflict
from watchkeeper.ports.objects import R

MAX_ROUNDS = 5
"""Patches after a fresh read; each fails only if somebody else wrote between that read and the patch."""

Changes = Mapping[str, tuple[Any, Any]]


async def swap_status(connection: Requester, obj: R, changes: Changes) -> R:
    """Set status fields if and only if each still has its old value; see `ports.objects`.

    Raises:
        Conflict: one of the fields has another value, or others wrote all the time.
    """
    if not changes:
        return obj
    uid = [tested("/metadata/uid", obj.metadata.uid)] if obj.metadata.uid else []
    if all(old is not None and new is not None for old, new in changes.values()):
        operations = [*uid, *(tested(pointer("status", field), old) for field, (old, _) in changes.items())]
        operations += [put(pointer("status", field), new) for field, (_, new) in changes.items()]
        try:
            return await _patched(connection, obj, operations)
        except PatchTestFailed:
            pass  # absent, spelled otherwise, or changed: the read tells
    for _ in range(MAX_ROUNDS):
        raw = await connection.request("GET", paths.of_object(obj))
        _compare(obj, parsed(type(obj), raw), changes)
        try:
            return await _patched(connection, obj, [*uid, *as_stored(raw, changes)])
        except PatchTestFailed:
            continue
    raise Conflict(f"{obj.key}: others write its status all the time: read again")


def as_stored(raw: Mapping[str, Any], changes: Changes) -> list[Operation]:
    """The operations that test what `raw` holds and then set the new values."""
    status = raw.get("status")
    fields: Mapping[str, Any] = status if isinstance(status, Mapping) else {}
    tests = [tested(pointer("status", field), fields[field]) for field in changes if field in fields]
    if any(field not in fields for field in changes):
        tests.append(tested("/metadata/resourceVersion", raw["metadata"]["resourceVersion"]))
    if not isinstance(status, Mapping):
        return [*tests, put("/status", {field: new for field, (_, new) in changes.items() if new is not None})]
    return tests + [
        removed(pointer("status", field)) if new is None else put(pointer("status", field), new)
        for field, (_, new) in changes.items()
        if new is not None or field in fields
    ]


def _compare(obj: R, stored: R, changes: Changes) -> None:
    """Compare by meaning, through the model."""
    if obj.metadata.uid and stored.metadata.uid != obj.metadata.uid:
        raise Conflict(f"{obj.key}: deleted and made again under the same name: read again")
    values = status_of(stored).wire()
    for field, (old, _) in changes.items():
        if values.get(field) != old:
            raise Conflict(f"{obj.key}: status.{field} has changed: read again")


async def _patched(connection: Requester, obj: R, operations: list[Operation]) -> R:
    raw = await connection.request("PATCH", paths.of_object(obj, "status"), operations, content=JSON_PATCH)
    return parsed(type(obj), raw)
