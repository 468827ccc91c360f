from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.unit.cli.conftest import Run
from tests.unit.cli.samples import proposal, standing_change, stop, subject
from tests.unit.cli.server import MemoryServer
from watchkeeper.api.v1alpha1 import EmergencyStop
from watchkeeper.cli.screen import Screen
from watchkeeper.domain.orders import reach_of
from watchkeeper.errors import Denied, Gone, NotConnected, RateLimited, Unreachable, WatchkeeperError

WHY = ("--reason", "latency rose")


def _server(user: str = "hal") -> MemoryServer:
    under_way: dict[str, Any] = {"phase": "Executing", "waitsFor": None}
    other: dict[str, Any] = {"spec": {"subjectRef": {"name": "bills"}}}
    return MemoryServer(
        user,
        subject(),
        subject("bills"),
        subject("vault", namespace="bank"),
        proposal("one", **under_way),
        proposal("two", **under_way, **other),
        proposal("three", namespace="bank", **under_way),
        proposal("four"),
    )


@pytest.mark.parametrize(
    ("arguments", "namespace", "subjects"),
    [
        ((), "shop", None),
        (("-n", "bank"), "bank", None),
        (("--subject", "orders", "--subject", "orders"), "shop", ["orders"]),
        (("--all",), "watchkeeper-system", None),
        (("--all", "--operator-namespace", "wk"), "wk", None),
    ],
    ids=["namespace", "another", "subjects", "everything", "operator elsewhere"],
)
def test_stopping(
    run: Run, snapshot: SnapshotAssertion, arguments: tuple[str, ...], namespace: str, subjects: list[str] | None
) -> None:
    server = _server()
    result = run(server, "stop", *WHY, *arguments)
    assert result.exit_code == 0
    assert result.output == snapshot
    [(_, path, body)] = server.sent
    assert f"/namespaces/{namespace}/emergencystops" in path
    expected = {"reason": "latency rose", "by": "hal"} | ({"subjects": subjects} if subjects else {})
    assert body["spec"] == expected


@pytest.mark.parametrize("arguments", [("-n", "empty"), ("--subject", "order"), ("--all",)], ids=" ".join)
def test_a_stop_that_stops_nothing_is_no_success(
    run: Run, snapshot: SnapshotAssertion, arguments: tuple[str, ...]
) -> None:
    server = MemoryServer("hal") if arguments == ("--all",) else _server()
    result = run(server, "stop", *WHY, *arguments)
    assert (result.exit_code, len(server.sent)) == (4, 1)
    assert result.output == snapshot


@pytest.mark.parametrize("arguments", [("--all", "-n", "shop"), ("--all", "--subject", "orders")], ids=" ".join)
def test_everything_is_everything(run: Run, arguments: tuple[str, ...]) -> None:
    server = _server()
    assert run(server, "stop", *WHY, *arguments).exit_code == 2
    assert server.sent == []


def test_nothing_but_creating_it_can_keep_a_stop(
    run: Run, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> str:
        raise Unreachable("POST /apis/x: no answer")

    monkeypatch.setattr("watchkeeper.cli.cluster.whoami", away)
    server = _server()
    server.refusals["GET"] = Denied("GET /apis/x: not yours")
    result = run(server, "stop", *WHY)
    assert result.exit_code == 0
    assert result.output == snapshot
    assert server.sent[0][2]["spec"] == {"reason": "latency rose"}


class Shaky(MemoryServer):
    """Fails so many creations first."""

    def __init__(self, *errors: WatchkeeperError) -> None:
        super().__init__("hal", subject())
        self.errors = list(errors)

    async def request(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        if method == "POST" and "emergencystops" in path and self.errors:
            raise self.errors.pop(0)
        return await super().request(method, path, body, **more)


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([NotConnected("x"), Unreachable("x"), RateLimited("x"), Unreachable("x")], 0),
        ([NotConnected("x")] * 5, 1),
        ([Denied("x")], 3),
    ],
    ids=["at the fifth", "never", "refused"],
)
def test_a_stop_is_tried_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, errors: list[WatchkeeperError], code: int
) -> None:
    monkeypatch.setattr("watchkeeper.cli.stops.PAUSE_SECONDS", 0.0)
    server = Shaky(*errors)
    result = run(server, "stop", *WHY)
    assert (result.exit_code, server.errors) == (code, [])
    assert len(server.sent) == (1 if code == 0 else 0)


