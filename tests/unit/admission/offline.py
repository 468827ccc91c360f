"""An API server in memory that knows nothing but the admission set: the rows of the attack table run on it in no time.

It stores objects, applies merge and JSON patches, fills in the defaults that matter to decisions, stamps, and asks the
validating policies. It has no schema and no CRD rules: what those refuse first on a real server, the policies refuse here.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.integration.admission_world import BOT_ROLES, OPERATOR, PEOPLE
from tests.integration.rest import APPLY, JSON_PATCH, MERGE, Answer, Api
from tests.unit.admission.celpolicy import Policy, Request, applies, patches
from watchkeeper.admission.rendering import render
from watchkeeper.admission.roles import ROLES

CREATED = "2026-11-21T04:00:00Z"
_PATH = re.compile(
    r"/apis/(?P<group>[^/]+)/(?P<version>[^/]+)(/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)"
    r"(/(?P<name>[^/]+))?(/(?P<subresource>[^/]+))?"
)


def policies(kind: str) -> list[Policy]:
    """The shipped policies of a kind, with their bindings."""
    shipped = render()
    return [
        Policy.of(
            item,
            tuple(
                other
                for other in shipped
                if other["kind"] == f"{kind}Binding" and other["spec"]["policyName"] == item["metadata"]["name"]
            ),
        )
        for item in shipped
        if item["kind"] == kind
    ]


def _held(roles: Sequence[str]) -> frozenset[str]:
    return frozenset(
        f"{verb} {resource}"
        for role in roles
        if role in ROLES
        for grant in ROLES[role]
        for resource in grant.resources
        for verb in grant.verbs
    )


@dataclass
class Server:
    """Objects, and the policies in force: take one out or weaken one to see a row go through."""

    validating: list[Policy] = field(default_factory=lambda: policies("ValidatingAdmissionPolicy"))
    mutating: list[Policy] = field(default_factory=lambda: policies("MutatingAdmissionPolicy"))
    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    made: int = 0

    def asked(self, request: Request, *, dry: bool) -> Answer:
        """Admit one request and store its outcome."""
        for policy in self.mutating:
            if request.object is not None and applies(policy, request):
                for operation in patches(policy, request):
                    _apply(request.object, operation)
        refusals = [(policy.name, said) for policy in self.validating if (said := policy.refusal(request))]
        if refusals:
            name, (code, text) = refusals[0]
            everything = f"ValidatingAdmissionPolicy '{name}' denied request: {text}"
            return Answer(code, {"message": everything, "policies": [policy for policy, _ in refusals]})
        if not dry:
            where = (request.plural, request.namespace, request.name)
            if request.object is None:
                self.objects.pop(where, None)
            else:
                self.objects[where] = copy.deepcopy(request.object)
        return Answer(201 if request.operation == "CREATE" else 200, request.object or {})


class OfflineApi(Api):
    """One user of the server."""

    def __init__(self, server: Server, user: str, groups: tuple[str, ...], grants: frozenset[str]) -> None:
        self._server = server
        self._group = "watchkeeper.dev"
        self.user = user
        self._groups = groups
        self._grants = grants

    def send(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        content: str = "application/json",
        dry: bool = False,
        strict: bool = False,
        accept: str = "application/json",
        **parameters: str,
    ) -> Answer:
        del strict, accept, parameters
        found = _PATH.fullmatch(path)
        assert found is not None, path
        if method == "DELETE" and not found["name"]:
            return self._delete_all(path, found["plural"], found["namespace"], dry=dry)
        if method == "GET":
            return Answer(200, self._server.objects[found["plural"], found["namespace"], found["name"]])
        return self._server.asked(self._request(method, found, body, content), dry=dry)

    def _delete_all(self, path: str, plural: str, namespace: str, *, dry: bool) -> Answer:
        answers = [
            self.send("DELETE", f"{path}/{name}", None, dry=dry)
            for kind, where, name in [*self._server.objects]
            if (kind, where) == (plural, namespace)
        ]
        return next((answer for answer in answers if answer.code >= 300), Answer(200, {}))

    def _request(self, method: str, found: re.Match[str], body: Any, content: str) -> Request:
        server, plural, namespace = self._server, found["plural"], found["namespace"] or ""
        name = found["name"] or body["metadata"].get("name") or ""
        if not name:
            server.made += 1
            name = f"{body['metadata']['generateName']}{server.made}"
        old = server.objects.get((plural, namespace, name))
        if plural == "customresourcedefinitions":
            old = {"metadata": {"name": name}, "spec": {"group": name.partition(".")[2]}}
        whole = _changed(old, body, method, content)
        if whole is not None:
            whole.setdefault("metadata", {})["name"] = name
            whole["metadata"].setdefault("creationTimestamp", CREATED)
            _default(plural, whole)
            if not found["subresource"]:  # as a server does with status in a write to the object itself
                whole.pop("status", None)
                whole |= {"status": old["status"]} if old and "status" in old else {}
        return Request(
            operation={"POST": "CREATE", "DELETE": "DELETE"}.get(method, "UPDATE"),
            plural=plural,
            namespace=namespace,
            name=name,
            user=self.user,
            groups=self._groups,
            grants=self._grants,
            object=whole,
            old=old,
            subresource=found["subresource"] or "",
            group=found["group"],
            params=server.objects.get(("operatorpolicies", namespace, "default")),
        )


class OfflineUsers:
    """People with what their roles hold, and ServiceAccounts; stands in for `Users`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def person(self, name: str, *groups: str) -> OfflineApi:
        roles = BOT_ROLES if name.endswith(":bot") else PEOPLE.get(name, ())
        return OfflineApi(self._server, name, ("system:authenticated", *groups), _held(roles))

    @property
    def admin(self) -> OfflineApi:
        groups = ("system:authenticated", "system:masters")
        return OfflineApi(self._server, "test-admin", groups, frozenset({"*"}))

    def service_account(self, namespace: str, name: str) -> OfflineApi:
        user = f"system:serviceaccount:{namespace}:{name}"
        roles = BOT_ROLES if name == "bot" else ()
        # What RBAC forbids the operator anyway must be refused by the policy too.
        own = frozenset({"govern operatorpolicies"}) if user == OPERATOR.user else frozenset()
        return OfflineApi(self._server, user, ("system:serviceaccounts", "system:authenticated"), _held(roles) | own)


