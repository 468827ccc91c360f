"""Objects in the forms of `-o`: the printer columns of their kind as a table, or the objects themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.meta import GROUP, Column, Resource
from watchkeeper.cli.cluster import Raw
from watchkeeper.cli.options import Format, ObjectFormat
from watchkeeper.cli.plaintext import plain, to_json, to_yaml
from watchkeeper.cli.screen import Screen
from watchkeeper.cli.times import span

_STEP = re.compile(r'\.(\w+)(?:\[\?\(@\.(\w+)=="(\w+)"\)\])?')


def show_list(
    screen: Screen,
    kind: type[Resource],
    objects: Sequence[Raw],
    output: Format | None,
    *,
    now: datetime,
    everywhere: bool,
    where: str | None = None,
) -> None:
    """Print a list.

    Args:
        screen: where.
        kind: of the objects; its printer columns are the table.
        objects: as stored.
        output: None is the table, WIDE the one with more columns.
        now: for ages.
        everywhere: show the namespaces, too.
        where: the namespace that was looked at, for the note that nothing is there; None: all.
    """
    match output:
        case Format.JSON | Format.YAML:
            whole = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
            screen.text(to_json(whole) if output is Format.JSON else to_yaml(whole))
        case Format.NAME:
            for one in objects:
                screen.text(object_name(kind, one))
        case _ if objects:
            columns = [c for c in kind.info.columns if output is Format.WIDE or not c.wide]
            head = (["Namespace"] if everywhere else []) + ["Name"]
            rows = [
                [*([one["metadata"]["namespace"]] if everywhere else []), one["metadata"]["name"]]
                + [cell(column, one, now) for column in columns]
                for one in objects
            ]
            screen.table([*head, *(column.name for column in columns)], rows)
        case _:
            screen.note(f"no {kind.info.plural} found in {f'namespace {where}' if where else 'any namespace'}")


def show_object(screen: Screen, kind: type[Resource], one: Raw, output: ObjectFormat) -> None:
    """Print one object as it is stored."""
    match output:
        case ObjectFormat.JSON:
            screen.text(to_json(one))
        case ObjectFormat.YAML:
            screen.text(to_yaml(one))
        case ObjectFormat.NAME:
            screen.text(object_name(kind, one))


def object_name(kind: type[Resource], one: Raw) -> str:
    """As kubectl names it: for other commands to take."""
    return plain(f"{kind.__name__.lower()}.{GROUP}/{one['metadata']['name']}")


def cell(column: Column, one: Raw, now: datetime) -> str:
    """What stands in the column; empty where the object says nothing."""
    value = _at(one, column.path)
    if value is None:
        return ""
    if column.type == "date":
        return span(now - datetime.fromisoformat(str(value)))
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(str(part) for part in value) if isinstance(value, list) else str(value)


def _at(one: Mapping[str, Any], path: str) -> Any:
    """What JSONPath finds; of its filters the one that columns use: `conditions[?(@.type=="Ready")]`."""
    value: Any = one
    for key, field, wanted in _STEP.findall(path):
        value = value.get(key) if isinstance(value, Mapping) else None
        if field and isinstance(value, list):
            value = next((item for item in value if isinstance(item, Mapping) and item.get(field) == wanted), None)
    return value
