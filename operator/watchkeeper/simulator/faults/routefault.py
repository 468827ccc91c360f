"""How requests to PD are treated on their way."""

from __future__ import annotations

from dataclasses import dataclass, field

from watchkeeper.simulator.pdapi.exchange import TEXT_TYPE, Answer, Call
from watchkeeper.simulator.world.members import Member


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
    is_cut: bool = False
    """The connection breaks in the middle of the answer."""
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

    @property
    def instead(self) -> Answer | None:
        """The answer that it gives in PD's place; None where PD itself answers, perhaps late."""
        if self.after:
            return None
        if self.hangs:
            return Answer(hangs=True)
        if self.status is None:
            return None
        return Answer(self.status, self.body.encode(), TEXT_TYPE)
