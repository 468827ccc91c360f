"""Ways to take down the guards on a real API server, and the way back that the operator's message names."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from localcluster.cluster import Cluster

ROOT = Path(__file__).parents[2]
DECIDE = "proposal-decide.watchkeeper.dev"
POLICY, BINDING = "validatingadmissionpolicy", "validatingadmissionpolicybinding"
STAMP, STAMP_BINDING = "mutatingadmissionpolicy", "mutatingadmissionpolicybinding"


def patch(cluster: Cluster, kind: str, name: str, *operations: tuple[str, Any]) -> None:
    """Set fields by JSON patch (path below spec, value)."""
    body = [{"op": "add", "path": f"/spec/{path}", "value": value} for path, value in operations]
    cluster.kubectl("patch", kind, name, "--type=json", "-p", json.dumps(body))


def remove(cluster: Cluster, kind: str, name: str) -> None:
    cluster.kubectl("delete", kind, name)


_SOME = {"matchLabels": {"guarded": "yes"}}
_SIGNS_FOR_ALL = """\
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: signs-for-all.example.com}
spec:
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules: [{apiGroups: [watchkeeper.dev], apiVersions: ["*"], operations: [UPDATE], resources: [actionproposals]}]
  matchConditions: [{name: never, expression: "false"}]
  mutations: [{patchType: JSONPatch, jsonPatch: {expression: '[JSONPatch{op: "add", path: "/spec/x", value: "y"}]'}}]
"""

WAYS: dict[str, tuple[str, Callable[[Cluster], Any]]] = {
    "a binding is deleted": ("Missing", lambda c: remove(c, BINDING, DECIDE)),
    "a policy is deleted": ("Missing", lambda c: remove(c, POLICY, "status.watchkeeper.dev")),
    "a binding only audits": ("Changed", lambda c: patch(c, BINDING, DECIDE, ("validationActions", ["Audit"]))),
    "a binding only warns": ("Changed", lambda c: patch(c, BINDING, DECIDE, ("validationActions", ["Warn"]))),
    "a binding is narrowed": (
        "Changed",
        lambda c: patch(c, BINDING, DECIDE, ("matchResources", {"namespaceSelector": _SOME})),
    ),
    "a parameter may be missing": (
        "Changed",
        lambda c: patch(c, BINDING, "proposal-limits.watchkeeper.dev", ("paramRef/parameterNotFoundAction", "Allow")),
    ),
    "errors are ignored": ("Changed", lambda c: patch(c, POLICY, DECIDE, ("failurePolicy", "Ignore"))),
    "a rule always holds": ("Changed", lambda c: patch(c, POLICY, DECIDE, ("validations/0/expression", "true"))),
    "a policy is narrowed": (
        "Changed",
        lambda c: patch(c, POLICY, DECIDE, ("matchConstraints/objectSelector", _SOME)),
    ),
    "something is excluded": (
        "Changed",
        lambda c: patch(
            c,
            POLICY,
            DECIDE,
            (
                "matchConstraints/excludeResourceRules",
                [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}],
            ),
        ),
    ),
    "a stamp signs for others": (
        "Changed",
        lambda c: patch(c, STAMP, "stamp-cancel.watchkeeper.dev", ("matchConditions/0/expression", "true")),
    ),
    "somebody else's stamp": ("Foreign", lambda c: c.apply(_SIGNS_FOR_ALL)),
}
"""What is done, by the fault that it must be taken for."""


def put_right(cluster: Cluster, message: str) -> list[str]:
    """Run the commands that the message names, as a person would from where the manifests are."""
    commands = message.split("Put it right: ", 1)[1].split(" && ")
    for command in commands:
        words = command.split()
        assert words[0] == "kubectl", command
        cluster.kubectl(*(str(ROOT / word) if word.startswith("manifests/") else word for word in words[1:]))
    return commands


async def within(what: str, holds: Callable[[], Awaitable[bool]], *, seconds: float) -> float:
    """Wait until it holds; the seconds that it took."""
    began = time.monotonic()
    while not await holds():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)
    return time.monotonic() - began
