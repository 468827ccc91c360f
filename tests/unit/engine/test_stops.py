"""A stop that holds for nothing must not look as if it held."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import stop
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.domain.orders import holds_for_nothing
from watchkeeper.engine.stops import StopLadder

STOP = Key("EmergencyStop", "team", "s")


@pytest.mark.parametrize(
    ("subjects", "there", "said"),
    [
        (None, ["tikv"], None),
        (["tikv"], ["tikv", "other"], None),
        (["tikb"], ["tikv"], "there is no Subject tikb in namespace team: it stops nothing now"),
        (["TIKV"], ["tikv"], "there is no Subject TIKV in namespace team: it stops nothing now"),
        (["tikv", "tikb"], ["tikv"], "there is no Subject tikb in namespace team: it stops only the others"),
        (None, [], "there is no Subject in namespace team, so it stops nothing now"),
    ],
)
def test_what_is_said_of_a_stop(subjects: list[str] | None, there: list[str], said: str | None) -> None:
    found = holds_for_nothing(stop(subjects=subjects), there)
    assert found is None if said is None else found is not None and found.startswith(said)


@pytest.mark.parametrize(("subjects", "heard"), [(["tikb"], ["StopsNothing"]), (["tikv"], []), (None, [])])
async def test_people_are_told_once(subjects: Any, heard: list[str]) -> None:
    world = World(stop(subjects=subjects))
    ladder = StopLadder(world.services)
    await ladder.reconcile(STOP)
    await ladder.reconcile(STOP)
    assert world.heard.reasons == heard


async def test_one_that_was_lifted_is_forgotten_and_one_that_stops_everything_needs_no_subject() -> None:
    world = World(stop("watchkeeper-system"))
    ladder = StopLadder(world.services)
    await ladder.reconcile(STOP)
    await ladder.reconcile(Key("EmergencyStop", "watchkeeper-system", "s"))
    assert world.heard.reasons == []