def test_a_namespace_that_does_not_exist_is_said(run: Run) -> None:
    server = _server()
    server.refusals["POST"] = Gone('POST /apis/x: namespaces "shpo" not found')
    result = run(server, "stop", *WHY, "-n", "shpo")
    assert result.exit_code == 4
    assert (
        'namespaces "shpo" not found\n  what there is: kubectl get namespaces; say another with -n\n' in result.output
    )


def test_who_may_not_stop(run: Run) -> None:
    server = _server("eve")
    server.refusals["POST"] = Denied(
        'x: User "eve" cannot create resource "emergencystops" in API group "watchkeeper.dev"'
    )
    result = run(server, "stop", *WHY)
    assert result.exit_code == 3
    assert "watchkeeper-halter" in result.output


def test_who_may_not_stop_everything_is_told_what_is_less(run: Run) -> None:
    server = _server("carol")
    server.refusals["POST"] = Denied(
        'x: User "carol" cannot create resource "emergencystops" in API group "watchkeeper.dev" in the namespace '
        '"watchkeeper-system"'
    )
    result = run(server, "stop", *WHY, "--all")
    assert result.exit_code == 3
    assert "kubeconfig's context" not in result.output  # nobody has to say another namespace than the one of --all
    assert "who may stop a single namespace: watchkeeper stop --reason TEXT -n NAMESPACE" in result.output


def test_the_object_that_came_of_it(run: Run) -> None:
    assert run(_server(), "stop", *WHY, "-o", "name").stdout == "emergencystop.watchkeeper.dev/stop-x7k2p\n"


def test_lifting_the_only_one(run: Run, snapshot: SnapshotAssertion) -> None:
    server = MemoryServer("rex", stop(subjects=["orders", "bills"]), stop("all", namespace="watchkeeper-system"))
    result = run(server, "resume", "--yes")
    assert result.exit_code == 0
    assert result.output == snapshot
    assert server.sent[0][2]["preconditions"] == {"uid": "stop-x7k2p"}
    assert list(server.objects) == ["watchkeeper-system/emergencystops/all"]


@pytest.mark.parametrize(
    ("namespace", "status", "scope"),
    [
        ("shop", {}, "everything in namespace shop"),
        ("watchkeeper-system", {}, "everything, in all namespaces"),
        ("elsewhere", {"scope": "everything"}, "everything, in all namespaces"),
    ],
)
def test_what_is_lifted_is_said(run: Run, namespace: str, status: dict[str, Any], scope: str) -> None:
    server = MemoryServer("rex", stop(namespace=namespace) | {"status": status})
    result = run(server, "resume", "-n", namespace)
    assert (result.exit_code, server.sent) == (6, [])
    assert scope in result.output


def test_a_subject_may_be_called_everything(run: Run) -> None:
    """What a stop reaches is never made larger, or smaller, by the name of a Subject."""
    for name in ("everything", "namespace"):
        held = stop(subjects=[name])
        held["status"] = {
            "scope": reach_of(EmergencyStop.model_validate(held), operator_namespace="watchkeeper-system")
        }
        result = run(MemoryServer("rex", held), "resume")
        assert f"scope  {name} in namespace shop\n" in result.output


def test_a_stop_that_a_finalizer_holds_is_not_called_lifted(run: Run) -> None:
    held = stop()
    held["metadata"]["finalizers"] = ["example.com/forever"]
    result = run(MemoryServer("rex", held), "resume", "--yes")
    assert result.exit_code == 5
    assert "stop-x7k2p stays in force: it is being deleted, but held by finalizer example.com/forever" in result.output
    assert 'kubectl -n shop patch estop stop-x7k2p --type merge -p \'{"metadata":{"finalizers":[]}}\'' in result.output
    assert "lifted" not in result.output


def test_a_namespace_that_goes_takes_no_stop(run: Run) -> None:
    server = _server()
    server.refusals["POST"] = Denied(
        'POST /apis/x: emergencystops.watchkeeper.dev "stop-" is forbidden: unable to create new content in namespace shop '
        "because it is being terminated"
    )
    result = run(server, "stop", *WHY, "-n", "shop")
    assert result.exit_code == 5
    assert "namespace shop is being deleted and takes no stop any more: not stopped" in result.output
    assert "stop everything: watchkeeper stop --all --reason TEXT\n" in result.output


