"""The folder of one running control plane: whose it is, and which processes belong to it.

``processes.json`` names every process by pid and start time, ``owner.json`` the program that is responsible. So a
cluster can be stopped by another program, and what a killed program left behind can be found and removed.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from localcluster.errors import LocalClusterError
from localcluster.processes import Identity

PREFIX = "wk-cluster-"
STOP_ORDER = ("kcm", "apiserver", "etcd")
GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL: the data is thrown away, and kube-apiserver waits for open watches."""
_OWNER = "owner.json"
_PROCESSES = "processes.json"


def new_temporary() -> Path:
    """A new folder with a short path, owned by this program; first removes what killed programs left behind."""
    remove_orphans()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    own = Identity.of(os.getpid())
    assert own is not None  # noqa: S101 - this process exists
    _write(folder / _OWNER, {"pid": own.pid, "started": own.started})
    return folder


def remove_orphans() -> None:
    """Stop and remove the temporary clusters of this user whose owner is gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if folder.stat().st_uid != os.getuid():
                continue
            owner = json.loads((folder / _OWNER).read_text())
            alive = Identity(owner["pid"], owner["started"]).alive()
        except (OSError, ValueError, KeyError):
            continue  # it is being made, or being removed, at this moment
        if not alive:
            with suppress(LocalClusterError):  # left as it is, rather than without its record
                stop_recorded(folder)
                shutil.rmtree(folder, ignore_errors=True)


def record(folder: Path, processes: dict[str, Identity]) -> None:
    """Write down which processes belong to the cluster in `folder`."""
    _write(folder / _PROCESSES, {name: [identity.pid, identity.started] for name, identity in processes.items()})


def recorded(folder: Path) -> dict[str, Identity]:
    """The processes that were written down; empty where nothing was.

    Raises:
        LocalClusterError: there is a record that cannot be read, so processes may run that nobody can name.
    """
    path = folder / _PROCESSES
    try:
        content = json.loads(path.read_text())
        return {name: Identity(int(pid), int(started)) for name, (pid, started) in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise LocalClusterError(
            f"{path} cannot be read ({error}): stop the processes whose command line names {folder}, then remove it"
        ) from error


def stop_recorded(folder: Path) -> int:
    """Stop what was written down and still runs, in order; gives how many that were."""
    running = {name: identity for name, identity in recorded(folder).items() if identity.alive()}
    for name in sorted(running, key=lambda name: STOP_ORDER.index(name) if name in STOP_ORDER else -1):
        running[name].stop(GRACE)
    return len(running)


def _write(path: Path, content: object) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content))
    partial.rename(path)
