"""The shipped manifests on the real API server: they apply, and grant exactly what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster.cluster import Cluster
from localcluster.installation import manifests
from tests.integration.admission_world import OPERATOR, grant, install, new_namespace, until
from tests.integration.rest import Api, Users, users_of
from watchkeeper.admission.install import installation
from watchkeeper.admission.roles import ROLES
from watchkeeper.api.v1alpha1 import KINDS

SAMPLES = sorted((Path(__file__).parents[2] / "manifests" / "samples").glob("*.yaml"))
GROUP = "watchkeeper.dev"
ANYWHERE = "default"
"""Any namespace but the operator's own."""


@pytest.fixture(scope="module")
def users(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Users]:
    with users_of(control_plane, tmp_path_factory.mktemp("users")) as users:
        install(control_plane, users)
        yield users


def allowed(api: Api, user: str, verb: str, resource: str, **where: str) -> bool:
    """What the authorizer says; `resource` as group/plural or group/plural/subresource, `core` for the core group."""
    group, _, rest = resource.partition("/")
    plural, _, subresource = rest.partition("/")
    attributes = {
        "verb": verb,
        "group": "" if group == "core" else group,
        "resource": plural,
        "subresource": subresource,
        "namespace": ANYWHERE,
        **where,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": ["system:authenticated"], "resourceAttributes": attributes},
    }
    answer = api.send("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body).accepted()
    return bool(answer["status"]["allowed"])


MAY = [
    *((verb, f"{GROUP}/{plural}") for plural in ("subjects", "actionproposals", "standingchanges") for verb in
      ("get", "list", "watch", "patch")),
    *((verb, f"{GROUP}/operatorpolicies") for verb in ("get", "list", "watch")),
    *((verb, f"{GROUP}/emergencystops") for verb in ("list", "watch")),
    *(("patch", f"{GROUP}/{plural}/status") for plural in
      ("subjects", "operatorpolicies", "actionproposals", "standingchanges", "tickets", "emergencystops")),
    ("create", f"{GROUP}/standingchanges"),
    *((verb, f"{GROUP}/tickets") for verb in ("get", "list", "watch", "create")),
    ("delete", f"{GROUP}/actionproposals"),
    ("delete", f"{GROUP}/standingchanges"),
    ("create", "events.k8s.io/events"),
    ("patch", "events.k8s.io/events"),
    ("get", "core/pods"),
    ("get", "core/namespaces"),
    ("list", "pingcap.com/tidbclusters"),
    ("list", "core.pingcap.com/tikvgroups"),
    ("create", "authorization.k8s.io/selfsubjectaccessreviews"),
    ("create", "authentication.k8s.io/selfsubjectreviews"),
    *((verb, f"admissionregistration.k8s.io/{plural}") for verb in ("list", "watch") for plural in
      ("validatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingadmissionpolicies",
       "mutatingadmissionpolicybindings")),
]  # fmt: skip

MAY_NOT = [
    *((verb, f"{GROUP}/{plural}") for plural in ("operatorpolicies", "emergencystops") for verb in
      ("create", "update", "patch", "delete", "deletecollection", "govern", "resume")),
    *((verb, f"{GROUP}/actionproposals") for verb in
      ("create", "update", "deletecollection", "approve", "cancel", "acknowledge")),
    ("approve", f"{GROUP}/actionproposals/transfer-leader"),
    ("approve", f"{GROUP}/actionproposals/risk.low"),
    *((verb, f"{GROUP}/standingchanges") for verb in ("update", "deletecollection")),
    *((verb, f"{GROUP}/tickets") for verb in ("update", "patch", "delete", "deletecollection")),
    *((verb, f"{GROUP}/subjects") for verb in ("create", "update", "delete")),
    ("update", f"{GROUP}/actionproposals/status"),
    *((verb, "core/secrets") for verb in ("get", "list", "watch", "create")),
    *((verb, "core/pods") for verb in ("create", "delete", "patch", "list", "watch")),
    *((verb, "core/services") for verb in ("get", "list")),
    ("create", "core/pods/exec"),
    ("get", "core/pods/log"),
    *((verb, "core/namespaces") for verb in ("list", "delete", "patch")),
    *((verb, "coordination.k8s.io/leases") for verb in ("get", "create", "update", "patch")),
    ("get", "core/configmaps"),
    ("patch", "pingcap.com/tidbclusters"),
    ("patch", "core.pingcap.com/tikvgroups"),
    *((verb, f"admissionregistration.k8s.io/{plural}") for verb in ("create", "update", "patch", "delete") for plural in
      ("validatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingadmissionpolicies",
       "mutatingadmissionpolicybindings")),
    ("delete", "apiextensions.k8s.io/customresourcedefinitions"),
    ("create", "rbac.authorization.k8s.io/rolebindings"),
    ("create", "core/serviceaccounts/token"),
    ("impersonate", "core/users"),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "resource"), MAY)
