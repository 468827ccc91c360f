"""No secret comes out: one canary goes in wherever a secret could, and is looked for in everything that the operator writes."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster.cluster import Cluster
from localcluster.faults import Answer, Match
from localcluster.installation import OPERATOR_NAMESPACE, SERVICE_ACCOUNT
from tests.integration.processes.operators import an_operator, settings_for
from tests.integration.processes.world import NO_APPROVAL, World, until, worlds
from watchkeeper.adapters.kubernetes.auditstate import CHECKPOINTS, KEY, KEY_FIELD
from watchkeeper.api.v1alpha1.actionproposal import Source
from watchkeeper.errors import WatchkeeperError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CANARY = "CaNaRy!4711#sesame"
TOKEN = "CaNaRy4711sesameTOKEN"
LEAKS = f"dial http://root:{CANARY}@pd-0:2379 failed: Authorization: Bearer {TOKEN}; password={CANARY}"
"""What a database might quote in an error."""
WRONG: tuple[dict[str, Any], ...] = (
    {"region": 4, "toStore": 1, "password": CANARY},
    {"region": CANARY, "toStore": 1},
    {"region": 4, "toStore": CANARY},
    {"region": [TOKEN, CANARY], "toStore": [CANARY]},
)
PEOPLE = "proposals carry what people wrote, in their spec; only what the operator writes is looked at"


def _secret(cluster: Cluster, namespace: str) -> None:
    """A TLS Secret that is none: every part of it is the canary. The operator may read it."""
    pem = f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(CANARY.encode()).decode()}\n-----END PRIVATE KEY-----\n"
    data = {name: base64.b64encode((CANARY + pem).encode()).decode() for name in ("ca.crt", "tls.crt", "tls.key")}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pd-client"}, "data": data}
    cluster.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(secret))
    sample = Path(__file__).parents[3] / "manifests" / "samples" / "secret-reader.yaml"
    text = sample.read_text(encoding="utf-8").replace("orders-pd-client", "pd-client")
    cluster.kubectl("-n", namespace, "apply", "-f", "-", stdin=text)


async def _story(cluster: Cluster, world: World) -> list[str]:
    """Every way in: the names of the proposals that were made."""
    await asyncio.to_thread(_secret, cluster, world.namespace)
    tls = {"endpoints": ["https://127.0.0.1:1"], "tlsSecretRef": {"name": "pd-client"}}
    await world.make("subjects", "Subject", "tls", {"type": "TiKV", "tikv": tls, "manager": "None"})
    with pytest.raises(WatchkeeperError):
        await _with_userinfo(world)
    await until(world.healthy, "the Subject is healthy", told=world.picture)
    names = [await world.propose("transfer-leader", **wrong) for wrong in WRONG]
    names.append(await world.propose("log-message", Source.TOOL, message=f"tell: password={CANARY}", level="Info"))
    world.databases[0].add(Answer(500, body=json.dumps(LEAKS)), Match(method="POST", times=1))
    world.databases[0].add(Answer(400, body=json.dumps({"msg": LEAKS})), Match(method="POST", times=1))
    for region, target in world.led_regions()[:2]:
        names.append(await world.propose("transfer-leader", region=region.id, toStore=target))
        await until(lambda: _ended(world, names), "all have ended", told=world.picture)
    world.databases[0].add(Answer(500, body=json.dumps(LEAKS)), Match(path="schedulers|stores|region", times=20))
    names.append(await world.propose("drain-store", store=4, seconds=3600))
    await asyncio.sleep(5.0)
    return names


async def _with_userinfo(world: World) -> None:
    path = f"/apis/watchkeeper.dev/v1alpha1/namespaces/{world.namespace}/subjects"
    spec = {"type": "TiKV", "tikv": {"endpoints": [f"http://root:{CANARY}@127.0.0.1:1"]}, "manager": "None"}
    body = {"apiVersion": "watchkeeper.dev/v1alpha1", "kind": "Subject", "metadata": {"name": "u"}, "spec": spec}
    await world._connection.request("POST", path, body)


async def _ended(world: World, names: list[str]) -> bool:
    found = [await world.proposal(name) for name in names]
    return all(p.status.phase is not None and p.status.phase.terminal for p in found)


def _written(cluster: Cluster, namespace: str, folder: Path) -> dict[str, str]:
    """Everything that the operator wrote, by where."""
    words = ("-n", namespace, "get", "-o", "json")
    kinds = "subjects,actionproposals,operatorpolicies,standingchanges,tickets"
    objects = json.loads(cluster.kubectl(*words, kinds).stdout)["items"]
    events = json.loads(cluster.kubectl(*words, "events.events.k8s.io").stdout)["items"]
    tickets = [item["spec"] for item in objects if item["kind"] == "Ticket"]
    kept = cluster.kubectl("-n", OPERATOR_NAMESPACE, "get", "configmap", CHECKPOINTS, "-o", "json").stdout
    return {
        "status": json.dumps([item.get("status") for item in objects]) + json.dumps(tickets),
        "events": json.dumps(events),
        "records": (folder / "op-audit.jsonl").read_text(encoding="utf-8"),
        "log": "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.log")),
        "checkpoints": kept,
    }


def _forms(cluster: Cluster) -> dict[str, str]:
    """Every text that must be nowhere."""
    config = yaml.safe_load(cluster.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT).read_text())
    stored = cluster.kubectl("-n", OPERATOR_NAMESPACE, "get", "secret", KEY, "-o", "json").stdout
    private = base64.b64decode(json.loads(stored)["data"][KEY_FIELD]).decode()
    return {
        "the canary": CANARY,
        "its beginning": CANARY[:10],
        "the canary as base64": base64.b64encode(CANARY.encode()).decode().rstrip("=")[:-1],
        "the canary as a token": TOKEN,
        "the token of the operator's kubeconfig": config["users"][0]["user"]["token"].split(".")[-1],
        "the signing key": private.splitlines()[1],
    }


async def test_no_secret_comes_out(installed: Cluster, tmp_path: Path) -> None:
    async with worlds(installed, 1, policy=NO_APPROVAL) as [world]:
        async with an_operator(installed, tmp_path, settings_for([world.namespace]), name="op") as process:
            await _story(installed, world)
            await asyncio.to_thread(process.stop)
        written, forms = _written(installed, world.namespace, tmp_path), _forms(installed)
        sizes = {where: len(text) for where, text in written.items()}
        print(f"\nlooked for {len(forms)} forms in {sizes} characters; {PEOPLE}")
        assert all(size > 200 for size in sizes.values())
        assert "[redacted]" in written["status"], "the database's answers came through to where they are redacted"
        assert "[redacted]" in written["records"]
        found = [
            f"{name} in {where}" for where, text in written.items() for name, form in forms.items() if form in text
        ]
        assert found == []
