"""Which events wake which keys."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import kopf
import pytest

from watchkeeper.adapters.kubernetes.connection import Requester
from watchkeeper.api.v1alpha1 import ActionProposal, OperatorPolicy
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.engine.services import Services
from watchkeeper.engine.tracker import Tracker
from watchkeeper.handlers.echoes import Echoes
from watchkeeper.handlers.objects import WatchSigns, register
from watchkeeper.ports.objects import FINALIZER
from watchkeeper.runtime.objects import HeardObjects

SPEC = {"subjectRef": {"name": "tikv"}, "action": {"source": "Tool", "name": "wait", "parameters": {}}, "reason": "r"}


class Queue:
    def __init__(self) -> None:
        self.added: list[str] = []
        self.later: list[str] = []

    def add_after(self, key: Key, seconds: float) -> None:
        assert seconds > 0
        self.later.append(f"{key.kind}/{key.name}")

    def add(self, key: Key) -> None:
        self.added.append(f"{key.kind}/{key.name}")


class Server:
    """Answers every request with the same object."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    async def request(self, *_: Any, **__: Any) -> dict[str, Any]:
        return self.answer


class Bed:
    def __init__(self) -> None:
        self.queue = Queue()
        self.echoes = Echoes()
        registry = kopf.OperatorRegistry()
        self.look_again: set[Key] = set()
        parts: dict[str, Any] = {"queue": self.queue, "tracker": Tracker(), "look_again": self.look_again}
        parts |= {"gates": SimpleNamespace(forget=lambda *_: None), "settings": SimpleNamespace(operator_namespace="o")}
        services = cast("Services", SimpleNamespace(**parts))
        register(registry, services, WatchSigns(), self.echoes)
        self._handlers = {str(h.id): h.fn for h in registry._watching.get_all_handlers()}

    async def event(self, plural: str, body: dict[str, Any], kind: str = "MODIFIED") -> list[str]:
        """What the event woke."""
        self.queue.added.clear()
        await cast("Any", self._handlers[f"watch-{plural}"])(body=body, type=kind)
        return list(self.queue.added)


@pytest.fixture
def bed() -> Bed:
    return Bed()


def proposal(version: str, phase: str = "Validated", *, finalizer: bool = False) -> dict[str, Any]:
    metadata = {"name": "p", "namespace": "n", "uid": "u-1", "resourceVersion": version, "generation": 1}
    return {
        "apiVersion": "watchkeeper.dev/v1alpha1",
        "kind": "ActionProposal",
        "metadata": {**metadata, "finalizers": [FINALIZER] if finalizer else []},
        "spec": {**SPEC, "proposedBy": "alice"},
        "status": {"phase": phase},
    }


def subject(**status: Any) -> dict[str, Any]:
    metadata = {"name": "tikv", "namespace": "n", "uid": "u-2", "resourceVersion": "1", "generation": 1}
    return {"kind": "Subject", "metadata": metadata, "spec": {"type": "TiKV"}, "status": status}


def ticket(generation: int, **status: Any) -> dict[str, Any]:
    metadata = {"name": "t", "namespace": "n", "uid": "u-3", "resourceVersion": "1", "generation": generation}
    return {"kind": "Ticket", "metadata": metadata, "spec": {"subjectRef": {"name": "tikv"}}, "status": status}


@pytest.mark.parametrize(
    ("plural", "kind", "status"),
    [
        ("operatorpolicies", "OperatorPolicy", {"pending": 3}),
        ("emergencystops", "EmergencyStop", {"scope": "namespace"}),
    ],
)
async def test_what_only_the_operator_writes_wakes_nobody(
    bed: Bed, plural: str, kind: str, status: dict[str, Any]
) -> None:
    """Two processes that both count, a leader and one that does not know yet that it is none, would answer each other."""
    body: dict[str, Any] = {
        "kind": kind,
        "metadata": {"name": "default", "namespace": "n", "generation": 1},
        "spec": {},
    }
    assert f"{kind}/default" in await bed.event(plural, body, "ADDED")
    assert await bed.event(plural, body | {"status": status}) == []
    edited = body | {"metadata": body["metadata"] | {"generation": 2}}
    assert f"{kind}/default" in await bed.event(plural, edited)
    assert f"{kind}/default" in await bed.event(plural, edited, "DELETED")


