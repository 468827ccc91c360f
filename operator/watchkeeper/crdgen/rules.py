"""CEL rules of a kind, in the form that a CRD has (`x-kubernetes-validations`)."""

from __future__ import annotations

from typing import Any

from watchkeeper.api.v1alpha1.meta import KindInfo, Rule
from watchkeeper.crdgen.structural import Schema


def cel(rule: Rule) -> dict[str, Any]:
    """One rule as the API server reads it."""
    out: dict[str, Any] = {"rule": rule.rule, "message": rule.message}
    if rule.field_path is not None:
        out["fieldPath"] = rule.field_path
    if rule.reason is not None:
        out["reason"] = rule.reason
    return out


def spec_rules(info: KindInfo, spec: Schema) -> list[dict[str, Any]]:
    """The rules on spec: immutability first, where the kind has it, then its own."""
    rules = [immutability(info, spec)] if info.immutable else []
    return [cel(rule) for rule in (*rules, *info.spec_rules)]


def immutability(info: KindInfo, spec: Schema) -> Rule:
    """Every field of spec but the mutable ones stays as it was created.

    Optional fields are compared under `has()` on both sides: comparing two optionals by `?` makes the API server's
    cost estimate explode and the CRD is refused.
    """
    always = set(spec.get("required", ()))
    terms = [
        f"self.{name} == oldSelf.{name}" if name in always or "default" in field else _optional(name)
        for name, field in spec["properties"].items()
        if name not in info.mutable
    ]
    return Rule(" && ".join(terms), info.immutable_message, reason="FieldValueForbidden")


def _optional(name: str) -> str:
    return f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})"
