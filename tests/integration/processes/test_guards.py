"""From a changed binding to the word about it, by the operator as a process, while its database does not even answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from localcluster.cluster import Cluster
from localcluster.faults import Latency
from tests.integration.guard_breaking import DECIDE, ROOT, within
from tests.integration.processes.operators import an_operator, settings_for
from tests.integration.processes.world import World, until, worlds
from watchkeeper.adapters.kubernetes.connection import JSON_PATCH, Connection
from watchkeeper.api.v1alpha1 import OperatorPolicy
from watchkeeper.api.v1alpha1.conditions import ConditionStatus, find

DATABASE_SECONDS = 20.0
"""A look at the database takes so long, and must not hold up what is said of the guards."""
BINDING = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/{DECIDE}"


async def guard_of(world: World) -> set[str]:
    """What Subject and policy say."""
    subject = await world.subject()
    policy = await world.store.get(OperatorPolicy, world.namespace, "default")
    found = [find(conditions, "GuardActive") for conditions in (subject.status.conditions, policy.status.conditions)]
    return {condition.status if condition else "" for condition in found}


def says(world: World, status: ConditionStatus) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return await guard_of(world) == {status}

    return holds


async def test_a_weakened_binding_is_known_within_two_seconds(installed: Cluster, tmp_path: Path) -> None:
    async with worlds(installed, 1) as (world,), await Connection.open(installed.admin) as admin:
        async with an_operator(installed, tmp_path, settings_for([world.namespace])):
            await until(says(world, ConditionStatus.TRUE), "the guards are up", told=world.picture)
            await until(world.healthy, "the Subject is healthy", told=world.picture)
            world.databases[0].add(Latency(DATABASE_SECONDS))
            try:
                audited = [{"op": "replace", "path": "/spec/validationActions", "value": ["Audit"]}]
                await admin.request("PATCH", BINDING, audited, content=JSON_PATCH)
                took = await within(
                    "Subject and policy say False", says(world, ConditionStatus.FALSE), seconds=DATABASE_SECONDS - 5
                )
                print(f"\naudit-only binding → GuardActive=False on Subject and policy: {took * 1000:.0f} ms")
            finally:
                began = time.monotonic()
                command = ("replace", "-f", str(ROOT / "manifests" / "10-admission.yaml"))
                await asyncio.to_thread(installed.kubectl, *command)
            await until(says(world, ConditionStatus.TRUE), "the guards are up again", seconds=60)
            print(f"kubectl replace → GuardActive=True: {time.monotonic() - began:.1f} s")
        events = json.loads(installed.kubectl("-n", world.namespace, "get", "events", "-o", "json").stdout)["items"]
        told = {(event["involvedObject"]["kind"], event["reason"]) for event in events}
        assert {(kind, reason) for kind in ("Subject", "OperatorPolicy") for reason in ("GuardDown", "GuardUp")} <= told