async def test_the_policy_counts_a_proposal_that_comes_ends_or_goes(bed: Bed) -> None:
    async def recounts(body: dict[str, Any], kind: str = "MODIFIED") -> int:
        bed.queue.later.clear()
        await bed.event("actionproposals", body, kind)
        return bed.queue.later.count("OperatorPolicy/default")

    assert await recounts(proposal("1"), "ADDED") == 1
    assert await recounts(proposal("2", "Executing", finalizer=True)) == 0, "counted already"
    assert await recounts(proposal("3", "Completed", finalizer=True)) == 1
    assert await recounts(proposal("4", "Completed")) == 0
    assert await recounts(proposal("4", "Completed"), "DELETED") == 1


async def test_a_ticket_wakes_its_subject_only_when_people_changed_it(bed: Bed) -> None:
    assert await bed.event("tickets", ticket(1), "ADDED") == []
    assert await bed.event("tickets", ticket(1, state="Open")) == []
    assert bed.look_again == set()
    assert await bed.event("tickets", ticket(2, state="Open")) == ["Subject/tikv"]
    assert bed.look_again == {Key("Subject", "n", "tikv")}
    assert await bed.event("tickets", ticket(2, state="Resolved")) == []
    assert await bed.event("tickets", ticket(2), "DELETED") == []


async def test_own_status_write_wakes_nobody_and_only_once(bed: Bed) -> None:
    before = ActionProposal.model_validate(proposal("7"))
    store = HeardObjects(cast("Requester", Server(proposal("8"))), bed.echoes)

    await store.set_finalizer(before, present=True)

    assert await bed.event("actionproposals", proposal("8")) == []
    assert await bed.event("actionproposals", proposal("8")) == ["ActionProposal/p"], "a list anew is no echo"


async def test_what_others_wrote_wakes(bed: Bed) -> None:
    bed.echoes.wrote(ActionProposal.model_validate(proposal("8")))

    assert await bed.event("actionproposals", proposal("9")) == ["ActionProposal/p"]
    assert await bed.event("actionproposals", proposal("8"), "DELETED") == ["ActionProposal/p"]


async def test_a_write_that_changed_nothing_is_not_remembered(bed: Bed) -> None:
    before = ActionProposal.model_validate(proposal("7"))
    store = HeardObjects(cast("Requester", Server({})), bed.echoes)

    await store.write_status(before, before.status)

    assert await bed.event("actionproposals", proposal("7")) == ["ActionProposal/p"]


async def test_only_proposals_are_remembered(bed: Bed) -> None:
    metadata = {"name": "default", "namespace": "n", "uid": "u-1", "resourceVersion": "8"}
    bed.echoes.wrote(OperatorPolicy.model_validate({"metadata": metadata, "spec": {"mode": "Observe"}}))

    assert await bed.event("actionproposals", proposal("8")) == ["ActionProposal/p"]


def test_the_oldest_are_forgotten() -> None:
    echoes = Echoes(remembered=2)
    for version in ("1", "2", "3"):
        echoes.wrote(ActionProposal.model_validate(proposal(version)))

    assert [echoes.heard(proposal(version)) for version in ("1", "2", "3")] == [False, True, True]


@pytest.mark.parametrize("phase", ["Completed", "Failed", "Cancelled"])
async def test_an_ended_proposal_wakes_only_while_it_has_the_finalizer(bed: Bed, phase: str) -> None:
    assert await bed.event("actionproposals", proposal("1", phase)) == []
    assert await bed.event("actionproposals", proposal("2", phase, finalizer=True)) == ["ActionProposal/p"]
    assert await bed.event("actionproposals", proposal("3", phase), "DELETED") == ["ActionProposal/p"]


async def test_a_claim_on_the_subject_wakes_nobody_but_a_little_later_its_policy(bed: Bed) -> None:
    assert await bed.event("subjects", subject(health="Healthy")) == ["Subject/tikv"]
    bed.queue.later.clear()
    claimed = subject(health="Healthy", inFlight=[{"operationKey": "u/0/1", "state": "Writing"}])
    assert await bed.event("subjects", claimed) == []
    assert bed.queue.later == ["OperatorPolicy/default"]
    assert await bed.event("subjects", claimed) == []
    assert bed.queue.later == ["OperatorPolicy/default"], "once for each change"


async def test_what_matters_of_the_subject_wakes_it_and_its_proposals(bed: Bed) -> None:
    await bed.event("actionproposals", proposal("1"))
    await bed.event("subjects", subject(health="Healthy"))

    assert await bed.event("subjects", subject(health="Blind")) == ["Subject/tikv", "ActionProposal/p"]
    leaving = subject(health="Blind")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert "Subject/tikv" in await bed.event("subjects", leaving)
    assert await bed.event("subjects", leaving, "DELETED") == ["Subject/tikv", "ActionProposal/p"]
