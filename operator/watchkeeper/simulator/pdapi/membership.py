"""Routes about PD itself: version, health, members, leader, cluster (section 2.1 of the reference)."""

from __future__ import annotations

from watchkeeper.simulator import gojson, gotext
from watchkeeper.simulator.metrics.pd import pd_metrics
from watchkeeper.simulator.pdapi import shapes
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import TEXT_TYPE, V2_TYPE, Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.numbers import is_number, path_uint
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.world.clock import NANOSECONDS
from watchkeeper.simulator.world.members import MemberState

_V1 = "/pd/api/v1"
_TOO_FEW = "[PD:etcd:ErrEtcdMemberRemove]etcdserver: re-configuration failed due to not enough members"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ZERO_TIME = "0001-01-01T00:00:00Z"


def version(context: Context, call: Call) -> Answer:
    """GET /version."""
    return reply({"version": context.world.version, "build_time": "", "hash": "", "branch": ""})


def status(context: Context, call: Call) -> Answer:
    """GET /status, of the member asked."""
    started = context.world.clock.wall_ns(context.member.started_at) // NANOSECONDS
    return reply({"build_ts": "None", "version": context.world.version, "git_hash": "None", "start_timestamp": started})


def health(context: Context, call: Call) -> Answer:
    """GET /health: every member's ping."""
    return reply(
        [
            {
                "name": member.name,
                "member_id": member.member_id,
                "client_urls": [member.client_url],
                "health": member.state is MemberState.RUNNING,
            }
            for member in context.members.all
        ]
    )


def ping(context: Context, call: Call) -> Answer:
    """GET /ping."""
    return Answer()


def etcd_health(context: Context, call: Call) -> Answer:
    """GET /health, outside of PD's prefix: etcd's own, of the member asked."""
    has_quorum = context.members.has_quorum
    body = {"health": "true", "reason": ""} if has_quorum else {"health": "false", "reason": "RAFT NO LEADER"}
    return Answer(200 if has_quorum else 503, gojson.compact(body), TEXT_TYPE)


def ready(context: Context, call: Call) -> Answer:
    """GET /pd/api/v2/ready: stays 200 without quorum (surprise 36)."""
    code = 200 if context.world.bootstrapped else 500
    if not call.has("verbose"):
        return Answer(code)
    return Answer(code, gojson.compact({"region_loaded": context.world.bootstrapped}), V2_TYPE)


def members(context: Context, call: Call) -> Answer:
    """GET /members: leader and etcd_leader differ while the leadership moves (surprise 33)."""
    shown = {one.name: shapes.member(one, context.world.version) for one in context.members.all}
    body = {"header": {"cluster_id": context.world.cluster_id}, "members": list(shown.values())}
    for role, name in (("leader", context.members.leader), ("etcd_leader", context.members.etcd_leader)):
        if name is not None:
            body[role] = shown[name]
    return reply(body)


def leader(context: Context, call: Call) -> Answer:
    """GET /leader."""
    member = context.members.get(context.members.leader or "")
    return reply(shapes.member(member) if member is not None else None)


def transfer(context: Context, call: Call) -> Answer:
    """POST /leader/transfer/{name}."""
    if not context.members.transfer(call.arguments["name"]):
        raise PdError(500, "no valid pd to transfer etcd leader")
    return reply("The transfer command is submitted.")


def resign(context: Context, call: Call) -> Answer:
    """POST /leader/resign."""
    if not context.members.transfer():
        raise PdError(500, "no valid pd to transfer etcd leader")
    return reply("The resign command is submitted.")


def set_priority(context: Context, call: Call) -> Answer:
    """POST /members/name/{name}."""
    member = context.members.get(call.arguments["name"])
    if member is None:
        raise PdError(404, f"not found, pd: {call.arguments['name']}")
    wanted = gojson.parse_object(call.body)
    if "leader-priority" in wanted:
        if not is_number(wanted["leader-priority"]):
            raise PdError(400, "bad format leader priority")
        member.leader_priority = int(wanted["leader-priority"])
    return reply("success")


def remove_member(context: Context, call: Call) -> Answer:
    """DELETE /members/id/{id}: only its refusals; removing a member is never the product's."""
    member_id = path_uint(call.arguments["id"])
    if all(member.member_id != member_id for member in context.members.all):
        missing = "etcdserver: member not found"
        raise PdError(500, f"[PD:etcd:ErrEtcdMemberRemove]{missing}: {missing}")
    raise PdError(500, _TOO_FEW)


def remove_member_by_name(context: Context, call: Call) -> Answer:
    """DELETE /members/name/{name}: refused as by its id (`server/api/member.go`; only removal by id was recorded)."""
    name = call.arguments["name"]
    if context.members.get(name) is None:
        raise PdError(404, f"not found, pd: {name}")
    raise PdError(500, _TOO_FEW)


def cluster(context: Context, call: Call) -> Answer:
    """GET /cluster."""
    return reply({"id": context.world.cluster_id, "max_peer_count": context.world.config.max_replicas})


def cluster_status(context: Context, call: Call) -> Answer:
    """GET /cluster/status."""
    world = context.world
    since = gotext.rfc3339(world.bootstrapped_ns) if world.bootstrapped else ZERO_TIME
    return reply({"raft_bootstrap_time": since, "is_initialized": world.bootstrapped, "replication_status": ""})


def middleware(context: Context, call: Call) -> Answer:
    """GET /service-middleware/config: audit on, no limits set."""
    return reply(
        {
            "audit": {"enable-audit": "true"},
            "rate-limit": {"enable-rate-limit": "true", "limiter-config": {}},
            "grpc-rate-limit": {"enable-grpc-rate-limit": "true", "grpc-limiter-config": {}},
        }
    )


def metrics(context: Context, call: Call) -> Answer:
    """GET /metrics."""
    return Answer(200, pd_metrics(context).encode(), METRICS_TYPE)


_ALWAYS = Unbootstrapped.NORMAL

ROUTES = [
    Route("GET", f"{_V1}/version", version, local=True, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/status", status, local=True, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/health", health, local=True, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/ping", ping, local=True, unbootstrapped=_ALWAYS),
    Route("GET", "/pd/health", health, local=True, unbootstrapped=_ALWAYS),
    Route("GET", "/pd/ping", ping, local=True, unbootstrapped=_ALWAYS),
    Route("GET", "/health", etcd_health, local=True, unbootstrapped=_ALWAYS),
    Route("GET", "/pd/api/v2/ready", ready, local=True, unbootstrapped=_ALWAYS),
    Route("GET", "/metrics", metrics, local=True, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/members", members, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/leader", leader, unbootstrapped=_ALWAYS),
    Route("POST", f"{_V1}/leader/transfer/{{name}}", transfer, unbootstrapped=_ALWAYS),
    Route("POST", f"{_V1}/leader/resign", resign, unbootstrapped=_ALWAYS),
    Route("POST", f"{_V1}/members/name/{{name}}", set_priority, unbootstrapped=_ALWAYS),
    Route("DELETE", f"{_V1}/members/name/{{name}}", remove_member_by_name, unbootstrapped=_ALWAYS),
    Route("DELETE", f"{_V1}/members/id/{{id}}", remove_member, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/cluster", cluster, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/cluster/status", cluster_status, unbootstrapped=_ALWAYS),
    Route("GET", f"{_V1}/service-middleware/config", middleware, unbootstrapped=_ALWAYS),
]
