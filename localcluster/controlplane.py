"""A control plane of its own: etcd, kube-apiserver and kube-controller-manager as processes on loopback.

Ready means: /readyz says so, and the controllers have made the first ServiceAccount. There is no node: Pods stay
Pending, everything that the API itself decides is real.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from localcluster import components, statefolder
from localcluster.binaries import Binaries, ensure
from localcluster.cluster import Cluster
from localcluster.components import Layout
from localcluster.errors import LocalClusterError, PortTakenError, StartError
from localcluster.interrupts import TerminationGuard
from localcluster.kubeconfig import Endpoint
from localcluster.pki import Authority, KeyPair
from localcluster.ports import PortReservation
from localcluster.probe import Probe
from localcluster.processes import Process

START_SECONDS = 90.0
_POLL_SECONDS = 0.05
_PORT_TAKEN = "address already in use"


class ControlPlane(Cluster):
    """Use it as a context manager, sync or async; it lives as long as the block, and never longer than the program.

    Args:
        folder: where the state goes; None for a temporary folder that is removed at the end.
        detached: leave it running when the program ends, see `localcluster.detached`.
        binaries: the programs; None to look for them, and build them where needed.
        apiserver_flags: further flags of kube-apiserver, such as feature gates.
        reserve: how ports are found; a test gives its own.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        detached: bool = False,
        binaries: Binaries | None = None,
        apiserver_flags: Sequence[str] = (),
        reserve: Callable[[int], PortReservation] = PortReservation,
    ) -> None:
        if sys.platform != "linux":
            raise LocalClusterError(
                "the local control plane needs Linux; use an existing cluster through its KUBECONFIG"
            )
        self._binaries = binaries or ensure()
        super().__init__(self._binaries.kubectl)
        self._given_folder = folder
        self._detached = detached
        self._apiserver_flags = tuple(apiserver_flags)
        self._reserve = reserve
        self._folder: Path | None = None
        self._layout: Layout | None = None
        self._authority: Authority | None = None
        self._ports: PortReservation | None = None
        self._processes: list[Process] = []
        self._guard = TerminationGuard()
        self.timings: dict[str, float] = {}
        """Seconds from the start until each stage was reached, in order."""

    def start(self) -> Self:
        """Start everything and wait until it is ready.

        Raises:
            StartError: a process ended or was not ready in time; the message has the end of its log.
        """
        self._guard.install()
        try:
            try:
                self._start_once()
            except PortTakenError:
                self._stop_processes()
                self._start_once()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything, in order; the temporary folder goes too. Stopping twice is fine."""
        self._stop_processes()
        if self._folder is not None and self._given_folder is None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = self._layout = None
        self._guard.remove()

    def leave_running(self) -> None:
        """Forget the processes of a detached cluster, so that nothing stops them but `statefolder.stop_recorded`."""
        if not self._detached:
            raise LocalClusterError("only a detached cluster can be left running")
        self._processes.clear()
        if self._ports is not None:
            self._ports.close()
        self._guard.remove()

    @property
    def folder(self) -> Path:
        """The state folder; logs are in ``log/``."""
        if self._folder is None:
            raise LocalClusterError("the control plane is not running: call start()")
        return self._folder

    @property
    def layout(self) -> Layout:
        """Ports and files."""
        if self._layout is None:
            raise LocalClusterError("the control plane is not running: call start()")
        return self._layout

    @property
    def endpoint(self) -> Endpoint:
        """The API's address and authority."""
        return Endpoint(self.layout.server, self._running_authority().pair.certificate)

    @property
    def admin(self) -> Path:
        """The kubeconfig of ``admin`` in ``system:masters``."""
        return self.folder / "admin.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """Every request, one JSON line each; with bodies for our own kinds."""
        return self.layout.audit_log

    def client_certificate(self, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """Issued by the cluster's authority at once."""
        return self._running_authority().client(user, groups)

    def pause_apiserver(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as behind a broken network."""
        self._process("apiserver").identity.signal(signal.SIGSTOP)

    def resume_apiserver(self) -> None:
        """SIGCONT."""
        self._process("apiserver").identity.signal(signal.SIGCONT)

    def pids(self) -> dict[str, int]:
        """Name → pid of the running processes."""
        return {process.name: process.identity.pid for process in self._processes}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self._guard.install()  # here, since a worker thread cannot
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self.stop))
        self._guard.remove()

    def _start_once(self) -> None:
        started = time.monotonic()
        deadline = started + START_SECONDS
        self.timings = {}

        def mark(stage: str) -> None:
            self.timings[stage] = time.monotonic() - started

        layout = self._prepare()
        mark("files")
        binaries = self._binaries
        self._spawn("etcd", components.etcd_command(binaries, layout))
        self._spawn("apiserver", [*components.apiserver_command(binaries, layout), *self._apiserver_flags])
        pair = (layout.pki / "admin.crt", layout.pki / "admin.key")
        probe = Probe(layout.server, ca=layout.pki / "ca.crt", certificate=pair[0], key=pair[1])
        self._wait(lambda: probe.status("/readyz") == 200, "apiserver", deadline)
        mark("readyz")
        self._spawn("kcm", components.kcm_command(binaries, layout))
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._wait(lambda: probe.status(account) == 200, "kcm", deadline)
        mark("ready")

    def _prepare(self) -> Layout:
        if self._folder is None:
            self._folder = self._given_folder or statefolder.new_temporary()
        for stale in ("etcd", "log", "pki"):
            shutil.rmtree(self._folder / stale, ignore_errors=True)
        (self._folder / "log").mkdir(parents=True)
        self._ports = self._reserve(4)
        self._layout = Layout(self._folder, *self._ports.ports)
        self._authority = components.write_files(self._layout)
        return self._layout

    def _spawn(self, name: str, command: list[str]) -> None:
        log = self.folder / "log" / f"{name}.log"
        self._processes.append(
            Process(name, command, log, detached=self._detached, environment=components.GO_ENVIRONMENT)
        )
        statefolder.record(self.folder, {process.name: process.identity for process in self._processes})

    def _wait(self, ready: Callable[[], bool], name: str, deadline: float) -> None:
        while not ready():
            for process in self._processes:
                if not process.alive():
                    raise _ended(process)
            if time.monotonic() > deadline:
                process = self._process(name)
                raise StartError(f"{name} was not ready in {START_SECONDS:.0f} s; its log ends:\n{process.log_tail()}")
            time.sleep(_POLL_SECONDS)

    def _stop_processes(self) -> None:
        for process in reversed(self._processes):  # kcm, apiserver, etcd
            process.stop(statefolder.GRACE)
        self._processes.clear()
        if self._ports is not None:
            self._ports.close()

    def _process(self, name: str) -> Process:
        for process in self._processes:
            if process.name == name:
                return process
        raise LocalClusterError(f"{name} is not running")

    def _running_authority(self) -> Authority:
        if self._authority is None:
            raise LocalClusterError("the control plane is not running: call start()")
        return self._authority


def _ended(process: Process) -> StartError:
    tail = process.log_tail()
    message = f"{process.name} ended before it was ready; its log ends:\n{tail}"
    return PortTakenError(message) if _PORT_TAKEN in tail else StartError(message)
