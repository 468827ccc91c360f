"""undrain-store: the end of a drain is now. It sends nothing itself: the ladder of the standing change does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.errors import Invalid
from watchkeeper.ports.driver import ActionDefinition, EffectState, Planned, Reading, Recovery, RecoveryState, Wait
from watchkeeper.ports.parameterschema import parameter_schema
from watchkeeper.subjects.tikv import parameters as given
from watchkeeper.subjects.tikv import predicates
from watchkeeper.subjects.tikv.actions.action import Action, Desk, Look
from watchkeeper.subjects.tikv.pd.models import PDStore
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.view import Sight, View

NAME = "undrain-store"
RELEASE_SECONDS = 600


class UndrainStore(Action):
    """Low risk; ends a standing change that was approved with its end."""

    definition = ActionDefinition(
        name=NAME,
        description="End the drain of a store now: leaders may come back to it. Only a drain made here can be ended.",
        risk=Risk.LOW,
        idempotent=True,
        parameters_schema=parameter_schema(given.UndrainStore),
        ends=ChangeType.EVICT_LEADERS,
    )

    async def plan(self, desk: Desk, parameters: Mapping[str, Any]) -> Planned:
        """One step; there must be an entry to take away."""
        checked = given.check(given.UndrainStore, parameters)
        store = given.resolve_stores(checked, desk.topology, ("store",)).get("store")
        if store is not None and store.store.id not in await desk.reader.evicted_stores():
            name = desk.topology.name(store.store.id)
            checked.problems.append(
                f"parameters.store: {name} is not on the evict-leader list: there is nothing to end"
            )
        if checked.problems or store is None:
            raise Invalid(checked.problems)
        return _planned(desk, store)

    async def look(self, reader: PDReader, step: PlanStep) -> Sight:
        """Nothing more than stores and schedulers."""
        del reader, step
        return Sight()

    def stores(self, step: PlanStep, sight: Sight) -> tuple[int, ...]:
        """The one."""
        del sight
        return (int(step.parameters["store"]),)

    def held_targets(self, step: PlanStep) -> tuple[str, ...]:
        """It ends a hold, so none is in its way."""
        del step
        return ()

    def waits(self, step: PlanStep, view: View) -> Iterator[Wait]:
        """Nothing: to end it never makes things worse, and the ladder looks at the pod."""
        del step, view
        return iter(())

    def before(self, step: PlanStep, view: View) -> dict[str, Any]:
        """Nothing more than who leads PD."""
        del step, view
        return {}

    def write(self, step: PlanStep) -> None:
        """None: only the ladder writes."""
        del step

    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        """Until the ladder has been there; a pod that is not ready keeps it waiting."""
        del step, before
        return RELEASE_SECONDS

    async def verify(self, look: Look, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """There when the entry is gone."""
        del before
        store_id = int(step.parameters["store"])
        if store_id in await look.reader.evicted_stores():
            return Reading(EffectState.PENDING, "entry there", f"store {store_id} is still on the evict-leader list")
        return Reading(EffectState.THERE, "entry gone", f"store {store_id} is off the evict-leader list")

    async def recover(self, look: Look, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        """By the list."""
        del before, intent_time
        store_id = int(step.parameters["store"])
        if store_id in await look.reader.evicted_stores():
            return Recovery(RecoveryState.ABSENT, f"store {store_id} is still on the evict-leader list")
        return Recovery(RecoveryState.DONE, f"store {store_id} is off the evict-leader list")

    def ended_change(self, step: PlanStep) -> Change:
        """The entry."""
        return Change(type=ChangeType.EVICT_LEADERS, target=f"store/{int(step.parameters['store'])}")


def _planned(desk: Desk, store: PDStore) -> Planned:
    topology, store_id = desk.topology, store.store.id
    name = topology.name(store_id)
    step = PlanStep(
        action=NAME,
        parameters={"store": store_id},
        targets=(f"store/{store_id}",),
        predicates=(predicates.cluster(topology),),
        effect=f"leaders may come back to {name}: balance-leader moves some there within seconds",
        undo=f"propose drain-store with store {store_id}",
    )
    return Planned(
        summary=f"let {name} lead again (it leads {store.status.leader_count} regions now)",
        target=name,
        steps=(step,),
        preview=f"{name} is {store.store.condition} and holds {store.status.region_count} replicas",
    )
