"""Until when windows of the standing orders hold a proposal up: who decides once only should not do so too early."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from watchkeeper.api.v1alpha1 import ActionProposal, OperatorPolicy
from watchkeeper.api.v1alpha1.operatorpolicy import POLICY_NAME
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.cli.cluster import Cluster
from watchkeeper.domain.orders import Standing, orders_of
from watchkeeper.domain.restraint import by_windows
from watchkeeper.domain.rules import ruling
from watchkeeper.errors import WatchkeeperError


async def held_until(cluster: Cluster, proposal: ActionProposal) -> datetime | None:
    """When freeze windows and those of its rule let it run at the earliest; None: now, or it cannot be told.

    By the policy as it stands now, where this user may read it and this program knows what it names. The operator says the
    same in `status.message`.
    """
    from watchkeeper.runtime.composition import known_actions, plugins

    known = known_actions(plugins())
    if proposal.spec.action.name in known.undos:  # no window holds them up
        return None
    with suppress(WatchkeeperError):
        orders = orders_of(await cluster.read(OperatorPolicy, proposal.metadata.namespace, POLICY_NAME), known)
        if orders.standing is Standing.GIVEN:
            ruled = ruling(orders, proposal, proposal.status.risk or Risk.HIGH)
            held = by_windows(orders, ruled, cluster.now())
            return held.until if held is not None else None
    return None
