"""People with pd-ctl, and what they leave behind."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from watchkeeper.simulator.faults.fault import Area, Happening, Heal, Lasting
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.scheduling.schedulers import EVICT_LEADER
from watchkeeper.simulator.world.ids import Id

V1 = "/pd/api/v1"
PERSON = "pd-ctl"
_HALT = "halt-scheduling"


class PdCtl(Happening):
    """A person sends one request with pd-ctl: an operator by hand, a limit, a label."""

    area: ClassVar[Area] = Area.OTHERS

    kind: Literal["pd-ctl"] = "pd-ctl"
    method: Literal["POST", "DELETE", "PATCH"] = Field(default="POST", description="HTTP method")
    path: str = Field(pattern="^/", description="behind /pd/api/v1, such as /operators")
    body: dict[str, Any] | list[Any] | str | None = Field(default=None, description="JSON body")

    def happen(self, scene: Scene) -> None:
        """Send it."""
        answer = scene.ask(PERSON, self.method, V1 + self.path, self.body)
        if answer.hangs or answer.status >= 400:
            said = "no answer" if answer.hangs else answer.body.decode(errors="replace").strip()
            raise ValueError(f"PD refused what the person asked for: {said}")


class PdCtlMoves(Lasting):
    """A person moves leaders to a store by hand, one every few seconds.

    Their operators are urgent: they replace those of schedulers and refuse others on the same region.
    """

    area: ClassVar[Area] = Area.OTHERS

    kind: Literal["pd-ctl-moves"] = "pd-ctl-moves"
    store: Id = Field(description="id of the store that gets the leaders")
    every_seconds: float = Field(default=5.0, ge=0.1, le=86_400, description="time between two moves")

    def begin(self, scene: Scene) -> Heal:
        """Move one now and then."""
        store_id = scene.store(self.store).id

        def move() -> None:
            movable = [region for region in scene.regions_of(store_id) if region.leader_store not in {0, store_id}]
            if movable:
                region = scene.world.random.choice(movable)
                body = {"name": "transfer-leader", "region_id": region.id, "to_store_id": store_id}
                scene.ask(PERSON, "POST", f"{V1}/operators", body)

        return scene.every(self.every_seconds, move)


class ForeignEvict(Lasting):
    """Somebody else has asked PD to keep leaders off a store.

    The entry is in the same list as everybody's and has no owner. Healed, they take it away again.
    """

    area: ClassVar[Area] = Area.OTHERS

    kind: Literal["foreign-evict"] = "foreign-evict"
    store: Id = Field(description="id of the store")

    def begin(self, scene: Scene) -> Heal:
        """Make the entry."""
        store_id = scene.store(self.store).id
        body = {"name": EVICT_LEADER, "store_id": store_id}
        about = _entry(store_id)
        return scene.hold(
            about,
            lambda: scene.insist(PERSON, "POST", f"{V1}/schedulers", body, about=about),
            lambda: _release(scene, store_id),
        )


class ForeignRelease(Happening):
    """Somebody else removes the evict-leader entry of a store, whoever made it."""

    area: ClassVar[Area] = Area.OTHERS

    kind: Literal["foreign-release"] = "foreign-release"
    store: Id = Field(description="id of the store")

    def happen(self, scene: Scene) -> None:
        """Remove it."""
        scheduler = scene.coordinator.schedulers.get(EVICT_LEADER)
        if scheduler is None or self.store not in scheduler.stores:
            raise ValueError(f"store {self.store} is not evicted")
        _release(scene, self.store)


def _entry(store_id: int) -> str:
    return f"evict-leader of {store_id}"


def _release(scene: Scene, store_id: int) -> None:
    scene.insist(PERSON, "DELETE", f"{V1}/schedulers/{EVICT_LEADER}-{store_id}", about=_entry(store_id))


class ForgottenPause(Lasting):
    """Somebody has paused a scheduler for a long time and forgotten it.

    PD lists it under ?status=paused; a change of the PD leader resumes it, silently. Healed, somebody remembers.
    """

    area: ClassVar[Area] = Area.OTHERS

    kind: Literal["forgotten-pause"] = "forgotten-pause"
    scheduler: str = Field(default="balance-leader-scheduler", description="its name, or all")
    delay_seconds: int = Field(default=86_400, ge=1, le=31_536_000, description="for how long they paused it")

    def begin(self, scene: Scene) -> Heal:
        """Pause it."""
        path = f"{V1}/schedulers/{self.scheduler}"
        if self.scheduler != "all" and scene.coordinator.schedulers.get(self.scheduler) is None:
            raise ValueError(f"there is no {self.scheduler}; there are {scene.coordinator.schedulers.names} and all")
        return pause(scene, path, self.delay_seconds)


class PausedChecker(Lasting):
    """Somebody has paused a checker of PD, so that regions are not repaired.

    GET /checker/{name} tells; a change of the PD leader resumes it.
    """

    area: ClassVar[Area] = Area.OTHERS

    kind: Literal["checker-paused"] = "checker-paused"
    checker: Literal["learner", "replica", "rule", "split", "merge", "joint-state"] = Field(
        default="rule", description="its name"
    )
    delay_seconds: int = Field(default=86_400, ge=1, le=31_536_000, description="for how long they paused it")

    def begin(self, scene: Scene) -> Heal:
        """Pause it."""
        path = f"{V1}/checker/{self.checker}"
        return pause(scene, path, self.delay_seconds)


def pause(scene: Scene, path: str, seconds: int) -> Heal:
    """Somebody pauses a scheduler or a checker, by its path; of several pauses the last one counts, as in PD."""
    return scene.hold(
        path,
        lambda: scene.insist(PERSON, "POST", path, {"delay": seconds}, about=path),
        lambda: scene.insist(PERSON, "POST", path, {"delay": 0}, about=path),
    )


class HaltScheduling(Lasting):
    """Somebody has set halt-scheduling: nothing moves but operators by hand."""

    area: ClassVar[Area] = Area.OTHERS

    kind: Literal["halt-scheduling"] = "halt-scheduling"

    def begin(self, scene: Scene) -> Heal:
        """Set it."""

        def switch(value: str) -> None:
            scene.insist(PERSON, "POST", f"{V1}/config", {_HALT: value}, about=_HALT)

        return scene.hold(_HALT, lambda: switch("true"), lambda: switch("false"))
