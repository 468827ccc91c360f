"""The story: Observe first, then Execute; a second person approves; a drain outlives a crash; a stop; a bad proposal."""

from __future__ import annotations

import json
from typing import Any

from localcluster.demo.narrator import Narrator, StoryError
from localcluster.demo.stage import NAMESPACE, SUBJECT, Stage


def tell(stage: Stage) -> None:
    """Play every chapter; raises `StoryError` where the cluster's own state does not prove what was told."""
    narrator = Narrator(stage.cluster, NAMESPACE)
    region, source, target = _a_region(stage)
    _opening(stage, narrator)
    _observe(narrator, region, target)
    _execute(stage, narrator, region, source, target)
    _drain(stage, narrator)
    _refuse(narrator)
    _proof(stage, narrator, region, target)


def _a_region(stage: Stage) -> tuple[int, int, int]:
    """A region with its leader's store and another voter's."""
    for number in range(1, 400):
        try:
            region = stage.simulator.region(number)
        except OSError:
            continue
        others = [int(s) for s in region["peers"] if int(s) != region["leader_store"]]
        if region["leader_store"] and others:
            return number, int(region["leader_store"]), others[0]
    raise StoryError("the simulator has no region with a leader and a follower")


def _opening(stage: Stage, narrator: Narrator) -> None:
    narrator.chapter("A TiKV cluster comes under watch")
    narrator.say(
        "Carol runs the platform. She names the cluster and gives standing orders: Observe. (settleSeconds and "
        "leaderStableSeconds are far below their defaults of 120 and 300, so that the story is short.)"
    )
    spec: dict[str, Any] = {
        "type": "TiKV",
        "tikv": {"endpoints": stage.simulator.endpoints, "prometheusUrl": stage.metrics_url},
        "settleSeconds": 3,
        "leaderStableSeconds": 3,
    }
    stage.cluster.apply(json.dumps(_object("Subject", SUBJECT, spec)))
    narrator.apply("carol", _object("OperatorPolicy", "default", {"mode": "Observe"}))
    if stage.operator is None:
        raise StoryError("there is no operator")
    stage.operator.start()
    narrator.until("a healthy Subject", lambda: _health(narrator) == "Healthy", seconds=40)
    narrator.run("alice", "get", "subj")


def _observe(narrator: Narrator, region: int, target: int) -> None:
    narrator.chapter("Observe: a proposal is planned and shown, and never runs")
    name = narrator.propose("alice", _transfer(region, target))
    narrator.phase(name, "Validated")
    narrator.run("alice", "get", "ap", name)
    narrator.say(narrator.get("ap", name)["status"]["message"])


def _execute(stage: Stage, narrator: Narrator, region: int, source: int, target: int) -> None:
    narrator.chapter("Execute: a transfer-leader, approved by a second person")
    orders = {"mode": "Execute", "approval": {"mode": "Always"}}
    narrator.apply("carol", _object("OperatorPolicy", "default", orders))
    narrator.until("the new orders", lambda: _mode(narrator) == "Execute")
    name = narrator.propose("alice", _transfer(region, target))
    narrator.phase(name, "Validated")
    narrator.until("a digest", lambda: bool(narrator.get("ap", name)["status"].get("digest")))
    narrator.run("bob", "get", "ap", name)
    narrator.watchkeeper("bob", "show", name)
    narrator.say("Alice may approve what others propose, but not her own proposal, whatever she types:")
    narrator.paste("alice", _approving(narrator, name), refused=True)
    narrator.say(
        "Bob has read what will run and approves it. The API server vouches for who he is and which plan he saw."
    )
    narrator.paste("bob", _approving(narrator, name))
    narrator.run("bob", "wait", "--for=condition=Succeeded", f"ap/{name}", "--timeout=40s")
    narrator.run("alice", "get", "ap", name)
    narrator.run("alice", "get", "ap", name, "-o", "jsonpath={.status.message}")
    narrator.run("alice", "events", "--for", f"actionproposal/{name}")
    leader = stage.simulator.region(region)["leader_store"]
    narrator.say(f"PD itself: region {region} was led by store {source}, and is led by store {leader} now.")
    if leader != target:
        raise StoryError(f"region {region} is led by store {leader}, not {target}")


