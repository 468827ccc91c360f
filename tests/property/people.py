"""What people, other programs and the database do; as admission lets them where it is there, and as a forger would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from tests.memory_api import Raw
from tests.property.cluster import OTHERS, Operator
from tests.property.gate import run_through
from tests.property.ledger import SUBJECT, Decided, Proposal
from tests.property.stage import NAMESPACE, Stage
from tests.property.witness import Witness
from watchkeeper.adapters.kubernetes.connection import MERGE_PATCH
from watchkeeper.api.v1alpha1.meta import rfc3339

PROPOSERS = ("alice", "bob")
APPROVERS = ("bob", "carol", "dave", "system:serviceaccount:team:bot")
ROOT = "/apis/watchkeeper.dev/v1alpha1/namespaces"
POLICIES: dict[str, Raw | None] = {
    "by risk": {"mode": "Execute", "approval": {"mode": "ByRisk"}},
    "always": {"mode": "Execute", "approval": {"mode": "Always", "quorum": {"medium": 2, "high": 3}}},
    "never": {"mode": "Execute", "approval": {"mode": "Never"}, "retry": {"maxAttempts": 5}},
    "anybody": {
        "mode": "Execute",
        "approval": {"mode": "ByRisk", "distinctFromProposer": False, "allowServiceAccounts": True},
    },
    "short": {"mode": "Execute", "approval": {"mode": "ByRisk", "validSeconds": 60}},
    "tight": {
        "mode": "Execute",
        "approval": {"mode": "ByRisk"},
        "limits": {"maxActionsPerHour": 3, "cooldownSeconds": 20},
    },
    "observe": {"mode": "Observe", "approval": {"mode": "Never"}},
    "senseless": {"mode": "Execute"},
    "unreadable": {"mode": "Perhaps"},
    "none": None,
}
FORGERIES = ("unsigned", "wrong digest", "proposer", "service account", "other digest")
EDITS = ("plan", "plan and digest", "granted", "required", "risk", "attempts allowed")


class People:
    """Acts on the stage; the ledger is told what was honest."""

    def __init__(self, stage: Stage, witness: Witness) -> None:
        self.stage = stage
        self.witness = witness
        self.ledger = witness.ledger
        self.made = 0

    def _request(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Any:
        return run_through(self.stage.api.request(method, f"{ROOT}/{path}", body, content=content))

    def _create(self, plural: str, name: str, spec: Raw, namespace: str = NAMESPACE) -> None:
        meta = {"name": name, "namespace": namespace}
        self._request("POST", f"{namespace}/{plural}", {"metadata": meta, "spec": spec})

    def _merge(self, plural: str, name: str, patch: Raw) -> None:
        self._request("PATCH", f"{NAMESPACE}/{plural}/{name}", patch, MERGE_PATCH)

    def _raw(self, plural: str, name: str) -> Raw | None:
        return self.stage.api.objects.get((plural, NAMESPACE, name))

    def names(self, plural: str, namespace: str = NAMESPACE) -> list[str]:
        """What there is."""
        return [place[2] for place in self.stage.api.objects if place[:2] == (plural, namespace)]

    def live(self, *phases: str) -> list[Proposal]:
        """Proposals in these phases."""
        known = (p for p in self.ledger.proposals.values() if not p.gone)
        return [p for p in known if p.status.get("phase", "Proposed") in phases]

    # --- proposals

    def propose(self, action: str, parameters: Raw, by: str, attempts: int | None = None) -> str:
        """A new one."""
        self.made += 1
        name = f"p{self.made}"
        spec: Raw = {
            "subjectRef": {"name": SUBJECT},
            "action": {"source": "Subject", "name": action, "parameters": parameters},
            "reason": "r",
            "proposedBy": by,
        }
        if attempts is not None:
            spec["retry"] = {"maxAttempts": attempts}
        self._create("actionproposals", name, spec)
        return name

    def _add(self, proposal: Proposal, entry: Raw) -> bool:
        """Append a decision, as the rule of the kind lets one: each name once, at most eight."""
        raw = self._raw("actionproposals", proposal.name)
        given = list(raw["spec"].get("approvals", [])) if raw is not None else []
        if raw is None or len(given) >= 8 or entry["by"] in {e["by"] for e in given}:
            return False
        self._merge("actionproposals", proposal.name, {"spec": {"approvals": [*given, entry]}})
        return True

    def approve(self, proposal: Proposal, who: str) -> None:
        """A person who is asked by admission what admission asks."""
        status = proposal.status
        rules = status.get("approval", {})
        if status.get("phase") != "Validated" or not rules.get("open"):
            return
        if rules["distinctFromProposer"] and who == proposal.spec["proposedBy"]:
            return
        if not rules["allowServiceAccounts"] and who.startswith("system:"):
            return
        if self._add(proposal, {"by": who, "decision": "Approved", "digest": status["digest"]}):
            subject = self._raw("subjects", SUBJECT) or {"metadata": {"uid": ""}, "status": {}}
            proposal.decided.append(
                Decided(
                    who,
                    status["digest"],
                    status["plan"]["steps"],
                    subject["metadata"]["uid"],
                    subject["status"].get("clusterId", ""),
                )
            )

    def reject(self, proposal: Proposal, who: str) -> None:
        """Final."""
        if self._add(proposal, {"by": who, "decision": "Rejected", "reason": "no"}):
            proposal.rejected = True

    def cancel(self, proposal: Proposal) -> None:
        """Taken back, once."""
        raw = self._raw("actionproposals", proposal.name)
        if raw is None or "cancel" in raw["spec"]:
            return
        self._merge("actionproposals", proposal.name, {"spec": {"cancel": {"reason": "no more", "by": "alice"}}})

    def acknowledge(self, proposal: Proposal) -> None:
        """A person has looked."""
        said = {"outcome": "Failed", "reason": "looked", "by": "carol"}
        self._merge("actionproposals", proposal.name, {"spec": {"acknowledge": said}})

    def forge(self, proposal: Proposal, how: str, other: Proposal) -> None:
        """An entry that admission would not let in, or that would count for nothing."""
        digest = proposal.status.get("digest", "sha256:" + "0" * 64)
        entry = {"by": "@me", "decision": "Approved", "digest": digest}
        match how:
            case "wrong digest":
                entry |= {"by": "mallory", "digest": "sha256:" + "f" * 64}
            case "proposer":
                entry["by"] = proposal.spec["proposedBy"]
            case "service account":
                entry["by"] = "system:serviceaccount:team:forger"
            case "other digest":
                entry |= {"by": "eve", "digest": other.status.get("digest", "sha256:" + "e" * 64)}
                if entry["digest"] == digest:
                    return
        self._add(proposal, entry)

    def edit_status(self, proposal: Proposal, how: str) -> None:
        """Somebody got past the guards and writes status."""
        status = proposal.status
        if "plan" not in status or "approval" not in status:
            return
        (step,) = status["plan"]["steps"]
        values = {**step["parameters"], **({"store": 4} if "store" in step["parameters"] else {"toStore": 4})}
        forged = {**status["plan"], "steps": [{**step, "parameters": values}]}
        patch: dict[str, Raw] = {
            "plan": {"plan": forged},
            "plan and digest": {"plan": forged, "digest": "sha256:" + "d" * 64},
            "granted": {"approval": {**status["approval"], "granted": 8}},
            "required": {"approval": {**status["approval"], "required": 0, "distinctFromProposer": False}},
            "risk": {"risk": "Low"},
            "attempts allowed": {"attemptsAllowed": 5},
        }
        with self.editing():
            path = f"{NAMESPACE}/actionproposals/{proposal.name}/status"
            self._request("PATCH", path, {"status": patch[how]}, MERGE_PATCH)

    @contextmanager
    def editing(self) -> Iterator[None]:
        """The witness measures from here."""
        self.witness.editing = True
        try:
            yield
        finally:
            self.witness.editing = False

    def delete(self, plural: str, name: str, namespace: str = NAMESPACE) -> None:
        """Ask for its deletion."""
        if (plural, namespace, name) in self.stage.api.objects:
            self._request("DELETE", f"{namespace}/{plural}/{name}")

    # --- orders and stops

    def policy(self, which: str) -> None:
        """Write, edit or delete the one policy."""
        spec = POLICIES[which]
        old = self._raw("operatorpolicies", "default")
        if spec is None:
            self.delete("operatorpolicies", "default")
            return
        meta = {"name": "default", "namespace": NAMESPACE}
        if old is not None:
            known = old["metadata"]
            meta = {**known, "generation": known["generation"] + 1, "resourceVersion": ""}
        self.stage.api.put({"metadata": meta, "spec": spec}, "operatorpolicies")

    def stop(self, namespace: str, *, narrow: bool) -> None:
        """Everything, or one Subject."""
        spec: Raw = {"reason": "fire"}
        if narrow and namespace == NAMESPACE:
            spec["subjects"] = [SUBJECT]
        self.made += 1
        self._create("emergencystops", f"s{self.made}", spec, namespace)

    # --- the database, other people in it, and the Subject

    def subject(self) -> None:
        """Made, where it is not there."""
        if self._raw("subjects", SUBJECT) is None:
            tikv = {"endpoints": ["http://pd:2379"]}
            self._create("subjects", SUBJECT, {"type": "TiKV", "tikv": tikv, "settleSeconds": 2})

    def declare(self, store: int, seconds: int) -> None:
        """A person keeps a store for maintenance."""
        self.made += 1
        until = rfc3339(self.stage.times.now() + timedelta(seconds=seconds))
        change = {"type": "EvictLeaders", "target": f"store/{store}"}
        spec = {"subjectRef": {"name": SUBJECT}, "change": change, "untilTime": until, "reason": "maintenance"}
        self._create("standingchanges", f"declared-{self.made}", spec)

    def drift(self, how: str, number: int) -> None:
        """Other people work on the same database."""
        cluster = self.stage.cluster
        region, store = number % 3 + 1, number % 4 + 1
        match how:
            case "leader":
                cluster.leaders[region] = sorted(cluster.peers[region])[number % 3]
            case "operator":
                now = self.stage.times.now()
                cluster.operators[region] = Operator(
                    "leader", region, cluster.leaders[region], store, now, obeyed=False
                )
            case "evict":
                cluster.evicted.setdefault(store, []).append(OTHERS)
            case "release":
                cluster.evicted.pop(store, None)
            case "disobey":
                cluster.obeys = not cluster.obeys
