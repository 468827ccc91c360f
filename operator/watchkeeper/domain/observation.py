"""From a look at the cluster to the status of its Subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.conditions import Condition, ConditionStatus, with_condition
from watchkeeper.api.v1alpha1.subject import CatalogEntry, Health, LeaderStatus, Subject, SubjectStatus
from watchkeeper.api.v1alpha1.vocabulary import Mode
from watchkeeper.ports.driver import Observation

OBSERVED_EVERY = timedelta(seconds=60)
MAX_MESSAGE = 4096


@dataclass(frozen=True, slots=True)
class Seen:
    """One look. `duplicate`: another holder of the cluster's lease, "" when we hold it, None when it is not known."""

    observation: Observation | None
    problem: str | None
    catalog: tuple[CatalogEntry, ...]
    duplicate: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """What else goes into the columns."""

    mode: Mode | None
    """None: there is no policy, so nothing is planned."""
    stopped: bool
    pending: int
    standing: int
    now: datetime


def observed(subject: Subject, seen: Seen, context: Context) -> SubjectStatus:
    """The new status; equal to the old one when nothing changed and the last look is younger than a minute."""
    old = subject.status
    look = seen.observation
    other = look is not None and bool(look.cluster_id) and old.cluster_id not in (None, look.cluster_id)
    problems = [*_going(subject), *_problems(subject, seen, other=other)]
    blind = look is None or other or seen.duplicate is None or look.metrics_problem is not None
    status = old.replace(
        observed_generation=subject.metadata.generation,
        reachable=look is not None and not other,
        health=Health.BLIND if blind or look is None else look.health,
        catalog=seen.catalog,
        mode=context.mode,
        stopped=context.stopped,
        pending=context.pending,
        standing=context.standing,
        message="; ".join(problems)[:MAX_MESSAGE] or None,
        conditions=_conditions(subject, seen, problems, context.now, other=other),
    )
    if look is not None and not other:
        status = _with_facts(status, look, context.now)
    fresh = old.observed_time is not None and context.now - old.observed_time < OBSERVED_EVERY
    if fresh and status == old:
        return old
    return status.replace(observed_time=context.now.replace(microsecond=0))


def _with_facts(status: SubjectStatus, look: Observation, now: datetime) -> SubjectStatus:
    healthy = sum(1 for member in look.members if member.healthy)
    return status.replace(
        cluster_id=look.cluster_id or status.cluster_id,
        version=look.version,
        manager=look.manager,
        members=look.members,
        members_summary=f"{healthy}/{len(look.members)}",
        stores=look.stores,
        stores_summary=f"{look.stores.up}/{look.stores.total}",
        leader=_leader(status.leader, look.leader, now),
    )


def _leader(old: LeaderStatus | None, name: str | None, now: datetime) -> LeaderStatus | None:
    """Since when this leader has been seen; kept in status so that a restart of ours does not begin it anew."""
    if name is None:
        return None
    if old is not None and old.name == name:
        return old
    return LeaderStatus(name=name, since_time=now.replace(microsecond=0))


def _going(subject: Subject) -> list[str]:
    """Why a Subject that somebody has deleted is still there; else it would seem to hang."""
    if subject.metadata.deletion_timestamp is None:
        return []
    return [
        "it is being deleted, and stays until what stands in its database is released or given up: "
        f"kubectl -n {subject.metadata.namespace} get stch"
    ]


def _problems(subject: Subject, seen: Seen, *, other: bool) -> list[str]:
    look = seen.observation
    if look is None:
        return [f"the database cannot be read: {seen.problem or 'no answer'}"]
    if other:
        return [
            f"the answer comes from cluster {look.cluster_id}, not from {subject.status.cluster_id}: check spec.tikv; "
            "a Subject stands for one cluster, create another for this one"
        ]
    found = list(look.problems)
    if look.metrics_problem is not None:
        found.append(f"Prometheus cannot be read: {look.metrics_problem}")
    if seen.duplicate is None:
        found.append("it could not be checked whether another Subject manages this cluster")
    elif seen.duplicate:
        found.append(f"Subject {seen.duplicate} manages this very cluster: this one only observes; delete one of them")
    if not look.version_proved:
        found.append(
            f"Watchkeeper was not proved on version {look.version}: it only observes unless spec.tikv.allowUntestedVersion"
        )
    if look.manager is not None:
        found.append(f"{look.manager} owns the pods: no standing actions are offered")
    return found


def _conditions(
    subject: Subject, seen: Seen, problems: Sequence[str], now: datetime, *, other: bool
) -> tuple[Condition, ...]:
    look = seen.observation
    reachable = look is not None and not other
    found = [
        _flag("Reachable", reachable, "Answers" if reachable else ("OtherCluster" if other else "NoAnswer"), problems),
        _duplicate(seen),
        _flag("Ready", reachable and not problems, "Observed" if not problems else "Attention", problems),
    ]
    if look is not None:
        found.append(_flag("VersionProved", look.version_proved, "Proved" if look.version_proved else "Untested", []))
        found.append(_flag("Managed", look.manager is not None, "Found" if look.manager else "NobodyFound", []))
    named = subject.spec.tikv is not None and subject.spec.tikv.prometheus_url is not None
    if named:
        why = look.metrics_problem if look is not None else "the database could not be read"
        found.append(
            _flag("MetricsReadable", why is None, "Answers" if why is None else "NoAnswer", [why] if why else [])
        )
    result = subject.status.conditions
    for kind, state, reason, message in found:
        result = with_condition(result, kind, state, reason, message, now=now, generation=subject.metadata.generation)
    return result


Flag = tuple[str, ConditionStatus, str, str]


def _flag(kind: str, holds: bool, reason: str, problems: Sequence[str]) -> Flag:
    state = ConditionStatus.TRUE if holds else ConditionStatus.FALSE
    return kind, state, reason, "; ".join(problems)[:MAX_MESSAGE]


def _duplicate(seen: Seen) -> Flag:
    if seen.duplicate is None:
        why = (
            "the database cannot be read" if seen.observation is None else "the lease of this cluster could not be read"
        )
        return "Duplicate", ConditionStatus.UNKNOWN, "NotChecked", f"not checked: {why}"
    if seen.duplicate:
        return "Duplicate", ConditionStatus.TRUE, "DuplicateCluster", f"Subject {seen.duplicate} manages this cluster"
    return "Duplicate", ConditionStatus.FALSE, "Only", ""
