"""The operator as a process: how it ends, who leads, what it refuses to start with, and what it tells the kubelet."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from localcluster.cluster import Cluster
from localcluster.faults import Latency, Match
from localcluster.installation import OPERATOR_NAMESPACE, OperatorProcess
from tests.integration.processes.operators import an_operator, settings_for
from tests.integration.processes.world import World, until, worlds
from watchkeeper.api.v1alpha1.actionproposal import AttemptState, Phase
from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.api.v1alpha1.subject import InFlightState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LEASE_SECONDS = 4
END_SECONDS = 12.0
START_SECONDS = 30.0


async def _exit_code(process: OperatorProcess, seconds: float) -> int:
    return await asyncio.to_thread(process.process.wait, seconds)


async def _drain(world: World) -> str:
    await until(world.healthy, "the Subject is healthy", told=world.picture)
    name = await world.propose("drain-store", store=4, seconds=3600)
    await world.approve(name)
    return name


async def _written(world: World) -> bool:
    return any(request.method == "POST" for request in world.databases[0].requests())


async def test_sigterm_lets_a_write_under_way_be_recorded(installed: Cluster, tmp_path: Path) -> None:
    async with worlds(installed, 1) as [world]:
        settings = settings_for([world.namespace], write_timeout_seconds="5", attempt_seconds="10")
        async with an_operator(installed, tmp_path, settings, name="first") as first:
            world.databases[0].add(Latency(1.5), Match(method="POST"))
            name = await _drain(world)
            await until(lambda: _written(world), "the write is on its way", told=world.picture)
            begin = time.monotonic()
            first.process.identity.signal(signal.SIGTERM)
            assert await _exit_code(first, END_SECONDS) == 0
            took = time.monotonic() - begin
        [attempt] = (await world.proposal(name)).status.attempts
        assert attempt.state is AttemptState.SENT, "the answer came, and was not recorded"
        assert attempt.answer is not None
        assert attempt.answer.status == 200
        assert all(e.state is not InFlightState.WRITING for e in (await world.subject()).status.in_flight)
        async with an_operator(installed, tmp_path, settings, name="second"):
            await until(world.quiet, "the second brings it to its end", told=world.picture)
        assert (await world.proposal(name)).status.phase is Phase.COMPLETED
        assert [write.method for write in world.writes] == ["POST"]
        print(f"\nSIGTERM in the middle of a write: exit code 0 after {took:.1f} s, the answer recorded")


async def _leader(cluster: Cluster) -> str:
    """Name of the process that holds the lease."""
    words = ("-n", OPERATOR_NAMESPACE, "get", "lease", "watchkeeper-operator", "-o", "jsonpath={.spec.holderIdentity}")
    found = await asyncio.to_thread(cluster.kubectl, *words, check=False)
    return found.stdout.rpartition("-")[0]


async def _get(port: int, path: str) -> httpx.Response | None:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return await client.get(f"http://127.0.0.1:{port}{path}")
        except httpx.HTTPError:
            return None


async def _serves(port: int) -> bool:
    answers = [await _get(port, path) for path in ("/healthz", "/readyz", "/metrics")]
    return all(answer is not None and answer.status_code == 200 for answer in answers)


async def _leading(port: int) -> bool:
    """What its metrics say."""
    answer = await _get(port, "/metrics")
    return answer is not None and "\nwatchkeeper_leading 1.0\n" in answer.text


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_another_leads_when_the_leader_is_killed(installed: Cluster, tmp_path: Path) -> None:
    async with worlds(installed, 1) as [world]:
        ports = {"red": _free_port(), "blue": _free_port()}
        elected = {"leader_election": "true", "lease_seconds": str(LEASE_SECONDS), "probe_host": "127.0.0.1"}
        common = settings_for([world.namespace], **elected)
        red = an_operator(installed, tmp_path, {**common, "probe_port": str(ports["red"])}, name="red")
        blue = an_operator(installed, tmp_path, {**common, "probe_port": str(ports["blue"])}, name="blue")
        async with red as first, blue as second:
            for port in ports.values():
                await until(partial(_serves, port), "leader and stand-by are ready", seconds=START_SECONDS)
            await _drain(world)

            async def held() -> bool:
                return await world.quiet() and [c.status.state for c in await world.changes()] == [StandingState.HELD]

            await until(held, "the store is drained", told=world.picture)
            leader = await _leader(installed)
            other = {"red": "blue", "blue": "red"}[leader]
            assert await _leading(ports[leader])
            assert not await _leading(ports[other])
            begin = time.monotonic()
            await asyncio.to_thread({"red": first, "blue": second}[leader].kill)
            await world.delete((await world.changes())[0])

            async def taken_over() -> bool:
                return await _leader(installed) == other

            await until(taken_over, f"{other} leads", seconds=LEASE_SECONDS + 10)
            took = time.monotonic() - begin
            await until(world.released, "the other one releases", told=world.picture)
            released = time.monotonic() - begin
            assert [write.method for write in world.writes] == ["POST", "DELETE"]
            text = f"{other} leads {took:.1f} s after {leader} was killed (lease {LEASE_SECONDS} s)"
            print(f"\n{text}, and has released after {released:.1f} s")


async def test_missing_permissions_are_listed(installed: Cluster, tmp_path: Path) -> None:
    installed.kubectl("-n", OPERATOR_NAMESPACE, "create", "serviceaccount", "powerless", check=False)
    process = OperatorProcess(installed, tmp_path, settings=settings_for(["default"]), account="powerless")
    await asyncio.to_thread(process.start)
    assert await _exit_code(process, START_SECONDS) == 2
    told = process.process.log_tail(40)
    for needed in (
        "watch actionproposals",
        "patch subjects.watchkeeper.dev --subresource=status",
        "update leases",
        "20-operator-rbac.yaml",
    ):
        assert needed in told


@pytest.mark.parametrize(
    ("name", "value"), [("workers", "0"), ("lease_seconds", "-1"), ("log_level", "LOUD"), ("attempt_seconds", "soon")]
)
async def test_settings_that_make_no_sense_are_refused(
    installed: Cluster, tmp_path: Path, name: str, value: str
) -> None:
    process = OperatorProcess(installed, tmp_path, settings=settings_for(["default"], **{name: value}))
    await asyncio.to_thread(process.start)
    assert await _exit_code(process, START_SECONDS) == 2
    assert name in process.process.log_tail(20)
