"""The ladder of a policy: say how it is understood, and count what waits under it."""

from __future__ import annotations

from watchkeeper.api.v1alpha1.conditions import ConditionStatus, with_condition
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.operatorpolicy import OperatorPolicy
from watchkeeper.domain.orders import Standing
from watchkeeper.engine.guards import noted_on_policy
from watchkeeper.engine.result import DONE, Result
from watchkeeper.engine.services import Services
from watchkeeper.errors import Gone


class PolicyLadder:
    """Writes the status of policies; decides nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def reconcile(self, key: Key) -> Result:
        """One pass."""
        services = self._services
        try:
            policy = await services.store.get(OperatorPolicy, key.namespace, key.name)
        except Gone:
            services.tracker.lost(key)
            return DONE
        policy = await noted_on_policy(services, policy)
        orders = services.gates.understood(policy)
        valid = orders.standing is Standing.GIVEN
        keys = services.tracker.keys(kind="ActionProposal", namespace=key.namespace, live=True)
        status = policy.status.replace(
            observed_generation=policy.metadata.generation,
            effective_mode=orders.mode,
            approval=str(orders.approval.mode) if orders.approval else "none",
            pending=sum(1 for _ in keys),
            conditions=with_condition(
                policy.status.conditions,
                "Ready",
                ConditionStatus.TRUE if valid else ConditionStatus.FALSE,
                "Understood" if valid else "Invalid",
                orders.why,
                now=services.clock.now(),
                generation=policy.metadata.generation,
            ),
        )
        await services.store.write_status(policy, status)
        return DONE
