"""The one control plane of a user that stays after the command that started it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from localcluster import statefolder
from localcluster.cachefolder import Report, locked
from localcluster.controlplane import ControlPlane
from localcluster.errors import LocalClusterError
from localcluster.sources import chosen_kubernetes

PEOPLE = ("alice", "bob", "carol")
_COMPONENTS = set(statefolder.STOP_ORDER)
_VERSION = "kubernetes-version"
"""The file in the state folder that holds the minor version."""


@dataclass(frozen=True)
class Running:
    """Where the kubeconfigs of a detached cluster are."""

    admin: Path
    people: tuple[Path, ...]


def state_folder() -> Path:
    """``$WATCHKEEPER_STATE``, else ``$XDG_STATE_HOME/watchkeeper``, else ``~/.local/state/watchkeeper``; + ``/cluster``."""
    if named := os.environ.get("WATCHKEEPER_STATE"):
        return Path(named).absolute() / "cluster"
    xdg = os.environ.get("XDG_STATE_HOME")
    return (Path(xdg).absolute() if xdg else Path.home() / ".local" / "state") / "watchkeeper" / "cluster"


def running() -> Running | None:
    """The cluster that runs; None where there is none, or not all of its processes are alive."""
    folder = state_folder()
    alive = {name for name, identity in statefolder.recorded(folder).items() if identity.alive()}
    admin = folder / "admin.kubeconfig"
    people = tuple(folder / f"{name}.kubeconfig" for name in PEOPLE)
    complete = alive >= _COMPONENTS and all(path.exists() for path in (admin, *people))
    return Running(admin, people) if complete else None


def up(report: Report) -> Running:
    """Start it, unless it runs already.

    Raises:
        LocalClusterError: it could not be started, and nothing is left running; or one of another version runs.
    """
    wanted = chosen_kubernetes()
    with locked("cluster", report):
        folder = state_folder()
        if found := running():
            there = _version(folder)
            if there != f"Kubernetes {wanted}":
                raise LocalClusterError(f"a cluster of {there} is running: `make cluster-down` first")
            report("the cluster is running already")
            return found
        _remove()  # what a reboot or a kill left
        folder.mkdir(mode=0o700, parents=True)
        (folder / _VERSION).write_text(wanted)
        plane = ControlPlane(folder=folder, detached=True)
        with plane:  # an error or an interrupt from here on stops it again
            started = Running(plane.admin, tuple(plane.kubeconfig(name) for name in PEOPLE))
            report(f"ready after {plane.timings['ready']:.1f} s")
            plane.leave_running()
        return started


def _version(folder: Path) -> str:
    """Of the cluster that runs; one that an older checkout has started did not write it down."""
    try:
        return f"Kubernetes {(folder / _VERSION).read_text()}"
    except FileNotFoundError:
        return "an unknown version of Kubernetes"


def down(report: Report) -> None:
    """Stop it and remove its state; only processes that ``up`` recorded, by pid and start time."""
    with locked("cluster", report):
        stopped = _remove()
    report(f"stopped {stopped} processes" if stopped else "no cluster was running")


def _remove() -> int:
    folder = state_folder()
    stopped = statefolder.stop_recorded(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return stopped
