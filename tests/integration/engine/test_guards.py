"""Without guards nothing executes: every way to take them down, on the real API server."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from localcluster.cluster import Cluster
from localcluster.installation import OPERATOR_NAMESPACE, manifests
from tests.integration.engine.test_gates import between_claim_and_send
from tests.integration.engine.test_standing import becomes, drained
from tests.integration.engine.world import EngineWorld
from tests.integration.guard_breaking import (
    BINDING,
    DECIDE,
    ROOT,
    STAMP_BINDING,
    WAYS,
    patch,
    put_right,
    remove,
    within,
)
from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.adapters.kubernetes.guards import GuardTiming, KubernetesGuards
from watchkeeper.admission.identity import Identity
from watchkeeper.admission.rendering import render
from watchkeeper.api.v1alpha1.actionproposal import AttemptState, Phase
from watchkeeper.api.v1alpha1.conditions import find
from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.ports.guards import GuardFault, GuardState

USER = Identity().user
NOTICED_SECONDS = 2.0
"""Of most of the ways: one may come when the machine is busy."""
PATIENCE_SECONDS = 20.0


@asynccontextmanager
async def guards_of(operator: Path, timing: GuardTiming | None = None) -> AsyncIterator[KubernetesGuards]:
    async with await Connection.open(operator) as connection:
        guards = KubernetesGuards(connection, render(), namespace=OPERATOR_NAMESPACE, user=USER, timing=timing)
        await guards.start(lambda: None)
        try:
            yield guards
        finally:
            await guards.close()


async def median(look: Callable[[], Awaitable[GuardState]], times: int = 21) -> str:
    """Of so many looks; each must be good."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        assert (await look()).active
        took.append(time.monotonic() - began)
    return f"{statistics.median(took) * 1000:.1f} ms (slowest of {times} {max(took) * 1000:.1f} ms)"


async def active(guards: KubernetesGuards) -> bool:
    return guards.known().active


async def down(guards: KubernetesGuards) -> bool:
    return not guards.known().active


async def put_back(cluster: Cluster) -> None:
    """Whatever a test has done."""
    files = [word for file in manifests(cluster) if "admission" in file.name for word in ("-f", str(file))]
    for command in ("apply", "replace"):
        await asyncio.to_thread(cluster.kubectl, command, *files)


async def test_every_way_to_take_them_down_is_noticed_and_named(installed: Cluster, operator_config: Path) -> None:
    """And the command of the message puts it right."""
    delays: list[float] = []
    try:
        async with guards_of(operator_config, GuardTiming(settle=0.1, probe_when_off=0.05, fresh=0)) as guards:
            assert guards.known().active
            assert guards.known().stamping is installed.stamps
            print(
                f"\na look before a claim: {await median(guards.survey)}; before a send: {await median(guards.probe)}"
            )
            ways = {what: way for what, way in WAYS.items() if installed.stamps or "stamp" not in what}
            for what, (fault, take_down) in ways.items():
                await asyncio.to_thread(take_down, installed)
                took = await within(what, lambda: down(guards), seconds=PATIENCE_SECONDS)
                state = guards.known()
                assert state.reason == fault, (what, state.message)
                commands = await asyncio.to_thread(put_right, installed, state.message)
                back = await within(f"{what}: {commands}", lambda: active(guards), seconds=PATIENCE_SECONDS)
                print(
                    f"\n{what}: {fault} noticed {took * 1000:.0f} ms after kubectl had ended; right {back:.2f} s after {commands}"
                )
                delays.append(took)
    finally:
        await put_back(installed)
    print(f"\nslowest of {len(ways)} ways: {max(delays) * 1000:.0f} ms")
    assert statistics.median(delays) < NOTICED_SECONDS


