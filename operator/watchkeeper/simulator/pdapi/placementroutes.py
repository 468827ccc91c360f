"""Reads of placement rules and of how a region fits them."""

from __future__ import annotations

from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.numbers import hex_key, path_uint
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.world.placement import Rule, RuleFit, RuleGroup, applied, fit
from watchkeeper.simulator.world.region import Peer, Region, Role

_V1 = "/pd/api/v1"


def rule_body(rule: Rule) -> dict[str, Json]:
    """As PD shows a rule: zero fields that Go marks so are left out."""
    body: dict[str, Json] = {"group_id": rule.group_id, "id": rule.id}
    body |= _unless_zero(index=rule.index, override=rule.override)
    body |= {"start_key": rule.start_key, "end_key": rule.end_key, "role": rule.role}
    body |= {"is_witness": rule.is_witness, "count": rule.count}
    constraints = [_unless_zero(key=one.key, op=one.op, values=list(one.values)) for one in rule.label_constraints]
    return body | _unless_zero(
        label_constraints=constraints,
        location_labels=list(rule.location_labels),
        isolation_level=rule.isolation_level,
        version=rule.version,
        create_timestamp=rule.create_timestamp,
    )


def _unless_zero(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value}


def rules(context: Context, call: Call) -> Answer:
    """GET /config/rules."""
    return reply([rule_body(rule) for rule in context.world.rules])


def rules_of_group(context: Context, call: Call) -> Answer:
    """GET /config/rules/group/{group}: null for an unknown one."""
    return reply(_of_group(context, call.arguments["group"]) or None)


def one_rule(context: Context, call: Call) -> Answer:
    """GET /config/rule/{group}/{id}."""
    rule = context.rulebook.get((call.arguments["group"], call.arguments["id"]))
    if rule is None:
        raise PdError(404, "[PD:placement:ErrRuleNotFound]rule not found")
    return reply(rule_body(rule))


def rules_of_region(context: Context, call: Call) -> Answer:
    """GET /config/rules/region/{region}."""
    region = _region(context, call)
    return reply([rule_body(rule) for rule in applied(region, context.world.rules)] or None)


def fit_of_region(context: Context, call: Call) -> Answer:
    """GET /config/rules/region/{region}/detail: which rule has which peers."""
    found = fit(_region(context, call), context.world.rules, context.world.stores)
    orphans = [_peer(peer) for peer in found.orphans] or None
    return reply({"rule-fits": [_rule_fit(one) for one in found.rules], "orphan-peers": orphans})


def _rule_fit(found: RuleFit) -> dict[str, Json]:
    return {
        "rule": rule_body(found.rule),
        "peers": [_peer(peer) for peer in found.peers] or None,
        "peers-different-role": [_peer(peer) for peer in found.different_role] or None,
        "isolation-score": found.isolation_score,
        "witness-score": 0,
    }


def _peer(peer: Peer) -> dict[str, Json]:
    shown: dict[str, Json] = {"id": peer.id, "store_id": peer.store_id}
    return shown | {"role": int(peer.role)} if peer.role is not Role.VOTER else shown


def rules_of_key(context: Context, call: Call) -> Answer:
    """GET /config/rules/key/{key}."""
    try:
        key = hex_key(call.arguments["key"])
    except PdError as error:
        raise PdError(400, f"[PD:placement:ErrKeyFormat]key should be in hex format, {error}") from error
    held = [rule for rule in context.world.rules if rule.start <= key and (not rule.end or key < rule.end)]
    return reply([rule_body(rule) for rule in held])


def bundles(context: Context, call: Call) -> Answer:
    """GET /config/placement-rule: every group with its rules."""
    return reply([_bundle(context, group) for group in context.rulebook.groups])


def bundle(context: Context, call: Call) -> Answer:
    """GET /config/placement-rule/{group}: also of one that nobody knows."""
    group_id = call.arguments["group"]
    return reply(_bundle(context, context.rulebook.group(group_id) or RuleGroup(id=group_id)))


def _bundle(context: Context, group: RuleGroup) -> dict[str, Json]:
    found = _of_group(context, group.id) or None
    return {"group_id": group.id, "group_index": group.index, "group_override": group.override, "rules": found}


def groups(context: Context, call: Call) -> Answer:
    """GET /config/rule_groups."""
    return reply([_group(one) for one in context.rulebook.groups])


def one_group(context: Context, call: Call) -> Answer:
    """GET /config/rule_group/{id}: null for an unknown one."""
    group = context.rulebook.group(call.arguments["id"])
    if group is None:
        raise PdError(404, None)
    return reply(_group(group))


def _group(group: RuleGroup) -> dict[str, Json]:
    return _unless_zero(id=group.id, index=group.index, override=group.override)


def _of_group(context: Context, group: str) -> list[Json]:
    return [rule_body(rule) for rule in context.rulebook.of_group(group)]


def _region(context: Context, call: Call) -> Region:
    try:
        region_id = path_uint(call.arguments["region"])
    except PdError as error:
        raise PdError(400, "[PD:region:ErrRegionInvalidID]invalid region id") from error
    region = context.world.regions.get(region_id)
    if region is None:
        raise PdError(404, f"[PD:region:ErrRegionNotFound]region {region_id} not found")
    return region


ROUTES = [
    Route("GET", f"{_V1}/config/rules", rules),
    Route("GET", f"{_V1}/config/rules/group/{{group}}", rules_of_group),
    Route("GET", f"{_V1}/config/rule/{{group}}/{{id}}", one_rule),
    Route("GET", f"{_V1}/config/rules/region/{{region}}", rules_of_region),
    Route("GET", f"{_V1}/config/rules/region/{{region}}/detail", fit_of_region),
    Route("GET", f"{_V1}/config/rules/key/{{key}}", rules_of_key),
    Route("GET", f"{_V1}/config/rule_groups", groups),
    Route("GET", f"{_V1}/config/rule_group/{{id}}", one_group),
    Route("GET", f"{_V1}/config/placement-rule", bundles),
    Route("GET", f"{_V1}/config/placement-rule/{{group}}", bundle),
]
