"""Reads of the configuration (section 2.7 of the reference)."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, reply
from watchkeeper.simulator.pdapi.memberconfig import AFTER_VERSION, BEFORE_METRIC, PD_SERVER, REPLICATION_MODE
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.world.clock import NANOSECONDS
from watchkeeper.simulator.world.configuration import Configuration
from watchkeeper.simulator.world.store import NodeState

_V1 = "/pd/api/v1"
_NO_VERSION = "0.0.0"
_CLIENT, _PEER = "http://127.0.0.1:2379", "http://127.0.0.1:2380"


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
    place = _Place(
        member.name,
        "/var/lib/pd",
        member.client_url,
        member.peer_url,
        ",".join(f"{one.name}={one.peer_url}" for one in context.members.all),
    )
    version = _cluster_version(context) if leads else _NO_VERSION
    body = _body(place, schedule_body(context), world.config.replication_body, version)
    return reply(body | {"log": body["log"] | {"level": world.config.log_level}})


@dataclass(frozen=True)
class _Place:
    """Where a member is, and who else is there."""

    name: str
    data: str
    client_url: str
    peer_url: str
    initial: str


def _body(place: _Place, schedule: Json, replication: Json, version: str) -> dict[str, Json]:
    return (
        {
            "client-urls": place.client_url,
            "peer-urls": place.peer_url,
            "advertise-client-urls": place.client_url,
            "advertise-peer-urls": place.peer_url,
            "name": place.name,
            "data-dir": place.data,
            "force-new-cluster": False,
            "enable-grpc-gateway": True,
            "initial-cluster": place.initial,
            "initial-cluster-state": "new",
            "initial-cluster-token": "pd-cluster",
            "join": "",
            "lease": 5,
        }
        | BEFORE_METRIC
        | {"metric": {"job": place.name, "address": "", "interval": "15s"}}
        | {"schedule": schedule, "replication": replication, "pd-server": PD_SERVER, "cluster-version": version}
        | AFTER_VERSION
    )


def _cluster_version(context: Context) -> str:
    return context.world.version.removeprefix("v") if context.world.bootstrapped else _NO_VERSION


def default(context: Context, call: Call) -> Answer:
    """GET /config/default: as PD ships it, whatever is set; its name is made of that of the machine."""
    fresh, name = Configuration(location_labels=()), f"pd-{context.member.name}"
    place = _Place(name, f"default.{name}", _CLIENT, _PEER, f"{name}={_PEER}")
    shipped = dict(fresh.schedule) | {"max-merge-region-keys": 0}
    return reply(_body(place, shipped, fresh.replication_body, _NO_VERSION) | {"label-property": None})


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
