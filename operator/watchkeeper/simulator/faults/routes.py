"""What happens to requests on their way to PD, and to PD's answers on their way back."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from watchkeeper.simulator.faults.fault import Area, Heal, Lasting
from watchkeeper.simulator.faults.routefault import RouteFault
from watchkeeper.simulator.faults.scene import Scene


class TrafficFault(Lasting):
    """What the faults of requests have in common."""

    area: ClassVar[Area] = Area.PD

    path: str = Field(default="", description="only requests with this text in their path")
    member: str | None = Field(default=None, description="only requests to this member; without it, to all")

    def put(self, scene: Scene, fault: RouteFault) -> Heal:
        """Let it meet requests from now on."""
        if self.member is not None:
            scene.member(self.member)
        scene.routes.append(fault)

        def heal() -> None:
            if fault in scene.routes:
                scene.routes.remove(fault)

        return heal


class PdSlow(TrafficFault):
    """PD answers late: each answer waits for so many milliseconds of real time."""

    kind: Literal["pd-slow"] = "pd-slow"
    milliseconds: float = Field(default=500.0, gt=0, le=60_000, description="real milliseconds that each answer waits")

    def begin(self, scene: Scene) -> Heal:
        """Delay answers."""
        return self.put(scene, RouteFault(self.path, member=self.member, seconds=self.milliseconds / 1000))


class PdHalfOpen(TrafficFault):
    """Connections to a PD member open, but no answer ever comes to a client.

    The member itself is well: it leads, it schedules, the other members see it as healthy and forward to it.
    """

    kind: Literal["pd-half-open"] = "pd-half-open"

    def begin(self, scene: Scene) -> Heal:
        """Swallow requests to the member, by default the leader."""
        name = scene.member(self.member).name
        return self.put(scene, RouteFault(self.path, member=name, hangs=True))


class PdRateLimit(TrafficFault):
    """An administrator has set a rate limit: requests get 429 "Too Many Requests"."""

    kind: Literal["pd-rate-limit"] = "pd-rate-limit"
    times: int | None = Field(
        default=None, ge=1, le=1_000_000_000, description="only the next so many requests; without it, all"
    )

    def begin(self, scene: Scene) -> Heal:
        """Refuse requests."""
        return self.put(
            scene,
            RouteFault(self.path, member=self.member, status=429, body="Too Many Requests\n", times=self.times),
        )


class PdRoute(TrafficFault):
    """Requests of some routes are refused with any status and text, delayed, cut short, or left without an answer.

    With `after` PD carries them out first, and only the answer is lost.
    """

    kind: Literal["pd-route"] = "pd-route"
    method: Literal["GET", "POST", "DELETE", "PATCH"] | None = Field(
        default=None, description="only requests of this method"
    )
    status: int | None = Field(default=None, ge=400, le=599, description="status of the answer in PD's place")
    body: str = Field(default="", description="its text")
    milliseconds: float = Field(default=0.0, ge=0, le=600_000, description="real milliseconds that the answer waits")
    hangs: bool = Field(default=False, description="no answer ever comes")
    is_cut: bool = Field(default=False, description="the connection breaks in the middle of PD's answer")
    after: bool = Field(default=False, description="PD has carried the request out before the answer is lost or late")
    times: int | None = Field(
        default=None, ge=1, le=1_000_000_000, description="only the next so many requests; without it, all"
    )

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.status is None and not self.hangs and not self.is_cut and not self.milliseconds:
            raise ValueError("say what happens: status, hangs, is_cut or milliseconds")
        if self.after and self.status is not None:
            raise ValueError("with after the answer can be lost (hangs) or late (milliseconds), not another one")
        return self

    def begin(self, scene: Scene) -> Heal:
        """Treat them so."""
        chosen = self.model_dump(include={"method", "status", "body", "hangs", "is_cut", "after", "times"})
        return self.put(
            scene, RouteFault(path=self.path, member=self.member, seconds=self.milliseconds / 1000, **chosen)
        )
