"""Changing placement rules (section 2.7 of the reference). The product never does; people and other tools do."""

from __future__ import annotations

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, PdPanicError, reply
from watchkeeper.simulator.pdapi.patterns import pattern
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.pdapi.rulebodies import bundle_of, group_of, rule_of
from watchkeeper.simulator.world.placement import Rule
from watchkeeper.simulator.world.rulebook import CannotBuildRulesError, RulePatch

_V1 = "/pd/api/v1"


def _commit(context: Context, patch: RulePatch) -> None:
    try:
        context.rulebook.commit(patch)
    except CannotBuildRulesError as error:
        raise PdError(500, f"[PD:placement:ErrBuildRuleList]build rule list failed, {error}") from error


def _set(context: Context, rules: list[Rule]) -> None:
    patch = RulePatch()
    for rule in rules:
        patch.set_rule(rule)
    _commit(context, patch)
    for rule in rules:
        if (rule.group_id, rule.id) == ("pd", "default"):
            context.world.config.max_replicas = rule.count


def set_rule(context: Context, call: Call) -> Answer:
    """POST /config/rule: the count of the default rule becomes max-replicas."""
    _set(context, [rule_of(context, gojson.parse_object(call.body, "placement.Rule"), call.body)])
    return reply("Update rule successfully.")


def set_rules(context: Context, call: Call) -> Answer:
    """POST /config/rules: those that are not named stay."""
    bodies = gojson.parse_list(call.body, "[]*placement.Rule")
    _set(context, [rule_of(context, one, call.body) for one in bodies])
    return reply("Update rules successfully.")


def delete_rule(context: Context, call: Call) -> Answer:
    """DELETE /config/rule/{group}/{id}: 200 also for one that does not exist (surprise 23)."""
    patch = RulePatch()
    patch.delete_rule((call.arguments["group"], call.arguments["id"]))
    _commit(context, patch)
    return reply("Delete rule successfully.")


def batch(context: Context, call: Call) -> Answer:
    """POST /config/rules/batch: `action` is add or del; anything else is ignored."""
    patch = RulePatch()
    for body in gojson.parse_list(call.body, "[]placement.RuleOp"):
        if body.get("action") == "add":
            if not body.keys() - {"action", "delete_by_id_prefix"}:
                raise PdPanicError
            patch.set_rule(rule_of(context, body, call.body))
        elif body.get("action") == "del":
            _delete(context, patch, body)
    _commit(context, patch)
    return reply("Batch operations successfully.")


def _delete(context: Context, patch: RulePatch, body: dict[str, Json]) -> None:
    group_id, rule_id = str(body.get("group_id", "")), str(body.get("id", ""))
    if not body.get("delete_by_id_prefix"):
        patch.delete_rule((group_id, rule_id))
        return
    for rule in context.rulebook.of_group(group_id):
        if rule.id.startswith(rule_id):
            patch.delete_rule((group_id, rule.id))


def set_group(context: Context, call: Call) -> Answer:
    """POST /config/rule_group."""
    group = group_of(gojson.parse_object(call.body), call.body)
    _commit(context, RulePatch(groups={group.id: group}))
    return reply("Update rule group successfully.")


def delete_group(context: Context, call: Call) -> Answer:
    """DELETE /config/rule_group/{id}: its settings only, not its rules."""
    patch = RulePatch()
    patch.delete_group(call.arguments["id"])
    _commit(context, patch)
    return reply("Delete rule group successfully.")


def _clear(context: Context, patch: RulePatch, group_id: str) -> None:
    patch.delete_group(group_id)
    for rule in context.rulebook.of_group(group_id):
        patch.delete_rule((group_id, rule.id))


def set_bundles(context: Context, call: Call) -> Answer:
    """POST /config/placement-rule[?partial]: without it groups that are not named go."""
    bundles = [bundle_of(context, one, call.body) for one in gojson.parse_list(call.body, "[]placement.GroupBundle")]
    named = {group.id for group, _ in bundles}
    patch = RulePatch()
    for group in context.rulebook.groups:
        if not call.has("partial") or group.id in named:
            _clear(context, patch, group.id)
    for group, rules in bundles:
        patch.set_bundle(group, rules)
    _commit(context, patch)
    return reply("Update rules and groups successfully.")


def set_bundle(context: Context, call: Call) -> Answer:
    """POST /config/placement-rule/{group}: all of the group's rules."""
    body = gojson.parse_object(call.body, "placement.GroupBundle")
    group, rules = bundle_of(context, body, call.body, call.arguments["group"])
    patch = RulePatch()
    _clear(context, patch, group.id)
    patch.set_bundle(group, rules)
    _commit(context, patch)
    return reply("Update group and rules successfully.")


def delete_bundle(context: Context, call: Call) -> Answer:
    """DELETE /config/placement-rule/{group}[?regexp]: also of a group that nobody knows."""
    wanted = call.arguments["group"]
    expression = pattern(wanted) if call.has("regexp") else None
    patch = RulePatch()
    for group in context.rulebook.groups:
        if expression.search(group.id) if expression is not None else wanted == group.id:
            _clear(context, patch, group.id)
    _commit(context, patch)
    return reply("Delete group and rules successfully.")


ROUTES = [
    Route("POST", f"{_V1}/config/rule", set_rule),
    Route("DELETE", f"{_V1}/config/rule/{{group}}/{{id}}", delete_rule),
    Route("POST", f"{_V1}/config/rules", set_rules),
    Route("POST", f"{_V1}/config/rules/batch", batch),
    Route("POST", f"{_V1}/config/rule_group", set_group),
    Route("DELETE", f"{_V1}/config/rule_group/{{id}}", delete_group),
    Route("POST", f"{_V1}/config/placement-rule", set_bundles),
    Route("POST", f"{_V1}/config/placement-rule/{{group}}", set_bundle),
    Route("DELETE", f"{_V1}/config/placement-rule/{{group}}", delete_bundle),
]