async def test_what_no_rule_is_enforced_for_is_seen_by_the_probe(installed: Cluster, operator_config: Path) -> None:
    """All objects as they must be, by what is shipped; and yet the create goes through."""
    shipped = [item for item in render() if item["metadata"]["name"] != "proposal-create.watchkeeper.dev"]
    unbound = [item for item in render() if item["metadata"]["name"] == "proposal-create.watchkeeper.dev"]
    try:
        async with await Connection.open(operator_config) as connection:
            guards = KubernetesGuards(
                connection,
                [*shipped, unbound[0]],
                namespace=OPERATOR_NAMESPACE,
                user=USER,
                timing=GuardTiming(probe=0.1),
            )
            await guards.start(lambda: None)
            assert guards.known().active
            await asyncio.to_thread(remove, installed, BINDING, "proposal-create.watchkeeper.dev")
            took = await within("the probe goes through", lambda: down(guards), seconds=PATIENCE_SECONDS)
            assert guards.known().reason == GuardFault.NOT_ENFORCED
            print(f"\nthe probe alone: noticed {took:.2f} s after the answer")
            await guards.close()
    finally:
        await put_back(installed)


async def test_what_may_not_be_read_is_down(installed: Cluster, operator_config: Path) -> None:
    role = "watchkeeper-controller-guards"
    try:
        async with guards_of(operator_config, GuardTiming(settle=0.1, probe_when_off=0.05)) as guards:
            await asyncio.to_thread(remove, installed, "clusterrolebinding", role)

            async def surveyed() -> bool:
                return not (await guards.survey()).active

            await within("a fresh look is refused", surveyed, seconds=PATIENCE_SECONDS)
            await within("the watches have seen it too", lambda: down(guards), seconds=PATIENCE_SECONDS)
            state = guards.known()
            assert state.reason == GuardFault.UNREADABLE
            assert "kubectl apply --server-side -f manifests/20-operator-rbac.yaml" in state.message
            await asyncio.to_thread(put_right, installed, state.message)
            await within("they may be read again", lambda: active(guards), seconds=PATIENCE_SECONDS)
    finally:
        await asyncio.to_thread(installed.kubectl, "apply", "-f", str(ROOT / "manifests" / "20-operator-rbac.yaml"))


async def test_nothing_executes_and_it_goes_on_by_itself(world: EngineWorld, installed: Cluster) -> None:
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    world.skew = 31
    await world.waiting(proposal.metadata.name, "ClockSkew")  # the approval is seen while the guards are up
    world.skew = 0
    services = await world.engine()
    try:
        await asyncio.to_thread(remove, installed, BINDING, DECIDE)
        held = await world.waiting(proposal.metadata.name, "Guard", services=services)
        assert held.status.phase is Phase.VALIDATED
        assert f"{DECIDE} is missing" in (held.status.message or "")
        subject = await world.subject()
        condition = find(subject.status.conditions, "GuardActive")
        assert condition is not None
        assert (condition.status, condition.reason) == ("False", "Missing")
        assert ("Guard/GuardDown" in [told for _, told, _ in world.told.notes]) is True
        assert world.writes == []
        await asyncio.to_thread(put_right, installed, held.status.message or "")
    finally:
        await put_back(installed)
    ended = await world.ended(proposal.metadata.name, services=services)
    await services.drivers.close()
    assert ended.status.phase is Phase.COMPLETED
    assert len(world.writes) == 1
    assert ("Guard/GuardUp" in [told for _, told, _ in world.told.notes]) is True


async def test_they_hold_neither_the_end_of_what_stands_nor_a_stop(world: EngineWorld, installed: Cluster) -> None:
    await drained(world)
    try:
        await asyncio.to_thread(remove, installed, BINDING, DECIDE)
        await within("the guards are down", lambda: down(world.guards), seconds=PATIENCE_SECONDS)
        world.ahead = 3601
        await becomes(world, StandingState.RELEASED)
        assert world.simulator.evicted_stores == []
        world.ahead = 0
        proposal = await world.propose("transfer-leader", **world.a_transfer())
        await world.waiting(proposal.metadata.name, "Guard")
        await world.make("emergencystops", "EmergencyStop", "fire", {"reason": "fire"})
        assert (await world.ended(proposal.metadata.name)).status.reason == "Stopped"
        assert not world.guards.known().active
    finally:
        await put_back(installed)


