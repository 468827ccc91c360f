"""The simulated TiKV cluster as a process, and what it says of itself through its control port."""

from __future__ import annotations

import json
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcluster.errors import StartError
from localcluster.processes import Process

READY_SECONDS = 30.0


class SimulatorProcess:
    """Start it with :meth:`start`; `endpoints` are PD's client URLs."""

    def __init__(self, folder: Path, *, options: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._options = dict(options or {})
        self._process: Process | None = None
        self._ready: dict[str, Any] = {}

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            StartError: it ended, or was not ready in time.
        """
        ready = self._folder / "simulator-ready.json"
        ready.unlink(missing_ok=True)
        words = [word for name, value in self._options.items() for word in (f"--{name}", value)]
        serve = [sys.executable, "-m", "watchkeeper.simulator", "serve"]
        command = [*serve, "--control-port", "0", "--ready-file", str(ready), *words]
        self._process = Process("simulator", command, self._folder / "simulator.log")
        deadline = time.monotonic() + READY_SECONDS
        while not ready.exists() or not ready.read_text().endswith("\n"):
            if not self._process.alive() or time.monotonic() > deadline:
                raise StartError(f"the simulator did not start:\n{self._process.log_tail()}")
            time.sleep(0.05)
        self._ready = json.loads(ready.read_text())

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.stop(5.0)

    def pause(self) -> None:
        """It answers nobody until it is resumed."""
        self._running.identity.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after a pause."""
        self._running.identity.signal(signal.SIGCONT)

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise StartError("the simulator was not started")
        return self._process

    @property
    def endpoints(self) -> list[str]:
        """PD's client URLs, one for each member."""
        return [str(url) for url in self._ready["pd"]]

    @property
    def control(self) -> str:
        """The control URL."""
        return str(self._ready["control"])

    def state(self) -> dict[str, Any]:
        """The cluster as it truly is."""
        answer = self._ask("/state")
        if not isinstance(answer, dict):
            raise TypeError("the simulator's state is no object")
        return answer

    def region(self, region: int) -> dict[str, Any]:
        """One region as it truly is."""
        answer = self._ask(f"/regions/{region}")
        if not isinstance(answer, dict):
            raise TypeError("a region is no object")
        return answer

    def writes(self) -> list[dict[str, Any]]:
        """Every request that asked PD to change something, refused ones too."""
        answer = self._ask("/requests?writes")
        if not isinstance(answer, list):
            raise TypeError("the request log is no list")
        return answer

    def targets(self) -> list[dict[str, Any]]:
        """What a Prometheus should scrape."""
        answer = self._ask("/targets")
        if not isinstance(answer, list):
            raise TypeError("the targets are no list")
        return answer

    def fault(self, **body: Any) -> None:
        """Apply a fault."""
        self._ask("/faults", body)

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.control + path, data=data)  # noqa: S310 - loopback, our own process
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            return json.load(answer)
