"""What the API server's answers mean for a person: the sentence that matters, what to do next, and the exit code."""

from __future__ import annotations

import re

from watchkeeper.api.v1alpha1.meta import GROUP
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.session import Session
from watchkeeper.errors import Conflict, Denied, Gone, Invalid, WatchkeeperError

_REQUEST = re.compile(r"^(GET|POST|PUT|PATCH|DELETE) (/\S*): ")
_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request: (.*)", re.DOTALL)
_RBAC = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_ABSENT = re.compile(rf'^(?P<plural>[a-z]+)(\.{re.escape(GROUP)})? "[^"]*" not found$')
_NO_NAMESPACE = re.compile(r'^namespaces "[^"]*" not found$')
_NO_PARAMS = "no params found for policy binding"
_NO_POLICY = "there is no OperatorPolicy named default in this namespace: without one nothing new is admitted"

ROLE_FOR = {
    ("create", "actionproposals"): "watchkeeper-proposer",
    ("patch", "actionproposals"): "watchkeeper-approver (or -canceller, -acknowledger)",
    ("create", "emergencystops"): "watchkeeper-halter",
    ("delete", "emergencystops"): "watchkeeper-resumer",
}
"""ClusterRole to ask for; who only reads needs the viewer."""
LIST_OF = {
    "subjects": "subjects",
    "actionproposals": "proposals",
    "standingchanges": "standing",
    "emergencystops": "stops",
    "tickets": "tickets",
}
"""The command that lists what there is instead."""


def explained(error: WatchkeeperError, session: Session) -> Failure:
    """The end of a command that this error is."""
    text = _REQUEST.sub("", error.message)
    match error:
        case Denied():
            return Failure(Exit.NOT_ALLOWED, *_denied(text), *_where_from(text, session))
        case Gone():
            return Failure(Exit.NOT_FOUND, text, *_instead(text, session))
        case Invalid(reason="NoCredentials" | "InvalidName"):
            return Failure(Exit.USAGE, text)
        case Invalid(reason="InvalidObject"):
            return Failure(
                Exit.ERROR, text, "this program is older or newer than what is stored; -o yaml shows it as it is"
            )
        case Invalid():
            return Failure(Exit.REFUSED, *_invalid(error))
        case Conflict():
            return Failure(
                Exit.ERROR, text, "somebody else was faster: look again, and repeat the command if it is still wanted"
            )
    match error.reason:
        case "KindNotInstalled":
            return Failure(
                Exit.NOT_FOUND, text, f"is Watchkeeper installed in this cluster? {session.command('version')}"
            )
        case "Unauthorized":
            return Failure(Exit.NOT_ALLOWED, text, "log in again, or choose another --context")
        case "Unreachable":
            return Failure(
                Exit.ERROR, text, "for a write it is not known whether it was done: look before you repeat it"
            )
    return Failure(Exit.ERROR, text)


def sentence(error: WatchkeeperError, session: Session) -> str:
    """The same in one line, where the command goes on."""
    return explained(error, session).lines[0]


def _instead(text: str, session: Session) -> list[str]:
    """Where to look for the right name."""
    if _NO_NAMESPACE.search(text):
        return ["what there is: kubectl get namespaces; say another with -n"]
    absent = _ABSENT.search(text)
    listing = LIST_OF.get(absent["plural"]) if absent else None
    return [f"what there is: {session.command(listing)}"] if listing else []


def _denied(text: str) -> list[str]:
    if _NO_PARAMS in text:
        return [_NO_POLICY]
    if refusal := _POLICY.search(text):
        return [refusal[2], f"(policy {refusal[1]})"]
    if rbac := _RBAC.search(text):
        verb, resource, where = rbac["verb"], rbac["resource"], rbac["namespace"]
        place = f"in namespace {where}" if where else "in all namespaces"
        flag = f"-n {where}" if where else "-A"
        if resource == "configmaps":  # the checkpoints of the audit: no ClusterRole of ours opens ConfigMaps
            asked = f"ask for Role watchkeeper-auditor {place}, or for a copy of the checkpoints (--checkpoints FILE)"
            return [f"{rbac['user']} may not {verb} {resource} {place}", asked]
        kind = f"{resource}.{rbac['group']}" if rbac["group"] else resource
        role = ROLE_FOR.get((verb, resource.partition("/")[0]), "watchkeeper-viewer")
        return [
            f"{rbac['user']} may not {verb} {resource} {place}",
            f"ask for ClusterRole {role}; check with: kubectl auth can-i {verb} {kind} {flag}",
        ]
    return [text]


def _where_from(text: str, session: Session) -> list[str]:
    """That the namespace was not typed: the one meant is often another."""
    rbac = _RBAC.search(text)
    if rbac is None or rbac["namespace"] not in session.assumed:
        return []
    return [f"namespace {rbac['namespace']} is that of the kubeconfig's context; say another with -n"]


def _invalid(error: Invalid) -> list[str]:
    """Every problem; a denial that came as 422 says its sentence only."""
    found: list[str] = []
    for problem in error.problems:
        text = _REQUEST.sub("", problem)
        refusal = _POLICY.search(text)
        if _NO_PARAMS in text:
            found.append(_NO_POLICY)
            continue
        found.extend([refusal[2], f"(policy {refusal[1]})"] if refusal else [text])
    return found
