"""Attacks, each a dry run: refused by a policy of that name with these words, and let through when nothing is bound."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.integration.admission_world import DIGEST, LAX, OPERATOR, OTHER_DIGEST, World, approval
from tests.integration.rest import APPLY, Answer, Api

OWN = {"annotations": {"watchkeeper.dev/memory": "forged"}}
FINALIZER = {"finalizers": ["watchkeeper.dev/in-flight"]}
FOREVER = {"finalizers": ["example.com/forever"]}
GHOST = {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "ghost", "uid": "no-such-uid"}]}
"""The garbage collector deletes what has an owner that does not exist."""
ACKNOWLEDGE = {"outcome": "Failed", "reason": "looked into PD"}


@dataclass(frozen=True)
class Attack:
    """One attempt."""

    what: str
    policy: str
    words: tuple[str, ...]
    attempt: Callable[[World], Answer]
    code: int = 403
    schema: tuple[str, ...] = ()
    """What the CRD says instead, with 422, since it answers first; without a policy it is the CRD alone that refuses."""

    @property
    def guarded(self) -> bool:
        """Whether it is a policy that refuses it on a real API server."""
        return bool(self.policy) and not self.schema


def _metadata(world: World, who: str, name: str, metadata: Mapping[str, object]) -> Answer:
    return world.person(who).merge("actionproposals", world.namespace, name, {"metadata": metadata}, dry=True)


def _status(world: World, who: str, plural: str, name: str) -> Answer:
    body = {"status": {"message": "forged"}}
    return world.person(who).merge(plural, world.namespace, name, body, subresource="status", dry=True)


def _put_status(world: World, who: str, name: str) -> Answer:
    stored = world.users.admin.get("actionproposals", world.namespace, name).accepted()
    forged = copy.deepcopy(stored)
    forged["status"]["phase"] = "Completed"
    return world.person(who).put("actionproposals", world.namespace, name, forged, subresource="status", dry=True)


def _applied(world: World, who: str, name: str, body: dict[str, Any], subresource: str = "") -> Answer:
    """Server-side apply with a field manager of one's own."""
    api = world.person(who)
    whole = {"apiVersion": "watchkeeper.dev/v1alpha1", "kind": "ActionProposal", "metadata": {"name": name}, **body}
    path = api.path("actionproposals", world.namespace, name, subresource)
    return api.send("PATCH", path, whole, content=APPLY, dry=True, fieldManager=who, force="true")


def _replaced(world: World, who: Api, *path: str | int, value: object, name: str = "decided") -> Answer:
    """A JSON patch below spec."""
    operation = {"op": "replace", "path": "/spec/" + "/".join(str(part) for part in path), "value": value}
    return who.patch("actionproposals", world.namespace, name, [operation], dry=True)


def _killed(world: World, who: str, plural: str, name: str) -> Answer:
    """`kubectl delete --force`."""
    api = world.person(who)
    return api.send("DELETE", api.path(plural, world.namespace, name), None, dry=True, gracePeriodSeconds="0")


def _given(what: str, parameters: dict[str, object]) -> Attack:
    """An action that is asked for with these."""
    said = "spec.action.parameters: a parameter is a text of at most 1,024 characters"
    return Attack(
        f"create with {what}",
        "proposal-create",
        (said,),
        lambda w: w.propose(w.person("pat"), dry=True, given=parameters),
        code=422,
    )


