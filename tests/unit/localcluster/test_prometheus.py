from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from localcluster import prometheus
from localcluster.errors import BinariesError, StartError
from localcluster.processes import Identity
from localcluster.prometheus import Prometheus


def test_it_starts_on_loopback_and_leaves_nothing() -> None:
    with Prometheus({"nobody": ["127.0.0.1:1"]}) as server:
        pid, folder = server.pid, server._folder
        assert httpx.get(f"{server.url}/-/ready", trust_env=False).status_code == 200
    assert Identity.of(pid) is None
    assert folder is not None
    assert not folder.exists()
    server.stop()
    with pytest.raises(StartError, match="not running"):
        _ = server.pid


def test_a_configuration_that_it_refuses_is_shown() -> None:
    with pytest.raises(StartError, match="ended before it was ready"):
        Prometheus({"bad": ["not a target/at all"]}).start()


def test_a_taken_port_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Prometheus({}) as first:
        taken = [first._port]
        monkeypatch.setattr(
            prometheus, "_free_port", lambda real=prometheus._free_port: taken.pop() if taken else real()
        )
        with Prometheus({}) as second:
            assert not taken
            assert second.url != first.url


def test_without_path_cache_and_apt_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WATCHKEEPER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BinariesError, match="install Prometheus"):
        prometheus.find_program(report=lambda _: None)


def test_many_who_need_it_fetch_it_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WATCHKEEPER_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    fetched: list[Path] = []

    def fetch(folder: Path, report: object) -> None:
        del report
        fetched.append(folder)
        (folder / "usr" / "bin").mkdir(parents=True)
        (folder / "usr" / "bin" / "prometheus").touch()

    monkeypatch.setattr(prometheus, "_fetch", fetch)
    threads = [threading.Thread(target=prometheus.find_program, args=(lambda _: None,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetched) == 1
    assert prometheus.find_program() == fetched[0] / "usr" / "bin" / "prometheus"
