"""The JSON shapes of stores, regions and members, field by field in PD's order; zero fields are left out as in Go."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.world.clock import NANOSECONDS
from watchkeeper.simulator.world.flow import QUIET, Flow
from watchkeeper.simulator.world.members import Member
from watchkeeper.simulator.world.region import Peer, Region, Role
from watchkeeper.simulator.world.scores import region_score
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import NodeState, Store

_STORE_STATES = {NodeState.REMOVING: 1, NodeState.REMOVED: 2}
REGION_HEARTBEAT_SECONDS = 60.0
"""How often the leader of a region reports it, if nothing happens."""
_GIT_HASH = "0" * 40


def store(world: World, one: Store) -> dict[str, Json]:
    """As GET /store/{id} answers."""
    return {"store": _store_meta(world, one), "status": _store_status(world, one)}


def stores(world: World, chosen: Iterable[Store]) -> dict[str, Json]:
    """A list with its count."""
    shown = [store(world, one) for one in chosen]
    return {"count": len(shown), "stores": shown}


def _store_meta(world: World, one: Store) -> dict[str, Json]:
    meta: dict[str, Json] = {"id": one.id, "address": one.address}
    if one.node_state in _STORE_STATES:
        meta["state"] = _STORE_STATES[one.node_state]
    if one.labels:
        meta["labels"] = [{"key": key, "value": value} for key, value in one.labels.items()]
    meta |= {
        "version": one.version,
        "status_address": one.status_address,
        "git_hash": _GIT_HASH,
        "start_timestamp": one.started_ns // NANOSECONDS,
        "deploy_path": "/opt/tikv",
    }
    if one.last_heartbeat_ns:
        meta["last_heartbeat"] = one.last_heartbeat_ns
    if one.physically_destroyed:
        meta["physically_destroyed"] = True
    if one.node_state is not NodeState.PREPARING:
        meta["node_state"] = int(one.node_state)
    meta["state_name"] = str(world.state_name(one))
    return meta


def _store_status(world: World, one: Store) -> dict[str, Json]:
    held = world.regions.counted(one.id)
    used = one.used
    has_beaten = one.last_heartbeat_ns > 0
    capacity = one.capacity if has_beaten else 0
    status: dict[str, Json] = {
        "capacity": gotext.size(capacity),
        "available": gotext.size(capacity - used if has_beaten else 0),
        "used_size": gotext.size(used if has_beaten else 0),
        "leader_count": len(held.leaders),
        "leader_weight": one.leader_weight,
        "leader_score": len(held.leaders) / max(one.leader_weight, 1e-6),
        "leader_size": held.leader_size,
        "region_count": len(held.peers),
        "region_weight": one.region_weight,
        "region_score": region_score(one, held.region_size, capacity - used) if has_beaten else 0,
        "region_size": held.region_size,
    }
    if len(held.learners):
        status["learner_count"] = len(held.learners)
    if len(held.pending):
        status["pending_peer_count"] = len(held.pending)
    if has_beaten:
        status["slow_score"] = one.slow_score
    if has_beaten and one.sending_snapshots:
        status["sending_snap_count"] = one.sending_snapshots
    if has_beaten and one.receiving_snapshots:
        status["receiving_snap_count"] = one.receiving_snapshots
    if one.is_busy:
        status["is_busy"] = True
    status["start_ts"] = gotext.rfc3339(one.started_ns, whole_seconds=True)
    status["last_heartbeat_ts"] = gotext.rfc3339(one.last_heartbeat_ns)
    started = one.started_ns // NANOSECONDS * NANOSECONDS
    if one.last_heartbeat_ns > started:
        status["uptime"] = gotext.duration(one.last_heartbeat_ns - started)
    return status


def peer(one: Peer) -> dict[str, Json]:
    """As in the list of a region's peers."""
    shown: dict[str, Json] = {"role_name": one.role.text}
    if one.role is Role.LEARNER:
        shown["is_learner"] = True
    shown |= {"id": one.id, "store_id": one.store_id}
    if one.role is not Role.VOTER:
        shown["role"] = int(one.role)
    return shown


def region(one: Region | None, now: float = 0.0, *, flow: Flow | None = QUIET) -> dict[str, Json]:
    """As GET /region/id/{id} answers; None is a region that PD does not know (recording regions-02).

    A follower's copy has neither sizes nor flow, which `flow` None stands for (recording lc-009).
    """
    if one is None:
        shown: dict[str, Json] = {"id": 0, "start_key": "", "end_key": "", "leader": {"role_name": ""}}
        return shown | _statistics(0, 0, QUIET)
    shown = {
        "id": one.id,
        "start_key": one.start_key.hex().upper(),
        "end_key": one.end_key.hex().upper(),
        "epoch": {"conf_ver": one.conf_ver, "version": one.version},
        "peers": [peer(each) for each in one.peers],
        "leader": peer(one.known_leader) if one.known_leader is not None else {"role_name": ""},
    }
    down = [each for each in one.peers if each.id in one.down]
    if down:
        shown["down_peers"] = [{"peer": peer(each), "down_seconds": int(now - one.down[each.id])} for each in down]
    pending = [peer(each) for each in one.peers if each.id in one.pending]
    if pending:
        shown["pending_peers"] = pending
    return shown | (_statistics(one.size, one.keys, flow) if flow is not None else _statistics(0, 0, QUIET))


def _statistics(size: int, keys: int, flow: Flow) -> dict[str, Json]:
    """Bytes and keys are those of the last interval between two heartbeats of the region, not a rate."""
    return {
        "cpu_usage": round(flow.read_cpu),
        "written_bytes": round(flow.written_bytes * REGION_HEARTBEAT_SECONDS),
        "read_bytes": round(flow.read_bytes * REGION_HEARTBEAT_SECONDS),
        "written_keys": round(flow.written_keys * REGION_HEARTBEAT_SECONDS),
        "read_keys": round(flow.read_keys * REGION_HEARTBEAT_SECONDS),
        "approximate_size": size,
        "approximate_keys": keys,
    }


def member(one: Member, version: str | None = None) -> dict[str, Json]:
    """As in GET /members with a version, as in GET /leader without."""
    shown: dict[str, Json] = {
        "name": one.name,
        "member_id": one.member_id,
        "peer_urls": [one.peer_url],
        "client_urls": [one.client_url],
    }
    if one.leader_priority:
        shown["leader_priority"] = one.leader_priority
    if version is not None:
        shown |= {"deploy_path": "/opt/pd/bin", "binary_version": version, "git_hash": "None"}
    return shown
