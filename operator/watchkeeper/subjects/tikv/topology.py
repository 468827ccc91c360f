"""Members and stores of a cluster as PD sees them at one moment, and what follows: names, failure domains, health."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from watchkeeper.errors import NotLeader
from watchkeeper.subjects.tikv.pd.models import Members, PDStore, Replication, StoreState
from watchkeeper.subjects.tikv.pd.reader import PDReader

SILENT_AFTER = timedelta(seconds=60)
"""Behind the newest heartbeat of any store. An Offline store that died still says Offline (surprise 27)."""
SLOW_SCORE = 80
"""From here on PD calls a store slow."""
PROVED = re.compile(r"^v?8\.5\.\d+")


@dataclass(frozen=True, slots=True)
class Topology:
    """A snapshot of who is there."""

    members: Members
    stores: tuple[PDStore, ...]
    replication: Replication

    @property
    def cluster_id(self) -> str:
        """As text: it needs 64 bits."""
        return str(self.members.header.cluster_id)

    @property
    def leader(self) -> str:
        """Name of PD's leader."""
        return self.members.leader.name

    @property
    def leader_split(self) -> bool:
        """Whether PD's leader and etcd's are not the same member: a sign of an incident."""
        return self.members.etcd_leader.name != self.members.leader.name

    @property
    def version(self) -> str:
        """Of the member that leads."""
        leading = next((m for m in self.members.members if m.name == self.leader), self.members.leader)
        return leading.binary_version

    @property
    def version_proved(self) -> bool:
        """Whether every member is of a version that the product was proved on."""
        return bool(self.members.members) and all(PROVED.match(m.binary_version) for m in self.members.members)

    def store(self, store_id: int) -> PDStore | None:
        """A store by id; Tombstones are not among them."""
        return next((store for store in self.stores if store.store.id == store_id), None)

    def domain(self, store: PDStore) -> str:
        """The failure domain of a store: its value of the first location label, else the store by itself."""
        labels = self.replication.location_labels
        value = labels_of(store).get(labels[0], "") if labels else ""
        return f"{labels[0]}={value}" if value else f"store={store.store.id}"

    def failing(self) -> tuple[PDStore, ...]:
        """Stores that do not answer: Disconnected, Down, of an unknown state, or Offline and silent."""
        newest = max((store.status.last_heartbeat_ts for store in self.stores), default=None)
        return tuple(
            store
            for store in self.stores
            if store.store.condition in (StoreState.DISCONNECTED, StoreState.DOWN, StoreState.UNKNOWN)
            or (
                store.store.condition is StoreState.OFFLINE
                and newest is not None
                and newest - store.status.last_heartbeat_ts > SILENT_AFTER
            )
        )

    def failing_domains(self) -> dict[str, list[int]]:
        """Failure domains with stores that do not answer, and which these are."""
        domains: dict[str, list[int]] = {}
        for store in self.failing():
            domains.setdefault(self.domain(store), []).append(store.store.id)
        return domains

    def name(self, store_id: int) -> str:
        """Such as `tikv-5/store 7`."""
        store = self.store(store_id)
        return f"{pod_of(store)}/store {store_id}" if store is not None and pod_of(store) else f"store {store_id}"

    def inventory(self) -> str:
        """The stores for a message, such as `1-6 (tikv-0 … tikv-5)`."""
        ids = [store.store.id for store in self.stores]
        pods = [pod for store in self.stores if (pod := pod_of(store))]
        if not pods:
            return _ranges(ids)
        shown = f"{pods[0]} … {pods[-1]}" if len(pods) > 2 else ", ".join(pods)
        return f"{_ranges(ids)} ({shown})"


async def read_topology(reader: PDReader) -> Topology:
    """Members, stores and replication settings: three reads, whatever the number of regions.

    Raises:
        NotLeader: PD answers and has no leader.
    """
    members = await reader.members()
    if not members.leader.name:
        raise NotLeader("PD has no leader")
    return Topology(members=members, stores=await reader.stores(), replication=await reader.replication())


def labels_of(store: PDStore) -> dict[str, str]:
    """Labels by key."""
    return {label.key: label.value for label in store.store.labels}


def pod_of(store: PDStore) -> str:
    """The pod of a store: the first DNS label of its address, empty where that is an IP address."""
    host = store.store.address.rpartition(":")[0].strip("[]")
    first = host.partition(".")[0]
    return "" if not first or first.isdigit() or ":" in host else first


def is_tikv(store: PDStore) -> bool:
    """Whether it is a TiKV store; TiFlash ones carry the label engine and lead nothing."""
    return not labels_of(store).get("engine", "").startswith("tiflash")


def is_slow(store: PDStore) -> bool:
    """Whether PD counts it as slow."""
    return store.status.slow_score >= SLOW_SCORE


def _ranges(ids: Iterable[int], limit: int = 8) -> str:
    runs: list[list[int]] = []
    for number in sorted(ids):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return ", ".join(texts[:limit]) + (", …" if len(texts) > limit else "")
