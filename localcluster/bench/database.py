"""A simulated cluster as a process, and its own record of what it was asked."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from localcluster.bench.transfers import Transfer, transfers
from localcluster.simulation import SimulatorProcess

_CALLER = "watchkeeper/"
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class PDRequest:
    """One request of Watchkeeper's; `at` in seconds since 1970."""

    at: float
    method: str
    path: str
    attempt: str

    @property
    def uid(self) -> str:
        """Of the proposal whose attempt it is; empty for reads."""
        return self.attempt.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Size:
    """How big a cluster is."""

    stores: int
    regions: int
    leader_seconds: float = 0.3
    """How long a store takes to hand over a leader: a second makes the number of looks at the effect certain."""


class Database:
    """Starts at once; stop it at the end."""

    def __init__(self, folder: Path, size: Size) -> None:
        folder.mkdir(parents=True)
        scenario = folder / "scenario.json"
        content = {
            "stores": size.stores,
            "regions": size.regions,
            "members": 3,
            "cluster_id": secrets.randbits(62),
            "knobs": {"transfer_leader_seconds": size.leader_seconds},
        }
        scenario.write_text(json.dumps(content))
        self.size = size
        self._process = SimulatorProcess(folder, options={"scenario": str(scenario), "factor": "1"})
        self._process.start()
        self._possible: Iterator[Transfer] | None = None

    @property
    def endpoints(self) -> list[str]:
        """PD's client URLs."""
        return self._process.endpoints

    def stop(self) -> None:
        """Stop it."""
        self._process.stop()

    def transfer(self) -> Transfer:
        """A transfer that is possible and was not given before."""
        if self._possible is None:
            self._possible = transfers(self._regions())
        return next(self._possible)

    def count(self) -> int:
        """How many requests there were so far, of anybody."""
        return int(self._process.state()["requests"])

    def since(self, number: int) -> list[PDRequest]:
        """Watchkeeper's requests after that many."""
        began = self._began()
        found = httpx.get(f"{self._process.control}/requests?since={number}", timeout=_TIMEOUT).json()
        return [
            PDRequest(began + one["at"], one["method"], one["path"], one["attempt"])
            for one in found
            if one["caller_id"].startswith(_CALLER)
        ]

    def _began(self) -> float:
        """The moment at which the simulator's clock, which runs as fast as ours, stood at zero; within milliseconds."""
        before = time.time()
        now = float(self._process.state()["now"])
        return (before + time.time()) / 2 - now

    def _regions(self) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.endpoints[0]}/pd/api/v1/regions", timeout=_TIMEOUT).raise_for_status()
        return list(answer.json()["regions"])
