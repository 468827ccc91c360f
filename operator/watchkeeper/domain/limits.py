"""The limits of the standing orders: how much in an hour, how soon again, and in how many failure domains.

Each says what is waited for and until when. The undo of an action, the end of a standing change and a stop are never
asked. What cannot be read is no permission.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.operatorpolicy import Limits
from watchkeeper.api.v1alpha1.subject import RecentWrite
from watchkeeper.domain.decision import Hold
from watchkeeper.domain.writes import TICK, of_the_hour, owner_of
from watchkeeper.ports.driver import Domains, Fence, Wait

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Ask:
    """Who wants to write, on what."""

    uid: str
    targets: Sequence[str]
    claim: str | None = None
    """The operation key of its own claim, once it has one: that is not counted against itself."""
    undo: bool = False
    """Whether it takes something back: then nothing here holds it up."""
    writes: bool = True
    """Whether it is a write to the database; the tools are none."""


def too_much(writes: Sequence[RecentWrite], ask: Ask, limits: Limits, now: datetime) -> Hold | None:
    """Why a write must wait by the hour's budget or by a cooldown, or None.

    Args:
        writes: `Subject.status.recentWrites` as read; the claim must be compared with that very list.
        ask: who asks.
        limits: of the policy.
        now: by the API server's clock.
    """
    return _hour(writes, ask, limits, now) or _cooldown(writes, ask, limits, now)


def _hour(writes: Sequence[RecentWrite], ask: Ask, limits: Limits, now: datetime) -> Hold | None:
    counted = of_the_hour(writes, now, but=ask.claim)
    most = limits.max_actions_per_hour
    if len(counted) < most:
        return None
    until = counted[len(counted) - most].time + timedelta(hours=1) + TICK
    return Hold(
        Wait(
            "ActionsPerHour",
            f"{len(counted)} actions were done on this Subject within an hour, and limits.maxActionsPerHour is {most}: it "
            f"waits until {rfc3339(until)}",
        ),
        until,
    )


def _cooldown(writes: Sequence[RecentWrite], ask: Ask, limits: Limits, now: datetime) -> Hold | None:
    """Counted from the claim of the last write on a target; attempts of the same proposal do not hold each other up."""
    pause = timedelta(seconds=limits.cooldown_seconds)
    wanted = set(ask.targets)
    near = [w for w in writes if owner_of(w) != ask.uid and wanted & set(w.targets) and now < w.time + pause + TICK]
    if not near or not limits.cooldown_seconds:
        return None
    last = max(near, key=lambda write: write.time)
    until = last.time + pause + TICK
    return Hold(
        Wait(
            "Cooldown",
            f"{', '.join(sorted(wanted & set(last.targets)))} was written to at {rfc3339(last.time)} ({last.action}), and "
            f"limits.cooldownSeconds is {limits.cooldown_seconds}: it waits until {rfc3339(until)}",
        ),
        until,
    )


def too_wide(domains: Domains | None, limits: Limits, *, leaves: bool, fences: Mapping[str, Fence]) -> Wait | None:
    """Why a write must wait for failure domains, or None.

    Args:
        domains: as fresh reads show them.
        limits: of the policy.
        leaves: whether the action leaves something standing.
        fences: standing changes by target.
    """
    if domains is None:
        return Wait("DomainsUnreadable", "it could not be told which failure domains are healthy")
    return _unhealthy(domains, limits) or (_fenced(domains, limits, fences) if leaves else None)


def _unhealthy(domains: Domains, limits: Limits) -> Wait | None:
    others = {name: text for name, text in domains.unhealthy.items() if name not in domains.own}
    most = limits.max_unhealthy_domains
    if 1 + len(others) <= most:
        return None
    told = "; ".join(f"{name} ({text})" for name, text in sorted(others.items())[:SHOWN])
    return Wait(
        "UnhealthyDomains",
        f"stores do not answer in {_others(len(others))}: {told}; with its own that is more than "
        f"limits.maxUnhealthyDomains ({most}): it waits until they answer again",
    )


def _fenced(domains: Domains, limits: Limits, fences: Mapping[str, Fence]) -> Wait | None:
    others = {name: targets for name, targets in domains.fenced.items() if name not in domains.own}
    most = limits.max_fenced_domains
    surplus = len(others) + 1 - most
    if surplus <= 0:
        return None
    ends = sorted(max(fences[target].until for target in targets) for targets in others.values())
    told = "; ".join(
        f"{name} ({', '.join(fences[t].name for t in targets)})" for name, targets in sorted(others.items())
    )
    return Wait(
        "FencedDomains",
        f"something stands in {_others(len(others))}: {told[:512]}; with its own that is more than "
        f"limits.maxFencedDomains ({most}): it waits until {rfc3339(ends[surplus - 1])}, or until that is ended before",
    )


def _others(count: int) -> str:
    return "another failure domain" if count == 1 else f"{count} other failure domains"
