"""`watchkeeper` on the real API server, by people with certificates of their own, with and without the mutating policies."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from localcluster.cluster import Cluster
from tests.integration.admission_world import (
    DIGEST,
    LAX,
    World,
    approval,
    in_force,
    install,
    populate,
    until,
    without_stamps,
)
from tests.integration.rest import users_of
from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.api.v1alpha1.actionproposal import Verdict
from watchkeeper.cli import deciding
from watchkeeper.cli.cluster import Cluster as CliCluster
from watchkeeper.cli.exits import Failure
from watchkeeper.cli.main import app
from watchkeeper.cli.rights import decision_of, person
from watchkeeper.engine.tools import catalog as tools
from watchkeeper.subjects.tikv.catalog import ACTIONS

Cli = Callable[..., Result]
WHY = ("--reason", "a test of the command line")


@pytest.fixture(scope="module")
def world(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with users_of(control_plane, tmp_path_factory.mktemp("users")) as users:
        install(control_plane, users)
        world = populate(control_plane, users, LAX)
        control_plane.kubectl(
            "-n", world.namespace, "create", "rolebinding", "vic", "--clusterrole=watchkeeper-viewer", "--user=vic"
        )
        _catalog(world)
        until("vic may look", lambda: world.person("vic").get("subjects", world.namespace).code == 200)
        yield world
        control_plane.kubectl("delete", "namespace", world.namespace, "--wait=false")


def _catalog(world: World) -> None:
    """The catalog of the Subject, as its driver writes it."""
    entries = [
        {
            "name": action.definition.name,
            "source": "Subject",
            "description": action.definition.description,
            "risk": action.definition.risk,
            "idempotent": action.definition.idempotent,
            "available": True,
            "parameters": dict(action.definition.parameters_schema),
        }
        for action in ACTIONS.values()
    ] + [entry.wire() for entry in tools()]
    status = {"status": {"catalog": entries}}
    world.operator.merge("subjects", world.namespace, "orders", status, subresource="status").accepted()


@pytest.fixture
def cli(world: World) -> Cli:
    """Run a command as a person; there is no terminal."""

    def run(user: str, *arguments: str, kubeconfig: Path | None = None) -> Result:
        config = kubeconfig or world.cluster.kubeconfig(user)
        where = ["--kubeconfig", str(config)] + (
            [] if "-A" in arguments or "--all" in arguments else ["-n", world.namespace]
        )
        return CliRunner().invoke(app, [*arguments, *where], env={"NO_COLOR": "1"})

    return run


def _spec(world: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = world.users.admin.get("actionproposals", world.namespace, name).accepted()["spec"]
    return found


def _validated(world: World, name: str, suffix: str, **changes: Any) -> str:
    return world.validated(f"{name}-{suffix}", proposedBy="pat", **changes)


class Rules:
    """What holds with the mutating policies and without them."""

    suffix = ""

    def test_a_proposal_from_the_catalog(self, world: World, cli: Cli) -> None:
        words = ("propose", "orders", "transfer-leader", "region=42", "toStore=tikv-5", *WHY, "--expires", "30m")
        result = cli("pat", *words, "-o", "json")
        assert result.exit_code == 0, result.output
        spec = json.loads(result.stdout)["spec"]
        assert spec["proposedBy"] == "pat"
        assert spec["action"]["parameters"] == {"region": 42, "toStore": "tikv-5"}
        assert spec["expiresAfterSeconds"] == 1800
        assert cli("bob", *words).exit_code == 3  # may not even see the catalog
        assert cli("vic", *words).exit_code == 3  # sees it, may not propose

    def test_the_policy_of_the_namespace_limits_it(self, world: World, cli: Cli) -> None:
        result = cli("pat", "propose", "orders", "wait", "seconds=60", *WHY, "--expires", "3h")
        assert result.exit_code == 5
        assert "spec.expiresAfterSeconds may be at most 7200" in result.output

    def test_approvers_one_after_the_other(self, world: World, cli: Cli) -> None:
        name = _validated(world, "several", self.suffix)
        for user in ("bob", "amy", "lou"):  # any action; this action; low risk
            shown = cli(user, "show", name)
            assert f"{user}: you may approve it" in shown.output
            assert cli(user, "approve", name, "--yes").exit_code == 0
        entries = [{"by": user, "decision": "Approved", "digest": DIGEST} for user in ("bob", "amy", "lou")]
        assert world.approvals(name) == entries
        again = cli("bob", "approve", name)
        assert again.exit_code == 0
        assert "no change" in again.output
        assert world.approvals(name) == entries

    def test_a_high_risk_needs_the_digest_that_was_read(self, world: World, cli: Cli) -> None:
        name = _validated(
            world, "high", self.suffix, risk="High", action="drain-store", pinned={"digestRequired": True}
        )
        assert cli("bob", "approve", name, "--yes").exit_code == 6
        assert cli("bob", "approve", name, "--yes", "--digest", "b" * 12).exit_code == 5
        assert world.approvals(name) == []
        assert cli("bob", "approve", name, "--yes", "--digest", "a" * 12).exit_code == 0
        assert world.approvals(name) == [approval("bob", DIGEST)]

    def test_a_rejection_with_its_reason_is_final(self, world: World, cli: Cli) -> None:
        name = _validated(world, "rejected", self.suffix)
        assert cli("lou", "reject", name, "--reason", "not today").exit_code == 0
        assert world.approvals(name) == [{"by": "lou", "decision": "Rejected", "reason": "not today", "digest": DIGEST}]
        refused = cli("bob", "approve", name, "--yes")
        assert refused.exit_code == 5
        assert "rejected by lou" in refused.output

    def test_taking_back(self, world: World, cli: Cli) -> None:
        name = _validated(world, "cancelled", self.suffix)
        refused = cli("eve", "cancel", name, "--reason", "x")
        assert refused.exit_code == 3
        assert "eve lacks verb cancel" in refused.output
        assert cli("cat", "cancel", name, "--reason", "no longer needed").exit_code == 0
        assert _spec(world, name)["cancel"] == {"reason": "no longer needed", "by": "cat"}
        assert "no change" in cli("cat", "cancel", name, "--reason", "again").output
        late = cli("cat", "cancel", "executing", "--reason", "x")
        assert late.exit_code == 5
        assert "too late to cancel" in late.output

    def test_finding_out(self, world: World, cli: Cli) -> None:
        name = _validated(world, "unknown", self.suffix, status={"phase": "Failed", "reason": "Unknown"})
        assert cli("ann", "acknowledge", name, "--outcome", "failed", "--reason", "pd-ctl").exit_code == 0
        assert _spec(world, name)["acknowledge"] == {"outcome": "Failed", "reason": "pd-ctl", "by": "ann"}
        nothing = cli("ann", "acknowledge", "refused", "--outcome", "failed", "--reason", "pd-ctl")
        assert nothing.exit_code == 5
        assert "there is nothing to acknowledge" in nothing.output

    def test_stopping_and_going_on(self, world: World, cli: Cli) -> None:
        made = cli("hal", "stop", *WHY, "--subject", "orders")
        assert made.exit_code == 0, made.output
        assert "which Subjects it covers cannot be seen: hal may not list subjects" in made.output
        name = made.stdout.split("(")[1].split()[0]
        stored = world.users.admin.get("emergencystops", world.namespace, name).accepted()["spec"]
        assert stored == {"reason": WHY[1], "by": "hal", "subjects": ["orders"]}
        refused = cli("hal", "resume", name, "--yes")
        assert refused.exit_code == 3
        assert "watchkeeper-resumer" in refused.output
        assert cli("rex", "resume", name).exit_code == 6
        lifted = cli("rex", "resume", name, "--yes")
        assert lifted.exit_code == 0
        assert f"still in force in namespace {world.namespace}: halted" in lifted.output

    def test_nothing_for_mallory(self, world: World, cli: Cli) -> None:
        for words in (
            ("proposals",),
            ("show", "low"),
            ("approve", "low", "--yes"),
            ("reject", "low", *WHY),
            ("cancel", "low", *WHY),
            ("propose", "orders", "wait", "seconds=1", *WHY),
            ("stop", *WHY),
            ("resume", "halted", "--yes"),
            ("proposals", "-A"),
        ):
            result = cli("mallory", *words)
            assert result.exit_code == 3, (words, result.output)
            assert "mallory may not " in result.output

    @pytest.mark.parametrize(
        ("user", "name", "code"),
        [
            ("pat", "low", 3),  # her own
            ("eve", "low", 3),  # no verb
            ("lou", "high", 3),  # another risk
            ("amy", "medium", 3),  # another action
            ("bob", "observed", 5),
            ("bob", "unpinned", 5),
            ("bob", "executing", 5),
            ("bob", "refused", 5),
            ("bob", "rejected", 5),
            ("carol", "rejected", 5),
        ],
    )
    def test_what_is_said_before_is_what_the_server_would_say(
        self, world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch, user: str, name: str, code: int
    ) -> None:
        words = ("approve", name, "--yes", "--digest", "a" * 12)
        before = world.users.admin.get("actionproposals", world.namespace, name).accepted()["spec"]["approvals"]
        known = cli(user, *words)
        assert known.exit_code == code, known.output
        assert "ValidatingAdmissionPolicy" not in known.output
        monkeypatch.setattr(deciding, "against_approving", lambda *_: [])
        server = cli(user, *words)
        assert server.exit_code == code, server.output
        assert "(policy proposal-decide" in server.output or "Duplicate value" in server.output
        assert world.approvals(name) == before


class TestWithStamps(Rules):
    """Kubernetes 1.36 and later."""

    suffix = "stamped"

    def test_a_service_account_may_not_decide(self, world: World, cli: Cli) -> None:
        config = world.cluster.service_account_kubeconfig(world.namespace, "bot")
        result = cli("", "approve", "low", "--yes", kubeconfig=config)
        assert result.exit_code == 3
        assert "service accounts may not decide" in result.output

    def test_many_at_once_are_all_written(self, world: World) -> None:
        name = world.validated("crowd", risk="Low")

        async def decide(user: str) -> bool:
            async with await Connection.open(world.cluster.kubeconfig(user)) as connection:
                cluster = CliCluster(connection)
                proposal = await cluster.read(ActionProposal, world.namespace, name)
                who = await person(cluster, proposal)
                _, changed = await deciding.decide(cluster, proposal, who, Verdict.APPROVED, None)
                return changed

        async def all_at_once() -> list[bool]:
            return await asyncio.gather(*(decide(user) for user in ("bob", "carol", "amy", "lou", "bob")))

        changed = asyncio.run(all_at_once())
        print(f"five writers, four people: {changed.count(True)} written")
        assert changed.count(True) == 4
        assert sorted(entry["by"] for entry in world.approvals(name)) == ["amy", "bob", "carol", "lou"]

    def test_another_plan_than_the_one_read_is_not_approved(self, world: World) -> None:
        name = world.validated("moved")

        async def late() -> None:
            async with await Connection.open(world.cluster.kubeconfig("bob")) as connection:
                cluster = CliCluster(connection)
                proposal = await cluster.read(ActionProposal, world.namespace, name)
                who = await person(cluster, proposal)
                await asyncio.to_thread(world.status, name, digest="sha256:" + "c" * 64)
                with pytest.raises(Failure, match="no longer what you read"):
                    await deciding.decide(cluster, proposal, who, Verdict.APPROVED, None)
                assert decision_of(await cluster.read(ActionProposal, world.namespace, name), "bob") is None

        asyncio.run(late())

    @pytest.mark.parametrize("kind", ["proposals", "subjects", "tickets", "standing", "stops"])
    def test_lists(self, world: World, cli: Cli, kind: str) -> None:
        found = cli("vic", kind, "-o", "json")
        assert found.exit_code == 0
        objects = json.loads(found.output)["items"]
        names = cli("vic", kind, "-o", "name").output.split()
        assert [name.split("/")[1] for name in names if "/" in name] == [one["metadata"]["name"] for one in objects]
        assert cli("vic", kind).exit_code == 0
        everywhere = cli("test-admin", kind, "-A", kubeconfig=world.cluster.admin)
        assert everywhere.exit_code == 0
        assert all(one["metadata"]["name"] in everywhere.output for one in objects)

    def test_fields_are_selected_by_the_server(self, world: World, cli: Cli) -> None:
        found = cli("vic", "proposals", "--phase", "Executing", "-o", "name").output.split()
        assert found == ["actionproposal.watchkeeper.dev/executing"]
        assert "no actionproposals found" in cli("vic", "proposals", "--subject", "other").output

    def test_version(self, world: World, cli: Cli) -> None:
        result = cli("mallory", "version")
        assert result.exit_code == 0
        assert "API server v1." in result.output
        assert "ActionProposal, EmergencyStop, OperatorPolicy" in result.output
        assert ("can fill in who decides" in result.output) is world.cluster.stamps
        assert ("people sign by hand" in result.output) is not world.cluster.stamps

    def test_a_name_that_is_not_there(self, cli: Cli) -> None:
        result = cli("vic", "show", "gone")
        first, second = result.output.splitlines()
        assert (result.exit_code, first) == (4, 'error: actionproposals.watchkeeper.dev "gone" not found')
        assert second.startswith("  what there is: watchkeeper proposals")

    def test_kubectl_finds_it(self, world: World, tmp_path: Path) -> None:
        plugin = tmp_path / "kubectl-watchkeeper"
        plugin.write_text(f"#!{sys.executable}\nfrom watchkeeper.cli.main import main\nmain()\n")
        plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
        config = world.cluster.kubeconfig("bob")
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECONFIG": str(config)}
        words = [str(world.cluster.kubectl_program), "watchkeeper", "show", "medium", "-n", world.namespace]
        run = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30, check=False)
        assert run.returncode == 0, run.stderr
        assert f"kubectl watchkeeper approve medium -n {world.namespace}" in run.stdout
        assert "\x1b" not in run.stdout


@pytest.fixture(scope="class")
def unstamped(world: World) -> Iterator[None]:
    with without_stamps(world):
        yield


@pytest.mark.usefixtures("unstamped")
class TestWithoutStamps(Rules):
    """Kubernetes 1.34 and 1.35."""

    suffix = "by-hand"

    def test_nothing_is_stamped_here(self, world: World) -> None:
        world.unsigned.decide(world.person("bob"), "low", approval()).refused("does not fill in who decides")


def test_what_guards_prints_can_be_put_back(world: World, cli: Cli, tmp_path: Path) -> None:
    """Without the manifests at hand, and as one who may do nothing else: it needs no cluster."""
    file = tmp_path / "guards.yaml"
    file.write_text(cli("mallory", "guards").stdout)
    name = "proposal-decide.watchkeeper.dev"
    kind = "validatingadmissionpolicybinding"
    stored = json.loads(world.cluster.kubectl("get", kind, name, "-o", "json").stdout)["spec"]
    world.cluster.kubectl("delete", kind, name)
    world.cluster.kubectl("apply", "--server-side", "-f", str(file))
    assert json.loads(world.cluster.kubectl("get", kind, name, "-o", "json").stdout)["spec"] == stored
    weak = ("-p", '{"spec":{"validationActions":["Audit"]}}', "--type=merge")
    world.cluster.kubectl("patch", kind, name, *weak)
    world.cluster.kubectl("replace", "-f", str(file))
    assert json.loads(world.cluster.kubectl("get", kind, name, "-o", "json").stdout)["spec"] == stored
    in_force(world.users.admin)
