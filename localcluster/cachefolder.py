"""The folder outside the checkout that keeps what is slow to make, and the lock of one part of it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Report = Callable[[str], None]
"""Takes one line of progress for a person."""


def cache_root() -> Path:
    """``$WATCHKEEPER_CACHE``, else ``$XDG_CACHE_HOME/watchkeeper``, else ``~/.cache/watchkeeper``."""
    if named := os.environ.get("WATCHKEEPER_CACHE"):
        return Path(named).absolute()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg).absolute() / "watchkeeper"
    return Path.home() / ".cache" / "watchkeeper"


@contextmanager
def locked(name: str, report: Report) -> Iterator[None]:
    """Hold the lock `name` of the cache; the kernel frees it when the holder dies, however it dies."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"another process is preparing {name}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
