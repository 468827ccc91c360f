"""A namespace with a policy, people in their roles and proposals in every state, to attack."""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localcluster.cluster import Cluster
from tests.integration.rest import Answer, Api, Users, users_of
from watchkeeper.admission.identity import Identity
from watchkeeper.admission.install import installation
from watchkeeper.admission.rendering import render_mutating
from watchkeeper.api.v1alpha1 import KINDS

CRDS = Path(__file__).parents[2] / "crds"
OPERATOR = Identity()
DIGEST = "sha256:" + 64 * "a"
HIGH = "high"
"""The proposal whose approver must give the digest."""
OTHER_DIGEST = "sha256:" + 64 * "b"

PEOPLE: dict[str, tuple[str, ...]] = {
    "pat": ("watchkeeper-proposer", "watchkeeper-approver"),
    "pip": ("watchkeeper-proposer",),
    "vic": ("watchkeeper-viewer",),
    "bob": ("watchkeeper-approver",),
    "carol": ("watchkeeper-approver",),
    "amy": ("watchkeeper-approver-transfer-leader",),
    "lou": ("watchkeeper-approver-low-risk",),
    "cat": ("watchkeeper-canceller",),
    "ann": ("watchkeeper-acknowledger",),
    "hal": ("watchkeeper-halter",),
    "rex": ("watchkeeper-resumer",),
    "gus": ("watchkeeper-governor",),
    "dee": ("watchkeeper-holder",),
    "tim": ("watchkeeper-ticket-holder",),
    "eve": ("test-editor",),
}
"""User → the ClusterRoles bound to them. eve holds every usual verb on every kind and status, and none of ours."""

BOT_ROLES = (
    "watchkeeper-proposer",
    "watchkeeper-approver",
    "watchkeeper-acknowledger",
    "watchkeeper-halter",
    "watchkeeper-resumer",
)
"""What the ServiceAccount `bot` holds."""

EDITOR = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "test-editor"},
    "rules": [
        {
            "apiGroups": ["watchkeeper.dev"],
            "resources": ["*"],
            "verbs": ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"],
        }
    ],
}

STRICT = {"mode": "Execute", "approval": {"mode": "ByRisk"}, "limits": {"maxExpirySeconds": 7200}}
LAX = STRICT | {"approval": {"mode": "ByRisk", "distinctFromProposer": False, "allowServiceAccounts": True}}
"""So that only the pinned rules of a proposal can refuse what the strict policy refuses as well."""

PINNED: dict[str, Any] = {
    "required": 1,
    "granted": 0,
    "open": True,
    "distinctFromProposer": True,
    "allowServiceAccounts": False,
    "digestRequired": False,
    "summary": "0/1",
}


