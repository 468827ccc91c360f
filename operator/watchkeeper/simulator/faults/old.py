"""What can go wrong in the simulated cluster, and what other people do to it; each takes effect at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import TEXT_TYPE, Answer, Call
from watchkeeper.simulator.scheduling.execution import StepAction, StepFault
from watchkeeper.simulator.scheduling.schedulers import EVICT_LEADER
from watchkeeper.simulator.world.life import StoreLife
from watchkeeper.simulator.world.members import Member, MemberState
from watchkeeper.simulator.world.state import ServiceSafePoint
from watchkeeper.simulator.world.store import Store


@dataclass(slots=True)
class RouteFault:
    """How requests are treated whose path contains `path`; `times` None means for ever."""

    path: str = ""
    method: str | None = None
    member: str | None = None
    status: int | None = None
    body: str = ""
    seconds: float = 0.0
    """Latency in real seconds."""
    hangs: bool = False
    after: bool = False
    """Only after PD has handled it: applied, but no answer."""
    times: int | None = None
    seen: int = field(default=0, init=False)

    def take(self, member: Member, call: Call) -> bool:
        """Whether it is about this request; counts the uses."""
        if (
            self.path not in call.path
            or self.method not in {None, call.method}
            or self.member not in {None, member.name}
        ):
            return False
        if self.times is not None and self.seen >= self.times:
            return False
        self.seen += 1
        return True


class Faults:
    """Faults by name. Stores are named by id, PD members by name."""

    def __init__(self, context: Context, life: StoreLife) -> None:
        self._context = context
        self._life = life
        self.routes: list[RouteFault] = []

    def _store(self, store_id: int) -> Store:
        store = self._context.world.stores.get(store_id)
        if store is None:
            raise ValueError(f"there is no store {store_id}; there are {sorted(self._context.world.stores)}")
        return store

    def kill_store(self, store: int) -> None:
        """Its process is gone: no heartbeats, leaders are elected elsewhere."""
        self._life.kill(self._store(store))

    def silence_store(self, store: int) -> None:
        """PD does not hear of it any more, nor it of PD; it goes on serving."""
        self._life.silence(self._store(store))

    def return_store(self, store: int) -> None:
        """It is back after a kill or a silence."""
        self._life.come_back(self._store(store))

    def set_store(self, store: int, *, busy: bool | None = None, slow_score: int | None = None) -> None:
        """What its heartbeats say of it."""
        one = self._store(store)
        if busy is not None:
            one.is_busy = busy
        if slow_score is not None:
            one.slow_score = slow_score

    def fill_store(self, store: int, available_bytes: int) -> None:
        """Something else takes disk space, so that this much is left; its heartbeat says so at once."""
        one = self._store(store)
        held = self._context.world.regions.of_store(store).region_size << 20
        one.other_used = max(one.capacity - held - available_bytes, 0)
        self._context.world.report_space(one)

    def steps(
        self, action: StepAction, *, store: int | None = None, region: int | None = None, seconds: float = 0.0
    ) -> None:
        """Steps of operators that reach a store, as the leader of the region, are ignored or delayed.

        With `STALL_SNAPSHOT`, `store` is the one that gets the new peer.
        """
        self._context.coordinator.executor.faults.append(StepFault(action, store, region, seconds))

    def clear_steps(self) -> None:
        """Stores carry out steps again, also those that they had ignored."""
        self._context.coordinator.executor.faults.clear()
        self._context.coordinator.executor.resume_snapshots()

    def change_pd_leader(self, to: str | None = None) -> None:
        """The leadership moves to another member; a single member loses and regains it, forgetting the same."""
        members = self._context.members
        if len(members.all) == 1:
            members.reelect()
        elif not members.transfer(to):
            raise ValueError(f"the leadership cannot move to {to or 'any other member'}")

    def kill_member(self, member: str) -> None:
        """A PD member is gone; its port refuses connections."""
        self._context.members.stop(member, MemberState.DOWN)

    def hang_member(self, member: str) -> None:
        """A PD member accepts connections and answers nothing."""
        self._context.members.stop(member, MemberState.HUNG)

    def return_member(self, member: str) -> None:
        """A PD member runs again."""
        self._context.members.restart(member)

    def foreign_evict(self, store: int) -> None:
        """Somebody else asks PD to move the leaders off a store."""
        self._store(store)
        self._context.coordinator.schedulers.hold(EVICT_LEADER, store)
        self._context.coordinator.runner.wake(EVICT_LEADER)

    def foreign_release(self, store: int) -> None:
        """Somebody else removes the entry of a store, whoever made it."""
        if not self._context.coordinator.schedulers.release(EVICT_LEADER, store):
            raise ValueError(f"store {store} is not evicted")

    def pause_scheduler(self, name: str, seconds: int) -> None:
        """Somebody else pauses a scheduler, as BR does."""
        self._context.coordinator.scheduler_pauses.set(name, seconds)

    def pause_checker(self, name: str, seconds: int) -> None:
        """Somebody else pauses a checker."""
        self._context.coordinator.checker_pauses.set(name, seconds)

    def gc_service(self, service_id: str, *, ttl_seconds: int, age_seconds: int = 0) -> None:
        """A service such as BR holds garbage collection at a safe point of that age."""
        world = self._context.world
        milliseconds = world.clock.wall_ns() // 1_000_000 - age_seconds * 1000
        expires = world.unix_seconds() + ttl_seconds
        world.services[service_id] = ServiceSafePoint(service_id, expires, milliseconds << 18)

    def gc_release(self, service_id: str) -> None:
        """The service lets go."""
        self._context.world.services.pop(service_id, None)

    def halt_scheduling(self, *, on: bool) -> None:
        """Somebody else sets halt-scheduling."""
        self._context.world.config.halt_scheduling = on

    def cluster_id(self, cluster_id: int) -> None:
        """The endpoints belong to another cluster all of a sudden."""
        self._context.world.cluster_id = cluster_id

    def route(self, fault: RouteFault) -> RouteFault:
        """Requests of some routes are delayed, refused or left without an answer."""
        self.routes.append(fault)
        return fault

    def clear_routes(self) -> None:
        """Routes answer as PD does again."""
        self.routes.clear()

    def before(self, member: Member, call: Call) -> tuple[RouteFault | None, Answer | None]:
        """The fault that this request meets, and the answer that it gives in PD's place."""
        fault = next((one for one in self.routes if one.take(member, call)), None)
        if fault is None or fault.after:
            return fault, None
        if fault.hangs:
            return fault, Answer(hangs=True)
        if fault.status is None:
            return fault, None
        return fault, Answer(fault.status, fault.body.encode(), TEXT_TYPE, latency=fault.seconds)
