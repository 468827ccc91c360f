"""Kinds of faults between an operator and one Subject's world: what happens in each second that they last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from localcluster.faultproxy import FaultProxy
from localcluster.faults import Answer, Break, Fault, Match, Rule, dropped_answer, hang, reset, silent_watch
from tests.integration.processes.world import World


@dataclass
class Trouble:
    """Faults for one world; `api` may serve others as well."""

    world: World
    api: FaultProxy
    rules: list[tuple[FaultProxy, Rule]] = field(default_factory=list)

    def add(self, proxy: FaultProxy, fault: Fault, match: Match) -> None:
        """One more rule, until `end`."""
        self.rules.append((proxy, proxy.add(fault, match)))

    def kubernetes(self, fault: Fault, *, share: float, seed: int, method: str | None = None) -> None:
        """For a share of the requests about the world, but not for its watches."""
        path = f"/namespaces/{self.world.namespace}/"
        match = Match(method=method, path=path, watch=False, probability=share, seed=seed)
        self.add(self.api, fault, match)

    def database(self, fault: Fault, *, share: float = 1.0) -> None:
        """For a share of the requests to PD."""
        for seed, proxy in enumerate(self.world.databases):
            self.add(proxy, fault, Match(probability=share, seed=seed))

    def watches(self, how: Break) -> None:
        """The watches that are open now are silenced or broken."""
        self.api.interrupt(f"/namespaces/{self.world.namespace}/.*watch=", how)

    def end(self) -> int:
        """Take all rules away; how many requests they hit since the last time."""
        hits = sum(rule.hits for _, rule in self.rules)
        for proxy, rule in self.rules:
            proxy.remove(rule)
        self.rules.clear()
        return hits


Kind = Callable[[Trouble, int], int]
"""Does what is to happen in that second (from 0); how many faults that counts as, apart from the hits of rules."""


def _share(*methods: str | None, fault: Fault, share: float = 0.3) -> Kind:
    def begin(trouble: Trouble, second: int) -> int:
        if second == 0:
            for seed, method in enumerate(methods):
                trouble.kubernetes(fault, share=share, seed=seed, method=method)
        return 0

    return begin


def _database(fault: Fault, share: float = 0.3) -> Kind:
    def begin(trouble: Trouble, second: int) -> int:
        if second == 0:
            trouble.database(fault, share=share)
        return 0

    return begin


def silent_watches(trouble: Trouble, second: int) -> int:
    """Watches stay open, and no event comes any more, not even when the fault is over: the sweep has to heal it."""
    if second == 0:
        path = f"/namespaces/{trouble.world.namespace}/"
        trouble.add(trouble.api, silent_watch(), Match(path=path, watch=True))
        trouble.watches(Break.HANG)
    return int(second == 0)


def hanging_pd(trouble: Trouble, second: int) -> int:
    """PD answers nothing for three seconds of five."""
    if second % 5 == 0:
        trouble.database(hang())
    return trouble.end() if second % 5 == 3 else 0


def leader_changes(trouble: Trouble, second: int) -> int:
    """PD's leadership moves every three seconds."""
    if second % 3 == 0:
        trouble.world.simulator.faults.change_pd_leader()
    return int(second % 3 == 0)


def everything(trouble: Trouble, second: int) -> int:
    """All kinds together; PD hangs, its leader changes and watches fall silent now and then."""
    if second == 0:
        trouble.kubernetes(Answer(429, "slow down", retry_after=1), share=0.05, seed=1)
        trouble.kubernetes(Answer(500), share=0.05, seed=2)
        trouble.kubernetes(Answer(409), share=0.05, seed=3, method="PATCH")
        trouble.kubernetes(dropped_answer(), share=0.05, seed=4, method="PATCH")
        trouble.kubernetes(dropped_answer(), share=0.05, seed=5, method="POST")
        trouble.database(Answer(500), share=0.03)
        trouble.database(dropped_answer(), share=0.03)
    if second % 30 == 10:
        trouble.watches(Break.HANG)
    if second % 30 == 20:
        trouble.watches(Break.RESET)
    if second % 15 == 7:
        trouble.world.simulator.faults.change_pd_leader()
    if second % 25 == 12:
        for proxy in trouble.world.databases:
            trouble.add(proxy, hang(), Match(times=1))
    return sum((second % 30 == 10, second % 30 == 20, second % 15 == 7))


SINGLE: dict[str, Kind] = {
    "429": _share(None, fault=Answer(429, "slow down", retry_after=1)),
    "500": _share(None, fault=Answer(500)),
    "409": _share("PATCH", "POST", fault=Answer(409)),
    "dropped answers": _share("PATCH", "POST", fault=dropped_answer()),
    "reset connections": _share(None, fault=reset()),
    "silent watch": silent_watches,
    "PD 500": _database(Answer(500)),
    "PD dropped answers": _database(dropped_answer()),
    "PD hanging": hanging_pd,
    "PD leader change": leader_changes,
}


async def lasting(trouble: Trouble, kind: Kind, seconds: float) -> int:
    """Let it last for so long; how many faults there were."""
    count = 0
    for second in range(int(seconds)):
        count += kind(trouble, second)
        await asyncio.sleep(1.0)
    return count + trouble.end()
