"""Placement rules and how well a region fits them (`pkg/schedule/placement`)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field

from watchkeeper.simulator.world.ids import MAX_ID
from watchkeeper.simulator.world.region import Peer, Region, Role
from watchkeeper.simulator.world.store import Store

HEX = r"^([0-9a-fA-F]{2})*$"
"""A key as people write it down."""
LABEL_BASE = 100
"""Each label level counts a hundred times the one below (recording rules-07: three zones give 300)."""


class LabelConstraint(BaseModel):
    """One condition on a store's labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = ""
    op: str = Field(default="in", pattern="^(in|notIn|exists|notExists)$")
    values: tuple[str, ...] = ()

    def matches(self, store: Store) -> bool:
        """Whether the store satisfies it."""
        value = store.labels.get(self.key)
        if self.op == "in":
            return value in self.values
        if self.op == "notIn":
            return value not in self.values
        return (value is not None) == (self.op == "exists")


class RuleGroup(BaseModel):
    """Settings of a group of rules: where it stands among the groups, and whether it puts those before it out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    index: int = Field(default=0, ge=-MAX_ID - 1, le=MAX_ID)
    override: bool = False


class Rule(BaseModel):
    """A placement rule; keys are hexadecimal text as in PD's answers.

    A witness is shown as such and otherwise treated as any other peer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group_id: str = "pd"
    id: str = "default"
    index: int = Field(default=0, ge=-MAX_ID - 1, le=MAX_ID)
    override: bool = False
    start_key: str = Field(default="", pattern=HEX)
    end_key: str = Field(default="", pattern=HEX)
    role: str = Field(default="voter", pattern="^(voter|leader|follower|learner)$")
    count: int = Field(default=3, ge=1, le=MAX_ID)
    label_constraints: tuple[LabelConstraint, ...] = ()
    location_labels: tuple[str, ...] = ("zone", "host")
    isolation_level: str = ""
    is_witness: bool = False
    version: int = Field(default=0, ge=0, le=MAX_ID)
    create_timestamp: int = Field(default=0, ge=0, le=MAX_ID)
    group_index: int = Field(default=0, ge=-MAX_ID - 1, le=MAX_ID)
    group_override: bool = False

    @property
    def start(self) -> bytes:
        """Where its range begins."""
        return bytes.fromhex(self.start_key)

    @property
    def end(self) -> bytes:
        """Where its range ends; empty: nowhere."""
        return bytes.fromhex(self.end_key)

    def covers(self, region: Region) -> bool:
        """Whether the region lies in the rule's range."""
        if not self.start_key and not self.end_key:
            return True
        end = self.end
        return region.start_key >= self.start and (not end or (bool(region.end_key) and region.end_key <= end))

    def isolates(self, store: Store, others: Sequence[Store]) -> bool:
        """Whether the store differs from the others in the label of `isolation_level`, and those above it."""
        if self.isolation_level not in self.location_labels:
            return True
        levels = self.location_labels[: self.location_labels.index(self.isolation_level) + 1]
        return not any(all(store.labels.get(one) == other.labels.get(one) for one in levels) for other in others)

    def allows(self, store: Store) -> bool:
        """Whether the store satisfies every constraint."""
        return all(constraint.matches(store) for constraint in self.label_constraints)

    def wants(self, role: Role) -> bool:
        """Whether a peer of that role is what the rule asks for."""
        return (role is Role.LEARNER) == (self.role == "learner")


@dataclass(slots=True)
class RuleFit:
    """The peers that one rule has got."""

    rule: Rule
    peers: list[Peer] = field(default_factory=list)
    isolation_score: int = 0

    @property
    def different_role(self) -> list[Peer]:
        """Peers of another role than the rule asks for."""
        return [peer for peer in self.peers if not self.rule.wants(peer.role)]


@dataclass(slots=True)
class RegionFit:
    """How the peers of a region are shared out among its rules."""

    rules: list[RuleFit]
    orphans: list[Peer]

    @property
    def is_satisfied(self) -> bool:
        """Whether every rule has what it asks for and no peer is left over: PD calls the region replicated."""
        return (
            bool(self.rules)
            and not self.orphans
            and all(len(one.peers) == one.rule.count and not one.different_role for one in self.rules)
        )