def until(what: str, holds: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """A change of a policy or binding takes effect after about a second."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.05)


def approval(by: str | None = None, digest: str | None = None, decision: str = "Approved") -> dict[str, str]:
    entry = {"decision": decision, "by": by, "digest": digest}
    return {key: value for key, value in entry.items() if value is not None}


@dataclass
class World:
    """Everything that a row needs."""

    cluster: Cluster
    users: Users
    namespace: str
    other: World | None = None
    third: World | None = None
    by_hand: bool = False
    """Sign what a row leaves unsigned, as people do where nothing is stamped."""

    @property
    def strict(self) -> World:
        """The same in a namespace whose policy is strict."""
        assert self.other is not None
        return self.other

    @strict.setter
    def strict(self, world: World) -> None:
        self.other = world

    @property
    def signing(self) -> World:
        """The same, by people who sign by hand."""
        other, third = self.other and self.other.signing, self.third and self.third.signing
        return dataclasses.replace(self, by_hand=True, other=other, third=third)

    @property
    def unsigned(self) -> World:
        """The same, by people who leave signing to the API server."""
        return dataclasses.replace(self, by_hand=False)

    @property
    def lawless(self) -> World:
        """The same in a namespace whose policy was deleted."""
        assert self.third is not None
        return self.third

    @lawless.setter
    def lawless(self, world: World) -> None:
        self.third = world

    @property
    def operator(self) -> Api:
        return self.users.service_account(OPERATOR.namespace, OPERATOR.service_account)

    @property
    def bot(self) -> Api:
        return self.users.service_account(self.namespace, "bot")

    @property
    def disguised(self) -> Api:
        """The ServiceAccount `bot` as somebody else sends it: by its name, which RBAC goes by, and without its groups."""
        return self.users.person(f"system:serviceaccount:{self.namespace}:bot")

    def person(self, name: str) -> Api:
        return self.users.admin if name == "admin" else self.users.person(name)

    def propose(
        self,
        api: Api,
        *,
        name: str = "",
        dry: bool = False,
        action: str = "transfer-leader",
        source: str = "Subject",
        namespace: str | None = None,
        metadata: dict[str, Any] | None = None,
        given: dict[str, Any] | None = None,
        **spec: Any,
    ) -> Answer:
        """Create a proposal with these parameters; `spec` adds to it."""
        body = {
            "kind": "ActionProposal",
            "metadata": ({"name": name} if name else {"generateName": "row-"}) | (metadata or {}),
            "spec": {
                "subjectRef": {"name": "orders"},
                "action": {"source": source, "name": action, "parameters": given or {"region": 42}},
                "reason": "a row of the table",
                **({"proposedBy": api.user} if self.by_hand else {}),
                **spec,
            },
        }
        return api.create("actionproposals", namespace or self.namespace, body, dry=dry)

    def status(self, name: str, **status: Any) -> None:
        """Write status as the operator does."""
        body = {"status": status}
        self.operator.merge("actionproposals", self.namespace, name, body, subresource="status").accepted()

    def validated(self, name: str, *, by: str = "pat", risk: str = "Low", **changes: Any) -> str:
        """A proposal that waits for decisions; `pinned` changes the pinned rules, the rest goes to `propose`."""
        pinned = PINNED | changes.pop("pinned", {})
        status = {"phase": "Validated", "digest": DIGEST, "risk": risk, "approval": pinned} | changes.pop("status", {})
        self.propose(self.person(by), name=name, **changes).accepted()
        self.status(name, **{key: value for key, value in status.items() if value is not None})
        return name

    def decide(self, who: Api, name: str, *entries: dict[str, str], dry: bool = True) -> Answer:
        """The one-liner: a merge patch with only one's own entry; by hand it is appended."""
        if self.by_hand:
            return self.append(who, name, *entries, dry=dry)
        body = {"spec": {"approvals": list(entries)}}
        return who.merge("actionproposals", self.namespace, name, body, dry=dry)

    def append(self, who: Api, name: str, *entries: dict[str, str], dry: bool = True) -> Answer:
        """The JSON patch that works on every version."""
        signed = [self._signed(who, name, entry) for entry in entries] if self.by_hand else entries
        operations = [{"op": "add", "path": "/spec/approvals/-", "value": entry} for entry in signed]
        return who.patch("actionproposals", self.namespace, name, operations, dry=dry)

    def _signed(self, who: Api, name: str, entry: dict[str, str]) -> dict[str, str]:
        """As the stamps would: the name, and the digest where the approver need not give it."""
        return {"by": who.user, **({} if name == HIGH else {"digest": DIGEST}), **entry}

    def edit(self, who: Api, name: str, spec: dict[str, Any], *, dry: bool = True) -> Answer:
        if self.by_hand:
            spec = {field: {"by": who.user, **value} for field, value in spec.items()}
        return who.merge("actionproposals", self.namespace, name, {"spec": spec}, dry=dry)

    def stored(self, name: str) -> dict[str, Any]:
        return self.users.admin.get("actionproposals", self.namespace, name).accepted()

    def approvals(self, name: str) -> list[dict[str, str]]:
        entries: list[dict[str, str]] = self.stored(name)["spec"]["approvals"]
        return entries

    def undecided(self, name: str) -> dict[str, Any]:
        """Its spec without decisions."""
        return {**self.stored(name)["spec"], "approvals": []}

    def stop(
        self,
        who: Api,
        *,
        namespace: str | None = None,
        dry: bool = True,
        metadata: dict[str, Any] | None = None,
        **spec: Any,
    ) -> Answer:
        body = {
            "kind": "EmergencyStop",
            "metadata": metadata or {"generateName": "row-"},
            "spec": {"reason": "a row of the table", **spec},
        }
        return who.create("emergencystops", namespace or self.namespace, body, dry=dry)

    def hold(self, who: Api, *, name: str = "", dry: bool = True, **spec: Any) -> Answer:
        body = {
            "kind": "StandingChange",
            "metadata": {"name": name} if name else {"generateName": "row-"},
            "spec": {
                "subjectRef": {"name": "orders"},
                "change": {"type": "EvictLeaders", "target": "store/7"},
                "untilTime": "2030-01-01T00:00:00Z",
                "reason": "a row of the table",
                **spec,
            },
        }
        return who.create("standingchanges", self.namespace, body, dry=dry)

    def ticket(self, who: Api, *, name: str = "", dry: bool = True) -> Answer:
        body = {
            "kind": "Ticket",
            "metadata": {"name": name} if name else {"generateName": "row-"},
            "spec": {"subjectRef": {"name": "orders"}, "invariant": "Blind", "target": "database"},
        }
        return who.create("tickets", self.namespace, body, dry=dry)

    def policy(self, who: Api, spec: dict[str, Any], *, dry: bool = True) -> Answer:
        return who.merge("operatorpolicies", self.namespace, "default", {"spec": spec}, dry=dry)


def install(cluster: Cluster, users: Users) -> None:
    """CRDs, policies and RBAC as they are shipped (what the API server has of them); returns when all is in force.

    For a moment after a CRD is established its API answers 404, 429 or 503.
    """
    cluster.kubectl("apply", "-f", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "-f", str(CRDS), "--timeout=30s")
    cluster.apply(yaml.safe_dump_all([*installation(mutating=cluster.stamps), EDITOR]))
    for kind in KINDS:
        path = f"/apis/watchkeeper.dev/v1alpha1/{kind.info.plural}"
        until(f"{kind.__name__} is served", lambda path=path: users.admin.send("GET", path, None).code == 200)  # type: ignore[misc]
    probe = World(cluster, users, OPERATOR.namespace)
    in_force(users.admin)
    assert guarded(probe)
    if cluster.stamps:
        until("the stamps are up", lambda: stamped(probe))


def guarded(world: World) -> bool:
    """Whether a stop in somebody else's name is refused: so the guards are there, but perhaps not all of them yet."""
    return world.stop(world.users.admin, by="nobody").code == 403


def in_force(admin: Api) -> None:
    """Returns when the API server enforces every validating policy and binding as it is stored now.

    It takes them over about once a second, all that it has been told of by then, and is told of each kind in the order of
    the writes (staging/src/k8s.io/apiserver/pkg/admission/plugin/policy/generic/policy_source.go). So one that is made now
    is enforced last.
    """
    name = f"sentinel-{secrets.token_hex(4)}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    policy = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": f"object.metadata.name != '{name}'"}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    group = "admissionregistration.k8s.io/v1"
    made = (
        ("ValidatingAdmissionPolicy", "validatingadmissionpolicies", policy),
        ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", binding),
    )
    for kind, plural, spec in made:
        body = {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}
        admin.send("POST", f"/apis/{group}/{plural}", body).accepted()
    probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    until(
        "everything is enforced",
        lambda: admin.send("POST", "/api/v1/namespaces/default/configmaps", probe, dry=True).code == 422,
    )
    for _, plural, _ in made:
        admin.send("DELETE", f"/apis/{group}/{plural}/{name}", None).accepted()


