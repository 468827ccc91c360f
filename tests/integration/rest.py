"""The API server over one kept-alive connection per user: a row of a table costs milliseconds, not a process."""

from __future__ import annotations

import json
import re
import secrets
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from localcluster.cluster import Cluster

GROUP = "watchkeeper.dev"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What came back: the HTTP status, and the object or the refusal."""

    code: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))

    def accepted(self) -> dict[str, Any]:
        assert self.code in (200, 201), f"{self.code}: {self.message}"
        return self.body

    def refused(self, *fragments: str, code: int | None = None) -> None:
        """Refused by the schema or by a policy of ours; plain RBAC refusing does not count."""
        assert self.code in (403, 422), f"expected a refusal, got {self.code}: {json.dumps(self.body)[:500]}"
        assert not re.search(r'User "[^"]+" cannot ', self.message), f"refused by RBAC only: {self.message}"
        for fragment in fragments:
            assert fragment in self.message, f"{fragment!r} is not in: {self.message}"
        if code is not None:
            assert self.code == code, self.message


class Api:
    """The API server as one user sees it."""

    def __init__(self, client: httpx.Client, user: str, *, group: str = GROUP) -> None:
        self._client = client
        self._group = group
        self.user = user

    def in_group(self, group: str) -> Api:
        """The same user and connection, kinds of another group."""
        return Api(self._client, self.user, group=group)

    def path(self, plural: str, namespace: str, name: str = "", subresource: str = "") -> str:
        parts = [f"/apis/{self._group}/v1alpha1/namespaces/{namespace}/{plural}", name, subresource]
        return "/".join(part for part in parts if part)

    def create(self, plural: str, namespace: str, body: Body, *, dry: bool = False, strict: bool = False) -> Answer:
        whole = {"apiVersion": f"{self._group}/v1alpha1", **body}
        return self.send("POST", self.path(plural, namespace), whole, dry=dry, strict=strict)

    def merge(
        self, plural: str, namespace: str, name: str, body: Body, *, subresource: str = "", dry: bool = False
    ) -> Answer:
        return self.send("PATCH", self.path(plural, namespace, name, subresource), body, content=MERGE, dry=dry)

    def patch(self, plural: str, namespace: str, name: str, operations: Sequence[Body], *, dry: bool = False) -> Answer:
        return self.send("PATCH", self.path(plural, namespace, name), operations, content=JSON_PATCH, dry=dry)

    def put(
        self, plural: str, namespace: str, name: str, body: Body, *, subresource: str = "", dry: bool = False
    ) -> Answer:
        return self.send("PUT", self.path(plural, namespace, name, subresource), body, dry=dry)

    def delete(self, plural: str, namespace: str, name: str = "", *, dry: bool = False) -> Answer:
        return self.send("DELETE", self.path(plural, namespace, name), None, dry=dry)

    def get(self, plural: str, namespace: str, name: str = "") -> Answer:
        return self.send("GET", self.path(plural, namespace, name), None)

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
        if dry:
            parameters["dryRun"] = "All"
        if strict:
            parameters["fieldValidation"] = "Strict"
        answer = self._client.request(
            method,
            path,
            content=None if body is None else json.dumps(body),
            params=parameters,
            headers={"Content-Type": content, "Accept": accept},
        )
        return Answer(answer.status_code, answer.json())


class Users:
    """Connections of people (client certificates) and of ServiceAccounts (tokens), opened when first asked for."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._folder = folder
        self._clients: dict[str, httpx.Client] = {}

    def person(self, name: str, *groups: str) -> Api:
        key = "|".join((name, *groups))
        if key not in self._clients:
            pair = self._cluster.client_certificate(name, groups)
            certificate = self._folder / f"{secrets.token_hex(8)}.pem"
            certificate.write_bytes(pair.certificate + b"\n" + pair.key)
            context = self._context()
            context.load_cert_chain(certificate)
            self._clients[key] = httpx.Client(base_url=self._cluster.server, verify=context, timeout=30)
        return Api(self._clients[key], name)

    @property
    def admin(self) -> Api:
        """Somebody in system:masters: passes RBAC and every authorizer check, and nothing else."""
        return self.person("test-admin", "system:masters")

    def service_account(self, namespace: str, name: str) -> Api:
        key = f"{namespace}/{name}"
        if key not in self._clients:
            config = json.loads(self._cluster.service_account_kubeconfig(namespace, name).read_text())
            token = config["users"][0]["user"]["token"]
            self._clients[key] = httpx.Client(
                base_url=self._cluster.server,
                verify=self._context(),
                timeout=30,
                headers={"Authorization": f"Bearer {token}"},
            )
        return Api(self._clients[key], f"system:serviceaccount:{namespace}:{name}")

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self._cluster.ca.decode())


@contextmanager
def users_of(cluster: Cluster, folder: Path) -> Iterator[Users]:
    users = Users(cluster, folder)
    try:
        yield users
    finally:
        users.close()
