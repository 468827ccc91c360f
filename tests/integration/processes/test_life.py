"""The process itself: it gives its lease back, serves its probes, and says what it lacks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcluster.cluster import Cluster
from localcluster.installation import OPERATOR_NAMESPACE, SERVICE_ACCOUNT, OperatorProcess

pytestmark = pytest.mark.timeout(900)

LEASE = "watchkeeper-operator"
QUICK = {"log_format": "json", "lease_seconds": "3", "observe_interval_seconds": "1"}


def until(what: str, holds: Callable[[], bool], seconds: float = 60.0) -> float:
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < seconds, f"{what} did not come in {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - begin


def said(process: OperatorProcess, message: str) -> bool:
    return f'"message": "{message}"' in process.process.log.read_text()


def a_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


@pytest.fixture
def operators(installed: Cluster, tmp_path: Path) -> Iterator[Callable[..., OperatorProcess]]:
    made: list[OperatorProcess] = []

    def make(name: str, **settings: str) -> OperatorProcess:
        process = OperatorProcess(installed, tmp_path, name=name, settings={**QUICK, **settings})
        made.append(process)
        process.start()
        return process

    yield make
    for process in made:
        process.kill()


def test_sigterm_ends_it_with_exit_code_0_and_gives_the_lease_back(
    installed: Cluster, operators: Callable[..., OperatorProcess]
) -> None:
    process = operators("one")
    until("leading", lambda: said(process, "leading"))
    pid = process.process.identity.pid
    os.kill(pid, signal.SIGTERM)
    took = until("the end", lambda: not process.process.alive(), 12)
    assert process.process.exit_code() == 0
    assert said(process, "stopped")
    lease = json.loads(installed.kubectl("-n", OPERATOR_NAMESPACE, "get", "lease", LEASE, "-o", "json").stdout)
    assert not lease["spec"].get("holderIdentity")
    print(f"\nSIGTERM to exit: {took:.1f} s")


def test_probes_and_metrics_are_served(operators: Callable[..., OperatorProcess]) -> None:
    port = a_port()
    process = operators("one", probe_port=str(port), probe_host="127.0.0.1", leader_election="false")
    until("leading", lambda: said(process, "leading"))
    until("readiness", lambda: read(port, "/readyz")[0] == 200)
    assert read(port, "/healthz") == (200, "ok\n")
    status, text = read(port, "/metrics")
    assert status == 200
    for name in ("watchkeeper_workqueue_depth", "watchkeeper_leading 1.0", "watchkeeper_reconcile_total"):
        assert name in text
    assert "watchkeeper_guard_active 1.0" in text


def test_without_a_kubeconfig_it_says_what_to_name() -> None:
    done = run({})
    assert done.returncode == 2
    assert "KUBECONFIG" in done.stderr


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The operator with only these variables."""
    keep = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [sys.executable, "-m", "watchkeeper.runtime"],
        env={**keep, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_service_account_is_the_one_that_is_shipped(installed: Cluster) -> None:
    answer = installed.kubectl(
        "auth", "can-i", "delete", "subjects.watchkeeper.dev", "-A",
        kubeconfig=installed.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT), check=False,
    )  # fmt: skip
    assert answer.stdout.strip() == "no"