def stamped(world: World) -> bool:
    """Whether an unsigned stop gets a name."""
    answer = world.stop(world.users.admin)
    return answer.code == 201 and "by" in answer.body["spec"]


@contextmanager
def without_stamps(world: World) -> Iterator[None]:
    """As on API servers before 1.36: nothing is filled in. On those it is so anyway."""
    if not world.cluster.stamps:
        yield
        return
    bindings = [item for item in render_mutating() if item["kind"].endswith("Binding")]
    delete_admission(world, bindings)
    try:
        until("nothing is stamped", lambda: not stamped(world))
        yield
    finally:
        world.cluster.apply(yaml.safe_dump_all(bindings))
        until("the stamps are up again", lambda: stamped(world))


def delete_admission(world: World, items: list[dict[str, Any]]) -> None:
    """Delete policies or bindings."""
    for item in items:
        path = f"/apis/admissionregistration.k8s.io/v1/{item['kind'].lower()}s/{item['metadata']['name']}"
        answer = world.users.admin.send("DELETE", path, None)
        assert answer.code == 200, described(answer)


def new_namespace(cluster: Cluster, prefix: str) -> str:
    name = f"{prefix}-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    return name


def grant(cluster: Cluster, namespace: str, subject: dict[str, str], roles: tuple[str, ...]) -> dict[str, Any]:
    name = f"{subject['name']}-{secrets.token_hex(4)}"
    items = [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": f"{name}-{role}", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [subject],
        }
        for role in roles
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def populate(cluster: Cluster, users: Users, orders: dict[str, Any]) -> World:
    """The namespace with its people, policy and proposals; people sign by hand where the API server does not."""
    world = World(cluster, users, new_namespace(cluster, "team"), by_hand=not cluster.stamps)
    space = world.namespace
    bot = {"kind": "ServiceAccount", "name": "bot", "namespace": space}
    operator = {"kind": "ServiceAccount", "name": OPERATOR.service_account, "namespace": OPERATOR.namespace}
    grants = [
        *(
            grant(cluster, space, {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}, roles)
            for name, roles in PEOPLE.items()
        ),
        grant(cluster, space, bot, BOT_ROLES),
        # What RBAC forbids the operator anyway must be refused by the policy too, should somebody grant it.
        grant(cluster, space, operator, ("watchkeeper-governor",)),
    ]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bot", "namespace": space}}
    cluster.apply(yaml.safe_dump_all([account, *grants]))
    policy = {"kind": "OperatorPolicy", "metadata": {"name": "default"}, "spec": orders}
    until("gus may govern", lambda: world.person("gus").create("operatorpolicies", space, policy).code == 201)
    until("the policy is seen", lambda: world.propose(world.person("pat"), dry=True).code == 201)
    fill_with_proposals(world)
    return world


