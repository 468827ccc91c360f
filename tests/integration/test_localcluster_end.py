"""A control plane ends with its program, in every way in which a program can end, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from localcluster import statefolder
from localcluster.binaries import ensure
from localcluster.controlplane import ControlPlane
from localcluster.errors import PortTakenError, StartError
from localcluster.ports import PortReservation
from localcluster.processes import Identity
from localcluster.sources import chosen_kubernetes, kubernetes_versions

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell begins with it ignored
from localcluster.controlplane import ControlPlane
with ControlPlane() as plane:
    print(json.dumps({"pids": plane.pids(), "folder": str(plane.folder), "port": plane.layout.api_port}), flush=True)
    time.sleep(100)
"""


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def all_gone(pids: Iterable[int]) -> bool:
    return all(Identity.of(pid) is None for pid in pids)


def refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_stop_leaves_no_process_no_port_and_no_folder() -> None:
    with ControlPlane() as plane:
        pids, folder, port = plane.pids(), plane.folder, plane.layout.api_port
        assert set(pids) == {"etcd", "apiserver", "kcm"}
        assert not all_gone(pids.values())
    assert all_gone(pids.values())
    assert refused(port)
    assert not folder.exists()


async def test_async_block() -> None:
    async with ControlPlane() as plane:
        pids = plane.pids()
        who = await asyncio.to_thread(plane.kubectl, "auth", "whoami", user="alice")
        assert "alice" in who.stdout
    assert all_gone(pids.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_an_interrupted_program(number: signal.Signals, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, env=environment
    ) as program:
        assert program.stdout is not None
        state = json.loads(program.stdout.readline())
        assert not all_gone(state["pids"].values())
        program.send_signal(number)
        assert program.wait(60) != 0
        assert eventually(lambda: all_gone(state["pids"].values()), 5.0)
    assert refused(state["port"])
    folder = Path(state["folder"])
    assert folder.exists() == (number is signal.SIGKILL)


def test_the_folder_of_a_killed_program_goes_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    living = statefolder.new_temporary()
    dead = tmp_path / f"{statefolder.PREFIX}dead"
    dead.mkdir()
    (dead / "owner.json").write_text(json.dumps({"pid": os.getpid(), "started": 1}))  # our pid, used by another before
    statefolder.new_temporary()
    assert living.exists()
    assert not dead.exists()


def test_it_outlives_the_thread_that_started_it() -> None:
    plane = ControlPlane()
    thread = threading.Thread(target=plane.start)
    thread.start()
    thread.join()
    try:
        time.sleep(0.3)
        assert "default" in plane.kubectl("get", "namespaces", "-o", "name").stdout
    finally:
        plane.stop()


def test_a_process_that_ends_is_reported_with_its_log(tmp_path: Path) -> None:
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho the reason why\nexit 3\n")
    broken.chmod(0o755)
    plane = ControlPlane(binaries=replace(ensure(), apiserver=broken))
    with pytest.raises(StartError, match=r"apiserver ended before it was ready(.|\n)*the reason why"):
        plane.start()
    assert plane.pids() == {}


class _Taken(PortReservation):
    """Gives the port of a listener of somebody else, as often as told."""

    times = 0
    calls = 0

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.listener: socket.socket | None = None
        type(self).calls += 1
        if type(self).calls <= self.times:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.ports[0] = self.listener.getsockname()[1]

    def close(self) -> None:
        super().close()
        if self.listener is not None:
            self.listener.close()


def test_a_taken_port_is_tried_once_more() -> None:
    class Once(_Taken):
        times = 1

    with ControlPlane(reserve=Once) as plane:
        assert "default" in plane.kubectl("get", "namespaces", "-o", "name").stdout
    assert Once.calls == 2


def test_a_port_taken_twice_is_an_error() -> None:
    class Always(_Taken):
        times = 9

    with pytest.raises(PortTakenError, match="address already in use"):
        ControlPlane(reserve=Always).start()
    assert Always.calls == 2


def cluster_command(
    command: str, state: Path, *, check: bool = True, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WATCHKEEPER_STATE": str(state), **variables}
    return subprocess.run(
        [sys.executable, "-m", "localcluster", command],
        capture_output=True, text=True, timeout=60, env=environment, cwd=ROOT, check=check,
    )  # fmt: skip


def test_up_stays_until_down(tmp_path: Path) -> None:
    try:
        first = cluster_command("up", tmp_path).stdout
        admin = tmp_path / "cluster" / "admin.kubeconfig"
        assert f"export KUBECONFIG={admin}" in first
        assert str(tmp_path / "cluster" / "alice.kubeconfig") in first
        pids = [identity.pid for identity in statefolder.recorded(tmp_path / "cluster").values()]
        assert len(pids) == 3
        second = cluster_command("up", tmp_path).stdout
        assert "running already" in second
        assert [identity.pid for identity in statefolder.recorded(tmp_path / "cluster").values()] == pids
        other = next(version for version in kubernetes_versions() if version != chosen_kubernetes())
        refused = cluster_command("up", tmp_path, check=False, WATCHKEEPER_KUBERNETES=other)
        assert refused.returncode == 1
        assert f"a cluster of Kubernetes {chosen_kubernetes()} is running: `make cluster-down` first" in refused.stderr
        kubectl = [str(ensure().kubectl), f"--kubeconfig={admin}", f"--cache-dir={tmp_path}", "get", "ns", "-o", "name"]
        assert "default" in subprocess.run(kubectl, capture_output=True, text=True, timeout=30, check=True).stdout
    finally:
        stopped = cluster_command("down", tmp_path).stdout
    assert "stopped 3 processes" in stopped
    assert all_gone(pids)
    assert not (tmp_path / "cluster").exists()
    assert "no cluster was running" in cluster_command("down", tmp_path).stdout
