"""CEL rules of a proposal's spec: what people have said stays said."""

from __future__ import annotations

from watchkeeper.api.v1alpha1.meta import Rule

APPEND_ONLY = Rule(
    rule=(
        "[0,1,2,3,4,5,6,7].all(i, i >= size(oldSelf.?approvals.orValue([])) || "
        "(i < size(self.?approvals.orValue([])) && self.approvals[i] == oldSelf.approvals[i]))"
    ),
    message=(
        "spec.approvals is append-only: an entry cannot be changed, removed or reordered. Append yours: "
        'kubectl patch ap NAME --type json -p \'[{"op":"add","path":"/spec/approvals/-","value":'
        '{"by":"YOU","decision":"Approved","digest":"STATUS.DIGEST"}}]\''
    ),
    field_path=".approvals",
    reason="FieldValueForbidden",
)


def write_once(field: str) -> Rule:
    """The field may be set once and never changed or removed."""
    return Rule(
        rule=f"!has(oldSelf.{field}) || (has(self.{field}) && self.{field} == oldSelf.{field})",
        message=f"spec.{field} is write-once",
        field_path=f".{field}",
        reason="FieldValueForbidden",
    )