CREATING = (
    Attack(
        "create in another's name",
        "proposal-create",
        ("spec.proposedBy is bob but you are eve",),
        lambda w: w.propose(w.person("eve"), proposedBy="bob", dry=True),
    ),
    Attack(
        "create in one's own name in another case, to approve it oneself",
        "proposal-create",
        ("spec.proposedBy is Pat but you are pat",),
        lambda w: w.propose(w.person("pat"), proposedBy="Pat", dry=True),
    ),
    Attack(
        "create already approved",
        "proposal-create",
        ("cannot be created already decided",),
        lambda w: w.propose(w.person("eve"), approvals=[approval("bob", DIGEST)], dry=True),
    ),
    Attack(
        "create already approved, as system:masters",
        "proposal-create",
        ("cannot be created already decided",),
        lambda w: w.propose(w.users.admin, approvals=[approval("test-admin", DIGEST)], dry=True),
    ),
    Attack(
        "create already cancelled",
        "proposal-create",
        ("cannot be created already decided",),
        lambda w: w.propose(w.person("eve"), cancel={"reason": "x"}, dry=True),
    ),
    Attack(
        "create already acknowledged",
        "proposal-create",
        ("cannot be created already decided",),
        lambda w: w.propose(w.person("eve"), acknowledge=ACKNOWLEDGE, dry=True),
    ),
    *(
        _given(what, {"p": value})
        for what, value in (
            ("a parameter as long as a book", "x" * 1025),
            ("a parameter within a parameter", {"a": 1}),
            ("a parameter that is nothing", None),
            ("a list within a list", [["x"]]),
            ("a list that has no end", list(range(65))),
            ("a long text in a list", ["x" * 65]),
        )
    ),
    _given("a name that has no end", {"p" * 64: 1}),
    Attack(
        "live longer than the policy allows",
        "proposal-limits",
        ("spec.expiresAfterSeconds may be at most 7200 (OperatorPolicy default",),
        lambda w: w.propose(w.person("pat"), expiresAfterSeconds=7201, dry=True),
        code=422,
    ),
    Attack(
        "create where there is no policy",
        "proposal-limits",
        ("no params found",),
        lambda w: w.propose(w.users.admin, namespace="default", dry=True),
        code=422,
    ),
)

