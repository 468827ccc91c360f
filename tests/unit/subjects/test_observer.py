"""A look at a cluster of which no member answers."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from tests.unit.domain.builders import subject
from watchkeeper.api.v1alpha1.subject import Health
from watchkeeper.errors import Unreachable
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.environment import Surroundings
from watchkeeper.subjects.tikv.observer import Observer
from watchkeeper.subjects.tikv.pd.models import MemberHealth, Members
from watchkeeper.subjects.tikv.pd.reader import PDReader


class Hung:
    """Neither question is answered before both are asked; then the first one fails as by its deadline."""

    def __init__(self, *, answers: bool) -> None:
        self.asked = asyncio.Barrier(2)
        self.answers = answers

    async def members(self) -> Members:
        await self.asked.wait()
        raise Unreachable("PD gave no answer to /members")

    async def health(self) -> tuple[MemberHealth, ...]:
        await self.asked.wait()
        if not self.answers:
            raise Unreachable("PD gave no answer to /health")
        sick = {"name": "pd-0", "client_urls": ["http://pd-0:2379"], "health": False}
        return (MemberHealth.model_validate(sick),)


def _observer(reader: Hung) -> Observer:
    nothing = cast("Surroundings", None), cast("Clock", None)
    return Observer(
        cast("PDReader", reader), subject=subject(), surroundings=nothing[0], clock=nothing[1], metrics=lambda: None
    )


async def test_where_nothing_answers_one_deadline_is_waited_for_and_not_two() -> None:
    async with asyncio.timeout(10):
        with pytest.raises(Unreachable, match="/members"):
            await _observer(Hung(answers=False)).observe()


async def test_where_health_alone_answers_the_quorum_is_judged() -> None:
    async with asyncio.timeout(10):
        found = await _observer(Hung(answers=True)).observe()
    assert (found.health, found.leader) == (Health.CRITICAL, None)
