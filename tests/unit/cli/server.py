"""The API server as far as the command line needs it: objects in memory, reviews, JSON patches; and a user's terminal."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from watchkeeper.api.v1alpha1 import KINDS
from watchkeeper.cli.cluster import Cluster
from watchkeeper.errors import Gone, WatchkeeperError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PLURALS = {kind.info.plural: kind for kind in KINDS}


class StillClock:
    """It is always noon."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def skew_seconds(self) -> float:
        return 0.0


class MemoryServer:
    """Answers as the API server does, as far as asked; refusals are put into `refusals` by method."""

    def __init__(self, user: str = "bob", *objects: dict[str, Any], lacks: Sequence[str] = ()) -> None:
        self.user = user
        self.namespace = "shop"
        self.clock = StillClock()
        self.lacks = set(lacks)
        """Verbs, or verb and resource with subresource, that the user does not have."""
        self.refusals: dict[str, WatchkeeperError] = {}
        self.sent: list[tuple[str, str, Any]] = []
        """Every write."""
        self.objects: dict[str, dict[str, Any]] = {}
        for one in objects:
            plural = next(name for name, kind in PLURALS.items() if kind.__name__ == one["kind"])
            where = one["metadata"]
            self.objects[f"{where['namespace']}/{plural}/{where['name']}"] = one

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        content: str = "",
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        del content
        if "reviews" in path:
            return self._review(path, body)
        if method != "GET":
            self.sent.append((method, path, copy.deepcopy(body)))
        if error := self.refusals.get(method):
            raise error
        if path == "/version":
            return {"gitVersion": "v1.37.1"}
        plural, namespace, name = _parsed(path)
        if method == "POST":
            return self._created(plural, str(namespace), body)
        if not name:
            return self._list(plural, namespace, (query or {}).get("fieldSelector", ""))
        return self._one(method, f"{namespace}/{plural}/{name}", body)

    def _one(self, method: str, key: str, body: Any) -> dict[str, Any]:
        if key not in self.objects:
            raise Gone(f'{method} /apis/x: {key.split("/")[1]} "{key.split("/")[2]}" not found')
        if method == "DELETE":
            return self.objects.pop(key)
        if method == "PATCH":
            self.objects[key] = _patched(self.objects[key], body)
        return self.objects[key]

    def _list(self, plural: str, namespace: str | None, fields: str) -> dict[str, Any]:
        wanted = dict(part.split("=", 1) for part in fields.split(",") if part)
        found = [
            one
            for key, one in self.objects.items()
            if key.split("/")[1] == plural
            and namespace in (None, one["metadata"]["namespace"])
            and all(_at(one, path) == value for path, value in wanted.items())
        ]
        return {"items": found, "metadata": {}}

    def _created(self, plural: str, namespace: str, body: Any) -> dict[str, Any]:
        one = copy.deepcopy(body)
        one["metadata"] |= {"name": one["metadata"]["generateName"] + "x7k2p", "namespace": namespace, "uid": "uid-new"}
        one["metadata"]["creationTimestamp"] = "2026-11-21T12:00:00Z"
        self.objects[f"{namespace}/{plural}/{one['metadata']['name']}"] = one
        return dict(one)

    def _review(self, path: str, body: Any) -> dict[str, Any]:
        if "selfsubjectreviews" in path:
            return {"status": {"userInfo": {"username": self.user}}}
        asked = body["spec"]["resourceAttributes"]
        resource = "/".join(part for part in (asked["resource"], asked["subresource"]) if part)
        allowed = not self.lacks & {asked["verb"], f"{asked['verb']} {resource}"}
        return {"status": {"allowed": allowed}}


def connected(server: MemoryServer) -> Any:
    """To stand in for `Session.cluster`."""

    @asynccontextmanager
    async def cluster(session: object) -> AsyncIterator[Cluster]:
        del session
        yield Cluster(server)

    return cluster


def _parsed(path: str) -> tuple[str, str | None, str]:
    parts = path.split("/")[4:]  # after /apis/GROUP/VERSION
    if parts[0] == "namespaces":
        return parts[2], parts[1], parts[3] if len(parts) > 3 else ""
    return parts[0], None, ""


def _patched(old: dict[str, Any], operations: Any) -> dict[str, Any]:
    new = copy.deepcopy(old)
    for one in operations:
        *parents, last = one["path"].strip("/").split("/")
        target: Any = new
        for key in parents:
            target = target[key]
        match one["op"]:
            case "test":
                assert target[last] == one["value"], one
            case "add" if last == "-":
                target.append(one["value"])
            case "add":
                target[last] = one["value"]
    return new


def _at(one: dict[str, Any], path: str) -> Any:
    value: Any = one
    for key in path.split("."):
        value = value.get(key, {})
    return value
