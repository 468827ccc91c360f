"""The standing orders as understood: what a policy, a missing one, or one that makes no sense means."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from watchkeeper.api.v1alpha1.actionproposal import PolicyVersion
from watchkeeper.api.v1alpha1.emergencystop import EVERYTHING, MAX_SCOPE, EmergencyStop
from watchkeeper.api.v1alpha1.operatorpolicy import (
    ApprovalPolicy,
    FreezeWindow,
    Limits,
    OperatorPolicy,
    OperatorPolicySpec,
    OrderRule,
    Retry,
)
from watchkeeper.api.v1alpha1.vocabulary import Mode
from watchkeeper.domain.sense import Known, nonsense


class Standing(StrEnum):
    """How the orders were found."""

    GIVEN = "Given"
    MISSING = "Missing"
    INVALID = "Invalid"


@dataclass(frozen=True, slots=True)
class Orders:
    """What holds in a namespace. `approval` is None where no autonomy was ever written down: then nothing executes."""

    standing: Standing
    mode: Mode
    approval: ApprovalPolicy | None
    rules: tuple[OrderRule, ...]
    freeze_windows: tuple[FreezeWindow, ...]
    limits: Limits
    retry: Retry
    proposal_expiry_seconds: int
    retention_seconds: int
    why: str
    version: PolicyVersion | None = None
    """Of the policy that they were read from; None where there is none, or where it makes no sense."""

    @property
    def executing(self) -> bool:
        """Whether a write may happen at all."""
        return self.standing is Standing.GIVEN and self.mode is Mode.EXECUTE and self.approval is not None


_DEFAULTS = OperatorPolicySpec(mode=Mode.OBSERVE)

HOLD = Orders(
    standing=Standing.MISSING,
    mode=Mode.OBSERVE,
    approval=None,
    rules=(),
    freeze_windows=(),
    limits=_DEFAULTS.limits,
    retry=_DEFAULTS.retry,
    proposal_expiry_seconds=_DEFAULTS.proposal_expiry_seconds,
    retention_seconds=_DEFAULTS.retention_seconds,
    why="there is no OperatorPolicy named default in this namespace: nothing is planned and nothing executes",
)
"""What a missing policy means."""


def invalid_orders(problem: str) -> Orders:
    """What a policy means that cannot be understood: Observe."""
    return Orders(
        standing=Standing.INVALID,
        mode=Mode.OBSERVE,
        approval=None,
        rules=(),
        freeze_windows=(),
        limits=_DEFAULTS.limits,
        retry=_DEFAULTS.retry,
        proposal_expiry_seconds=_DEFAULTS.proposal_expiry_seconds,
        retention_seconds=_DEFAULTS.retention_seconds,
        why=f"the OperatorPolicy makes no sense, so it counts as Observe: {problem}",
    )


def version_of(policy: OperatorPolicy) -> PolicyVersion:
    """Which version of a policy was read."""
    meta = policy.metadata
    return PolicyVersion(uid=meta.uid, generation=meta.generation, resource_version=meta.resource_version)


def orders_of(policy: OperatorPolicy, known: Known) -> Orders:
    """The orders of a policy that could be read.

    Args:
        policy: as stored; its schema has been checked by the API server, its sense is checked here.
        known: the actions that it may name.
    """
    spec = policy.spec
    if policy.metadata.deletion_timestamp is not None:
        return HOLD
    problems = nonsense(spec, known)
    if problems:
        return invalid_orders("; ".join(problems))
    return Orders(
        standing=Standing.GIVEN,
        mode=spec.mode,
        approval=spec.approval,
        rules=spec.rules,
        freeze_windows=spec.freeze_windows,
        limits=spec.limits,
        retry=spec.retry,
        proposal_expiry_seconds=min(spec.proposal_expiry_seconds, spec.limits.max_expiry_seconds),
        retention_seconds=spec.retention_seconds,
        why=f"mode is {spec.mode} (OperatorPolicy default)",
        version=version_of(policy),
    )


_NAMESPACE = "namespace"
"""The scope of a stop that names no Subjects."""


def reach_of(stop: EmergencyStop, *, operator_namespace: str) -> str:
    """How far a stop reaches, for the column SCOPE."""
    if stop.metadata.namespace == operator_namespace:
        return EVERYTHING
    if not stop.spec.subjects:
        return _NAMESPACE
    shown = ", ".join(stop.spec.subjects)
    if shown in (EVERYTHING, _NAMESPACE):  # a Subject may have that name
        return f"Subject {shown}"
    return shown if len(shown) <= MAX_SCOPE else f"{len(stop.spec.subjects)} Subjects"


def stop_in_force(
    stops: Iterable[EmergencyStop], *, subject: str | None, namespace: str, operator_namespace: str
) -> EmergencyStop | None:
    """The stop that holds for a subject, or None.

    One in the operator's own namespace stops everything. One in the subject's namespace holds for the subjects that it
    names, or for all. With no subject known only stops that name none are sure to hold; that is asked for nothing but
    proposals whose subject does not exist.
    """
    for stop in stops:
        where = stop.metadata.namespace
        if where == operator_namespace:
            return stop
        if where == namespace and (stop.covers(subject) if subject is not None else not stop.spec.subjects):
            return stop
    return None


def holds_for_nothing(stop: EmergencyStop, subjects: Collection[str]) -> str | None:
    """What to tell people of a stop that names Subjects that do not exist, or lies where there is none; None where all is well.

    Args:
        stop: not one of the operator's own namespace, which stops everything.
        subjects: names of those in its namespace.
    """
    where = stop.metadata.namespace
    missing = [name for name in stop.spec.subjects or () if name not in subjects]
    if missing:
        all_of_them = len(missing) == len(stop.spec.subjects or ())
        rest = "it stops nothing now" if all_of_them else "it stops only the others that it names"
        return f"there is no Subject {', '.join(missing)} in namespace {where}: {rest}; kubectl -n {where} get subj lists them"
    if not subjects:
        return f"there is no Subject in namespace {where}, so it stops nothing now; kubectl get subj -A lists them"
    return None