@pytest.mark.parametrize("name", [DECIDE, "proposal-create.watchkeeper.dev"])
async def test_a_guard_that_goes_between_claim_and_send_is_seen(
    world: EngineWorld, installed: Cluster, name: str
) -> None:
    async def weaken() -> None:
        await asyncio.to_thread(patch, installed, BINDING, name, ("validationActions", ["Audit"]))

    try:
        tried = await between_claim_and_send(world, weaken)
        assert (tried.status.phase, tried.status.attempts[-1].state) == (Phase.VALIDATED, AttemptState.NOT_SENT)
        assert tried.status.attempts[-1].reason == "Guard"
        assert world.writes == []
    finally:
        await put_back(installed)
    ended = await world.ended(tried.metadata.name)
    assert ended.status.phase is Phase.COMPLETED
    assert [a.number for a in ended.status.attempts] == [1, 2]


async def test_an_approval_that_came_while_they_were_down_never_counts(world: EngineWorld, installed: Cluster) -> None:
    proposal = await world.propose("transfer-leader", **world.a_transfer())
    planned = await world.waiting(proposal.metadata.name, "Approval")
    forged = {"by": "carol", "decision": "Approved", "digest": planned.status.digest or ""}
    try:
        await asyncio.to_thread(remove, installed, BINDING, DECIDE)
        await asyncio.to_thread(remove, installed, BINDING, "proposal-decide-live.watchkeeper.dev")
        await asyncio.sleep(1.5)  # until nobody enforces it any more
        await world.patch(planned, {"approvals": [forged]})
        await world.waiting(proposal.metadata.name, "Guard")
    finally:
        await put_back(installed)
    shown = await world.waiting(proposal.metadata.name, "Approval")
    assert "came while the guards were down, so it does not count: carol" in (shown.status.message or "")
    assert shown.status.approval is not None
    assert [(d.by, d.guarded) for d in shown.status.approval.decisions] == [("carol", False)]
    assert shown.status.approval.granted == 0
    await world.decide(shown)  # by somebody else, with the guards up
    ended = await world.ended(proposal.metadata.name)
    assert ended.status.phase is Phase.COMPLETED
    assert len(world.writes) == 1


async def test_the_command_of_the_message_follows_what_the_server_does(world: EngineWorld, installed: Cluster) -> None:
    """Without the stamps (before 1.36 there are none) it is the long one, and it works as it stands there."""
    proposal = await world.propose("transfer-leader", **world.a_transfer())
    first = await world.waiting(proposal.metadata.name, "Approval")
    assert ("--type merge" in (first.status.message or "")) is installed.stamps
    try:
        if installed.stamps:
            await asyncio.to_thread(remove, installed, STAMP_BINDING, "stamp-decision.watchkeeper.dev")

        async def unsigned() -> bool:
            return not world.guards.known().stamping

        await within("nothing is stamped any more", unsigned, seconds=PATIENCE_SECONDS)
        assert world.guards.known().active
        await asyncio.sleep(1.2)
        services = await world.engine()

        async def long() -> bool:
            return "--type json" in ((await world.proposal(proposal.metadata.name)).status.message or "")

        await world.drive(services, long)
        message = (await world.proposal(proposal.metadata.name)).status.message or ""
        pasted = await asyncio.to_thread(installed.shell, message.splitlines()[-1])
        assert pasted.returncode == 0, pasted.stderr
        ended = await world.ended(proposal.metadata.name, services=services)
        await services.drivers.close()
        assert ended.status.phase is Phase.COMPLETED
    finally:
        await put_back(installed)
