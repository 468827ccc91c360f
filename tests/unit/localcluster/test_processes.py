"""Only a process that we started is ever signalled; ports stay ours until they are used."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from localcluster import statefolder
from localcluster.errors import LocalClusterError
from localcluster.interrupts import Terminated, TerminationGuard
from localcluster.ports import PortReservation
from localcluster.processes import Identity, Process

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


def started(path: Path, *command: str) -> Process:
    return Process("p", command, path / "p.log")


def test_a_stopped_process_is_gone_and_reaped(tmp_path: Path) -> None:
    process = started(tmp_path, "/bin/sleep", "60")
    assert process.identity.alive()
    process.stop(2.0)
    assert not process.identity.alive()
    assert not Path(f"/proc/{process.identity.pid}").exists(), "no zombie"


def test_a_paused_process_can_be_stopped(tmp_path: Path) -> None:
    process = started(tmp_path, "/bin/sleep", "60")
    process.identity.signal(signal.SIGSTOP)
    began = time.monotonic()
    process.stop(60.0)
    assert time.monotonic() - began < 50.0


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    process = started(tmp_path, sys.executable, "-c", STUBBORN)
    while "ready" not in process.log_tail():
        time.sleep(0.02)
    began = time.monotonic()
    process.stop(0.3)
    assert 0.3 <= time.monotonic() - began < 20.0


def test_a_process_that_cannot_start_is_not_alive(tmp_path: Path) -> None:
    process = started(tmp_path, str(tmp_path / "missing"))
    process._popen.wait(10)
    assert not process.alive()
    assert f"{tmp_path / 'missing'} cannot be started: No such file" in process.log_tail()
    process.stop(0.1)


def test_a_reused_pid_is_never_signalled(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        identity = Identity.of(stranger.pid)
        assert identity is not None
        older = replace(identity, started=identity.started - 1)
        statefolder.record(tmp_path, {"apiserver": older})
        assert statefolder.stop_recorded(tmp_path) == 0
        older.stop(0.1)
        older.signal(signal.SIGKILL)
        assert stranger.poll() is None
        statefolder.record(tmp_path, {"apiserver": identity})
        assert statefolder.stop_recorded(tmp_path) == 1
        assert stranger.wait(5) == -signal.SIGTERM


def test_a_zombie_is_not_alive() -> None:
    with subprocess.Popen(["/bin/true"]) as child:
        identity = Identity.of(child.pid)
        for _ in range(200):
            if Identity.of(child.pid) is None:
                break
            time.sleep(0.02)
        assert Identity.of(child.pid) is None
        assert identity is None or not identity.alive()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"etcd": 1}', '{"etcd": ["x", 1]}'])
def test_a_damaged_record_is_an_error_and_is_kept(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert statefolder.recorded(tmp_path) == {}
    folder = tmp_path / f"{statefolder.PREFIX}x"
    folder.mkdir()
    (folder / "processes.json").write_text(content)
    with pytest.raises(LocalClusterError, match="stop the processes whose command line names"):
        statefolder.stop_recorded(folder)
    (folder / "owner.json").write_text(json.dumps({"pid": os.getpid(), "started": 1}))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    statefolder.remove_orphans()
    assert folder.exists()


def test_what_a_killed_program_left_is_stopped_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / f"{statefolder.PREFIX}x"
    folder.mkdir()
    (folder / "owner.json").write_text(json.dumps({"pid": os.getpid(), "started": 1}))
    with subprocess.Popen(["/bin/sleep", "60"]) as orphan:
        identity = Identity.of(orphan.pid)
        assert identity is not None
        statefolder.record(folder, {"etcd": identity})
        statefolder.remove_orphans()
        assert orphan.wait(5) == -signal.SIGTERM
    assert not folder.exists()


def test_a_reserved_port_goes_to_nobody_but_a_server_that_shares_it() -> None:
    reservation = PortReservation(2)
    port, unused = reservation.ports
    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind(("127.0.0.1", port))
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        for _ in range(20):  # every connection reaches the one that listens
            with socket.create_connection(("127.0.0.1", port), timeout=1.0):
                server.accept()[0].close()
    reservation.close()
    with socket.socket() as later:
        later.bind(("127.0.0.1", unused))


def test_sigterm_becomes_an_exception_while_the_guard_is_there() -> None:
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    guard = TerminationGuard()
    try:
        guard.install()
        with pytest.raises(Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
        guard.remove()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_handler_of_somebody_else_stays() -> None:
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    guard = TerminationGuard()
    try:
        guard.install()
        guard.remove()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
