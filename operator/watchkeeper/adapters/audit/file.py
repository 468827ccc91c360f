"""The append-only file: opened with O_APPEND, flushed to the disk with each batch, never cut or rewritten.

It may be rotated by renaming it (logrotate without `copytruncate`): before each batch the name is looked at, and a file
that is new or another one is opened. A line that a crash cut off stays as it is; the next one begins on its own line.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from watchkeeper.adapters.audit.lines import LineThread, Torn

MODE = 0o600
TAIL_BYTES = 256 * 1024
"""More than the longest line."""


class FileSink:
    """Implements `ports.audit.AuditSink`; flushed means on the disk (fsync)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = f"file {path}"
        self._thread = LineThread(self.name)
        self._lines = Torn()
        self._fd: int | None = None

    async def append(self, lines: Sequence[bytes]) -> None:
        """See the port."""
        await self._thread.run(lambda: self._append(lines))

    async def last(self) -> bytes | None:
        """See the port."""
        return await self._thread.run(self._last)

    async def close(self) -> None:
        """Close the file; in its thread, since a number that is closed under a write could be somebody else's by then."""
        self._thread.close(self._close)

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _append(self, lines: Sequence[bytes]) -> None:
        fd = self._opened()
        self._lines.write(fd, lines)
        os.fsync(fd)

    def _opened(self) -> int:
        """The file of that name as it is now."""
        if self._fd is not None:
            if _same(self._fd, self._path):
                return self._fd
            self._close()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self._path, flags, MODE)
        size = os.fstat(self._fd).st_size
        self._lines.torn = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"
        _sync_folder(self._path.parent)
        return self._fd

    def _last(self) -> bytes | None:
        fd = self._opened()
        size = os.fstat(fd).st_size
        start = max(0, size - TAIL_BYTES)
        tail = os.pread(fd, size - start, start)
        whole = tail[: tail.rfind(b"\n") + 1].splitlines()
        return next((line for line in reversed(whole) if line.startswith(b"{") and line.endswith(b"}")), None)


def _same(fd: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(fd)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _sync_folder(folder: Path) -> None:
    """A new file's name must outlive a loss of power, too."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
