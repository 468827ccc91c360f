"""Reads of the configuration (section 2.7 of the reference)."""

from __future__ import annotations

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, reply
from watchkeeper.simulator.pdapi.memberconfig import AFTER_VERSION, BEFORE_SCHEDULE, PD_SERVER, REPLICATION_MODE
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.world.clock import NANOSECONDS
from watchkeeper.simulator.world.configuration import Configuration
from watchkeeper.simulator.world.store import NodeState

_V1 = "/pd/api/v1"


def schedule_body(context: Context) -> dict[str, Json]:
    """As GET /config/schedule: halt-scheduling only shows while it is on (surprise 22)."""
    config = context.world.config
    limits = {
        store_id: limit
        for store_id, limit in config.store_limits_body.items()
        if int(store_id) in context.world.stores
        and context.world.stores[int(store_id)].node_state is not NodeState.REMOVED
    }
    down = gotext.duration(round(config.max_store_down_seconds * NANOSECONDS))
    body = dict(config.schedule) | {"store-limit": limits, "max-store-down-time": down}
    return body | {"halt-scheduling": "true"} if config.halt_scheduling else body


def schedule(context: Context, call: Call) -> Answer:
    """GET /config/schedule."""
    return reply(schedule_body(context))


def replicate(context: Context, call: Call) -> Answer:
    """GET /config/replicate."""
    return reply(context.world.config.replication_body)


def whole(context: Context, call: Call) -> Answer:
    """GET /config: of the member asked; a follower says cluster-version 0.0.0 (surprise 37)."""
    member, world = context.member, context.world
    leads = member.name == context.members.leader
    peers = ",".join(f"{one.name}={one.peer_url}" for one in context.members.all)
    return reply(
        {
            "client-urls": member.client_url,
            "peer-urls": member.peer_url,
            "advertise-client-urls": member.client_url,
            "advertise-peer-urls": member.peer_url,
            "name": member.name,
            "data-dir": "/var/lib/pd",
            "force-new-cluster": False,
            "enable-grpc-gateway": True,
            "initial-cluster": peers,
            "initial-cluster-state": "new",
            "initial-cluster-token": "pd-cluster",
            "join": "",
            "lease": 5,
        }
        | BEFORE_SCHEDULE
        | {
            "schedule": schedule_body(context),
            "replication": world.config.replication_body,
            "pd-server": PD_SERVER,
            "cluster-version": _cluster_version(context) if leads else "0.0.0",
        }
        | AFTER_VERSION
    )


def _cluster_version(context: Context) -> str:
    return context.world.version.removeprefix("v") if context.world.bootstrapped else "0.0.0"


def default(context: Context, call: Call) -> Answer:
    """GET /config/default: as PD ships it, whatever is set."""
    fresh = Configuration(location_labels=())
    return reply({"schedule": fresh.schedule, "replication": fresh.replication_body})


def cluster_version(context: Context, call: Call) -> Answer:
    """GET /config/cluster-version."""
    return reply(_cluster_version(context))


def pd_server(context: Context, call: Call) -> Answer:
    """GET /config/pd-server."""
    return reply(PD_SERVER)


def replication_mode(context: Context, call: Call) -> Answer:
    """GET /config/replication-mode."""
    return reply(REPLICATION_MODE)


def label_property(context: Context, call: Call) -> Answer:
    """GET /config/label-property: labels that keep leaders away; none are set."""
    return reply({})


_ALWAYS = Unbootstrapped.NORMAL

ROUTES = [
    Route("GET", f"{_V1}/config", whole, local=True, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/config/schedule", schedule, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/config/replicate", replicate, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/config/default", default, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/config/pd-server", pd_server, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/config/replication-mode", replication_mode, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/config/label-property", label_property, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/config/cluster-version", cluster_version, unbootstrapped=_ALWAYS),
]
