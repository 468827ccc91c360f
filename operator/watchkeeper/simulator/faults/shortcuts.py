"""The short ways by which tests inject faults."""

from __future__ import annotations

from watchkeeper.simulator.faults.active import ActiveFaults
from watchkeeper.simulator.faults.disk import DiskLow, StoreBusy
from watchkeeper.simulator.faults.others.backup import hold_gc, release_gc
from watchkeeper.simulator.faults.others.people import ForeignEvict, ForeignRelease
from watchkeeper.simulator.faults.pd import PdClusterId, PdLeaderChange, PdMemberDown, PdMemberHung
from watchkeeper.simulator.faults.routefault import RouteFault
from watchkeeper.simulator.faults.store import StoreCrash, StoreSilent
from watchkeeper.simulator.scheduling.execution import StepAction, StepFault


class Faults(ActiveFaults):
    """Faults by method. Stores are named by id, PD members by name."""

    def kill_store(self, store: int) -> None:
        """Its process is gone, until it returns."""
        self.inject(StoreCrash(store=store))

    def silence_store(self, store: int) -> None:
        """PD does not hear of it any more, until it returns."""
        self.inject(StoreSilent(store=store))

    def return_store(self, store: int) -> None:
        """It is back after a crash or a silence."""
        self.heal_where(lambda one: isinstance(one, StoreCrash | StoreSilent) and one.store == store)

    def set_store(self, store: int, *, busy: bool | None = None, slow_score: int | None = None) -> None:
        """What its heartbeats say of it."""
        one = self.scene.store(store)
        if busy is not None:
            self.heal_where(lambda fault: isinstance(fault, StoreBusy) and fault.store == store)
        if busy:
            self.inject(StoreBusy(store=store))
        if slow_score is not None:
            one.slow_score = slow_score

    def fill_store(self, store: int, available_bytes: int) -> None:
        """Something else takes disk space, so that this much is left; what filled it before is gone."""
        self.heal_where(lambda fault: isinstance(fault, DiskLow) and fault.store == store)
        self.inject(DiskLow(store=store, available_bytes=available_bytes))

    def steps(
        self, action: StepAction, *, store: int | None = None, region: int | None = None, seconds: float = 0.0
    ) -> None:
        """Steps of operators that reach a store, as the leader of the region, are ignored or delayed.

        With `STALL_SNAPSHOT`, `store` is the one that gets the new peer.
        """
        self.scene.coordinator.executor.faults.append(StepFault(action, store, region, seconds))

    def clear_steps(self) -> None:
        """Stores carry out steps again, also those that they had ignored."""
        self.scene.coordinator.executor.faults.clear()
        self.scene.coordinator.executor.resume_snapshots()

    def change_pd_leader(self, to: str | None = None) -> None:
        """The leadership moves to another member; a single member loses and regains it, forgetting the same."""
        self.inject(PdLeaderChange(to=to))

    def kill_member(self, member: str) -> None:
        """A PD member is gone; its port refuses connections."""
        self.inject(PdMemberDown(member=member))

    def hang_member(self, member: str) -> None:
        """A PD member accepts connections and answers nothing."""
        self.inject(PdMemberHung(member=member))

    def return_member(self, member: str) -> None:
        """A PD member runs again."""
        self.scene.member(member)
        self.heal_where(lambda one: isinstance(one, PdMemberDown | PdMemberHung) and one.member == member)

    def foreign_evict(self, store: int) -> None:
        """Somebody else asks PD to move the leaders off a store."""
        self.inject(ForeignEvict(store=store))

    def foreign_release(self, store: int) -> None:
        """Somebody else removes the entry of a store, whoever made it."""
        self.inject(ForeignRelease(store=store))

    def pause_scheduler(self, name: str, seconds: int) -> None:
        """Somebody else pauses a scheduler, as BR does."""
        self.scene.coordinator.scheduler_pauses.set(name, seconds)

    def pause_checker(self, name: str, seconds: int) -> None:
        """Somebody else pauses a checker."""
        self.scene.coordinator.checker_pauses.set(name, seconds)

    def gc_service(self, service_id: str, *, ttl_seconds: int, age_seconds: int = 0) -> None:
        """A service such as BR holds garbage collection at a safe point of that age, and does not renew it."""
        hold_gc(self.scene, service_id, ttl_seconds, self.scene.tso(age_seconds))

    def gc_release(self, service_id: str) -> None:
        """The service lets go."""
        release_gc(self.scene, service_id)

    def halt_scheduling(self, *, on: bool) -> None:
        """Somebody else sets halt-scheduling."""
        self.scene.world.config.halt_scheduling = on

    def cluster_id(self, cluster_id: int) -> None:
        """The endpoints belong to another cluster all of a sudden."""
        self.inject(PdClusterId(cluster_id=cluster_id))

    def route(self, fault: RouteFault) -> RouteFault:
        """Requests of some routes are delayed, refused or left without an answer."""
        self.scene.routes.append(fault)
        return fault

    def clear_routes(self) -> None:
        """Routes answer as PD does again."""
        self.scene.routes.clear()
