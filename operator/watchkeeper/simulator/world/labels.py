"""Region label rules: labels for key ranges, some of which end by themselves."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.world.clock import Clock
from watchkeeper.simulator.world.region import Region


@dataclass(frozen=True, slots=True)
class RegionLabel:
    """One label; `ttl` as Go writes it, with the virtual time of its start and end."""

    key: str
    value: str
    ttl: str = ""
    start_at: float = 0.0
    ends_at: float | None = None


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Labels for ranges of keys; the ranges are hexadecimal text."""

    id: str
    labels: tuple[RegionLabel, ...]
    ranges: tuple[tuple[str, str], ...]
    index: int = 0

    def covers(self, region: Region) -> bool:
        """Whether the whole region lies in one of the ranges."""
        return any(_within(region, bytes.fromhex(start), bytes.fromhex(end)) for start, end in self.ranges)


def _within(region: Region, start: bytes, end: bytes) -> bool:
    return region.start_key >= start and (not end or (bool(region.end_key) and region.end_key <= end))


KEYSPACE_RULE = LabelRule(
    "keyspaces/0",
    (RegionLabel("id", "0"),),
    (("7200000000000000fb", "7200000100000000fb"), ("7800000000000000fb", "7800000100000000fb")),
)
"""PD makes this one itself (recording rules-14)."""


class RegionLabels:
    """The rules by id; those whose last label has ended are gone (to the second: recording rules-25)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rules: dict[str, LabelRule] = {KEYSPACE_RULE.id: KEYSPACE_RULE}

    @property
    def rules(self) -> list[LabelRule]:
        """Those in force, by id."""
        return [self._rules[rule_id] for rule_id in sorted(self._rules) if self.get(rule_id) is not None]

    @property
    def borders(self) -> list[bytes]:
        """Every key at which a rule in force begins or ends."""
        return [bytes.fromhex(key) for rule in self.rules for ends in rule.ranges for key in ends]

    def get(self, rule_id: str) -> LabelRule | None:
        """One in force."""
        rule = self._rules.get(rule_id)
        if rule is None:
            return None
        return rule if any(self._is_alive(label) for label in rule.labels) else None

    def put(self, rule: LabelRule) -> None:
        """Make or replace one."""
        self._rules[rule.id] = rule

    def delete(self, rule_id: str) -> bool:
        """Take one away; False if it is not in force."""
        known = self.get(rule_id) is not None
        self._rules.pop(rule_id, None)
        return known

    def of_region(self, region: Region) -> dict[str, str]:
        """The labels of a region; of two rules with the same key that with the higher index has its way."""
        covering = [rule for rule in self.rules if rule.covers(region)]
        return {
            label.key: label.value
            for rule in sorted(covering, key=lambda one: one.index)
            for label in rule.labels
            if self._is_alive(label)
        }

    def denies(self, region: Region) -> bool:
        """Whether a label keeps PD's schedulers off the region (`ScheduleDisabled` in `pkg/schedule/labeler`)."""
        return len(self._rules) > 1 and self.of_region(region).get("schedule", "").lower() == "deny"

    def _is_alive(self, label: RegionLabel) -> bool:
        return label.ends_at is None or label.ends_at > self._clock.now

    def body(self, rule: LabelRule) -> dict[str, Json]:
        """As PD shows a rule."""
        labels: list[dict[str, Json]] = []
        for label in filter(self._is_alive, rule.labels):
            shown: dict[str, Json] = {"key": label.key, "value": label.value}
            if label.ttl:
                started = gotext.unix_date(self._clock.wall_ns(label.start_at))
                shown |= {"ttl": label.ttl, "start_at": started}
            labels.append(shown)
        ranges = [{"start_key": start, "end_key": end} for start, end in rule.ranges]
        return {"id": rule.id, "index": rule.index, "labels": labels, "rule_type": "key-range", "data": ranges}
