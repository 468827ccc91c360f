from __future__ import annotations

from tests.unit.domain.builders import at, subject
from tests.unit.engine.world import READY, Database, World


async def test_a_subject_that_is_being_deleted_keeps_its_driver() -> None:
    world = World()
    first = subject(READY)
    driver = await world.services.drivers.of(first)
    going = first.replace(metadata=first.metadata.replace(generation=2, deletion_timestamp=at(0)))
    assert await world.services.drivers.of(going) is driver


async def test_another_subject_of_that_name_never_gets_the_driver_of_the_first() -> None:
    world = World()
    first = subject(READY)
    old = world.plugin.database
    await world.services.drivers.of(first)
    world.plugin.database = Database()
    other = first.replace(metadata=first.metadata.replace(uid="s-2", generation=2, deletion_timestamp=at(0)))
    assert id(await world.services.drivers.of(other)) == id(world.plugin.database)
    assert old.closed
