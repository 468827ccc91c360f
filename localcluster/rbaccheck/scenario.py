"""The fixed scenario: the demo's story, and beside it what the story has no need of."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any

from localcluster.demo.narrator import Narrator
from localcluster.demo.stage import NAMESPACE, SUBJECT, Stage
from localcluster.demo.story import tell
from localcluster.installation import OPERATOR_NAMESPACE, SERVICE_ACCOUNT
from localcluster.pki import Authority

SETTINGS = {"leader_election": "true", "ticket_grace_seconds": "1", "sweep_interval_seconds": "5"}
"""With an election, as in a cluster, tickets that come at once, and sweeps that come soon."""
_SECRET = "pd-client"  # noqa: S105 - the name of a Secret, not one
_PATIENCE_SECONDS = 60.0


def play(stage: Stage, say: Callable[[str], None]) -> None:
    """Play everything; raises `StoryError` where the operator does not do what it must."""
    say("the demo's story")
    with contextlib.redirect_stdout(io.StringIO()):
        tell(stage)
    narrator = Narrator(stage.cluster, NAMESPACE)
    say("proposals that are kept for ten seconds")
    before = len(narrator.list("ap"))
    patch = '{"spec":{"retentionSeconds":10}}'
    stage.cluster.kubectl("-n", NAMESPACE, "patch", "opol", "default", "--type", "merge", "-p", patch)
    say("a Subject behind TLS")
    _behind_tls(stage, narrator)
    say("a stop, and how far it reaches")
    _stop(stage, narrator)
    say("a database that is silent for a while")
    _silent(stage, narrator)
    narrator.until("fewer proposals", lambda: len(narrator.list("ap")) < before, seconds=_PATIENCE_SECONDS)
    narrator.until("no ended standing change", lambda: not narrator.list("stch"), seconds=_PATIENCE_SECONDS)
    if stage.operator is not None:
        stage.operator.stop()  # as a rollout would: what it has to say is said now


def _behind_tls(stage: Stage, narrator: Narrator) -> None:
    """Its Secret is read by a Role for this one Secret, as the sample shows; nobody answers there."""
    pair = Authority("rbac-check").client("watchkeeper")
    with contextlib.suppress(FileExistsError):
        stage.folder.joinpath("tls").mkdir()
    pair.write(stage.folder / "tls", "client")
    for manifest in _reader():
        stage.cluster.apply(json.dumps(manifest))
    folder = stage.folder / "tls"
    stage.cluster.kubectl(
        "-n", NAMESPACE, "create", "secret", "generic", _SECRET,
        f"--from-file=tls.crt={folder / 'client.crt'}", f"--from-file=tls.key={folder / 'client.key'}",
        f"--from-file=ca.crt={folder / 'client.crt'}",
    )  # fmt: skip
    tikv = {"endpoints": ["https://127.0.0.1:9"], "tlsSecretRef": {"name": _SECRET}}
    stage.cluster.apply(json.dumps(_object("Subject", "behind-tls", {"type": "TiKV", "tikv": tikv})))
    narrator.until("a look at it", lambda: _subject(narrator, "behind-tls").get("reachable") is False)


def _stop(stage: Stage, narrator: Narrator) -> None:
    """Of a Subject that does not exist, so that nothing else is held up by it."""
    spec = {"reason": "what shows its scope", "subjects": ["nobody"]}
    stage.cluster.apply(json.dumps(_object("EmergencyStop", "of-nobody", spec)))
    narrator.until("its scope", lambda: "nobody" in [s.get("status", {}).get("scope") for s in narrator.list("estop")])


def _silent(stage: Stage, narrator: Narrator) -> None:
    """A ticket is opened and resolved; what is said a second time becomes a count on the first event."""
    for _ in range(2):
        stage.simulator.pause()
        narrator.until("blindness", lambda: _health(narrator) == "Blind", seconds=_PATIENCE_SECONDS)
        narrator.until("a ticket", lambda: bool(_tickets(narrator)), seconds=_PATIENCE_SECONDS)
        stage.simulator.resume()
        narrator.until("health", lambda: _health(narrator) == "Healthy", seconds=_PATIENCE_SECONDS)
    _answer(narrator, _tickets(narrator)[0])


def _tickets(narrator: Narrator) -> list[str]:
    """Of the Subject that the story is about."""
    return [t["metadata"]["name"] for t in narrator.list("tk") if t["spec"]["subjectRef"]["name"] == SUBJECT]


def _answer(narrator: Narrator, ticket: str) -> None:
    """A proposal that names a ticket: the operator reads it."""
    spec = {
        "subjectRef": {"name": SUBJECT},
        "ticketRef": {"name": ticket},
        "action": {"source": "Tool", "name": "log-message", "parameters": {"message": "seen"}},
        "reason": "it was silent",
        "dryRun": True,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        name = narrator.propose("alice", _object("ActionProposal", "answer", spec))
    narrator.phase(name, "Completed", seconds=_PATIENCE_SECONDS)


def _health(narrator: Narrator) -> str | None:
    return _subject(narrator, SUBJECT).get("health")


def _subject(narrator: Narrator, name: str) -> dict[str, Any]:
    return dict(narrator.get("subj", name).get("status", {}))


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "watchkeeper.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _reader() -> list[dict[str, Any]]:
    """What `manifests/samples/secret-reader.yaml` shows, for this Secret."""
    group, name = "rbac.authorization.k8s.io", "watchkeeper-secret"
    metadata = {"name": name, "namespace": NAMESPACE}
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [_SECRET], "verbs": ["get"]}
    account = {"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": OPERATOR_NAMESPACE}
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [account],
        },
    ]
