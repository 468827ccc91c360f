"""The ladder of a policy: say how it is understood, what was done under it, and what is held up."""

from __future__ import annotations

from watchkeeper.api.v1alpha1.conditions import ConditionStatus, find
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.operatorpolicy import OperatorPolicy
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.domain.policystatus import Scene, next_look, policy_status
from watchkeeper.engine.events import Doing
from watchkeeper.engine.guards import noted_on_policy
from watchkeeper.engine.result import DONE, Result
from watchkeeper.engine.services import Services
from watchkeeper.errors import Gone
from watchkeeper.ports.recorder import EventType

SHORTEST_SECONDS = 1.0
READY = "Ready"


class PolicyLadder:
    """Writes the status of policies and says when one makes no sense; decides nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def reconcile(self, key: Key) -> Result:
        """One pass; the next one when the status changes by itself."""
        services = self._services
        try:
            policy = await services.store.get(OperatorPolicy, key.namespace, key.name)
        except Gone:
            services.tracker.lost(key)
            return DONE
        policy = await noted_on_policy(services, policy)
        orders = services.gates.understood(policy)
        _, stops, unreadable = await services.gates.recent_or_unreadable(key.namespace)
        pending = services.tracker.keys(kind="ActionProposal", namespace=key.namespace, live=True)
        scene = Scene(
            subjects=await services.store.list(Subject, key.namespace),
            stops=stops,
            unreadable_stop=unreadable,
            pending=sum(1 for _ in pending),
            now=services.clock.now(),
        )
        written = await services.store.write_status(policy, policy_status(policy, orders, scene))
        self._turned(policy, written)
        due = next_look(orders, scene)
        return DONE if due is None else Result(max(SHORTEST_SECONDS, (due - scene.now).total_seconds()))

    def _turned(self, before: OperatorPolicy, after: OperatorPolicy) -> None:
        """The API server has accepted a policy that makes no sense: whoever wrote it knows nothing of that yet."""
        old, new = (find(one.status.conditions, READY) for one in (before, after))
        if new is None or (old.status if old is not None else ConditionStatus.TRUE) is new.status:
            return
        bad = new.status is ConditionStatus.FALSE
        self._services.recorder.event(
            after,
            kind=EventType.WARNING if bad else EventType.NORMAL,
            action=Doing.READ,
            reason="PolicyInvalid" if bad else "PolicyUnderstood",
            note=new.message,
        )
