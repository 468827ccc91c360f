"""A whole story with a crash in it, told by three witnesses that fail independently; and each lie about it found."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcluster.cluster import Cluster
from localcluster.faults import Break, Match, Silence
from localcluster.installation import OPERATOR_NAMESPACE, SERVICE_ACCOUNT, grant
from tests.integration.processes.operators import an_operator, settings_for
from tests.integration.processes.witnesses import ApiWitness, from_api_log, join
from tests.integration.processes.world import World, until, worlds
from watchkeeper.adapters.kubernetes.auditstate import CHECKPOINTS, KEY, KEY_FIELD
from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.domain.audit.chain import Head
from watchkeeper.domain.audit.checkpoint import Checkpoint, SigningKey, checked
from watchkeeper.domain.audit.verify import verify
from watchkeeper.simulator.requestlog import Request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

POLICY: dict[str, Any] = {
    "mode": "Execute",
    "approval": {"mode": "Always"},
    "retry": {"initialSeconds": 1, "maxSeconds": 2},
}
OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{SERVICE_ACCOUNT}"
Records = list[dict[str, Any]]


async def _decide(cluster: Cluster, world: World, name: str, decision: str = "Approved") -> None:
    """By bob, as a person does it."""
    await until(lambda: _awaits(world, name), f"{name} is planned", told=world.picture)
    digest = (await world.proposal(name)).status.digest
    patch = json.dumps({"spec": {"approvals": [{"by": "bob", "decision": decision, "digest": digest}]}})
    words = ("-n", world.namespace, "patch", "ap", name, "--type", "merge", "-p", patch)
    await asyncio.to_thread(cluster.kubectl, *words, user="bob")


async def _awaits(world: World, name: str) -> bool:
    return (await world.proposal(name)).status.waits_for == "Approval"


async def _story(cluster: Cluster, world: World, folder: Path) -> None:
    """Moves, a lost answer, a rejection, a drain; SIGKILL while all of it is under way; then a release and an orderly end."""
    settings = settings_for([world.namespace])
    async with an_operator(cluster, folder, settings, name="op") as first:
        await until(world.healthy, "the Subject is healthy", told=world.picture)
        moves = [
            await world.propose("transfer-leader", region=region.id, toStore=target)
            for region, target in world.led_regions()[:3]
        ]
        refused = await world.propose("drain-store", store=5, seconds=3600)
        drain = await world.propose("drain-store", store=4, seconds=3600)
        world.databases[0].add(Silence(Break.RESET, applied=True), Match(method="POST", times=1))
        await _decide(cluster, world, refused, "Rejected")
        for name in (*moves, drain):
            await _decide(cluster, world, name)
        await until(lambda: _written(world, 2), "some were written", told=world.picture)
        await asyncio.to_thread(first.kill)
    async with an_operator(cluster, folder, settings, name="op") as second:
        await until(world.quiet, "everything is at rest", told=world.picture)
        await until(lambda: _held(world), "the drain stands", told=world.picture)
        await until(world.released, "it is released", told=world.picture)
        await asyncio.to_thread(second.stop)


async def _written(world: World, count: int) -> bool:
    return len(world.writes) >= count


async def _held(world: World) -> bool:
    return [change.status.state for change in await world.changes()] == [StandingState.HELD]


def _records(file: Path) -> Records:
    return [json.loads(line) for line in file.read_bytes().splitlines() if line.endswith(b"}")]


def _api_entries(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    log = cluster.audit_log
    assert log is not None
    with log.open("rb") as lines:
        wanted = (json.loads(line) for line in lines if namespace.encode() in line and line.endswith(b"\n"))
        return [entry for entry in wanted if (entry.get("objectRef") or {}).get("namespace") == namespace]


def _signed(cluster: Cluster) -> tuple[list[Checkpoint], bytes]:
    """Checkpoints whose signatures are good, and the private key."""
    where = ("-n", OPERATOR_NAMESPACE, "-o", "json", "get")
    secret = json.loads(cluster.kubectl(*where, "secret", KEY).stdout)
    private = base64.b64decode(secret["data"][KEY_FIELD])
    stored = json.loads(cluster.kubectl(*where, "configmap", CHECKPOINTS).stdout).get("data", {})
    return [checked(json.loads(text), [SigningKey(private).public]) for text in stored.values()], private


def _logged_checkpoints(cluster: Cluster) -> dict[str, Head]:
    """The newest of each chain as the API server's audit log holds them."""
    entries = [e for e in _api_entries(cluster, OPERATOR_NAMESPACE) if e["objectRef"].get("name") == CHECKPOINTS]
    written = [e for e in entries if e["verb"] == "patch" and e["user"]["username"] == OPERATOR]
    data = [entry["requestObject"]["data"] for entry in written]
    raw = [json.loads(text) for change in data for text in change.values() if text]
    return {one["chain"]: Head(one["chain"], one["seq"], one["hash"]) for one in raw}


