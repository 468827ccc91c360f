"""What each sample role may and may not do, tried with its holder's own certificate; all dry runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.integration.admission_rows import ACKNOWLEDGE
from tests.integration.admission_world import DIGEST, World, approval
from tests.integration.rest import Answer

Attempt = Callable[[World, str], Answer]


def _see(world: World, who: str) -> Answer:
    return world.person(who).get("actionproposals", world.namespace, "low")


def _see_orders(world: World, who: str) -> Answer:
    return world.person(who).get("operatorpolicies", world.namespace, "default")


def _propose(world: World, who: str) -> Answer:
    return world.propose(world.person(who), dry=True)


def _approve(name: str) -> Attempt:
    def attempt(world: World, who: str) -> Answer:
        return world.append(world.person(who), name, approval(who, DIGEST))

    return attempt


def _reject(world: World, who: str) -> Answer:
    return world.append(world.person(who), "low", approval(who, decision="Rejected"))


def _cancel(world: World, who: str) -> Answer:
    return world.edit(world.person(who), "low", {"cancel": {"reason": "x", "by": who}})


def _acknowledge(world: World, who: str) -> Answer:
    return world.edit(world.person(who), "unknown", {"acknowledge": ACKNOWLEDGE | {"by": who}})


def _stop(world: World, who: str) -> Answer:
    return world.stop(world.person(who))


def _resume(world: World, who: str) -> Answer:
    return world.person(who).delete("emergencystops", world.namespace, "halted", dry=True)


def _govern(world: World, who: str) -> Answer:
    return world.policy(world.person(who), {"mode": "Observe"})


def _delete(world: World, who: str) -> Answer:
    return world.person(who).delete("actionproposals", world.namespace, "low", dry=True)


def _write_status(world: World, who: str) -> Answer:
    body = {"status": {"message": "forged"}}
    return world.person(who).merge("actionproposals", world.namespace, "low", body, subresource="status", dry=True)


DOINGS: dict[str, Attempt] = {
    "see a proposal": _see,
    "see the orders": _see_orders,
    "propose": _propose,
    "approve transfer-leader, Low": _approve("low"),
    "approve drain-store, Medium": _approve("medium"),
    "approve drain-store, High": _approve("high"),
    "approve a tool, Medium": _approve("tool"),
    "reject": _reject,
    "cancel": _cancel,
    "acknowledge": _acknowledge,
    "stop": _stop,
    "resume": _resume,
    "govern": _govern,
    "delete a proposal": _delete,
    "write status": _write_status,
}
_APPROVES = {doing for doing in DOINGS if doing.startswith("approve")}


@dataclass(frozen=True)
class Holder:
    """Somebody with one role, and all that this role lets them do."""

    name: str
    role: str
    may: frozenset[str]


def _holder(name: str, role: str, *may: str) -> Holder:
    return Holder(name, f"watchkeeper-{role}", frozenset(may))


HOLDERS = (
    _holder("vic", "viewer", "see a proposal", "see the orders"),
    _holder("pip", "proposer", "see a proposal", "propose"),
    _holder("bob", "approver", "see a proposal", "reject", *_APPROVES),
    _holder("lou", "approver-low-risk", "see a proposal", "reject", "approve transfer-leader, Low"),
    _holder("amy", "approver-transfer-leader", "see a proposal", "reject", "approve transfer-leader, Low"),
    _holder("cat", "canceller", "see a proposal", "cancel"),
    _holder("ann", "acknowledger", "see a proposal", "acknowledge"),
    _holder("hal", "halter", "stop"),
    _holder("rex", "resumer", "resume"),
    _holder("gus", "governor", "see the orders", "govern"),
)
