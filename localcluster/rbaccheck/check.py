"""Scenario and audit log together: the verdict about every permission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from localcluster.demo.stage import Stage
from localcluster.installation import OPERATOR_NAMESPACE, SERVICE_ACCOUNT
from localcluster.rbaccheck.grants import Permission, granted
from localcluster.rbaccheck.scenario import SETTINGS, play
from localcluster.rbaccheck.uses import Uses, unused, uses

USER = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{SERVICE_ACCOUNT}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out."""

    granted: list[Permission]
    seen: Uses

    @property
    def unused(self) -> list[Permission]:
        """Granted, and never needed: take it out of the role, or let the scenario show what it is for."""
        return unused(self.granted, self.seen)

    @property
    def missing(self) -> list[Permission]:
        """Asked for, and forbidden."""
        return sorted(self.seen.forbidden)

    @property
    def good(self) -> bool:
        """Nothing unused, nothing missing, and something was asked for at all."""
        return bool(self.granted and self.seen.allowed) and not self.unused and not self.missing

    def lines(self) -> list[str]:
        """For people: each permission with the number of its uses, then what is wrong."""
        counts = {
            grant: sum(count for asked, count in self.seen.allowed.items() if grant.covers(asked))
            for grant in self.granted
        }
        told = [f"{count:6}  {grant}" for grant, count in counts.items()]
        told += [f"UNUSED  {grant}" for grant in self.unused]
        told += [f"MISSING {asked} (refused {self.seen.forbidden[asked]} times)" for asked in self.missing]
        requests = self.seen.allowed.total() + self.seen.forbidden.total()
        told.append(
            f"{len(self.granted)} permissions, {requests} requests: {len(self.unused)} unused, {len(self.missing)} missing"
        )
        return told


def judge(stage: Stage) -> Verdict:
    """By what was asked of the API server so far."""
    may = granted(stage.cluster, SERVICE_ACCOUNT, OPERATOR_NAMESPACE)
    with stage.cluster.audit_log.open(encoding="utf-8") as log:
        return Verdict(may, uses((line for line in log if line.endswith("\n")), USER))


def check(say: Callable[[str], None]) -> Verdict:
    """Play the scenario on a control plane of its own and judge."""
    with Stage(**SETTINGS) as stage:
        play(stage, say)
        return judge(stage)