async def test_every_write_is_told_alike_by_three_witnesses(installed: Cluster, tmp_path: Path) -> None:
    if installed.audit_log is None:
        pytest.skip("this cluster does not show its audit log")
    async with worlds(installed, 1, policy=POLICY) as [world]:
        grant(installed, world.namespace, {"bob": ("viewer", "approver")})
        await _story(installed, world, tmp_path)
        writes = world.writes
        file = tmp_path / "op-audit.jsonl"
        stream, api = _records(file), from_api_log(_api_entries(installed, world.namespace), OPERATOR)
        joined = join(api, stream, writes)
        checkpoints, private = _signed(installed)
        chains = {record["chain"] for record in stream}
        ours = [one for one in checkpoints if one.head.chain in chains]
        report = verify(file.read_bytes().splitlines(), ours)
        counts = ", ".join(f"{name} {count}" for name, count in sorted(joined.counts.items()))
        print(f"\n{counts}; stream: {report.records} records, {report.repeated} repeated, {len(report.chains)} chains")
        assert joined.problems == []
        assert [f.message for f in report.findings if f.error] == []
        assert len(report.chains) == len(ours) == 2
        assert len(writes) >= 5, "three moves, a drain and its release"
        assert {"DecisionSeen", "PolicySeen", "StandingChanged", "Recovered"} <= {record["type"] for record in stream}
        logged = _logged_checkpoints(installed)
        assert {one.head.chain: one.head for one in ours}.items() <= logged.items(), "one taken back is still there"
        assert b"PRIVATE" not in file.read_bytes()
        assert base64.b64encode(private) not in file.read_bytes()
        found = {name: lie(api, stream, writes) for name, lie in LIES.items()}
        print("\n".join(f"{name}: {problem}" for name, problem in found.items()))
        assert all(found.values()), found


def _drop(kind: str) -> Callable[[ApiWitness, Records, list[Request]], str]:
    def lie(api: ApiWitness, stream: Records, writes: list[Request]) -> str:
        key = writes[0].attempt
        kept = [r for r in stream if not (r["type"] == kind and r["attempt"]["operationKey"] == key)]
        assert len(kept) < len(stream)
        return "; ".join(join(api, kept, writes).problems)

    return lie


def _twice(kind: str) -> Callable[[ApiWitness, Records, list[Request]], str]:
    def lie(api: ApiWitness, stream: Records, writes: list[Request]) -> str:
        one = next(r for r in stream if r["type"] == kind and r["attempt"]["operationKey"] == writes[0].attempt)
        return "; ".join(join(api, [*stream, one], writes).problems)

    return lie


def _another_request(api: ApiWitness, stream: Records, writes: list[Request]) -> str:
    forged = copy.deepcopy(stream)
    sent = next(r for r in forged if r["type"] == "Sent" and r["attempt"]["operationKey"] == writes[0].attempt)
    sent["request"]["path"] += "/admin"
    return "; ".join(join(api, forged, writes).problems)


def _nobody_approved(api: ApiWitness, stream: Records, writes: list[Request]) -> str:
    return "; ".join(join(replace(api, approvals={}), stream, writes).problems)


def _a_write_of_nobody(api: ApiWitness, stream: Records, writes: list[Request]) -> str:
    return "; ".join(join(api, stream, [*writes, replace(writes[0], query="watchkeeper=forged/0/1")]).problems)


def _a_write_that_pd_never_got(api: ApiWitness, stream: Records, writes: list[Request]) -> str:
    answered = next(r for r in stream if r["type"] == "Sent" and "request" in r and r["answer"]["status"] == 200)
    kept = [write for write in writes if write.attempt != answered["attempt"]["operationKey"]]
    return "; ".join(join(api, stream, kept).problems)


def _an_approver_who_was_none(api: ApiWitness, stream: Records, writes: list[Request]) -> str:
    forged = copy.deepcopy(stream)
    key = writes[0].attempt
    next(r for r in forged if r["type"] == "Intended" and r["attempt"]["operationKey"] == key)["approvers"] = ["eve"]
    return "; ".join(join(api, forged, writes).problems)


LIES: dict[str, Callable[[ApiWitness, Records, list[Request]], str]] = {
    "an intent is dropped": _drop("Intended"),
    "an outcome is dropped": _drop("Outcome"),
    "an intent is forged beside another": _twice("Intended"),
    "an outcome is forged beside another": _twice("Outcome"),
    "another request than the one sent": _another_request,
    "nobody approved": _nobody_approved,
    "an approver who was none": _an_approver_who_was_none,
    "a write at PD that nobody tells of": _a_write_of_nobody,
    "a write that PD never got": _a_write_that_pd_never_got,
}