DECIDING = (
    Attack(
        "approve before there is a plan",
        "proposal-decide",
        ("status.phase is Proposed: approve when the plan is made: kubectl -n", "wait ap proposed --for=jsonpath"),
        lambda w: w.decide(w.person("bob"), "proposed", approval(digest=DIGEST)),
        code=422,
    ),
    Attack(
        "approve while it executes",
        "proposal-decide",
        ("status.phase is Executing: it can no longer be decided",),
        lambda w: w.decide(w.person("bob"), "executing", approval()),
        code=422,
    ),
    Attack(
        "approve without the verb",
        "proposal-decide",
        (
            "eve lacks verb approve on actionproposals, actionproposals/transfer-leader or actionproposals/risk.low",
            "auth can-i approve actionproposals --subresource=transfer-leader",
        ),
        lambda w: w.decide(w.person("eve"), "low", approval()),
    ),
    Attack(
        "another plan's digest",
        "proposal-decide",
        (f"digest must be status.digest, {DIGEST}",),
        lambda w: w.decide(w.person("bob"), "low", approval(digest=OTHER_DIGEST)),
        code=422,
    ),
    Attack(
        "high risk without the digest",
        "proposal-decide",
        ("risk High: read the proposal (kubectl -n", "get ap high -o yaml) and send its status.digest"),
        lambda w: w.decide(w.person("bob"), "high", approval()),
        code=422,
    ),
    Attack(
        "approve as somebody else",
        "proposal-decide",
        ("you are bob: you may not decide as carol",),
        lambda w: w.decide(w.person("bob"), "low", approval("carol", DIGEST)),
    ),
    Attack(
        "approve in a name that looks like another's",
        "proposal-decide",
        ("you are bob: you may not decide as b\u043eb",),  # with a Cyrillic o
        lambda w: w.decide(w.person("bob"), "low", approval("b\u043eb", DIGEST)),
    ),
    Attack(
        "approve a second time in another case",
        "proposal-decide",
        ("you are bob: you may not decide as Bob",),
        lambda w: w.append(w.person("bob"), "decided", approval("Bob", DIGEST)),
    ),
    Attack(
        "approve for oneself and for another",
        "proposal-decide",
        ("append exactly one entry to spec.approvals, your own",),
        lambda w: w.append(w.person("bob"), "low", approval("bob", DIGEST), approval("carol", DIGEST)),
    ),
    Attack(
        "approve one's own proposal",
        "proposal-decide",
        ("pat proposed this and may not approve it",),
        lambda w: w.decide(w.person("pat"), "low", approval()),
    ),
    Attack(
        "approve as a service account",
        "proposal-decide",
        ("service accounts may not decide",),
        lambda w: w.decide(w.bot, "low", approval()),
    ),
    Attack(
        "approve as the operator",
        "proposal-decide",
        (f"{OPERATOR.user} lacks verb approve",),
        lambda w: w.decide(w.operator, "low", approval()),
    ),
    Attack(
        "approve what was made while observing",
        "proposal-decide",
        ("made while the policy said Observe", "propose it again"),
        lambda w: w.decide(w.person("bob"), "observed", approval()),
        code=422,
    ),
    Attack(
        "approve without rules of the decision",
        "proposal-decide",
        ("has not yet written the rules of this decision",),
        lambda w: w.decide(w.person("bob"), "unpinned", approval(digest=DIGEST)),
        code=422,
    ),
    Attack(
        "approve after a rejection",
        "proposal-decide",
        ("already rejected by bob",),
        lambda w: w.decide(w.person("carol"), "rejected", approval()),
        code=422,
    ),
    Attack(
        "plant another digest in status and approve that one",
        "proposal-decide",
        (f"digest must be status.digest, {DIGEST}",),
        lambda w: w.person("bob").merge(
            "actionproposals",
            w.namespace,
            "low",
            {"status": {"digest": OTHER_DIGEST}, "spec": {"approvals": [approval("bob", OTHER_DIGEST)]}},
            dry=True,
        ),
        code=422,
    ),
    Attack(
        "approve one's own where the policy is gone",
        "proposal-decide",
        ("pat proposed this and may not approve it",),
        lambda w: w.lawless.decide(w.person("pat"), "low", approval()),
    ),
    Attack(
        "decide twice",
        "proposal-decide",
        ("bob has already decided, and decisions are final",),
        lambda w: w.append(w.person("bob"), "decided", approval("bob", OTHER_DIGEST)),
        schema=("Duplicate value",),
    ),
    Attack(
        "take all decisions away",
        "proposal-decide",
        ("append exactly one entry to spec.approvals, your own",),
        lambda w: w.person("bob").merge(
            "actionproposals", w.namespace, "decided", {"spec": {"approvals": []}}, dry=True
        ),
        schema=("spec.approvals is append-only",),
    ),
    Attack(
        "approve high risk with the verb for low",
        "proposal-decide",
        ("lou lacks verb approve", "actionproposals/risk.high"),
        lambda w: w.decide(w.person("lou"), "high", approval(digest=DIGEST)),
    ),
    Attack(
        "approve one action with the verb for another",
        "proposal-decide",
        ("amy lacks verb approve", "actionproposals/drain-store"),
        lambda w: w.decide(w.person("amy"), "medium", approval()),
    ),
    Attack(
        "approve a tool with the verb for an action of the same name",
        "proposal-decide",
        ("amy lacks verb approve", "actionproposals/tool.transfer-leader"),
        lambda w: w.decide(w.person("amy"), "tool", approval()),
    ),
    Attack(
        "approve one's own under lax pinned rules, the policy being strict now",
        "proposal-decide-live",
        ("pat proposed this and may not approve it",),
        lambda w: w.strict.decide(w.person("pat"), "lax", approval()),
    ),
    Attack(
        "approve as a service account, impersonated without its groups",
        "proposal-decide",
        ("service accounts may not decide",),
        lambda w: w.decide(w.disguised, "low", approval()),
    ),
    Attack(
        "approve as a service account under lax pinned rules, the policy being strict now",
        "proposal-decide-live",
        ("service accounts may not decide",),
        lambda w: w.strict.decide(w.strict.bot, "lax", approval()),
    ),
)

