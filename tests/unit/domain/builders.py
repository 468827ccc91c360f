"""Objects to decide about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from watchkeeper.api.v1alpha1 import ActionProposal, EmergencyStop, OperatorPolicy, Subject
from watchkeeper.api.v1alpha1.actionproposal import Plan, PlanPredicate, PlanStep
from watchkeeper.domain.orders import Orders, orders_of
from watchkeeper.domain.sense import Known

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
ONE_OF_ONE: dict[str, Any] = {
    "required": 1,
    "granted": 1,
    "open": True,
    "distinctFromProposer": True,
    "allowServiceAccounts": False,
    "digestRequired": False,
    "summary": "1/1",
}
"""`status.approval` where one person is needed and counted, as stored."""


KNOWN = Known(
    actions=frozenset({"transfer-leader", "transfer-peer", "drain-store", "undrain-store", "wait", "drain"}),
    undos=frozenset({"undrain-store"}),
)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def proposal(status: dict[str, Any] | None = None, **spec: Any) -> ActionProposal:
    return ActionProposal.model_validate(
        {
            "kind": "ActionProposal",
            "metadata": {
                "name": "p",
                "namespace": "team",
                "uid": "u-1",
                "generation": 1,
                "creationTimestamp": NOW.isoformat(),
            },
            "spec": {
                "subjectRef": {"name": "tikv"},
                "action": {"source": "Subject", "name": "transfer-leader", "parameters": {"region": 42}},
                "reason": "hot",
                "proposedBy": "alice",
                **spec,
            },
            "status": status or {},
        }
    )


def policy(**spec: Any) -> OperatorPolicy:
    return OperatorPolicy.model_validate(
        {
            "metadata": {"name": "default", "namespace": "team"},
            "spec": {"mode": "Execute", "approval": {"mode": "ByRisk"}, **spec},
        }
    )


def orders(**spec: Any) -> Orders:
    """What that policy means."""
    return orders_of(policy(**spec), KNOWN)


def stop(namespace: str = "team", subjects: list[str] | None = None) -> EmergencyStop:
    spec: dict[str, Any] = {"reason": "fire"}
    if subjects is not None:
        spec["subjects"] = subjects
    return EmergencyStop.model_validate({"metadata": {"name": "s", "namespace": namespace}, "spec": spec})


def subject(status: dict[str, Any] | None = None, **tikv: Any) -> Subject:
    return Subject.model_validate(
        {
            "metadata": {"name": "tikv", "namespace": "team", "uid": "s-1", "generation": 1},
            "spec": {"type": "TiKV", "tikv": {"endpoints": ["http://pd:2379"], **tikv}},
            "status": status or {},
        }
    )


def plan(*, voters: list[int] | None = None, summary: str = "move it") -> Plan:
    predicate = PlanPredicate(type="Voters", text="voters", values={"stores": voters or [1, 2, 3]})
    step = PlanStep(
        action="transfer-leader",
        parameters={"region": 42, "toStore": 2},
        targets=("region/42",),
        predicates=(predicate,),
        effect="e",
        undo="u",
    )
    return Plan(summary=summary, steps=(step,))
