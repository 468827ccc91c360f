from __future__ import annotations

import asyncio
from typing import cast

from tests.unit.domain.builders import KNOWN, policy
from tests.unit.engine.world import MemoryStore, SetClock
from watchkeeper.engine.gates import Gates
from watchkeeper.ports.objects import ObjectStore, R


class SlowStore(MemoryStore):
    """Answers with what was there when it was asked, once `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def get(self, kind: type[R], namespace: str, name: str) -> R:
        try:
            return await super().get(kind, namespace, name)
        finally:
            await self.go.wait()


async def test_an_answer_from_before_a_change_is_not_kept_after_it() -> None:
    """Else a proposal that the new policy wakes reads the old one, and nothing wakes it again."""
    store = SlowStore()
    gates = Gates(cast("ObjectStore", store), SetClock(), known=KNOWN, operator_namespace="system", cache_seconds=60)
    early = asyncio.create_task(gates.recent("team"))
    await asyncio.sleep(0.01)
    made = policy()
    store.objects[made.key] = made
    gates.forget("team")
    store.go.set()
    assert not (await early)[0].executing
    assert (await gates.recent("team"))[0].executing


async def test_what_is_recent_is_read_once() -> None:
    store = SlowStore()
    store.go.set()
    gates = Gates(cast("ObjectStore", store), SetClock(), known=KNOWN, operator_namespace="system", cache_seconds=60)
    await gates.recent("team")
    made = policy()
    store.objects[made.key] = made
    assert not (await gates.recent("team"))[0].executing
    assert (await gates.orders("team")).executing


async def test_namespaces_that_nobody_asks_about_any_more_are_forgotten() -> None:
    store, clock = SlowStore(), SetClock()
    store.go.set()
    gates = Gates(cast("ObjectStore", store), clock, known=KNOWN, operator_namespace="system", cache_seconds=1)
    for number in range(50):
        await gates.recent(f"team-{number}")
        clock.passed += 0.5
    assert len(gates._cache) <= 4
    assert len(gates._locks) <= 4
