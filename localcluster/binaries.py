"""Gives the programs of a control plane: from the cache, else from a folder that the user names, else built.

A cache folder is named by all that decides its content and holds ``stamp.json``; it appears by one rename, so a
folder with a stamp is complete.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from localcluster.cachefolder import Report, cache_root, locked
from localcluster.errors import BinariesError
from localcluster.gobuild import build
from localcluster.gotoolchain import find_go
from localcluster.sources import Source, all_sources, chosen_kubernetes

FOLDER_VARIABLE = "WATCHKEEPER_BINARIES"
_STAMP = "stamp.json"
_VERSION_ARGUMENTS = {"kubectl": ["version", "--client"]}


@dataclass(frozen=True)
class Binaries:
    """Where the programs are."""

    etcd: Path
    apiserver: Path
    controller_manager: Path
    kubectl: Path


def ensure(report: Report = print) -> Binaries:
    """Find the programs, or build what the cache lacks; `report` gets a line whenever there is something to wait for.

    Which Kubernetes it is says ``WATCHKEEPER_KUBERNETES`` (a minor version, such as ``1.35``).

    Raises:
        BinariesError: there is no such version here, the folder of ``WATCHKEEPER_BINARIES`` does not hold what is
            needed, or the build failed.
    """
    sources = all_sources(chosen_kubernetes())
    named = os.environ.get(FOLDER_VARIABLE)
    if named and not all(is_cached(source) for source in sources):
        folder = Path(named).absolute()
        for source in sources:
            check_folder(folder, source)
        return _binaries({program: folder for source in sources for program in source.programs})
    folders = {source.name: _cached_or_built(source, report) for source in sources}
    return _binaries({program: folders[source.name] for source in sources for program in source.programs})


def cache_folder(source: Source) -> Path:
    """Where the built programs of `source` are kept."""
    return cache_root() / source.key()


def is_cached(source: Source) -> bool:
    """Whether the cache has every program of `source`, each with the size that the stamp names."""
    folder = cache_folder(source)
    try:
        sizes = json.loads((folder / _STAMP).read_text())["sizes"]
        return all(
            (folder / program).stat().st_size == sizes[program] and os.access(folder / program, os.X_OK)
            for program in source.programs
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def adopt(source: Source, folder: Path) -> Path:
    """Make `folder`, which has every program of `source`, its cache folder: stamp, then one rename."""
    sizes = {program: (folder / program).stat().st_size for program in source.programs}
    (folder / _STAMP).write_text(json.dumps({"key": source.key(), "version": source.version, "sizes": sizes}, indent=1))
    final = cache_folder(source)
    shutil.rmtree(final, ignore_errors=True)
    folder.chmod(0o755)
    return folder.rename(final)


def check_folder(folder: Path, source: Source) -> None:
    """Refuse a folder whose programs are missing or of another minor version.

    Raises:
        BinariesError: names every program that is wrong, not only the first.
    """
    wrong = [
        f"{program}: {problem}"
        for program in source.programs
        if (problem := _version_problem(folder / program, source.minor))
    ]
    if wrong:
        raise BinariesError(
            f"{FOLDER_VARIABLE}={folder} does not hold {source.name} {source.minor}:\n  "
            + "\n  ".join(wrong)
            + f"\nPut the right programs there, or unset {FOLDER_VARIABLE} to have them built."
        )


def _cached_or_built(source: Source, report: Report) -> Path:
    if is_cached(source):
        return cache_folder(source)
    with locked(source.name, report):
        if is_cached(source):
            return cache_folder(source)
        prefix = f".{source.name}-building-"
        for left_over in cache_root().glob(f"{prefix}*"):
            shutil.rmtree(left_over, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=cache_root()))
        try:
            build(source, find_go(report), temporary, report)
            return adopt(source, temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _version_problem(program: Path, minor: str) -> str | None:
    arguments = _VERSION_ARGUMENTS.get(program.name, ["--version"])
    try:
        run = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run ({error})"
    found = re.search(r"\bv?(\d+\.\d+)\.\d+", run.stdout)
    if run.returncode != 0 or found is None:
        return f"does not tell its version (exit code {run.returncode})"
    return None if found[1] == minor else f"version {found[0].lstrip('v')}, needed {minor}"


def _binaries(folders: dict[str, Path]) -> Binaries:
    return Binaries(
        etcd=folders["etcd"] / "etcd",
        apiserver=folders["kube-apiserver"] / "kube-apiserver",
        controller_manager=folders["kube-controller-manager"] / "kube-controller-manager",
        kubectl=folders["kubectl"] / "kubectl",
    )
