"""What a pass over an object says about its next one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """`requeue_after` in seconds; None: only when something happens (or the sweep comes round)."""

    requeue_after: float | None = None


DONE = Result()
AGAIN = Result(0.0)
