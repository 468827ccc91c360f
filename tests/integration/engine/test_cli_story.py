"""From the first word to the effect in the database, by three people at their terminals, with the engine at work."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from localcluster.cluster import Cluster
from tests.integration.engine.world import SUBJECT, EngineWorld
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.cli.main import app

PEOPLE = {"alice": "proposer", "bob": "approver", "hal": "halter", "rex": "resumer"}
WHY = ("--reason", "a story")


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Terminals:
    """Everybody's `watchkeeper`."""

    cluster: Cluster
    world: EngineWorld

    async def run(self, user: str, *words: str) -> Ended:
        where = ("--kubeconfig", str(self.cluster.kubeconfig(user)), "-n", self.world.namespace)
        result = await asyncio.to_thread(CliRunner().invoke, app, [*where, *words])
        return Ended(result.exit_code, result.stdout, result.stderr)

    async def process(self, user: str, *words: str) -> Ended:
        """The same as a process of its own."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "watchkeeper.cli", "-n", self.world.namespace, *words),
            env={**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig(user))},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Ended(process.returncode or 0, out.decode(), err.decode())

    async def driven(self, user: str, *words: str) -> Ended:
        """A process of its own, while the engine works."""
        services = await self.world.engine()
        task = asyncio.create_task(self.process(user, *words))

        async def over() -> bool:
            return task.done()

        await self.world.drive(services, over, seconds=60)
        await services.drivers.close()
        return await task


@pytest.fixture
async def terminals(installed: Cluster, world: EngineWorld) -> Terminals:
    await world.patch(await world.policy(), {"approval": {"distinctFromProposer": True}})
    await world.observed()
    for user, role in PEOPLE.items():
        binding = ("create", "rolebinding", user, f"--clusterrole=watchkeeper-{role}", f"--user={user}")
        await asyncio.to_thread(installed.kubectl, "-n", world.namespace, *binding)
    return Terminals(installed, world)


async def test_propose_approve_look_and_stop(terminals: Terminals) -> None:
    world = terminals.world
    words = [f"{name}={value}" for name, value in world.a_transfer().items()]
    wrong = await terminals.run("alice", "propose", SUBJECT, "transfer-leader", words[0], "force=yes", *WHY)
    assert (wrong.code, wrong.out) == (5, "")
    assert "toStore: is required" in wrong.err
    made = await terminals.run("alice", "propose", SUBJECT, "transfer-leader", *words, *WHY, "-o", "json")
    assert made.code == 0, made.err
    name = json.loads(made.out)["metadata"]["name"]
    await world.waiting(name, "Approval")
    own = await terminals.run("alice", "approve", name, "--yes")
    assert own.code == 3
    shown = await terminals.run("bob", "show", name)
    assert "bob: you may approve it" in shown.out
    assert world.writes == []
    done = await terminals.driven("bob", "approve", name, "--yes", "--wait", "--timeout", "50")
    assert done.code == 0, done.err
    assert f"{name} is Completed" in done.err
    assert len(world.writes) == 1

    drain = await terminals.run(
        "alice", "propose", SUBJECT, "drain-store", "store=3", "seconds=600", *WHY, "-o", "name"
    )
    second = drain.out.strip().split("/")[1]
    await world.waiting(second, "Approval")
    stopped = await terminals.run("hal", "stop", *WHY)
    assert stopped.code == 0, stopped.err
    ended = await world.ended(second)
    assert (ended.status.phase, ended.status.reason) == (Phase.CANCELLED, "Stopped")
    refused = await terminals.run("bob", "approve", second, "--yes")
    assert refused.code == 5
    assert "it has ended as Cancelled (Stopped)" in refused.err
    born = await terminals.driven("alice", "propose", SUBJECT, "wait", "seconds=1", *WHY, "--wait")
    assert born.code == 7, born.err
    assert (await terminals.run("rex", "resume", "--yes")).code == 0
    assert len(world.writes) == 1
