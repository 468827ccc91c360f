"""The CustomResourceDefinition of a kind."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from watchkeeper.admission.files import Manifest, to_yaml
from watchkeeper.api.v1alpha1 import KINDS, Resource
from watchkeeper.api.v1alpha1.meta import CATEGORY, GROUP, VERSION, Column
from watchkeeper.crdgen.rules import cel, spec_rules
from watchkeeper.crdgen.structural import Schema, structural_schema
from watchkeeper.crdgen.walker import CEL, problems
from watchkeeper.errors import Invalid

COMMAND = "python -m watchkeeper.crdgen"


def crd(kind: type[Resource]) -> Manifest:
    """The CRD of a kind.

    Raises:
        Invalid: the model says something that a CRD cannot, or a bound or description is missing; every path is named.
    """
    info = kind.info
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{info.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.__name__,
                "listKind": f"{kind.__name__}List",
                "plural": info.plural,
                "singular": kind.__name__.lower(),
                "shortNames": [info.short],
                "categories": [CATEGORY],
            },
            "versions": [_version(kind)],
        },
    }


def crds() -> list[Manifest]:
    """The CRDs of every kind."""
    return [crd(kind) for kind in KINDS]


def crd_files() -> dict[str, str]:
    """File name to content, as they stand in `crds/`."""
    return {f"{item['metadata']['name']}.yaml": to_yaml([item], command=COMMAND) for item in crds()}


def _version(kind: type[Resource]) -> dict[str, Any]:
    info = kind.info
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(column) for column in info.columns],
        "schema": {"openAPIV3Schema": root_schema(kind)},
    }
    if info.has_status:
        version["subresources"] = {"status": {}}
    if info.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in info.selectable]
    return version


def root_schema(kind: type[Resource]) -> Schema:
    """The checked schema of a whole object; `apiVersion`, `kind` and `metadata` are the API server's own."""
    info = kind.info
    spec = structural_schema(_member(kind, "spec"), "spec", defaults=True)
    rules = spec_rules(info, spec)
    if rules:
        spec[CEL] = rules
    root: Schema = {
        "type": "object",
        "description": info.description,
        "required": ["spec"],
        "properties": {"spec": spec},
    }
    if info.has_status:
        root["properties"]["status"] = structural_schema(_member(kind, "status"), "status", defaults=False)
    if info.root_rules:
        root[CEL] = [cel(rule) for rule in info.root_rules]
    found = problems(root, kind.__name__)
    if found:
        raise Invalid(found)
    return root


def _member(kind: type[Resource], name: str) -> type[BaseModel]:
    model = kind.model_fields[name].annotation
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise Invalid([f"{kind.__name__}.{name}: must be one model, without None"])
    return model


def _column(column: Column) -> dict[str, Any]:
    out: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.wide:
        out["priority"] = 1
    if column.description:
        out["description"] = column.description
    return out
