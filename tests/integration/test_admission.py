"""The admission set on the real API server: who may do what, and what the others read."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from localcluster.cluster import Cluster
from tests.integration.admission_rows import ACKNOWLEDGE, ATTACKS, FINAL, Attack
from tests.integration.admission_world import (
    DIGEST,
    OPERATOR,
    PEOPLE,
    STRICT,
    World,
    approval,
    attackable,
    delete_admission,
    described,
    guarded,
    in_force,
    new_namespace,
    until,
    without_stamps,
)
from tests.integration.rest import APPLY, Answer
from tests.integration.role_rows import DOINGS, HOLDERS, Holder
from watchkeeper.admission.rendering import render
from watchkeeper.api.v1alpha1.meta import GROUP

GUARDED = tuple(attack for attack in ATTACKS if attack.guarded)
ONE_LINER = '{"spec":{"approvals":[{"decision":"Approved"}]}}'


@pytest.fixture(scope="module")
def world(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with attackable(control_plane, tmp_path_factory.mktemp("users")) as world:
        yield world


@pytest.fixture
def kubectl_as(world: World) -> Any:
    def run(user: str, *arguments: str) -> str:
        out = world.cluster.kubectl("-n", world.namespace, *arguments, user=user, check=False)
        return out.stdout + out.stderr

    return run


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.what for attack in ATTACKS])
def test_an_attack_is_refused_by_its_policy_with_its_message(world: World, attack: Attack) -> None:
    refused(attack, attack.attempt(world))


@pytest.mark.parametrize("attack", FINAL, ids=[attack.what for attack in FINAL])
def test_what_is_final_is_final_for_everybody(world: World, attack: Attack) -> None:
    refused(attack, attack.attempt(world))


def refused(attack: Attack, answer: Answer) -> None:
    """By its policy with its words, or by the CRD where that answers first."""
    if attack.guarded:
        answer.refused(f"'{attack.policy}.watchkeeper.dev'", *attack.words, code=attack.code)
    else:
        answer.refused(*attack.schema, code=422)


@pytest.mark.parametrize("holder", HOLDERS, ids=[holder.role for holder in HOLDERS])
def test_a_role_lets_its_holder_do_its_own_and_nothing_else(world: World, holder: Holder) -> None:
    """By RBAC or by a policy; a role that grants a verb too many shows here."""
    assert PEOPLE[holder.name] == (holder.role,)
    done = {doing for doing, attempt in DOINGS.items() if attempt(world, holder.name).code in (200, 201)}
    assert done == holder.may


@pytest.fixture
def stamps(control_plane: Cluster) -> None:
    """Only where the API server has them."""
    if not control_plane.stamps:
        pytest.skip("this API server has no MutatingAdmissionPolicy in v1: Kubernetes 1.36 and later")


@pytest.mark.usefixtures("stamps")
class TestStamping:
    """Where the API server has MutatingAdmissionPolicy, one command serves everybody."""

    def test_the_proposer_is_filled_in(self, world: World) -> None:
        assert world.propose(world.person("pat"), dry=True).accepted()["spec"]["proposedBy"] == "pat"

    def test_one_command_for_the_first_and_the_second_approver(self, world: World, kubectl_as: Any) -> None:
        name = world.validated("one-liner")
        for user in ("bob", "amy"):  # amy holds the verb for this action only
            assert "patched" in kubectl_as(user, "patch", "ap", name, "--type=merge", "-p", ONE_LINER)
        expected = [{"by": user, "decision": "Approved", "digest": DIGEST} for user in ("bob", "amy")]
        assert world.approvals(name) == expected
        before = world.stored(name)["metadata"]["generation"]
        # Whether kubectl adds "(no change)" depends on the clock: managedFields hold the second of the request.
        assert "patched" in kubectl_as("bob", "patch", "ap", name, "--type=merge", "-p", ONE_LINER)
        assert (world.approvals(name), world.stored(name)["metadata"]["generation"]) == (expected, before)

    def test_a_rejection_with_its_reason(self, world: World) -> None:
        name = world.validated("rejection")
        world.decide(world.person("lou"), name, {"decision": "Rejected", "reason": "not today"}, dry=False).accepted()
        assert world.approvals(name) == [{"by": "lou", "decision": "Rejected", "reason": "not today", "digest": DIGEST}]

    def test_high_risk_with_the_digest_that_was_read(self, world: World) -> None:
        entry = world.decide(world.person("bob"), "high", approval(digest=DIGEST)).accepted()["spec"]["approvals"]
        assert entry == [{"by": "bob", "decision": "Approved", "digest": DIGEST}]

    def test_a_json_patch_without_name_is_signed_too(self, world: World) -> None:
        spec = world.append(world.person("bob"), "low", approval()).accepted()["spec"]
        assert spec["approvals"] == [{"by": "bob", "decision": "Approved", "digest": DIGEST}]

    def test_cancel_acknowledge_and_stop_are_signed(self, world: World) -> None:
        cancelled = world.edit(world.person("cat"), "low", {"cancel": {"reason": "x"}}).accepted()
        assert cancelled["spec"]["cancel"] == {"reason": "x", "by": "cat"}
        looked = world.edit(world.person("ann"), "unknown", {"acknowledge": ACKNOWLEDGE}).accepted()
        assert looked["spec"]["acknowledge"] == ACKNOWLEDGE | {"by": "ann"}
        assert world.stop(world.person("hal")).accepted()["spec"]["by"] == "hal"

    def test_decisions_are_final(self, world: World) -> None:
        name = world.validated("final")
        world.append(world.person("bob"), name, approval("bob", decision="Rejected"), dry=False).accepted()
        world.decide(world.person("bob"), name, approval()).refused("Duplicate value")
        stored = world.users.admin.get("actionproposals", world.namespace, name).accepted()
        stored["spec"]["approvals"] = [approval("pat", DIGEST)]
        swap = world.users.admin.put("actionproposals", world.namespace, name, stored, dry=True)
        swap.refused()
        assert [entry["by"] for entry in world.approvals(name)] == ["bob"]


class TestAllowed:
    """What must go through goes through."""

    def test_stopping_needs_no_policy_and_no_person(self, world: World) -> None:
        signed = world.stop(world.bot).accepted()["spec"].get("by", "")
        assert signed.endswith(":bot") is world.cluster.stamps
        assert world.stop(world.users.admin, namespace="default").accepted()
        assert world.stop(world.person("hal"), subjects=["orders"]).accepted()
        assert world.stop(world.users.admin, namespace=OPERATOR.namespace).accepted()

    def test_a_person_with_the_verb_resumes(self, world: World) -> None:
        world.person("rex").delete("emergencystops", world.namespace, "halted", dry=True).accepted()

    def test_a_governor_changes_the_orders(self, world: World) -> None:
        world.policy(world.person("gus"), {"mode": "Observe"}).accepted()

    def test_people_declare_and_end_holds(self, world: World) -> None:
        made = world.hold(world.person("dee"), dry=False).accepted()
        name = made["metadata"]["name"]
        world.person("dee").delete("standingchanges", world.namespace, name, dry=True).accepted()

    def test_people_hold_a_ticket_and_change_nothing_else(self, world: World) -> None:
        tim = world.person("tim")
        held = tim.merge("tickets", world.namespace, "blind", {"spec": {"hold": True}}, dry=True).accepted()
        assert held["spec"]["hold"] is True
        other = {"spec": {"target": "metrics"}}
        tim.merge("tickets", world.namespace, "blind", other, dry=True).refused("spec.hold only", code=422)
        assert world.operator.merge("tickets", world.namespace, "blind", other, dry=True).code == 403

    def test_the_operator_records_its_own(self, world: World) -> None:
        made = world.hold(world.operator, dry=False, owner={"proposal": "low", "uid": "x"}).accepted()
        name = made["metadata"]["name"]
        body = {"status": {"state": "Held"}}
        world.operator.merge("standingchanges", world.namespace, name, body, subresource="status").accepted()
        labels = {"metadata": {"labels": {"seen": "yes"}}}
        world.person("eve").merge("standingchanges", world.namespace, name, labels, dry=True).accepted()

    def test_other_annotations_and_the_history_belong_to_everybody(self, world: World) -> None:
        note = {"metadata": {"annotations": {"example.com/note": "x"}}}
        world.person("eve").merge("actionproposals", world.namespace, "low", note, dry=True).accepted()
        for name in ("low", "refused", "proposed"):
            world.person("eve").delete("actionproposals", world.namespace, name, dry=True).accepted()

    def test_expiry_may_be_left_to_the_policy(self, world: World) -> None:
        spec = world.propose(world.person("pat"), dry=True).accepted()["spec"]
        assert "expiresAfterSeconds" not in spec
        world.propose(world.person("pat"), expiresAfterSeconds=7200, dry=True).accepted()

    def test_lax_rules_let_the_proposer_and_service_accounts_decide(self, world: World) -> None:
        for who in (world.person("pat"), world.bot):
            world.decide(who, "lax", approval()).accepted()

    def test_server_side_apply_by_two_approvers(self, world: World) -> None:
        name = world.validated("applied")
        for user in ("bob", "carol"):
            api = world.person(user)
            entry = approval(user, DIGEST)
            body = {"apiVersion": "watchkeeper.dev/v1alpha1", "kind": "ActionProposal", "metadata": {"name": name}}
            path = api.path("actionproposals", world.namespace, name)
            body["spec"] = {"approvals": [entry]}
            api.send("PATCH", path, body, content=APPLY, fieldManager=user).accepted()
        assert [entry["by"] for entry in world.approvals(name)] == ["bob", "carol"]

    def test_where_the_policy_is_gone_stops_and_the_operator_still_work(self, world: World) -> None:
        there = world.lawless
        there.stop(there.person("hal")).accepted()
        there.status("low", message="holds")
        finalizer = {"metadata": {"finalizers": ["watchkeeper.dev/guard"]}}
        there.operator.merge("actionproposals", there.namespace, "low", finalizer, dry=True).accepted()
        there.decide(there.person("bob"), "low", approval()).accepted()

    def test_a_rejection_of_what_was_made_while_observing(self, world: World) -> None:
        world.decide(world.person("bob"), "observed", approval(decision="Rejected")).accepted()
        world.decide(world.person("bob"), "proposed", approval(decision="Rejected")).accepted()


@pytest.fixture(scope="class")
def unstamped(world: World) -> Iterator[None]:
    with without_stamps(world):
        yield


@pytest.mark.usefixtures("unstamped")
class TestWithoutStamps:
    """API servers before 1.36: people sign by hand, with the command that the refusal prints."""

    def test_the_refusal_is_a_command_that_works(self, world: World, kubectl_as: Any) -> None:
        name = world.validated("by-hand", proposedBy="pat")
        for user in ("bob", "amy"):
            said = kubectl_as(user, "patch", "ap", name, "--type=json", "-p", _unsigned())
            assert "does not fill in who decides" in said
            _run_printed(world, user, said)
        entries = [{"by": user, "decision": "Approved", "digest": DIGEST} for user in ("bob", "amy")]
        assert world.approvals(name) == entries

    def test_a_merge_patch_of_the_second_approver_is_told_how(self, world: World) -> None:
        name = world.validated("merge-by-hand", proposedBy="pat")
        world.unsigned.decide(world.person("bob"), name, approval()).refused("does not fill in who decides")
        world.append(world.person("bob"), name, approval("bob", DIGEST), dry=False).accepted()
        world.unsigned.decide(world.person("amy"), name, approval()).refused("append-only", "/spec/approvals/-")

    def test_cancel_prints_the_command(self, world: World, kubectl_as: Any) -> None:
        name = world.validated("cancel-by-hand", proposedBy="pat")
        said = kubectl_as("cat", "patch", "ap", name, "--type=merge", "-p", '{"spec":{"cancel":{"reason":"x"}}}')
        assert "does not fill in spec.cancel.by" in said
        _run_printed(world, "cat", said)
        found = world.users.admin.get("actionproposals", world.namespace, name).accepted()
        assert found["spec"]["cancel"] == {"by": "cat", "reason": "WHY"}

    @pytest.mark.parametrize("attack", [*ATTACKS, *FINAL], ids=[attack.what for attack in (*ATTACKS, *FINAL)])
    def test_an_attack_is_refused_here_too(self, world: World, attack: Attack) -> None:
        refused(attack, attack.attempt(world.signing))

    def test_creation_asks_for_the_name(self, world: World) -> None:
        world.unsigned.propose(world.person("pat"), dry=True).refused("spec.proposedBy: Required value")

    def test_a_stop_needs_no_name(self, world: World) -> None:
        assert "by" not in world.stop(world.person("hal")).accepted()["spec"]


def _unsigned() -> str:
    return json.dumps([{"op": "add", "path": "/spec/approvals/-", "value": {"decision": "Approved"}}])


def _run_printed(world: World, user: str, said: str) -> None:
    """Runs the command after `Run: kubectl -n NAMESPACE`, as a shell would split it."""
    words = shlex.split(said.split("Run: kubectl ", 1)[1].strip())
    end = words.index("-p") + 2
    world.cluster.kubectl(*words[:end], user=user)


@pytest.fixture(scope="class")
def unbound(world: World) -> Iterator[None]:
    bindings = [item for item in render(mutating=False) if item["kind"].endswith("Binding")]
    delete_admission(world, bindings)
    try:
        until("the guards are down", lambda: not guarded(world))
        yield
    finally:
        world.cluster.apply(yaml.safe_dump_all(bindings))
        in_force(world.users.admin)


@pytest.mark.usefixtures("unbound")
class TestUnbound:
    """The attack rows can fail: with nothing bound each attempt goes through."""

    @pytest.mark.parametrize("attack", GUARDED, ids=[attack.what for attack in GUARDED])
    def test_the_attempt_goes_through(self, world: World, attack: Attack) -> None:
        last: list[Answer] = []

        def through() -> bool:
            last[:] = [attack.attempt(world)]
            return last[0].code in (200, 201)

        try:
            until("the attempt goes through", through, seconds=5)
        except AssertionError as error:
            raise AssertionError(f"{error}: {described(last[0])}") from None


def test_the_rendering_is_what_the_server_stores(world: World) -> None:
    """Every default is written out, so that a guard can compare."""
    for item in render(mutating=world.cluster.stamps):
        path = f"/apis/admissionregistration.k8s.io/v1/{_collection(item['kind'])}/{item['metadata']['name']}"
        stored = world.users.admin.send("GET", path, None).accepted()
        assert stored["spec"] == item["spec"], item["metadata"]["name"]


def test_the_server_finds_no_type_errors(world: World) -> None:
    for item in render():
        if item["kind"] != "ValidatingAdmissionPolicy":
            continue
        path = f"/apis/admissionregistration.k8s.io/v1/{_collection(item['kind'])}/{item['metadata']['name']}"

        def checked(path: str = path) -> bool:
            return "observedGeneration" in world.users.admin.send("GET", path, None).accepted().get("status", {})

        until("the controller has checked the types", checked)
        found = world.users.admin.send("GET", path, None).accepted()["status"]["typeChecking"]
        assert found == {}, item["metadata"]["name"]


def _collection(kind: str) -> str:
    return kind[:-1].lower() + "ies" if kind.endswith("y") else kind.lower() + "s"


def test_a_namespace_can_go(world: World) -> None:
    """Also with a policy and a stop in it; with something in flight it waits, and says for what."""
    quiet, busy = new_namespace(world.cluster, "quiet"), new_namespace(world.cluster, "busy")
    admin = world.users.admin
    for space in (quiet, busy):
        policy = {"kind": "OperatorPolicy", "metadata": {"name": "default"}, "spec": STRICT}
        admin.create("operatorpolicies", space, policy).accepted()
        there = dataclasses.replace(world, namespace=space)
        until("the policy is seen", lambda there=there: there.propose(admin, dry=True).code == 201)  # type: ignore[misc]
        there.propose(admin, name="one").accepted()
        there.stop(admin, dry=False).accepted()
    in_flight = World(world.cluster, world.users, busy)
    in_flight.status("one", phase="Executing")
    for space in (quiet, busy):
        admin.send("DELETE", f"/api/v1/namespaces/{space}", None).accepted()
    until("the quiet one is gone", lambda: _namespace(world, quiet).code == 404, seconds=40)
    until("the busy one says why", lambda: "one is Executing" in json.dumps(_namespace(world, busy).body), seconds=40)
    in_flight.status("one", phase="Completed")
    until("the busy one is gone", lambda: _namespace(world, busy).code == 404, seconds=60)


@pytest.mark.parametrize("how", ["Foreground", "Orphan"])
def test_a_stop_that_is_lifted_with_a_cascade_goes(world: World, how: str) -> None:
    """The garbage collector takes its finalizer away; it holds no verb of ours."""
    name = world.stop(world.person("hal"), dry=False).accepted()["metadata"]["name"]
    path = f"/apis/{GROUP}/v1alpha1/namespaces/{world.namespace}/emergencystops/{name}"
    said = world.person("rex").send("DELETE", path, {"propagationPolicy": how}).accepted()
    assert said["metadata"]["finalizers"] == [{"Foreground": "foregroundDeletion", "Orphan": "orphan"}[how]]
    until("it is gone", lambda: world.users.admin.send("GET", path, None).code == 404, seconds=60)


def _namespace(world: World, name: str) -> Answer:
    return world.users.admin.send("GET", f"/api/v1/namespaces/{name}", None)
