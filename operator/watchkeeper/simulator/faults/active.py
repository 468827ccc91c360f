"""The faults in force: injected, healed by number or by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from watchkeeper.simulator.faults.fault import Fault, Happening, Heal, Lasting
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.pdapi.exchange import Answer, Call
from watchkeeper.simulator.world.clock import Timer
from watchkeeper.simulator.world.members import Member


@dataclass(slots=True, eq=False)
class Active:
    """One fault in force."""

    number: int
    fault: Lasting
    since: float
    until: float | None
    heal: Heal
    timer: Timer | None = None

    @property
    def as_json(self) -> dict[str, Any]:
        """For the control API; times in virtual seconds."""
        return {
            "id": self.number,
            "kind": self.fault.name(),
            "since": self.since,
            "until": self.until,
            "fault": self.fault.model_dump(mode="json", exclude_none=True),
        }


class ActiveFaults:
    """Injects and heals. Everything takes effect at once, in the order in which it is asked for."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._active: dict[int, Active] = {}
        self._next = 1

    @property
    def active(self) -> list[Active]:
        """Those in force, oldest first."""
        return list(self._active.values())

    def inject(self, fault: Fault) -> Active | None:
        """Make a fault happen.

        Returns:
            What is in force from now on; None for a fault of one moment.

        Raises:
            ValueError: it names something that does not exist, or cannot happen now; nothing has been changed then.
        """
        about = _short(fault)
        if isinstance(fault, Happening):
            fault.happen(self.scene)
            self.scene.events.add("fault", f"{about} has happened")
            return None
        if not isinstance(fault, Lasting):
            raise TypeError(f"{type(fault).__name__} neither lasts nor happens")
        heal = fault.begin(self.scene)
        number, now = self._next, self.scene.now
        self._next += 1
        until = None if fault.seconds is None else now + fault.seconds
        active = self._active[number] = Active(number, fault, now, until, heal)
        self.scene.events.add("fault", f"{about} begins (id {number})")
        if fault.seconds is not None:
            active.timer = self.scene.after(fault.seconds, lambda: self._heal(active))
        return active

    def heal(self, number: int) -> None:
        """End one.

        Raises:
            ValueError: none of that number is in force.
        """
        active = self._active.get(number)
        if active is None:
            raise ValueError(f"no fault has the id {number}; in force: {sorted(self._active) or 'none'}")
        self._heal(active)

    def heal_all(self) -> int:
        """End all, the newest first; the number of those that were in force."""
        return self.heal_where(lambda fault: True)

    def heal_where(self, chosen: Callable[[Fault], bool]) -> int:
        """End those that are chosen, the newest first; how many they were."""
        ending = [active for active in reversed(self.active) if chosen(active.fault)]
        for active in ending:
            self._heal(active)
        return len(ending)

    def _heal(self, active: Active) -> None:
        if self._active.pop(active.number, None) is None:
            return
        if active.timer is not None:
            active.timer.cancel()
        active.heal()
        self.scene.events.add("fault", f"{_short(active.fault)} is healed (id {active.number})")

    def meet(self, member: Member, call: Call, handle: Callable[[Member, Call], Answer]) -> Answer:
        """PD's answer to a request, after what faults of routes do to both."""
        met = [fault for fault in self.scene.routes if fault.take(member, call)]
        instead = next((answer for fault in met if (answer := fault.instead) is not None), None)
        answer = instead if instead is not None else handle(member, call)
        seconds = sum(fault.seconds for fault in met)
        hangs = answer.hangs or any(fault.hangs for fault in met)
        return replace(answer, latency=seconds, hangs=hangs, is_cut=any(fault.is_cut for fault in met))


def _short(fault: Fault) -> str:
    values = fault.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
    return " ".join([fault.name(), *(f"{name}={value}" for name, value in values.items() if value != "")])