ENDING = (
    Attack(
        "cancel without the verb",
        "proposal-cancel",
        ("eve lacks verb cancel on actionproposals", "ask for ClusterRole watchkeeper-canceller"),
        lambda w: w.edit(w.person("eve"), "low", {"cancel": {"reason": "x"}}),
    ),
    Attack(
        "cancel beside an approval, with the verb for approving only",
        "proposal-cancel",
        ("bob lacks verb cancel on actionproposals",),
        lambda w: w.person("bob").merge(
            "actionproposals",
            w.namespace,
            "low",
            {"spec": {"approvals": [approval("bob", DIGEST)], "cancel": {"reason": "x", "by": "bob"}}},
            dry=True,
        ),
    ),
    Attack(
        "cancel in another's name",
        "proposal-cancel",
        ("spec.cancel.by is bob but you are cat", '{"spec":{"cancel":{"by":"cat","reason":"WHY"}}}'),
        lambda w: w.edit(w.person("cat"), "low", {"cancel": {"reason": "x", "by": "bob"}}),
    ),
    Attack(
        "cancel while it executes",
        "proposal-cancel",
        ("status.phase is Executing: too late to cancel", '"kind":"EmergencyStop"'),
        lambda w: w.edit(w.person("cat"), "executing", {"cancel": {"reason": "x"}}),
        code=422,
    ),
    Attack(
        "cancel what has ended",
        "proposal-cancel",
        ("status.phase is Failed: it has ended",),
        lambda w: w.edit(w.person("cat"), "refused", {"cancel": {"reason": "x"}}),
        code=422,
    ),
    Attack(
        "acknowledge without the verb",
        "proposal-acknowledge",
        ("eve lacks verb acknowledge on actionproposals",),
        lambda w: w.edit(w.person("eve"), "unknown", {"acknowledge": ACKNOWLEDGE}),
    ),
    Attack(
        "acknowledge in another's name",
        "proposal-acknowledge",
        ("spec.acknowledge.by is bob but you are ann",),
        lambda w: w.edit(w.person("ann"), "unknown", {"acknowledge": ACKNOWLEDGE | {"by": "bob"}}),
    ),
    Attack(
        "acknowledge as a service account",
        "proposal-acknowledge",
        ("is for people: service accounts may not",),
        lambda w: w.edit(w.bot, "unknown", {"acknowledge": ACKNOWLEDGE}),
    ),
    Attack(
        "acknowledge as a service account, impersonated without its groups",
        "proposal-acknowledge",
        ("is for people: service accounts may not",),
        lambda w: w.edit(w.disguised, "unknown", {"acknowledge": ACKNOWLEDGE}),
    ),
    Attack(
        "acknowledge a failure that is known",
        "proposal-acknowledge",
        ("there is nothing to acknowledge: status.phase is Failed with reason Refused",),
        lambda w: w.edit(w.person("ann"), "refused", {"acknowledge": ACKNOWLEDGE}),
        code=422,
    ),
    Attack(
        "acknowledge in advance",
        "proposal-acknowledge",
        ("there is nothing to acknowledge: status.phase is Executing",),
        lambda w: w.edit(w.person("ann"), "executing", {"acknowledge": ACKNOWLEDGE}),
        code=422,
    ),
    Attack(
        "delete while it executes",
        "proposal-delete",
        ("proposal executing is Executing: delete it when it has ended (kubectl -n",),
        lambda w: w.person("eve").delete("actionproposals", w.namespace, "executing", dry=True),
    ),
    Attack(
        "delete while it executes, by force",
        "proposal-delete",
        ("proposal executing is Executing",),
        lambda w: _killed(w, "eve", "actionproposals", "executing"),
    ),
    Attack(
        "delete while it executes, as system:masters",
        "proposal-delete",
        ("proposal executing is Executing",),
        lambda w: w.users.admin.delete("actionproposals", w.namespace, "executing", dry=True),
    ),
    Attack(
        "delete the collection while one executes",
        "proposal-delete",
        ("proposal executing is Executing",),
        lambda w: w.person("eve").delete("actionproposals", w.namespace, dry=True),
    ),
)

