"""Processes that we started, known by pid and start time so that a reused pid is never touched (Linux)."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Identity:
    """One process for its whole life: pid, and its start in clock ticks after boot."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this pid now; None where there is none, or only a zombie.

        A zombie with more than one thread is still ending: its ports and files are not free yet.
        """
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        state, threads, started = fields[0], int(fields[17]), int(fields[19])  # proc(5): fields 3, 20, 22
        return None if state in "ZX" and threads <= 1 else cls(pid, started)

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return Identity.of(self.pid) == self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone."""
        if self.alive():
            os.kill(self.pid, number)

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; also when it is paused. Returns when it is gone."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        if not self._gone_within(grace):
            self.signal(signal.SIGKILL)
            self._gone_within(10.0)

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True


class Process:
    """A server that writes into a log file; by default it dies with us, however we die.

    Args:
        name: for people.
        command: the program and its arguments.
        log: the file.
        detached: let it live on without us.
        environment: what it finds in its environment beside what we find in ours.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        detached: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        if not detached:
            command = [sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid()), *command]
        self._popen = _spawner.run(lambda: _spawn(command, log, environment or {}))
        identity = Identity.of(self._popen.pid)
        self.identity = identity or Identity(self._popen.pid, -1)  # it died at once: alive() is False

    def alive(self) -> bool:
        """Whether it runs; reaps it when it does not."""
        return self._popen.poll() is None

    def exit_code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._popen.poll()

    def stop(self, grace: float) -> None:
        """Stop it and reap it."""
        self.identity.stop(grace)
        self._popen.wait(timeout=10)

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended by itself; negative where a signal killed it.

        Raises:
            subprocess.TimeoutExpired: it runs on after so many seconds.
        """
        return self._popen.wait(timeout=seconds)

    def log_tail(self, lines: int = 15) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def _spawn(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        # A session of its own: Ctrl-C on the terminal reaches us, and we stop the servers in their order.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=log.parent,
            env={**os.environ, **environment},
        )


class _Spawner:
    """Starts every process from one thread that lives as long as we do.

    PR_SET_PDEATHSIG fires when the *thread* that forked ends, see prctl(2): a process started from a worker thread
    of an event loop would otherwise die with that thread.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]
        self._work = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def run(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="localcluster-spawner", daemon=True)
                self._thread.start()
        future: Future[subprocess.Popen[bytes]] = Future()
        self._work.put((start, future))
        return future.result()

    def _loop(self) -> None:
        while True:
            start, future = self._work.get()
            try:
                future.set_result(start())
            except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
                future.set_exception(error)


_spawner = _Spawner()