def test_the_operator_may(users: Users, verb: str, resource: str) -> None:
    assert allowed(users.admin, OPERATOR.user, verb, resource)


@pytest.mark.parametrize(("verb", "resource"), MAY_NOT)
def test_the_operator_may_not(users: Users, verb: str, resource: str) -> None:
    assert not allowed(users.admin, OPERATOR.user, verb, resource)


def test_each_rule_of_the_operator_is_in_the_table(users: Users) -> None:
    """A rule that is added shows here, so that its row is not forgotten."""
    names = ("watchkeeper-controller", "watchkeeper-controller-guards")
    roles = [i for i in installation() if i["kind"] == "ClusterRole" and i["metadata"]["name"] in names]
    granted = {
        (verb, f"{group or 'core'}/{resource}")
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == set(MAY)
    for role in roles:
        assert len(role["metadata"]["annotations"]["watchkeeper.dev/reasons"].splitlines()) == len(role["rules"])


def test_leases_and_the_self_test_only_in_its_own_namespace(users: Users) -> None:
    assert allowed(users.admin, OPERATOR.user, "create", f"{GROUP}/actionproposals", namespace=OPERATOR.namespace)
    for verb in ("get", "create", "update"):
        assert allowed(users.admin, OPERATOR.user, verb, "coordination.k8s.io/leases", namespace=OPERATOR.namespace)
    for verb in ("patch", "delete"):
        assert not allowed(users.admin, OPERATOR.user, verb, "coordination.k8s.io/leases", namespace=OPERATOR.namespace)


def test_the_token_of_the_operator_works(users: Users) -> None:
    """By TokenRequest, as the real process gets it."""
    operator = users.service_account(OPERATOR.namespace, OPERATOR.service_account)
    for plural in (kind.info.plural for kind in KINDS):
        operator.send("GET", f"/apis/{GROUP}/v1alpha1/{plural}", None).accepted()
    refused = operator.send("GET", "/api/v1/secrets", None)
    assert refused.code == 403
    assert 'cannot list resource "secrets"' in refused.message


SPECIAL = {
    "watchkeeper-approver": [("approve", "actionproposals")],
    "watchkeeper-approver-low-risk": [("approve", "actionproposals/risk.low")],
    "watchkeeper-approver-transfer-leader": [("approve", "actionproposals/transfer-leader")],
    "watchkeeper-canceller": [("cancel", "actionproposals")],
    "watchkeeper-acknowledger": [("acknowledge", "actionproposals")],
    "watchkeeper-halter": [("create", "emergencystops")],
    "watchkeeper-resumer": [("delete", "emergencystops"), ("resume", "emergencystops")],
    "watchkeeper-governor": [
        *((verb, "operatorpolicies") for verb in ("create", "update", "patch", "delete", "govern"))
    ],
    "watchkeeper-proposer": [("create", "actionproposals")],
    "watchkeeper-holder": [("create", "standingchanges"), ("delete", "standingchanges")],
    "watchkeeper-ticket-holder": [("patch", "tickets")],
    "watchkeeper-viewer": [],
}  # fmt: skip
EVERYTHING = sorted({pair for pairs in SPECIAL.values() for pair in pairs})


@pytest.fixture(scope="module")
def holders(control_plane: Cluster, users: Users) -> Iterator[str]:
    """A namespace with one person for each role, named like it."""
    space = new_namespace(control_plane, "roles")
    grants = [
        grant(control_plane, space, {"kind": "User", "name": role, "apiGroup": "rbac.authorization.k8s.io"}, (role,))
        for role in ROLES
    ]
    control_plane.apply(yaml.safe_dump_all(grants))
    yield space
    control_plane.kubectl("delete", "namespace", space, "--wait=false")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_holds_its_own_verbs_and_no_other(users: Users, holders: str, role: str) -> None:
    def held() -> list[tuple[str, str]]:
        return [
            (verb, resource)
            for verb, resource in EVERYTHING
            if allowed(users.admin, role, verb, f"{GROUP}/{resource}", namespace=holders)
        ]

    until(f"{role} holds what it should, now {held()}", lambda: held() == sorted(SPECIAL[role]), seconds=5)
    assert not allowed(users.admin, role, "patch", f"{GROUP}/actionproposals/status", namespace=holders)


@pytest.mark.parametrize("role", ["admin", "edit", "view"])
def test_the_built_in_roles_hold_no_verb_of_ours(control_plane: Cluster, users: Users, holders: str, role: str) -> None:
    user = f"builtin-{role}"
    subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
    control_plane.apply(yaml.safe_dump(grant(control_plane, holders, subject, (role,))))
    until(
        "it may look",
        lambda: allowed(users.admin, user, "list", f"{GROUP}/actionproposals", namespace=holders),
        seconds=5,
    )
    for verb, resource in EVERYTHING:
        assert not allowed(users.admin, user, verb, f"{GROUP}/{resource}", namespace=holders), (verb, resource)


def test_the_files_are_the_installation(control_plane: Cluster, users: Users) -> None:
    """`kubectl apply` of the files changes nothing after the rendering was applied."""
    words = [word for file in manifests(control_plane) for word in ("-f", str(file))]
    said = control_plane.kubectl("apply", "--server-side=false", *words).stdout.splitlines()
    assert len(said) == len(installation(mutating=control_plane.stamps))
    assert [line for line in said if not line.endswith("unchanged")] == []


@pytest.mark.parametrize("path", SAMPLES, ids=[path.stem for path in SAMPLES])
def test_a_sample_is_accepted(control_plane: Cluster, users: Users, samples: str, path: Path) -> None:
    """By kubectl, with strict validation of fields; before 1.36 with one's name put in, as its first lines say."""
    space = ANYWHERE if path.stem.startswith("policy-") else samples  # a namespace has one policy
    text = path.read_text()
    if not control_plane.stamps and "kind: ActionProposal" in text:
        assert "Before Kubernetes 1.36 add spec.proposedBy" in text
        text = text.replace("\nspec:\n", "\nspec:\n  proposedBy: admin\n")
    said = control_plane.kubectl("create", "-n", space, "--dry-run=server", "-f", "-", stdin=text).stdout
    assert said.count("created (server dry run)") == len(list(yaml.safe_load_all(text)))


@pytest.fixture(scope="module")
def samples(control_plane: Cluster, users: Users) -> Iterator[str]:
    """A namespace with a policy, which a proposal needs."""
    space = new_namespace(control_plane, "samples")
    policy: dict[str, Any] = {"kind": "OperatorPolicy", "metadata": {"name": "default"}, "spec": {"mode": "Observe"}}
    users.admin.create("operatorpolicies", space, policy).accepted()
    proposal = {
        "kind": "ActionProposal",
        "metadata": {"generateName": "probe-"},
        "spec": {
            "subjectRef": {"name": "x"},
            "action": {"source": "Tool", "name": "wait"},
            "reason": "x",
            "proposedBy": users.admin.user,
        },
    }
    until("the policy is seen", lambda: users.admin.create("actionproposals", space, proposal, dry=True).code == 201)
    yield space
    control_plane.kubectl("delete", "namespace", space, "--wait=false")
