"""Pauses of schedulers and checkers: in the PD leader's memory only, in whole seconds, ending by themselves."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.simulator import gotext
from watchkeeper.simulator.world.clock import NANOSECONDS
from watchkeeper.simulator.world.state import World


@dataclass(frozen=True, slots=True)
class Pause:
    """From and until, in Unix seconds."""

    since: int
    until: int

    @property
    def body(self) -> dict[str, str]:
        """The times as PD shows them."""
        return {
            "paused_at": gotext.rfc3339(self.since * NANOSECONDS),
            "resume_at": gotext.rfc3339(min(self.until, gotext.LAST_SECOND) * NANOSECONDS),
        }


class Pauses:
    """Named pauses; a second one replaces the first."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: dict[str, Pause] = {}

    def set(self, name: str, seconds: int) -> None:
        """Pause for that many seconds; 0 or less resumes."""
        now = self._world.unix_seconds()
        self._held[name] = Pause(now, now + seconds)

    def of(self, name: str) -> Pause | None:
        """The pause in force. PD compares whole seconds, so it ends up to a second early (sch-tl-1)."""
        held = self._held.get(name)
        return held if held is not None and self._world.unix_seconds() < held.until else None

    def is_paused(self, name: str) -> bool:
        """Whether one is in force."""
        return self.of(name) is not None

    def forget(self) -> None:
        """The PD leader has changed."""
        self._held.clear()
