"""What a scenario makes happen, and when."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from watchkeeper.simulator.faults import FaultField, Happening

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _moment(value: object) -> object:
    """A text such as 90s, 5m or 1h30m as seconds, a week at most; everything else is left to pydantic."""
    if not isinstance(value, str) or not re.fullmatch(r"(\d+(\.\d+)?[smh])+", value):
        return value
    return sum(float(number) * _UNITS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)([smh])", value))


Moment = Annotated[float, BeforeValidator(_moment), Field(ge=0, le=604_800)]


class TimelineEntry(BaseModel):
    """One thing that happens at one time: a fault begins, or one that has a name is healed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Moment = Field(description="virtual time since the start: seconds, or a text such as 90s, 5m, 1h30m")
    inject: FaultField | None = Field(default=None, description="a fault, with its kind and fields")
    name: str = Field(default="", description="a name for the fault, by which it can be healed later")
    heal: str = Field(default="", description="the name of a fault that ends now")

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if (self.inject is None) == (not self.heal):
            raise ValueError("say either inject or heal")
        if self.name and self.inject is None:
            raise ValueError("only what is injected can have a name")
        if self.name and isinstance(self.inject, Happening):
            raise ValueError(f"{self.inject.name()} is over at once: there is nothing to heal, so it needs no name")
        return self


def unknown_names(timeline: tuple[TimelineEntry, ...]) -> list[str]:
    """Names that are healed although no earlier entry has them."""
    known: set[str] = set()
    wrong: list[str] = []
    for entry in sorted(timeline, key=lambda one: one.at):
        known |= {entry.name} - {""}
        if entry.heal and entry.heal not in known:
            wrong.append(entry.heal)
    return wrong
