"""When a record counts as written, and what is signed."""

from __future__ import annotations

from tests.unit.domain.builders import NOW
from tests.unit.engine.sinks import MemoryCheckpoints, MemorySink
from tests.unit.engine.world import SetClock, World
from watchkeeper.domain.audit.record import Actor, ActorKind, Fact, RecordType
from watchkeeper.engine.audit.checkpoints import Checkpoints
from watchkeeper.engine.audit.journal import Journal

ACTOR = Actor(ActorKind.OPERATOR, "watchkeeper", "me")
INTENT = Fact("u-1/0/1/Intended", RecordType.INTENDED, NOW, ACTOR)


def journal(*sinks: MemorySink) -> Journal:
    return Journal(sinks, SetClock(), chain="c", actor=ACTOR, timeout_seconds=5)


async def test_an_intent_counts_when_every_sink_has_it() -> None:
    good, full = MemorySink("good"), MemorySink("full")
    full.problem = "no space left"
    kept = journal(good, full)
    kept.add([INTENT])
    assert not kept.holds(INTENT.id), "nothing is flushed yet"
    await kept.flush()
    assert not kept.holds(INTENT.id)
    full.problem = None
    await kept.flush()
    assert kept.holds(INTENT.id)
    assert not kept.holds("u-1/0/2/Intended")


async def test_without_a_sink_nothing_counts_as_written() -> None:
    nowhere = journal()
    nowhere.add([INTENT])
    await nowhere.flush()
    assert not nowhere.holds(INTENT.id)


async def test_what_is_not_in_the_stream_is_not_signed() -> None:
    world, places = World(), MemoryCheckpoints()
    checkpoints = Checkpoints(places, world.audit, world.clock)
    world.audit.begin(previous=None, since=None)
    world.sink.problem = "no space left"
    assert not await checkpoints.write()
    assert places.writes == 0
    world.sink.problem = None
    assert await checkpoints.write()
    assert places.writes == 1
