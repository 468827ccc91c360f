from __future__ import annotations

import pytest

from tests.unit.domain.builders import NOW, proposal
from tests.unit.engine.test_retention import ENDED, change
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1.meta import Key, Resource
from watchkeeper.engine.queue import WorkQueue
from watchkeeper.engine.sweep import sweep_once
from watchkeeper.ports.objects import FINALIZER

RUNNING = {
    "conditions": [{"type": "Validated", "status": "True", "reason": "Planned", "lastTransitionTime": NOW.isoformat()}]
}


def held(obj: Resource) -> Resource:
    return obj.replace(metadata=obj.metadata.replace(finalizers=(FINALIZER,)))


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    """What was queued for later."""
    keys: list[Key] = []
    monkeypatch.setattr(WorkQueue, "add_after", lambda _, key, seconds: keys.append(key))
    return keys


@pytest.mark.parametrize("obj", [proposal(ENDED), change("Released"), change("Lost")])
async def test_what_has_ended_is_passed_over(obj: Resource, queued: list[Key]) -> None:
    count = await sweep_once(World(obj).services, None)
    assert obj.key not in queued
    assert count == len(queued) > 0, "the Subject and the policy are looked at"


@pytest.mark.parametrize(
    "obj",
    [
        proposal({}),
        proposal(RUNNING),
        held(proposal(ENDED)),
        change("Held"),
        change("Intended"),
        held(change("Released")),
    ],
)
async def test_what_has_not_ended_or_keeps_a_finalizer_is_looked_at_again(obj: Resource, queued: list[Key]) -> None:
    await sweep_once(World(obj).services, None)
    assert obj.key in queued