def in_force(rules: Sequence[Rule]) -> Sequence[Rule]:
    """Those of a range's rules that are not overridden by a later one of their group or by a later group."""
    if not any(rule.override or rule.group_override for rule in rules):
        return rules
    before: list[Rule] = []
    own: list[Rule] = []
    for rule in rules:
        if own and own[-1].group_id != rule.group_id:
            before, own = ([] if rule.group_override else before + own), []
        own = [rule] if rule.override else [*own, rule]
    return before + own


def applied(region: Region, rules: Sequence[Rule]) -> Sequence[Rule]:
    """The rules that a region has to fit."""
    return in_force([rule for rule in rules if rule.covers(region)])


def isolation_score(stores: Sequence[Store], labels: Sequence[str]) -> int:
    """Sum over all pairs: the higher the first label in which two stores differ, the more."""
    return sum(_pair_score(one, other, labels) for one, other in itertools.combinations(stores, 2))


def _pair_score(one: Store, other: Store, labels: Sequence[str]) -> int:
    for level, label in enumerate(labels):
        mine, theirs = one.labels.get(label), other.labels.get(label)
        if mine is None or theirs is None or mine.lower() != theirs.lower():
            return int(LABEL_BASE ** (len(labels) - level - 1))
    return 0


def fit(region: Region, rules: Sequence[Rule], stores: Mapping[int, Store]) -> RegionFit:
    """Give each rule in turn the best peers still free; what is left over is orphaned.

    Among equally good choices healthy peers, then older ones win, as in PD.
    """
    free = sorted(region.peers, key=lambda peer: (not region.is_healthy(peer), peer.id))
    fits: list[RuleFit] = []
    for rule in applied(region, rules):
        chosen = _best(rule, free, stores)
        fits.append(RuleFit(rule, chosen, _score(rule, chosen, stores)))
        free = [peer for peer in free if peer not in chosen]
    return RegionFit(fits, sorted(free, key=lambda peer: peer.id))


class Safeguard:
    """PD's placement safeguard for one region that might give up its peer on one store.

    How the region fits now is found out once, however many stores are asked about; so it is used at once and not kept.
    """

    def __init__(self, region: Region, old_store: int, rules: Sequence[Rule], stores: Mapping[int, Store]) -> None:
        self._region = region
        self._old_store = old_store
        self._rules = rules
        self._stores = stores

    @cached_property
    def _before(self) -> RegionFit:
        return fit(self._region, self._rules, self._stores)

    def allows(self, new_store: int) -> bool:
        """Whether the region fits its rules no worse with the peer on the new store."""
        region, old_store, before = self._region, self._old_store, self._before
        moved = [Peer(p.id, new_store if p.store_id == old_store else p.store_id, p.role) for p in region.peers]
        after = fit(replace(region, peers=moved), self._rules, self._stores)
        return len(after.orphans) <= len(before.orphans) and all(
            len(new.peers) >= len(old.peers) and new.isolation_score >= old.isolation_score
            for old, new in zip(before.rules, after.rules, strict=True)
        )


def fits_as_well(
    region: Region, old_store: int, new_store: int, rules: Sequence[Rule], stores: Mapping[int, Store]
) -> bool:
    """Whether a region fits its rules no worse with a peer on the new store."""
    return Safeguard(region, old_store, rules, stores).allows(new_store)


def _best(rule: Rule, free: Sequence[Peer], stores: Mapping[int, Store]) -> list[Peer]:
    usable = [peer for peer in free if peer.store_id in stores and rule.allows(stores[peer.store_id])]
    if rule.role == "learner":
        usable = [peer for peer in usable if peer.role is Role.LEARNER]
    if len(usable) <= rule.count:
        return usable
    best: tuple[Peer, ...] = ()
    best_rank = (-1, -1)
    for choice in itertools.combinations(usable, rule.count):
        rank = (sum(rule.wants(peer.role) for peer in choice), _score(rule, choice, stores))
        if rank > best_rank:
            best, best_rank = choice, rank
    return list(best)


def _score(rule: Rule, peers: Sequence[Peer], stores: Mapping[int, Store]) -> int:
    return isolation_score([stores[peer.store_id] for peer in peers], rule.location_labels)
