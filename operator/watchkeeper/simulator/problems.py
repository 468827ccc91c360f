"""What is wrong with a fault or a scenario that somebody has written, in words that say what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from watchkeeper.simulator.faults import FAULTS

Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it stands in the data, and what is wrong."""

    place: Place
    text: str

    @property
    def path(self) -> str:
        """The place as `timeline.0.inject.store`; empty for the whole."""
        return ".".join(str(part) for part in self.place)

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.place else self.text


def problems(error: ValidationError, model: type[BaseModel] | None = None) -> list[Problem]:
    """All mistakes, in the order of the data; `model` is what was read, None for a fault."""
    return [_problem(detail, model) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails, model: type[BaseModel] | None) -> Problem:
    place = detail["loc"]
    tags = [index for index, part in enumerate(place) if part in FAULTS]
    shown = tuple(part for index, part in enumerate(place) if index not in tags)
    holder = _holder(place, tags, model)
    match detail["type"]:
        case "extra_forbidden":
            return Problem(shown, f"unknown field; allowed are {_fields(holder)}")
        case "missing":
            return Problem(shown, f"is missing; the fields are {_fields(holder)}")
        case "union_tag_invalid":
            return Problem((*shown, "kind"), f"there is no such fault; there are {', '.join(FAULTS)}")
        case "union_tag_not_found":
            return Problem(shown, f"kind is missing; it is one of {', '.join(FAULTS)}")
        case "value_error":
            return Problem(shown, detail["msg"].removeprefix("Value error, "))
        case _:
            return Problem(shown, f"{detail['msg'][:1].lower()}{detail['msg'][1:]}, not {detail['input']!r}"[:300])


def _holder(place: Place, tags: Sequence[int], model: type[BaseModel] | None) -> type[BaseModel] | None:
    """The model whose field is wrong: the fault that is named last, else what lies on the way to it."""
    if tags and tags[-1] == len(place) - 2:
        return FAULTS[str(place[tags[-1]])]
    holder = model
    for part in place[:-1]:
        if holder is not None and isinstance(part, str) and part in holder.model_fields:
            holder = _model_in(holder.model_fields[part].annotation)
    return holder


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model in an annotation such as tuple[Rule, ...]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner: Sequence[object] = getattr(annotation, "__args__", ())
    return next((found for one in inner if (found := _model_in(one)) is not None), None)


def _fields(model: type[BaseModel] | None) -> str:
    return ", ".join(model.model_fields) if model is not None else "none"
