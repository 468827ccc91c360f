"""Rounds of the machine, each with a seed of its own: the same seed, the same round."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import get_state_machine_test

from tests.property.machine import Machine

RUNS, STEPS = 60, 50
"""A round: so many worlds of at most so many steps each; somewhat over 2,000 in all."""


@contextmanager
def _quiet() -> Iterator[None]:
    """What is provoked here by the thousand says nothing to anybody."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def play(number: int) -> None:
    """One round; counts are added to `Machine.total`.

    Raises:
        AssertionError: an invariant is broken; the text holds the steps that lead there.
    """
    test = get_state_machine_test(
        Machine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
    with _quiet():
        seed(number)(test)()