OWNING = (
    Attack(
        "write the status of a proposal",
        "status",
        ("status of actionproposals is written by the watchkeeper operator only",),
        lambda w: _status(w, "eve", "actionproposals", "low"),
    ),
    Attack(
        "write the status of a proposal, as system:masters",
        "status",
        ("status of actionproposals is written by the watchkeeper operator only",),
        lambda w: _status(w, "admin", "actionproposals", "low"),
    ),
    Attack(
        "write the status of a proposal, whole",
        "status",
        ("status of actionproposals is written by the watchkeeper operator only",),
        lambda w: _put_status(w, "eve", "low"),
    ),
    Attack(
        "write the status of a proposal by server-side apply",
        "status",
        ("status of actionproposals is written by the watchkeeper operator only",),
        lambda w: _applied(w, "eve", "low", {"status": {"phase": "Completed"}}, "status"),
    ),
    Attack(
        "write the status of a Subject",
        "status",
        ("status of subjects is written by",),
        lambda w: _status(w, "eve", "subjects", "orders"),
    ),
    Attack(
        "write the status of a standing change",
        "status",
        ("status of standingchanges is written by",),
        lambda w: _status(w, "eve", "standingchanges", "standing"),
    ),
    Attack(
        "write the status of the policy",
        "status",
        ("status of operatorpolicies is written by",),
        lambda w: _status(w, "eve", "operatorpolicies", "default"),
    ),
    Attack(
        "write an annotation of the operator",
        "metadata",
        ("annotations watchkeeper.dev/* belong to the operator",),
        lambda w: _metadata(w, "eve", "low", OWN),
    ),
    Attack(
        "create with an annotation of the operator",
        "metadata",
        ("annotations watchkeeper.dev/* belong to the operator",),
        lambda w: w.propose(w.person("pat"), metadata=OWN, dry=True),
    ),
    Attack(
        "edit an annotation of the operator",
        "metadata",
        ("annotations watchkeeper.dev/* belong to the operator",),
        lambda w: _metadata(w, "eve", "finalized", OWN),
    ),
    Attack(
        "remove an annotation of the operator",
        "metadata",
        ("annotations watchkeeper.dev/* belong to the operator",),
        lambda w: _metadata(w, "eve", "finalized", {"annotations": {"watchkeeper.dev/memory": None}}),
    ),
    Attack(
        "create with a finalizer of the operator",
        "metadata",
        ("finalizers watchkeeper.dev/* belong to the operator",),
        lambda w: w.propose(w.person("pat"), metadata=FINALIZER, dry=True),
    ),
    Attack(
        "set a finalizer of the operator",
        "metadata",
        ("finalizers watchkeeper.dev/* belong to the operator",),
        lambda w: _metadata(w, "eve", "low", FINALIZER),
    ),
    Attack(
        "drop a finalizer of the operator",
        "metadata",
        ("finalizers watchkeeper.dev/* belong to the operator: it releases them",),
        lambda w: _metadata(w, "eve", "finalized", {"finalizers": []}),
    ),
    Attack(
        "have a proposal deleted by an owner that does not exist",
        "metadata",
        ("only who may delete this one may give it an owner",),
        lambda w: _metadata(w, "bob", "low", GHOST),
    ),
    Attack(
        "have a ticket deleted by an owner that does not exist",
        "metadata",
        ("only who may delete this one may give it an owner",),
        lambda w: w.person("tim").merge("tickets", w.namespace, "blind", {"metadata": GHOST}, dry=True),
    ),
    Attack(
        "have a proposal deleted, beside an approval",
        "metadata",
        ("only who may delete this one may give it an owner",),
        lambda w: w.person("bob").merge(
            "actionproposals",
            w.namespace,
            "low",
            {"metadata": GHOST, "spec": {"approvals": [approval("bob", DIGEST)]}},
            dry=True,
        ),
    ),
    Attack(
        "keep a proposal from ever being deleted",
        "metadata",
        ("a finalizer keeps an object from going: only who may delete this one",),
        lambda w: _metadata(w, "bob", "low", FOREVER),
    ),
    Attack(
        "create a proposal that can never be deleted",
        "metadata",
        ("a finalizer keeps an object from going: only who may delete this one",),
        lambda w: w.propose(w.person("pip"), metadata=FOREVER, dry=True),
    ),
    Attack(
        "keep a stop from being lifted by those who may",
        "metadata",
        ("(of an EmergencyStop: who holds the verb resume) may set one or take one away",),
        lambda w: w.person("eve").merge("emergencystops", w.namespace, "halted", {"metadata": FOREVER}, dry=True),
    ),
    Attack(
        "take the name of what an action will leave standing",
        "standing-change",
        ("names that end like NAME-1a2b3c4d-0 are kept for what the watchkeeper operator records",),
        lambda w: w.hold(w.person("dee"), name="low-0b0e3a39-0"),
    ),
    Attack(
        "say that a proposal made a standing change",
        "standing-change",
        ("spec.owner is written by the watchkeeper operator only: leave it out",),
        lambda w: w.hold(w.person("eve"), owner={"proposal": "low", "uid": "x"}),
    ),
    Attack(
        "declare a hold that is over",
        "standing-change",
        ("spec.untilTime 2020-01-01T00:00:00Z is over: a hold ends in the future, and it is 20",),
        lambda w: w.hold(w.person("dee"), untilTime="2020-01-01T00:00:00Z"),
        code=422,
    ),
    Attack(
        "declare a hold for centuries",
        "standing-change",
        ("spec.untilTime 2926-12-01T00:00:00+01:00 is more than five years away", "autonomy Off"),
        lambda w: w.hold(w.person("dee"), untilTime="2926-12-01T00:00:00+01:00"),
        code=422,
    ),
    Attack(
        "open a ticket",
        "ticket-create",
        ("tickets are opened by the watchkeeper operator only", "spec.hold"),
        lambda w: w.ticket(w.person("eve")),
    ),
    Attack(
        "open a ticket, as system:masters",
        "ticket-create",
        ("tickets are opened by the watchkeeper operator only",),
        lambda w: w.ticket(w.users.admin),
    ),
    Attack(
        "write the status of a ticket",
        "status",
        ("status of tickets is written by the watchkeeper operator only",),
        lambda w: w.person("eve").merge(
            "tickets", w.namespace, "blind", {"status": {"state": "Resolved"}}, subresource="status", dry=True
        ),
    ),
    Attack(
        "delete a CRD",
        "crd-delete",
        ("deletes its objects without any check; first: kubectl annotate crd subjects.watchkeeper.dev",),
        lambda w: w.users.admin.send(
            "DELETE",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/subjects.watchkeeper.dev",
            None,
            dry=True,
        ),
    ),
)

