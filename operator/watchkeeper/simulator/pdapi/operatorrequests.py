"""POST /operators: what is asked for, and every refusal with PD's own text (recordings operators-refusals.json).

Order of checks as in `pkg/schedule/handler/handler.go`: fields first (400), then the region, then the rest (500).
"""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.simulator import gotext
from watchkeeper.simulator.pdapi import rangerequests
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import PdError
from watchkeeper.simulator.pdapi.numbers import is_number
from watchkeeper.simulator.pdapi.operatorfields import Body, admin, known_region, number
from watchkeeper.simulator.scheduling.builder import (
    CannotBuildError,
    Target,
    change_peers,
    transfer_leader,
)
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.world.region import Region, Role
from watchkeeper.simulator.world.store import NodeState, Store


def _roles(region: Region) -> dict[int, Role]:
    return {peer.store_id: peer.role for peer in region.peers}


def _transfer_leader(context: Context, body: Body) -> Operation:
    region_id = number(body, "region_id", "missing region id")
    to_store = number(body, "to_store_id", "missing store id to transfer leader to")
    region = known_region(context, region_id)
    peer = region.peer_on(to_store)
    if peer is None or peer.role is Role.LEARNER:
        raise PdError(500, f"region has no voter in store {to_store}")
    if region.leader_store == to_store:
        raise PdError(500, "no operator step is built")
    if not region.is_healthy(peer):
        raise PdError(500, f"cannot transfer leader to {to_store}: unhealthy")
    if not context.coordinator.stores.may_lead(to_store):
        raise PdError(500, "cannot create operator: target leader is not allowed")
    return transfer_leader(context.world, region, to_store, admin("admin-transfer-leader"))


def _transfer_peer(context: Context, body: Body) -> Operation:
    region_id = number(body, "region_id", "missing region id")
    from_store = number(body, "from_store_id", "invalid store id to transfer peer from")
    to_store = number(body, "to_store_id", "invalid store id to transfer peer to")
    region = known_region(context, region_id)
    old = region.peer_on(from_store)
    if old is None:
        raise PdError(500, f"region has no peer in store {from_store}")
    _new_home(context, to_store)
    there = region.peer_on(to_store)
    if there is old:
        raise PdError(500, "no operator step is built")
    if there is not None:
        text = f"cannot add peer store_id:{to_store} : already have peer id:{there.id} store_id:{to_store} "
        raise PdError(500, text)
    wanted = {store: role for store, role in _roles(region).items() if store != from_store}
    return _change(context, region, Target(wanted | {to_store: old.role}), "admin-move-peer")


def _transfer_region(context: Context, body: Body) -> Operation:
    region_id = number(body, "region_id", "missing region id")
    roles = _roles_by_store(body)
    region = known_region(context, region_id)
    if not all(roles.values()):
        raise PdError(500, "transfer region without peer role is not supported when placement rules enabled")
    for store_id in roles:
        _new_home(context, store_id)
    leaders = [store_id for store_id, role in roles.items() if role == "leader"]
    if len(leaders) > 1:
        raise PdError(500, "region cannot have multiple leaders")
    if not leaders and "voter" not in roles.values():
        raise PdError(500, "region need at least 1 voter or leader")
    wanted = {store_id: Role.LEARNER if role == "learner" else Role.VOTER for store_id, role in roles.items()}
    return _change(context, region, Target(wanted, leaders[0] if leaders else None), "admin-move-region")


def _roles_by_store(body: Body) -> dict[int, str]:
    """Store id to role, whatever its name (surprise 7); the empty role where the two lists do not match."""
    stores, roles = body.get("to_store_ids"), body.get("peer_roles")
    if not isinstance(stores, list) or not all(is_number(store) for store in stores):
        raise PdError(400, "invalid store ids to transfer region to")
    if not stores:
        raise PdError(400, "missing store ids to transfer region to")
    if not isinstance(roles, list) or len(roles) != len(stores):
        roles = [""] * len(stores)
    named = [role if isinstance(role, str) else "" for role in roles]
    return {gotext.uint64(store): role for store, role in zip(stores, named, strict=True)}


def _add_peer(context: Context, body: Body) -> Operation:
    return _add(context, body, Role.VOTER, "admin-add-peer")


def _add_learner(context: Context, body: Body) -> Operation:
    return _add(context, body, Role.LEARNER, "admin-add-learner")


def _add(context: Context, body: Body, role: Role, desc: str) -> Operation:
    region_id = number(body, "region_id", "missing region id")
    store_id = number(body, "store_id", "invalid store id to transfer peer to")
    region = known_region(context, region_id)
    if region.peer_on(store_id) is not None:
        raise PdError(500, f"region already has peer in store {store_id}")
    _new_home(context, store_id)
    return _change(context, region, Target(_roles(region) | {store_id: role}), desc)


def _remove_peer(context: Context, body: Body) -> Operation:
    region_id = number(body, "region_id", "missing region id")
    store_id = number(body, "store_id", "invalid store id to transfer peer to")
    region = known_region(context, region_id)
    if region.peer_on(store_id) is None:
        raise PdError(500, f"region has no peer in store {store_id}")
    wanted = {store: role for store, role in _roles(region).items() if store != store_id}
    return _change(context, region, Target(wanted), "admin-remove-peer")


def _new_home(context: Context, store_id: int) -> Store:
    """What PD asks of a store that gets a peer by hand: little (surprise 6)."""
    store = context.world.stores.get(store_id)
    if store is None:
        raise PdError(500, f"[PD:core:ErrStoreNotFound]store {store_id} not found")
    if store.node_state is NodeState.REMOVED:
        raise PdError(500, f"[PD:core:ErrStoreRemoved]store {store_id} has been removed")
    if context.coordinator.stores.refuses_operators(store):
        raise PdError(500, f"[PD:core:ErrStoreUnhealthy]store {store_id} is unhealthy")
    return store


def _change(context: Context, region: Region, target: Target, desc: str) -> Operation:
    if region.in_joint_state:
        raise PdError(500, "cannot build operator for region which is in joint state")
    try:
        return change_peers(context.world, region, target, admin(desc))
    except CannotBuildError as error:
        raise PdError(500, str(error)) from error


_MAKERS: dict[str, Callable[[Context, Body], Operation]] = {
    "transfer-leader": _transfer_leader,
    "transfer-peer": _transfer_peer,
    "transfer-region": _transfer_region,
    "add-peer": _add_peer,
    "add-learner": _add_learner,
    "remove-peer": _remove_peer,
}
_RANGE_MAKERS: dict[str, Callable[[Context, Body], list[Operation]]] = {
    "split-region": rangerequests.split,
    "merge-region": rangerequests.merge,
    "scatter-region": rangerequests.scatter,
}


def requested(context: Context, name: str, body: Body) -> list[Operation]:
    """The operators that a body asks for, not yet added: two for a merge, perhaps none for a scatter.

    Raises:
        PdError: PD's refusal.
    """
    if name in _RANGE_MAKERS:
        return _RANGE_MAKERS[name](context, body)
    maker = _MAKERS.get(name)
    if maker is None:
        raise PdError(400, "unknown operator")
    return [maker(context, body)]
