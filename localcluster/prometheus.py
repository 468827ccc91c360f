"""A real Prometheus on loopback for tests and the demo: from PATH, else from the cache, else from Debian's package.

The package is unpacked into the cache; nothing is installed on the machine, and no rights are needed.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from localcluster.cachefolder import Report, cache_root, locked
from localcluster.errors import BinariesError, PortTakenError, StartError
from localcluster.processes import Process

PACKAGE = "prometheus"
START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
_PORT_TRIES = 5
_APT_SECONDS = 300.0


def find_program(report: Report = print) -> Path:
    """The `prometheus` on PATH, else the one in the cache, fetched once.

    Raises:
        BinariesError: there is none and it cannot be had.
    """
    if on_path := shutil.which("prometheus"):
        return Path(on_path)
    folder = cache_root() / "prometheus-debian"
    program = folder / "usr" / "bin" / "prometheus"
    if not program.exists():
        with locked("prometheus", report):
            if not program.exists():
                _fetch(folder, report)
    return program


class Prometheus:
    """Scrapes `jobs` every `interval_seconds`; use it as a context manager.

    Args:
        jobs: name of a job -> its targets, each `host:port` or a group `{"targets": [...], "labels": {...}}` as in
            Prometheus' own file; they are scraped at /metrics.
        interval_seconds: between two scrapes.
        program: None to look for it.
    """

    def __init__(
        self,
        jobs: Mapping[str, Sequence[str | Mapping[str, Any]]],
        *,
        interval_seconds: int = 1,
        program: Path | None = None,
    ) -> None:
        self._jobs = {job: list(targets) for job, targets in jobs.items()}
        self._interval = interval_seconds
        self._program = program or find_program()
        self._folder: Path | None = None
        self._process: Process | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Of the running server.

        Raises:
            StartError: it does not run.
        """
        if self._process is None:
            raise StartError("Prometheus is not running: call start()")
        return self._process.identity.pid

    def start(self) -> Self:
        """Start it and wait until it is ready.

        Raises:
            StartError: it ended, or was not ready in time; the message has the end of its log.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="wk-prometheus-")).resolve()
        (self._folder / "prometheus.yml").write_text(json.dumps(self._config(), indent=1))
        try:
            for attempt in range(1, _PORT_TRIES + 1):
                try:
                    self._start_once(self._folder)
                    break
                except PortTakenError:
                    self._stop_process()
                    if attempt == _PORT_TRIES:
                        raise
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop it and remove its data. Stopping twice is fine."""
        self._stop_process()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _config(self) -> dict[str, object]:
        """As JSON, which is YAML."""
        interval = f"{self._interval}s"
        jobs = [
            {
                "job_name": job,
                "static_configs": [one if isinstance(one, Mapping) else {"targets": [one]} for one in targets],
            }
            for job, targets in self._jobs.items()
        ]
        scraping = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
        return {"global": scraping, "scrape_configs": jobs}

    def _start_once(self, folder: Path) -> None:
        self._port = _free_port()
        command = [
            str(self._program),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=2h",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=warn",
        ]
        self._process = Process("prometheus", command, folder / "prometheus.log")
        deadline = time.monotonic() + START_SECONDS
        while not self._ready(folder):
            if not self._process.alive():
                tail = self._process.log_tail()
                message = f"Prometheus ended before it was ready; its log ends:\n{tail}"
                raise PortTakenError(message) if "address already in use" in tail else StartError(message)
            if time.monotonic() > deadline:
                raise StartError(
                    f"Prometheus was not ready in {START_SECONDS:.0f} s; its log ends:\n{self._process.log_tail()}"
                )
            time.sleep(_POLL_SECONDS)

    def _ready(self, folder: Path) -> bool:
        """Whether it answers, and it is ours: another one may have taken the port before us."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/-/ready", timeout=2):
                pass
            with opener.open(f"{self.url}/api/v1/status/runtimeinfo", timeout=2) as answer:
                return bool(json.load(answer)["data"]["CWD"] == str(folder))
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _stop_process(self) -> None:
        if self._process is not None:
            self._process.stop(_STOP_SECONDS)
            self._process = None


def _free_port() -> int:
    """Free at this moment; Prometheus has no flag to share a port that is held for it, so start() tries again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _fetch(folder: Path, report: Report) -> None:
    """Download the package and unpack it beside `folder`, then rename: a killed run never looks complete."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise BinariesError("there is no prometheus on PATH and no apt to get it with: install Prometheus")
    report("fetching Debian's package of Prometheus (25 MB, once)")
    with tempfile.TemporaryDirectory(prefix=".prometheus-", dir=cache_root()) as temporary:
        work = Path(temporary)
        _download(work, report)
        packages = list(work.glob(f"{PACKAGE}_*.deb"))
        if len(packages) != 1:
            raise BinariesError("apt-get download gave no package of Prometheus: install Prometheus on PATH")
        _run(["dpkg-deb", "-x", str(packages[0]), str(work / "unpacked")], work)
        if not (work / "unpacked" / "usr" / "bin" / "prometheus").exists():
            raise BinariesError(f"{packages[0].name} holds no usr/bin/prometheus: install Prometheus on PATH")
        shutil.rmtree(folder, ignore_errors=True)
        (work / "unpacked").rename(folder)


def _download(work: Path, report: Report) -> None:
    """With the package lists of the machine; where those are missing or old, with fresh ones in a folder of our own."""
    try:
        _run(["apt-get", "download", PACKAGE], work)
    except BinariesError:
        report("the package lists are missing or old: fetching them")
        (work / "state" / "lists" / "partial").mkdir(parents=True)
        (work / "cache" / "archives" / "partial").mkdir(parents=True)
        own = ["-o", f"Dir::State::Lists={work / 'state' / 'lists'}", "-o", f"Dir::Cache={work / 'cache'}"]
        own += ["-o", "APT::Sandbox::User="]
        _run(["apt-get", *own, "update"], work)
        _run(["apt-get", *own, "download", PACKAGE], work)


def _run(command: list[str], folder: Path) -> None:
    try:
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_APT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BinariesError(f"{command[0]}: {error}: install Prometheus on PATH") from error
    if run.returncode != 0:
        raise BinariesError(f"{' '.join(command)} failed: {run.stderr.strip()[-500:]}\nInstall Prometheus on PATH.")