def test_one_of_several_is_named(run: Run, snapshot: SnapshotAssertion) -> None:
    server = MemoryServer("rex", stop(), stop("second"))
    result = run(server, "resume", "--yes")
    assert (result.exit_code, server.sent) == (2, [])
    assert result.output == snapshot
    named = run(server, "resume", "second", "--yes")
    assert named.exit_code == 0
    assert "still in force in namespace shop: stop-x7k2p" in named.output


def test_there_is_none(run: Run, snapshot: SnapshotAssertion) -> None:
    result = run(MemoryServer("rex"), "resume")
    assert result.exit_code == 4
    assert result.output == snapshot


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 6), ("", 6)])
def test_a_person_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
    server = MemoryServer("rex", stop())
    assert run(server, "resume").exit_code == 6  # no terminal
    monkeypatch.setattr(Screen, "interactive", True)
    assert run(server, "resume", input=answer).exit_code == code
    assert bool(server.objects) == (code != 0)


@pytest.mark.parametrize("options", [(), ("--yes",)], ids=["asked", "yes"])
@pytest.mark.parametrize(
    ("user", "lacks", "said"),
    [
        ("eve", ["resume"], "eve lacks verb resume on emergencystops in namespace shop: the stop stays"),
        ("eve", ["delete"], "eve lacks verb delete on emergencystops in namespace shop: the stop stays"),
        ("system:serviceaccount:shop:ci", [], "service accounts may not"),
    ],
)
def test_who_may_not_lift_it_is_told_before_being_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch, user: str, lacks: list[str], said: str, options: tuple[str, ...]
) -> None:
    monkeypatch.setattr(Screen, "interactive", True)
    server = MemoryServer(user, stop(), lacks=lacks)
    result = run(server, "resume", *options, input="y\n")
    assert (result.exit_code, server.sent) == (3, [])
    assert said in result.output
    assert "Lift this stop?" not in result.output


OTHER: dict[str, Any] = {"subjectRef": {"name": "bills"}}
RELEASE = "goes on  shop/drain-1: EvictLeaders is taken off store/7"
NOT_YET = "this stop has not cancelled it yet: is the operator running?"


def _stopped(**spec: Any) -> MemoryServer:
    due = standing_change("drain-1", "Held")
    due["status"]["waitsFor"] = "Stopped"
    return MemoryServer(
        "rex",
        stop(**spec),
        due,
        standing_change("drain-2", "Held"),
        proposal("waits"),
        proposal("other", spec=OTHER),
        proposal("new", phase=None),
        proposal("shown", waitsFor="Nothing"),
        proposal("sent", phase="Executing", waitsFor=None),
        proposal("over", phase="Cancelled", waitsFor=None),
        proposal("elsewhere", namespace="bank"),
    )


@pytest.mark.parametrize(
    ("spec", "release", "not_yet"),
    [
        ({}, True, {"shop/waits", "shop/new", "shop/other"}),
        ({"subjects": ["orders"]}, True, {"shop/waits", "shop/new"}),
        ({"subjects": ["bills"]}, False, {"shop/other"}),
        ({"namespace": "watchkeeper-system"}, True, {"shop/waits", "shop/new", "shop/other", "bank/elsewhere"}),
    ],
)
def test_what_goes_on_then_is_said_before_it_is_lifted(
    run: Run, spec: dict[str, Any], release: bool, not_yet: set[str]
) -> None:
    """A stop that comes and goes while no operator runs has cancelled nothing."""
    result = run(_stopped(**spec), "resume", "-n", spec.get("namespace", "shop"))
    assert result.exit_code == 6
    assert (RELEASE in result.stdout) is release
    lines = [line.removeprefix("goes on").strip() for line in result.stdout.splitlines()]
    assert {line.split(":")[0] for line in lines if NOT_YET in line} == not_yet


def test_a_stop_can_be_lifted_by_who_sees_nothing_else(run: Run) -> None:
    class Blind(MemoryServer):
        async def request(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
            if method == "GET" and "emergencystops" not in path:
                raise Denied("GET /apis/x: not yours")
            return await super().request(method, path, body, **more)

    result = run(Blind("rex", stop()), "resume", "--yes")
    assert result.exit_code == 0
    assert "goes on  cannot be seen: not yours" in result.stdout
