"""What is remembered of leases is forgotten; taking and losing them is tested on a real API server."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.adapters.kubernetes.leases import KubernetesLeases
from watchkeeper.errors import Gone


class Server:
    """Leases in memory; a clock that is set."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.stored: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        now = datetime(2026, 11, 21, tzinfo=UTC)
        self.clock = SimpleNamespace(monotonic=lambda: self.passed, now=lambda: now)

    async def request(self, method: str, path: str, body: Any = None, **_: Any) -> dict[str, Any]:
        self.asked.append(method)
        name = body["metadata"]["name"] if body is not None else path.rsplit("/", 1)[1]
        if body is not None:
            meta = {**body["metadata"], "resourceVersion": str(len(self.asked))}
            self.stored[name] = {**body, "metadata": meta}
        if name not in self.stored:
            raise Gone("not there")
        return self.stored[name]


async def test_leases_of_clusters_that_nobody_asks_about_any_more_are_forgotten() -> None:
    server = Server()
    leases = KubernetesLeases(cast("Connection", server), "system")
    for number in range(1000):
        server.passed += 10
        await leases.claim(f"cluster-{number}", "team/tikv", 60)
        await leases.claim("cluster-kept", "team/other", 60)
    known = {name: len(found) for name, found in vars(leases).items() if isinstance(found, dict)}
    print(f"\n1,002 leases claimed: {known}")
    assert max(known.values()) <= 14
    server.asked.clear()
    assert await leases.claim("cluster-kept", "team/other", 60) == "team/other"
    assert server.asked == ["PUT"], "one that is renewed is not forgotten"
    assert await leases.claim("cluster-0", "team/tikv", 60) == "team/tikv"
    assert server.asked[1:] == ["GET", "PUT"], "one that was forgotten is read again"
