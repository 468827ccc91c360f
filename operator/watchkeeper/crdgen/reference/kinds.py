"""The page of a kind: what it is, its columns, its fields, and what the API server checks."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.api.v1alpha1.meta import API_VERSION, CATEGORY, KindInfo, Resource
from watchkeeper.crdgen.document import root_schema
from watchkeeper.crdgen.reference.fields import field_table
from watchkeeper.crdgen.reference.markdown import code, document, fence, table
from watchkeeper.crdgen.structural import Schema
from watchkeeper.crdgen.walker import CEL


def page(kind: type[Resource]) -> str:
    """The page of one kind."""
    info, root = kind.info, root_schema(kind)
    parts = root["properties"]
    status = (
        "## status\n\nWritten by the operator only.\n\n" + field_table(parts["status"]) if "status" in parts else ""
    )
    return document(
        kind.__name__,
        info.description,
        _names(kind),
        "## Columns\n\n" + _columns(info, root),
        "## spec",
        _changes(info, parts["spec"]),
        field_table(parts["spec"]),
        status,
        _rules(root),
    )


def _names(kind: type[Resource]) -> str:
    info = kind.info
    rows = [
        ("apiVersion", code(API_VERSION)),
        (
            "kubectl",
            f"`kubectl get {info.short}`, `kubectl get {info.plural}`; with all others `kubectl get {CATEGORY}`",
        ),
        ("scope", "a namespace"),
    ]
    if info.selectable:
        fields = ", ".join(code(path.removeprefix(".")) for path in info.selectable)
        rows.append(("`--field-selector`", fields))
    return table(("", ""), rows)


def _columns(info: KindInfo, root: Schema) -> str:
    rows = (
        (
            column.name.upper(),
            code(column.path),
            "`-o wide`" if column.wide else "",
            column.description or _description(root, column.path),
        )
        for column in info.columns
    )
    return table(("Column", "From", "Shown with", "Meaning"), rows)


def _description(root: Schema, path: str) -> str:
    """What the schema says of the field that a column shows; metadata is the API server's own."""
    node = root
    for name in path.removeprefix(".").split("."):
        node = node.get("properties", {}).get(name, {})
    return str(node.get("description", ""))


def _changes(info: KindInfo, spec: Schema) -> str:
    if not info.immutable:
        return "Every field may be changed."
    if not info.mutable:
        return "Immutable: no field may be changed after creation."
    fixed = [name for name in spec["properties"] if name not in info.mutable]
    return (
        f"Immutable after creation: {', '.join(map(code, fixed))}. "
        f"To be added later, under the rules below: {', '.join(map(code, info.mutable))}."
    )


def _rules(root: Schema) -> str:
    found = list(_rules_below(root, "the object"))
    if not found:
        return ""
    said = "The API server checks these itself; the message is what a person reads. Who may do what is checked by the admission set."
    return "\n\n".join(["## Rules", said, *found])


def _rules_below(schema: Schema, path: str) -> Iterator[str]:
    for rule in schema.get(CEL, ()):
        where = f"{path}{rule.get('fieldPath', '')}"
        yield f"**{where}:** {rule['message']}\n\n" + fence(rule["rule"], "cel")
    for name, child in schema.get("properties", {}).items():
        yield from _rules_below(child, name if path == "the object" else f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from _rules_below(schema["items"], f"{path}[]")