GOVERNING = (
    Attack(
        "change the policy without the verb",
        "policy",
        ("eve lacks verb govern on operatorpolicies", "ask for ClusterRole watchkeeper-governor"),
        lambda w: w.policy(w.person("eve"), {"mode": "Observe"}),
    ),
    Attack(
        "delete the policy without the verb",
        "policy",
        ("eve lacks verb govern",),
        lambda w: w.person("eve").delete("operatorpolicies", w.namespace, "default", dry=True),
    ),
    Attack(
        "change the policy as the operator, granted by mistake",
        "policy",
        ("the operator may not change its own policy",),
        lambda w: w.policy(w.operator, {"mode": "Observe"}),
    ),
    Attack(
        "stop in another's name",
        "stop-create",
        ("spec.by is bob but you are hal",),
        lambda w: w.stop(w.person("hal"), by="bob"),
    ),
    Attack(
        "stop so that nobody who may resume can",
        "stop-create",
        ("a stop has no finalizers",),
        lambda w: w.stop(w.person("hal"), metadata={"generateName": "row-", **FOREVER}),
    ),
    Attack(
        "stop a part of everything",
        "stop-create",
        (f"in {OPERATOR.namespace} a stop stops everything: leave out spec.subjects",),
        lambda w: w.stop(w.users.admin, namespace=OPERATOR.namespace, subjects=["orders"]),
    ),
    Attack(
        "resume without the verb",
        "resume",
        ("eve lacks verb resume on emergencystops", "ask for ClusterRole watchkeeper-resumer"),
        lambda w: w.person("eve").delete("emergencystops", w.namespace, "halted", dry=True),
    ),
    Attack(
        "resume as a service account that holds the verb",
        "resume",
        ("is for people: service accounts may not",),
        lambda w: w.bot.delete("emergencystops", w.namespace, "halted", dry=True),
    ),
    Attack(
        "resume as a service account that holds the verb, impersonated without its groups",
        "resume",
        ("is for people: service accounts may not",),
        lambda w: w.disguised.delete("emergencystops", w.namespace, "halted", dry=True),
    ),
    Attack(
        "resume as the garbage collector",
        "resume",
        ("is for people: service accounts may not",),
        lambda w: w.users.service_account("kube-system", "generic-garbage-collector").delete(
            "emergencystops", w.namespace, "halted", dry=True
        ),
    ),
    Attack(
        "resume by deleting the collection",
        "resume",
        ("eve lacks verb resume",),
        lambda w: w.person("eve").delete("emergencystops", w.namespace, dry=True),
    ),
)

