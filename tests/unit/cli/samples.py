"""Objects as an operator leaves them, for what is shown of them."""

from __future__ import annotations

import copy
from typing import Any

from watchkeeper.engine.tools import catalog as tools
from watchkeeper.subjects.tikv.catalog import ACTIONS

DIGEST = "sha256:" + "0123456789ab" + "c" * 52
API = "watchkeeper.dev/v1alpha1"


def proposal(name: str = "transfer-leader-rh2gr", *, namespace: str = "shop", **status: Any) -> dict[str, Any]:
    """One that waits for a person; `status` replaces fields of it (None takes one away), `spec` those of spec."""
    spec = {
        "subjectRef": {"name": "orders"},
        "action": {"source": "Subject", "name": "transfer-leader", "parameters": {"region": 42, "toStore": 5}},
        "reason": "region 42 is hot and store 1 is busy",
        "proposedBy": "alice",
        "dryRun": False,
        "approvals": [],
    } | status.pop("spec", {})
    whole = copy.deepcopy(WAITING) | status
    return {
        "apiVersion": API,
        "kind": "ActionProposal",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "creationTimestamp": "2026-11-21T11:57:30Z",
            "generation": 1,
        },
        "spec": {key: value for key, value in spec.items() if value is not None},
        "status": {key: value for key, value in whole.items() if value is not None},
    }


WAITING: dict[str, Any] = {
    "phase": "Validated",
    "reason": "AwaitingApproval",
    "digest": DIGEST,
    "digestPrefix": DIGEST[7:19],
    "risk": "Low",
    "target": "region 42 to tikv-5/store 5",
    "waitsFor": "Approval",
    "expiresTime": "2026-11-21T12:57:30Z",
    "message": "waits for approval by one person other than alice before 2026-11-21T12:57:30Z",
    "attemptsAllowed": 3,
    "attemptsSummary": "0/3",
    "approval": {
        "required": 1,
        "granted": 0,
        "open": True,
        "distinctFromProposer": True,
        "allowServiceAccounts": False,
        "digestRequired": False,
        "summary": "0/1",
    },
    "plan": {
        "summary": "move the leader of region 42 from tikv-1/store 1 to tikv-5/store 5",
        "preview": "store 5 leads 11 regions, store 1 14",
        "steps": [
            {
                "action": "transfer-leader",
                "parameters": {"region": 42, "toStore": 5},
                "targets": ["region/42", "store/5"],
                "predicates": [
                    {
                        "type": "voters",
                        "text": "region 42 has voters on stores 1, 2, 5",
                        "values": {"stores": [1, 2, 5]},
                    },
                    {"type": "store", "text": "store 5 is tikv-5:20160, started at 09:00", "values": {"store": 5}},
                ],
                "effect": "store 5 leads region 42",
                "undo": "propose transfer-leader of region 42 to store 1",
            }
        ],
    },
}


def subject(name: str = "orders", *, namespace: str = "shop", **status: Any) -> dict[str, Any]:
    """A healthy Subject with the whole catalog; drain-store cannot be asked for."""
    reasons = {"drain-store": "TidbCluster/orders owns the pods and would undo it"}
    entries = [
        {
            "name": action.definition.name,
            "source": "Subject",
            "description": action.definition.description,
            "risk": action.definition.risk,
            "idempotent": action.definition.idempotent,
            "available": action.definition.name not in reasons,
            "reason": reasons.get(action.definition.name, ""),
            "parameters": dict(action.definition.parameters_schema),
        }
        for action in ACTIONS.values()
    ]
    whole = {
        "mode": "Execute",
        "health": "Healthy",
        "storesSummary": "6/6",
        "membersSummary": "3/3",
        "tickets": 0,
        "pending": 2,
        "standing": 1,
        "stopped": False,
        "conditions": [_condition("Ready", "False"), _condition("GuardActive", "True")],
        "version": "v8.5.7",
        "observedTime": "2026-11-21T11:59:40Z",
        "catalog": [*entries, *(entry.wire() for entry in tools())],
    } | status
    return {
        "apiVersion": API,
        "kind": "Subject",
        "metadata": {"name": name, "namespace": namespace, "uid": name, "creationTimestamp": "2026-11-01T12:00:00Z"},
        "spec": {"type": "TiKV", "tikv": {"endpoints": ["http://pd:2379"]}},
        "status": whole,
    }


def _condition(kind: str, state: str) -> dict[str, Any]:
    return {"type": kind, "status": state, "reason": "Some", "lastTransitionTime": "2026-11-01T12:00:00Z"}


def stop(name: str = "stop-x7k2p", *, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    """A stop by hal, as the operator has seen it."""
    everywhere = namespace == "watchkeeper-system"
    return {
        "apiVersion": API,
        "kind": "EmergencyStop",
        "metadata": {"name": name, "namespace": namespace, "uid": name, "creationTimestamp": "2026-11-21T11:59:55Z"},
        "spec": {"reason": "latency rose", "by": "hal"} | spec,
        "status": {"scope": ", ".join(spec.get("subjects", ())) or ("everything" if everywhere else "namespace")},
    }


def policy(**status: Any) -> dict[str, Any]:
    """The standing orders of shop; without anything in its status as they were just made."""
    return {
        "apiVersion": API,
        "kind": "OperatorPolicy",
        "metadata": {
            "name": "default",
            "namespace": "shop",
            "uid": "opol",
            "creationTimestamp": "2026-11-01T12:00:00Z",
        },
        "spec": {"mode": "Observe"},
    } | ({"status": status} if status else {})


def standing_change(name: str, state: str | None) -> dict[str, Any]:
    """A drain in that state."""
    status = {"endTime": "2026-11-21T13:00:00Z", "state": state, "reason": "Made"} if state else {}
    return {
        "apiVersion": API,
        "kind": "StandingChange",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": "2026-11-21T11:00:00Z"},
        "spec": {
            "subjectRef": {"name": "orders"},
            "change": {"type": "EvictLeaders", "target": "store/7"},
            "untilTime": "2026-11-21T13:00:00Z",
            "reason": "a reboot",
            "owner": {"proposal": "drain-store-nphgq", "uid": "u"},
        },
        "status": status,
    }


def ticket(name: str, state: str) -> dict[str, Any]:
    """A ticket about blindness."""
    return {
        "apiVersion": API,
        "kind": "Ticket",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": "2026-11-21T11:00:00Z"},
        "spec": {"subjectRef": {"name": "orders"}, "invariant": "Blind", "target": "database"},
        "status": {"state": state, "severity": "Critical", "episodes": 1},
    }