def _drain(stage: Stage, narrator: Narrator) -> None:
    narrator.chapter("A drain that outlives a crash of the operator")
    name = narrator.propose("alice", _proposal("drain-store", {"store": "tikv-5", "seconds": 3600}))
    narrator.phase(name, "Validated")
    narrator.paste("bob", _approving(narrator, name))
    narrator.phase(name, "Executing")
    if stage.operator is None:
        raise StoryError("there is no operator")
    narrator.say("While its leaders are moving away, the operator is killed (SIGKILL), and started again.")
    narrator.until("an eviction in PD", lambda: bool(stage.simulator.state()["evicted_stores"]))
    stage.operator.kill()
    stage.operator.start()
    narrator.phase(name, "Completed", seconds=60)
    narrator.run("alice", "get", "ap", name)
    narrator.until("a standing change", lambda: _standing(narrator) == ["Held"])
    narrator.watchkeeper("alice", "status")
    narrator.say(
        "The node is back: Alice proposes to end it, Bob agrees, and the operator takes its own entry out of PD."
    )
    back = narrator.propose("alice", _proposal("undrain-store", {"store": "tikv-5"}))
    narrator.phase(back, "Validated")
    narrator.paste("bob", _approving(narrator, back))
    narrator.phase(back, "Completed", seconds=40)
    narrator.run("alice", "get", "stch")
    if stage.simulator.state()["evicted_stores"]:
        raise StoryError("PD still evicts leaders")


def _refuse(narrator: Narrator) -> None:
    narrator.chapter("A bad proposal: every error at once, nothing lost")
    parameters = {"region": "forty-two", "toStore": 99, "force": True}
    name = narrator.propose("alice", _proposal("transfer-leader", parameters))
    narrator.phase(name, "Failed")
    narrator.run("alice", "get", "ap", name, "-o", "jsonpath={.status.message}")


def _proof(stage: Stage, narrator: Narrator, region: int, target: int) -> None:
    narrator.chapter("The proof, from the simulator's own request log")
    writes = stage.simulator.writes()
    for write in writes:
        print(
            f"  {write['method']:6} {write['path']}  {write['body'].strip()}  ?{write['query']}  by {write['caller_id']}"
        )
    kinds = sorted(f"{w['method']} {w['path']}" for w in writes)
    wanted = [
        "DELETE /pd/api/v1/schedulers/evict-leader-scheduler-6",
        "POST /pd/api/v1/operators",
        "POST /pd/api/v1/schedulers",
    ]
    if kinds != wanted:
        raise StoryError(f"not exactly one write each: {kinds}")
    if any("watchkeeper=" not in w["query"] for w in writes):
        raise StoryError("a write does not carry its attempt")
    if stage.simulator.region(region)["leader_store"] != target:
        raise StoryError("the leader did not stay")
    narrator.say(
        "One write for the transfer, one for the drain, one for its release; each carries the attempt it belongs to."
    )


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "watchkeeper.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def _proposal(action: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "watchkeeper.dev/v1alpha1",
        "kind": "ActionProposal",
        "metadata": {"generateName": f"{action}-"},
        "spec": {
            "subjectRef": {"name": SUBJECT},
            "action": {"source": "Subject", "name": action, "parameters": parameters},
            "reason": _REASONS[action],
        },
    }


_REASONS = {
    "transfer-leader": "the region is hot",
    "drain-store": "the node under tikv-5 needs a reboot",
    "undrain-store": "the node under tikv-5 is back",
}


def _transfer(region: int, target: int) -> dict[str, Any]:
    return _proposal("transfer-leader", {"region": region, "toStore": target})


def _approving(narrator: Narrator, name: str) -> str:
    """The command that the message of a planned proposal ends with: another one where the API server signs for nobody."""
    narrator.until("a message", lambda: narrator.get("ap", name)["status"].get("waitsFor") == "Approval")
    return str(narrator.get("ap", name)["status"]["message"]).splitlines()[-1]


def _health(narrator: Narrator) -> str | None:
    health = narrator.get("subj", SUBJECT).get("status", {}).get("health")
    return None if health is None else str(health)


def _mode(narrator: Narrator) -> str | None:
    mode = narrator.get("opol", "default").get("status", {}).get("effectiveMode")
    return None if mode is None else str(mode)


def _standing(narrator: Narrator) -> list[str]:
    return [str(item.get("status", {}).get("state")) for item in narrator.list("stch")]