IMMUTABLE = "the proposal block of spec is immutable"
APPEND = "spec.approvals is append-only"


def _final(what: str, words: str, attempt: Callable[[World], Answer]) -> Attack:
    return Attack(what, "", (), attempt, 422, (words,))


FINAL = (
    _final(
        "change a parameter",
        IMMUTABLE,
        lambda w: w.edit(w.person("eve"), "low", {"action": {"parameters": {"region": 43}}}),
    ),
    _final(
        "change a parameter beside an approval",
        IMMUTABLE,
        lambda w: w.person("bob").merge(
            "actionproposals",
            w.namespace,
            "low",
            {"spec": {"action": {"parameters": {"region": 43}}, "approvals": [approval("bob", DIGEST)]}},
            dry=True,
        ),
    ),
    _final(
        "change the proposer, as system:masters",
        IMMUTABLE,
        lambda w: _replaced(w, w.users.admin, "proposedBy", value="bob"),
    ),
    _final(
        "change the proposer, as the operator", IMMUTABLE, lambda w: _replaced(w, w.operator, "proposedBy", value="bob")
    ),
    _final(
        "set a time beforehand",
        IMMUTABLE,
        lambda w: w.person("eve").merge(
            "actionproposals", w.namespace, "low", {"spec": {"notBeforeTime": "2040-01-01T00:00:00Z"}}, dry=True
        ),
    ),
    _final(
        "turn one's own decision",
        APPEND,
        lambda w: _replaced(w, w.person("bob"), "approvals", 0, "decision", value="Rejected"),
    ),
    _final(
        "turn a decision, as system:masters",
        APPEND,
        lambda w: _replaced(w, w.users.admin, "approvals", 0, "decision", value="Rejected"),
    ),
    _final(
        "turn a decision, as the operator",
        APPEND,
        lambda w: _replaced(w, w.operator, "approvals", 0, "decision", value="Rejected"),
    ),
    _final(
        "say the reason later",
        APPEND,
        lambda w: w.person("bob").patch(
            "actionproposals",
            w.namespace,
            "decided",
            [{"op": "add", "path": "/spec/approvals/0/reason", "value": "later"}],
            dry=True,
        ),
    ),
    _final(
        "take one decision away",
        APPEND,
        lambda w: w.person("bob").patch(
            "actionproposals", w.namespace, "decided", [{"op": "remove", "path": "/spec/approvals/0"}], dry=True
        ),
    ),
    _final(
        "put the decisions in another order",
        APPEND,
        lambda w: _replaced(w, w.person("bob"), "approvals", value=w.approvals("decided")[::-1]),
    ),
    _final(
        "write the whole object without its decisions",
        APPEND,
        lambda w: w.person("eve").put(
            "actionproposals", w.namespace, "decided", {**w.stored("decided"), "spec": w.undecided("decided")}, dry=True
        ),
    ),
    _final(
        "take a cancellation back",
        "spec.cancel is write-once",
        lambda w: w.person("cat").patch(
            "actionproposals", w.namespace, "cancelled", [{"op": "remove", "path": "/spec/cancel"}], dry=True
        ),
    ),
    _final(
        "reword a cancellation",
        "spec.cancel is write-once",
        lambda w: _replaced(w, w.person("cat"), "cancel", "reason", value="other", name="cancelled"),
    ),
    _final(
        "a second policy",
        "the OperatorPolicy of a namespace must be named default",
        lambda w: w.person("gus").create(
            "operatorpolicies",
            w.namespace,
            {"kind": "OperatorPolicy", "metadata": {"name": "lax"}, "spec": LAX},
            dry=True,
        ),
    ),
    _final(
        "edit a stop",
        "an EmergencyStop is immutable",
        lambda w: w.person("eve").merge(
            "emergencystops", w.namespace, "halted", {"spec": {"reason": "never mind"}}, dry=True
        ),
    ),
)
"""What the CRDs refuse to everybody."""

ATTACKS = (*CREATING, *DECIDING, *ENDING, *OWNING, *GOVERNING)