def outlaw(world: World) -> World:
    """Delete the policy of the namespace; what was planned under it stays."""
    admin = world.users.admin
    admin.delete("operatorpolicies", world.namespace, "default").accepted()
    until("nothing new is admitted", lambda: world.propose(admin, dry=True).code == 422)
    return world


@contextmanager
def attackable(cluster: Cluster, folder: Path) -> Iterator[World]:
    """A lax namespace, a strict and a lawless one, under all that is shipped; gone at the end."""
    with users_of(cluster, folder) as users:
        install(cluster, users)
        world = populate(cluster, users, LAX)
        world.strict = populate(cluster, users, STRICT)
        world.lawless = outlaw(populate(cluster, users, STRICT))
        yield world
        spaces = (world.namespace, world.strict.namespace, world.lawless.namespace)
        cluster.kubectl("delete", "namespace", *spaces, "--wait=false")


def fill_with_proposals(world: World) -> None:
    """One in every state."""
    pat = world.person("pat")
    world.propose(pat, name="proposed").accepted()
    world.validated("low")
    world.validated(HIGH, risk="High", action="drain-store", pinned={"digestRequired": True})
    world.validated("medium", risk="Medium", action="drain-store")
    world.validated("observed", pinned={"open": False})
    world.validated("unpinned", status={"approval": None})
    world.validated("tool", action="transfer-leader", source="Tool", risk="Medium")
    world.validated("lax", pinned={"distinctFromProposer": False, "allowServiceAccounts": True})
    world.validated("rejected")
    world.append(world.person("bob"), "rejected", approval("bob", decision="Rejected"), dry=False).accepted()
    for name, phase, reason in (
        ("executing", "Executing", "InFlight"),
        ("unknown", "Failed", "Unknown"),
        ("refused", "Failed", "Refused"),
    ):
        world.validated(name)
        world.status(name, phase=phase, reason=reason)
    world.validated("finalized")
    own = {"finalizers": ["watchkeeper.dev/in-flight"], "annotations": {"watchkeeper.dev/memory": "true"}}
    world.operator.merge("actionproposals", world.namespace, "finalized", {"metadata": own}).accepted()
    world.validated("decided", risk="Medium")
    for user in ("bob", "carol"):
        world.append(world.person(user), "decided", approval(user, DIGEST), dry=False).accepted()
    world.validated("cancelled")
    world.edit(world.person("cat"), "cancelled", {"cancel": {"reason": "x"}}, dry=False).accepted()
    subject = {"type": "TiKV", "tikv": {"endpoints": ["http://pd:2379"]}}
    body = {"kind": "Subject", "metadata": {"name": "orders"}, "spec": subject}
    world.users.admin.create("subjects", world.namespace, body).accepted()
    world.hold(world.users.admin, name="standing", dry=False).accepted()
    world.ticket(world.operator, name="blind", dry=False).accepted()
    stop = {"kind": "EmergencyStop", "metadata": {"name": "halted"}, "spec": {"reason": "a row of the table"}}
    world.bot.create("emergencystops", world.namespace, stop).accepted()


def described(answer: Answer) -> str:
    return json.dumps(answer.body)[:400]
