"""`ports.objects.Leases` on coordination.k8s.io/v1."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.adapters.kubernetes.eventbody import micro_time
from watchkeeper.errors import Conflict, Gone

MAX_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A version of a lease and when we first saw it, by our own monotonic clock."""

    version: str
    at: float


class KubernetesLeases:
    """Locks in one namespace.

    A lease is over when *we* have seen it unchanged for its whole duration, as client-go judges it: the times written in it
    come from other machines' clocks and are for people only. Every write compares the resourceVersion.

    Args:
        connection: shared.
        namespace: the operator's own.
        urgent: do not wait for the limit of requests (for the leader's lease).
    """

    def __init__(self, connection: Connection, namespace: str, *, urgent: bool = False) -> None:
        self._connection = connection
        self._namespace = namespace
        self._urgent = urgent
        self._sightings: dict[str, _Sighting] = {}
        self._ours: dict[str, Mapping[str, Any]] = {}
        """What we wrote last, by name: renewing takes one request while nobody interferes."""
        self._wanted: OrderedDict[str, float] = OrderedDict()
        """Until when what is known of a lease is kept, unless somebody asks again; the first to go first."""

    async def claim(self, name: str, holder: str, seconds: int) -> str:
        """Take or renew a lease; returns who holds it now, us or another.

        Raises:
            Transient: also where others wrote it all the time; we may or may not hold it.
        """
        self._keep(name, seconds)
        mine = self._ours.pop(name, None)
        for _ in range(MAX_ROUNDS):
            try:
                lease = mine or await self._read(name)
                mine = None
                if lease is None:
                    return await self._create(name, holder, seconds)
                if (other := self._held_by_other(name, lease, holder)) is not None:
                    return other
                return await self._replace(name, lease, holder, seconds)
            except (Conflict, Gone):
                continue
        lease = await self._read(name)
        return _holder(lease) if lease is not None else ""

    async def release(self, name: str, holder: str) -> None:
        """Let others have it at once; nothing happens where we do not hold it."""
        self._ours.pop(name, None)
        lease = await self._read(name)
        if lease is None or _holder(lease) != holder:
            return
        spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        await self._send("PUT", self._path(name), {**lease, "spec": spec})

    def _keep(self, name: str, seconds: int) -> None:
        """Leases that nobody asks about for twice their time are forgotten: a lease that is asked for again is read again."""
        now = self._connection.clock.monotonic()
        self._wanted[name] = now + 2 * seconds
        self._wanted.move_to_end(name)
        while (first := next(iter(self._wanted))) != name and self._wanted[first] < now:
            del self._wanted[first]
            self._ours.pop(first, None)
            self._sightings.pop(first, None)

    def _held_by_other(self, name: str, lease: Mapping[str, Any], holder: str) -> str | None:
        """Who else holds it, None where it is ours, free or over."""
        version = str(lease["metadata"]["resourceVersion"])
        now = self._connection.clock.monotonic()
        seen = self._sightings.get(name)
        if seen is None or seen.version != version:
            seen = self._sightings[name] = _Sighting(version, now)
        current = _holder(lease)
        lasts = float(lease.get("spec", {}).get("leaseDurationSeconds") or 0)
        if current in ("", holder) or now - seen.at > lasts:
            return None
        return current

    async def _create(self, name: str, holder: str, seconds: int) -> str:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": paths.segment(name), "namespace": self._namespace},
            "spec": self._spec({}, holder, seconds),
        }
        self._ours[name] = await self._send("POST", self._path(None), body)
        return holder

    async def _replace(self, name: str, lease: Mapping[str, Any], holder: str, seconds: int) -> str:
        spec = self._spec(lease.get("spec", {}), holder, seconds)
        self._ours[name] = await self._send("PUT", self._path(name), {**lease, "spec": spec})
        return holder

    def _spec(self, old: Mapping[str, Any], holder: str, seconds: int) -> dict[str, Any]:
        now = micro_time(self._connection.clock.now())
        spec = {**old, "holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": now}
        if old.get("holderIdentity") != holder:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(old.get("leaseTransitions") or 0) + (1 if old else 0)
        return spec

    async def _read(self, name: str) -> dict[str, Any] | None:
        try:
            return await self._send("GET", self._path(name), None)
        except Gone:
            return None

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        return await self._connection.request(method, path, body, urgent=self._urgent)

    def _path(self, name: str | None) -> str:
        root = ("coordination.k8s.io", "v1", "leases", self._namespace)
        return paths.collection(*root) if name is None else paths.item(*root, name)


def _holder(lease: Mapping[str, Any]) -> str:
    return str(lease.get("spec", {}).get("holderIdentity") or "")
