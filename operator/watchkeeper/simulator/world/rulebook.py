"""Changing placement rules and their groups as a whole: either all of a patch takes effect, or nothing.

Source: `pkg/schedule/placement` (`rule_manager.go`, `rule_list.go`, `config.go`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from watchkeeper.simulator.world.placement import Rule, RuleGroup, in_force
from watchkeeper.simulator.world.state import World

Key = tuple[str, str]
"""Group and id of a rule."""


class CannotBuildRulesError(Exception):
    """The rules that a patch leaves are not usable; the text is PD's."""


@dataclass(slots=True)
class RulePatch:
    """What is to change: None takes a rule away; a group goes back to its defaults."""

    rules: dict[Key, Rule | None] = field(default_factory=dict)
    groups: dict[str, RuleGroup] = field(default_factory=dict)

    def set_rule(self, rule: Rule) -> None:
        """Make or replace a rule."""
        self.rules[(rule.group_id, rule.id)] = rule

    def set_bundle(self, group: RuleGroup, rules: Iterable[Rule]) -> None:
        """Make or replace a group with rules of it; its other rules stay."""
        self.groups[group.id] = group
        for rule in rules:
            self.set_rule(rule)

    def delete_rule(self, key: Key) -> None:
        """Take a rule away; one that is not there is no error (surprise 23)."""
        self.rules[key] = None

    def delete_group(self, group: str) -> None:
        """Its rules stay."""
        self.groups[group] = RuleGroup(id=group)


class RuleBook:
    """The rules and groups of the cluster; `World.rules` is what it keeps, in the order in which rules apply."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._groups: dict[str, RuleGroup] = {}
        self.on_change: Callable[[], None] = lambda: None

    @property
    def rules(self) -> list[Rule]:
        """In the order in which they apply."""
        return self._world.rules

    @property
    def groups(self) -> list[RuleGroup]:
        """Those that have rules, and those with settings of their own, in their order."""
        known = {rule.group_id: RuleGroup(id=rule.group_id) for rule in self.rules}
        return sorted((known | self._groups).values(), key=lambda one: (one.index, one.id))

    def group(self, group_id: str) -> RuleGroup | None:
        """One of them."""
        return next((one for one in self.groups if one.id == group_id), None)

    def of_group(self, group_id: str) -> list[Rule]:
        """The rules of a group, in their order."""
        return [rule for rule in self.rules if rule.group_id == group_id]

    def get(self, key: Key) -> Rule | None:
        """One rule."""
        return next((rule for rule in self.rules if (rule.group_id, rule.id) == key), None)

    def commit(self, patch: RulePatch) -> None:
        """Make the changes.

        Raises:
            CannotBuildRulesError: if a part of the key space would be left without rules that hold a leader.
        """
        groups = {key: one for key, one in (self._groups | patch.groups).items() if one.index or one.override}
        kept = {(rule.group_id, rule.id): rule for rule in self.rules}
        changed = {key: rule for key, rule in patch.rules.items() if rule != kept.get(key)}
        rules = [
            _of_group(self._stamped(rule, kept.get(key)) if key in changed else rule, groups)
            for key, rule in (kept | patch.rules).items()
            if rule is not None
        ]
        rules.sort(key=lambda one: (one.group_index, one.group_id, one.index, one.id))
        check_rules(rules)
        self._groups = groups
        self._world.rules = rules
        self.on_change()

    def _stamped(self, rule: Rule, old: Rule | None) -> Rule:
        """PD counts the changes of a rule, and notes when it was made."""
        if old is None:
            return rule.model_copy(update={"version": 0, "create_timestamp": self._world.unix_seconds()})
        return rule.model_copy(update={"version": old.version + 1, "create_timestamp": old.create_timestamp})


def _of_group(rule: Rule, groups: dict[str, RuleGroup]) -> Rule:
    group = groups.get(rule.group_id) or RuleGroup(id=rule.group_id)
    return rule.model_copy(update={"group_index": group.index, "group_override": group.override})


def check_rules(rules: Sequence[Rule]) -> None:
    """Whether every range between two borders has rules that give it a leader.

    Raises:
        CannotBuildRulesError: with the first range that has none.
    """
    if not rules:
        raise CannotBuildRulesError("no rule left")
    borders = sorted({border for rule in rules for border in _borders(rule)})
    for start, end in zip(borders, [*borders[1:], b""], strict=True):
        held = [rule for rule in rules if rule.start <= start and (not rule.end or start < rule.end)]
        problem = _problem(held)
        if problem is not None:
            raise CannotBuildRulesError(f"{problem} for range {{{start.hex().upper()}, {end.hex().upper()}}}")


def _borders(rule: Rule) -> Iterable[bytes]:
    return (rule.start, rule.end) if rule.end else (rule.start,)


def _problem(held: Sequence[Rule]) -> str | None:
    if not held:
        return "no rule"
    applied = in_force(held)
    leaders = sum(rule.count for rule in applied if rule.role == "leader")
    if leaders > 1:
        return "multiple leader replicas"
    voters = sum(rule.count for rule in applied if rule.role == "voter")
    return None if leaders + voters else "needs at least one leader or voter"
