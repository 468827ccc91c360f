"""One operator: what it is to do, how far it is, and PD's texts for it."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.scheduling.kinds import Kind, Priority, Status
from watchkeeper.simulator.scheduling.steps import Step
from watchkeeper.simulator.world.clock import NANOSECONDS
from watchkeeper.simulator.world.region import Region


@dataclass(slots=True, eq=False)
class Operation:
    """An operator of PD on one region; times are virtual seconds, `size` MiB."""

    desc: str
    brief: str
    region_id: int
    conf_ver: int
    version: int
    kind: Kind
    steps: tuple[Step, ...]
    size: int
    priority: Priority
    created: float = 0.0
    started: float = 0.0
    finished_at: float | None = None
    current: int = 0
    status: Status = Status.CREATED
    created_text: str = ""
    started_text: str = ""
    finished_text: str = ""
    """Go's texts of the times: they show the PD leader's own monotonic clock."""
    given_timeout: float | None = None
    """That of the source's operator where two regions merge; without it the sum over the steps."""
    group: str = ""
    """The group of a scatter."""

    @property
    def step(self) -> Step | None:
        """The step that is being waited for."""
        return self.steps[self.current] if self.current < len(self.steps) else None

    @property
    def timeout(self) -> float:
        """Seconds after the start when PD gives up."""
        if self.given_timeout is not None:
            return self.given_timeout
        return sum(step.timeout(self.size) for step in self.steps)

    def advance(self, region: Region) -> bool:
        """Skip every step whose effect is seen; True when the last one is done."""
        while (step := self.step) is not None and step.finished(region):
            self.current += 1
        return self.current == len(self.steps)

    def explained_changes(self, region: Region) -> int:
        """How much conf_ver may have grown because of this operator."""
        done = sum(step.conf_changes for step in self.steps[: self.current])
        step = self.step
        return done + (step.conf_changes if step is not None and step.applied(region) else 0)

    @property
    def text(self) -> str:
        """As in the list of operators."""
        steps = ", ".join(f"{number}:{{{step.text}}}" for number, step in enumerate(self.steps))
        timeout = gotext.duration(round(self.timeout * NANOSECONDS))
        return (
            f"{self.desc} {{{self.brief}}} (kind:{self.kind.text}, "
            f"region:{self.region_id}({self.version}, {self.conf_ver}), createAt:{self.created_text}, "
            f"startAt:{self.started_text}, currentStep:{self.current}, size:{self.size}, steps:[{steps}], "
            f"timeout:[{timeout}]){self._suffix}"
        )

    @property
    def _suffix(self) -> str:
        return {Status.SUCCESS: " finished", Status.TIMEOUT: " timeout"}.get(self.status, "")

    @property
    def status_text(self) -> str:
        """As GET /operators/{region} answers."""
        return f"status: {self.status.text}, operator: {self.text}"

    @property
    def record_text(self) -> str:
        """As in GET /operators/records."""
        took = gotext.duration(round(((self.finished_at or 0.0) - self.started) * NANOSECONDS))
        return f"{self.text} (finishAt:{self.finished_text}, duration:{took})"

    @property
    def as_object(self) -> Json:
        """As in GET /operators?object."""
        return {
            "desc": self.desc,
            "brief": self.brief,
            "region_id": self.region_id,
            "region_epoch": {"conf_ver": self.conf_ver, "version": self.version},
            "kind": int(self.kind),
            "timeout": gotext.duration(round(self.timeout * NANOSECONDS)),
            "status": int(self.status),
        }