def _default(plural: str, whole: dict[str, Any]) -> None:
    """The defaults of the CRD that decisions rest on."""
    if plural == "actionproposals":
        for entry in whole["spec"].setdefault("approvals", []):
            entry.setdefault("by", "@me")


def _changed(old: Mapping[str, Any] | None, body: Any, method: str, content: str) -> dict[str, Any] | None:
    if method == "DELETE":
        return None
    if method != "PATCH":
        return copy.deepcopy(dict(body))
    assert old is not None, "there is nothing to patch"
    whole = copy.deepcopy(dict(old))
    if content in (MERGE, APPLY):
        merged = _merged(whole, body)
        assert isinstance(merged, dict)
        return merged
    assert content == JSON_PATCH
    for operation in body:
        _apply(whole, operation)
    return whole


def _merged(old: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    whole = dict(old) if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            whole.pop(key, None)
        else:
            whole[key] = _merged(whole.get(key), value)
    return whole


def _apply(whole: dict[str, Any], operation: Mapping[str, Any]) -> None:
    """RFC 6902, as far as it is used: add and replace."""
    *parts, last = operation["path"].strip("/").split("/")
    at: Any = whole
    for part in parts:
        at = at[int(part)] if isinstance(at, list) else at[part]
    value = copy.deepcopy(operation["value"])
    if isinstance(at, list):
        at.append(value)
    else:
        at[last] = value
