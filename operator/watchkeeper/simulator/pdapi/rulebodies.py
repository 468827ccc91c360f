"""Rules and groups as bodies give them, with PD's refusals (`AdjustRule` in `pkg/schedule/placement`)."""

from __future__ import annotations

from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import PdError
from watchkeeper.simulator.pdapi.gostructs import BOOL, INT, STRING, STRINGS, decode, objects
from watchkeeper.simulator.pdapi.numbers import hex_key
from watchkeeper.simulator.world.placement import LabelConstraint, Rule, RuleGroup

_RULE = {
    "group_id": STRING,
    "id": STRING,
    "index": INT,
    "override": BOOL,
    "start_key": STRING,
    "end_key": STRING,
    "role": STRING,
    "is_witness": BOOL,
    "count": INT,
    "label_constraints": objects("placement.LabelConstraint"),
    "location_labels": STRINGS,
    "isolation_level": STRING,
}
_CONSTRAINT = {"key": STRING, "op": STRING, "values": STRINGS}
_ROLES = ("voter", "leader", "follower", "learner")
_OPS = ("in", "notIn", "exists", "notExists")
_CONTENT = "[PD:placement:ErrRuleContent]invalid rule content, "
_GROUP_BYTES = 8
_MARKER = 0xFF


def _refuse(text: str) -> PdError:
    return PdError(400, f"{_CONTENT}{text}")


def rule_of(context: Context, body: dict[str, Json], raw: bytes, group: str = "") -> Rule:
    """A rule that PD takes; `group` is the bundle that it comes in.

    Raises:
        PdError: 400 with what is wrong with it.
        BadJson: if a field has another type.
    """
    fields = decode(body, "Rule", _RULE, raw)
    group_id = fields.get("group_id") or group
    if group and group_id != group:
        raise _refuse(f"rule group {group_id} does not match group ID {group}")
    start, end = (_key(fields.get(name, "")) for name in ("start_key", "end_key"))
    if end and end <= start:
        raise _refuse("endKey should be greater than startKey")
    _require_encoded(start, "start key")
    _require_encoded(end, "end key")
    _require_names(context, group_id, fields)
    constraints = _constraints(fields.get("label_constraints", []), raw)
    given = {name: value for name, value in fields.items() if name not in {"label_constraints", "group_id"}}
    labels = tuple(given.pop("location_labels", ()))
    rule = Rule(group_id=group_id, label_constraints=constraints, location_labels=labels, **given)
    if not any(rule.allows(store) for store in context.world.living_stores()):
        raise _refuse(f"rule '{rule.id}' from rule group '{rule.group_id}' can not match any store")
    return rule


def _require_names(context: Context, group_id: str, fields: dict[str, Json]) -> None:
    """Group, id, role and count, in PD's order."""
    role, count = fields.get("role", ""), fields.get("count", 0)
    most = context.world.config.max_replicas // 2
    problems = (
        (not group_id, "group ID should not be empty"),
        (not fields.get("id"), "ID should not be empty"),
        (role not in _ROLES, f"invalid role {role}"),
        (count <= 0, f"invalid count {count}"),
        (role == "leader" and count > 1, f"define multiple leaders by count {count}"),
        (fields.get("is_witness") and count > most, f"define too many witness by count {count}"),
    )
    for is_wrong, text in problems:
        if is_wrong:
            raise _refuse(text)


def _constraints(bodies: list[dict[str, Json]], raw: bytes) -> tuple[LabelConstraint, ...]:
    found: list[LabelConstraint] = []
    for body in bodies:
        fields = decode(body, "LabelConstraint", _CONSTRAINT, raw)
        op = fields.get("op", "")
        if op not in _OPS:
            raise _refuse(f"invalid op {op}")
        found.append(LabelConstraint(key=fields.get("key", ""), op=op, values=tuple(fields.get("values", ()))))
    return tuple(found)


def _key(text: str) -> bytes:
    try:
        return hex_key(text)
    except PdError as error:
        raise PdError(400, f"[PD:hex:ErrHexDecodingString]decode string {text} error") from error


def _require_encoded(key: bytes, what: str) -> None:
    """With key-type table, PD's default, a key comes in groups of eight bytes with a marker behind each."""
    rest = key
    while key:
        if len(rest) <= _GROUP_BYTES:
            raise _refuse(f"{what} should be encoded in table mode: insufficient bytes to decode value")
        group, marker, rest = rest[:_GROUP_BYTES], rest[_GROUP_BYTES], rest[_GROUP_BYTES + 1 :]
        padding = _MARKER - marker
        shown = (group + bytes([marker])).decode("latin-1").encode("unicode_escape").decode()
        if padding > _GROUP_BYTES:
            raise _refuse(f'{what} should be encoded in table mode: invalid marker byte, group bytes "{shown}"')
        if any(group[_GROUP_BYTES - padding :]):
            raise _refuse(f'{what} should be encoded in table mode: invalid padding byte, group bytes "{shown}"')
        if padding:
            return


def group_of(body: dict[str, Json], raw: bytes) -> RuleGroup:
    """The settings of a group."""
    fields = decode(body, "RuleGroup", {"id": STRING, "index": INT, "override": BOOL}, raw)
    return RuleGroup(**({"id": ""} | fields))


def bundle_of(context: Context, body: dict[str, Json], raw: bytes, name: str = "") -> tuple[RuleGroup, list[Rule]]:
    """A group with its rules; `name` is the group of the path.

    Raises:
        PdError: 400, if the group is another one or a rule is refused.
    """
    kinds = {"group_id": STRING, "group_index": INT, "group_override": BOOL, "rules": objects("placement.Rule")}
    fields = decode(body, "GroupBundle", kinds, raw)
    group_id = fields.get("group_id") or name
    if name and group_id != name:
        raise PdError(400, f"group id {group_id} does not match request URI {name}")
    group = RuleGroup(id=group_id, index=fields.get("group_index", 0), override=fields.get("group_override", False))
    return group, [rule_of(context, one, raw, group_id) for one in fields.get("rules", [])]
