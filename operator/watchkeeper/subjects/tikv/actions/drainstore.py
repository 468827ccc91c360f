"""drain-store: a store leads nothing for a time; its data stays. Leaves an entry on the evict-leader list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import AttemptOutcome, PlanStep
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.errors import Invalid
from watchkeeper.ports.driver import (
    ActionDefinition,
    EffectState,
    Planned,
    Reading,
    Recovery,
    RecoveryState,
    StandingIntent,
    Wait,
)
from watchkeeper.ports.parameterschema import parameter_schema
from watchkeeper.subjects.tikv import parameters as given
from watchkeeper.subjects.tikv import preconditions, predicates
from watchkeeper.subjects.tikv.actions import leaderplaces
from watchkeeper.subjects.tikv.actions.action import Action, Desk, Look
from watchkeeper.subjects.tikv.leadercounts import required
from watchkeeper.subjects.tikv.pd import routes
from watchkeeper.subjects.tikv.pd.models import PDStore
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.pd.routes import Write
from watchkeeper.subjects.tikv.view import Sight, View

NAME = "drain-store"
LEAST_SECONDS = 600
"""As patient as TiUP before a restart; longer where there is much to move."""
LEADERS_PER_SECOND = 5
"""A careful guess; verification goes by progress anyway."""


class DrainStore(Action):
    """Medium risk, idempotent: a second entry for the same store is the same entry (ev-15)."""

    definition = ActionDefinition(
        name=NAME,
        description=(
            "Move the leaders of a store to other stores and keep them away for a time; its data stays. Ends by itself, or "
            "with undrain-store."
        ),
        risk=Risk.MEDIUM,
        idempotent=True,
        parameters_schema=parameter_schema(given.DrainStore),
        leaves=ChangeType.EVICT_LEADERS,
    )

    async def plan(self, desk: Desk, parameters: Mapping[str, Any]) -> Planned:
        """One step, with the store pinned."""
        checked = given.check(given.DrainStore, parameters)
        store = given.resolve_stores(checked, desk.topology, ("store",)).get("store")
        if checked.problems or store is None:
            raise Invalid(checked.problems)
        return _planned(desk, store, int(checked.values["seconds"]))

    async def look(self, reader: PDReader, step: PlanStep) -> Sight:
        """Regions with a replica that cannot lead; both answers are small where nothing is wrong."""
        del step
        down = await reader.regions_with_down_peers()
        return Sight(troubled=(*down, *await reader.regions_with_pending_peers()))

    def stores(self, step: PlanStep, sight: Sight) -> tuple[int, ...]:
        """The one."""
        del sight
        return (int(step.parameters["store"]),)

    def waits(self, step: PlanStep, view: View) -> Iterator[Wait]:
        """Nobody else evicts it, and each region keeps a place for its leader."""
        store_id = int(step.parameters["store"])
        store = view.store(store_id)
        if store is not None and store.store.condition != "Up":
            yield Wait("StoreNotUp", f"store {store_id} is {store.store.condition}")
        if view.scheduling is not None:
            yield from preconditions.of_leading(store_id, view.scheduling)
            yield from leaderplaces.too_few(store_id, view, view.scheduling)

    def before(self, step: PlanStep, view: View) -> dict[str, Any]:
        """How many leaders there are, and who is evicted already."""
        store = view.store(int(step.parameters["store"]))
        evicted = view.scheduling.evicted if view.scheduling is not None else frozenset()
        return {"leaders": store.status.leader_count if store is not None else 0, "evicted": sorted(evicted)}

    def write(self, step: PlanStep) -> Write:
        """POST /schedulers."""
        return routes.evict_leaders(int(step.parameters["store"]))

    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        """By the number of leaders."""
        del step
        leaders = before.get("leaders", 0)
        return max(LEAST_SECONDS, int(leaders) // LEADERS_PER_SECOND)

    async def verify(self, look: Look, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """There when PD, and TiKV itself where it can be asked, count no leader, and the entry stands."""
        del before
        store_id = int(step.parameters["store"])
        if store_id not in await look.reader.evicted_stores():
            text = f"store {store_id} is not on the evict-leader list: somebody took it off, or it was never there"
            return Reading(EffectState.ABSENT, "no entry", text)
        store = await look.reader.store(store_id)
        left = max(store.status.leader_count, required(look.counts, store) if look.counts is not None else 0)
        progress = f"{left} leaders left"
        if left == 0:
            return Reading(
                EffectState.THERE, progress, f"store {store_id} leads nothing and stays on the evict-leader list"
            )
        return Reading(
            EffectState.PENDING,
            progress,
            f"store {store_id}: {progress}; if it stands still, look at the regions that it leads",
            at_end=AttemptOutcome.FAILED,
        )

    async def recover(self, look: Look, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        """By the list, which PD keeps through a change of its leader; an entry that was not there before is ours."""
        del intent_time
        store_id = int(step.parameters["store"])
        present = store_id in await look.reader.evicted_stores()
        if store_id in before.get("evicted", []):
            return Recovery(RecoveryState.UNCLEAR, f"store {store_id} was on the evict-leader list before")
        if present:
            return Recovery(RecoveryState.DONE, f"store {store_id} is on the evict-leader list")
        if look.leader != before.get("pdLeader"):
            return Recovery(
                RecoveryState.UNCLEAR,
                f"PD's leader was {before.get('pdLeader')} and is {look.leader}; no entry is seen",
            )
        return Recovery(RecoveryState.ABSENT, f"store {store_id} is not on the evict-leader list")

    def standing_intent(self, step: PlanStep) -> StandingIntent:
        """The entry, for as long as was asked."""
        change = Change(type=ChangeType.EVICT_LEADERS, target=f"store/{int(step.parameters['store'])}")
        return StandingIntent(change=change, seconds=int(step.parameters["seconds"]))


def _planned(desk: Desk, store: PDStore, seconds: int) -> Planned:
    topology, store_id = desk.topology, store.store.id
    name, leaders = topology.name(store_id), store.status.leader_count
    step = PlanStep(
        action=NAME,
        parameters={"store": store_id, "seconds": seconds},
        targets=(f"store/{store_id}",),
        predicates=(predicates.cluster(topology), predicates.store_is(store), predicates.leaders_at_most(store)),
        effect=f"{leaders} leaders move from {name} to other stores, and none comes back for {seconds} s; its data stays",
        undo=(
            f"it ends by itself after {seconds} s; before: propose undrain-store with store {store_id}, or by hand: "
            f"pd-ctl -u {desk.reader.endpoint} scheduler remove evict-leader-scheduler-{store_id}"
        ),
    )
    others = [s.status.leader_count for s in topology.stores if s.store.id != store_id]
    return Planned(
        summary=f"keep leaders away from {name} for {seconds} s (it leads {leaders} regions now)",
        target=name,
        steps=(step,),
        preview=f"{leaders} leaders go to {len(others)} stores that lead {sum(others)} regions now",
    )
