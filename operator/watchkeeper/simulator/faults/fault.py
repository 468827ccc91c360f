"""What every fault is: data that can be sent or written down, and how it begins and ends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from watchkeeper.simulator.faults.scene import Scene

Heal = Callable[[], None]


class Area(StrEnum):
    """What a fault is about."""

    STORE = "stores"
    REGION = "regions"
    PD = "PD"
    OTHERS = "others at work"


class Fault(BaseModel):
    """One fault; its docstring is its description for people, `kind` its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    area: ClassVar[Area]

    @classmethod
    def name(cls) -> str:
        """The value of `kind`."""
        return str(cls.model_fields["kind"].default)

    @classmethod
    def about(cls) -> str:
        """What it does and what shows, as one paragraph."""
        return " ".join((cls.__doc__ or "").split())


class Lasting(Fault):
    """A fault that holds until it is healed."""

    seconds: float | None = Field(
        default=None,
        gt=0,
        le=31_536_000,
        description="virtual seconds until it heals by itself; without it, when somebody heals it",
    )

    @abstractmethod
    def begin(self, scene: Scene) -> Heal:
        """Make it hold.

        Returns:
            What undoes it. Faults of the same kind may overlap: each undoes only what is its own.

        Raises:
            ValueError: it names something that does not exist; nothing has been changed then.
        """


class Happening(Fault):
    """A fault of one moment: there is nothing to heal."""

    @abstractmethod
    def happen(self, scene: Scene) -> None:
        """Make it happen.

        Raises:
            ValueError: it names something that does not exist, or cannot happen now; nothing has been changed then.
        """


def all_of(*heals: Heal) -> Heal:
    """Undo several things, the last one first."""

    def heal() -> None:
        for one in reversed(heals):
            one()

    return heal
