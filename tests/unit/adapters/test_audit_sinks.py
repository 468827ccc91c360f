"""The sinks: whole lines in their order, flushed; torn lines, rotation, full disks, readers that do not read."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from watchkeeper.adapters.audit.file import FileSink
from watchkeeper.adapters.audit.lines import Torn
from watchkeeper.adapters.audit.stdout import StdoutSink
from watchkeeper.engine.audit.lane import Lane
from watchkeeper.ports.audit import SinkFailed


async def test_lines_are_appended_and_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    sink = FileSink(tmp_path / "a.jsonl")
    await sink.append([b'{"n":1}\n', b'{"n":2}\n'])
    files = len(synced)
    await sink.append([b'{"n":3}\n'])
    assert (tmp_path / "a.jsonl").read_bytes() == b'{"n":1}\n{"n":2}\n{"n":3}\n'
    assert len(synced) == files + 1
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o777 == 0o600
    assert await sink.last() == b'{"n":3}'
    await sink.close()


async def test_a_line_that_a_crash_cut_off_stays_and_the_next_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":')
    sink = FileSink(path)
    assert await sink.last() == b'{"n":1}'
    await sink.append([b'{"n":2}\n'])
    assert path.read_bytes() == b'{"n":1}\n{"n":\n{"n":2}\n'
    await sink.close()


async def test_it_follows_a_rotation_by_renaming(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    sink = FileSink(path)
    await sink.append([b"1\n"])
    path.rename(tmp_path / "a.1")
    await sink.append([b"2\n"])
    path.rename(tmp_path / "a.2")
    path.write_bytes(b"")
    await sink.append([b"3\n"])
    assert [(tmp_path / name).read_bytes() for name in ("a.1", "a.2", "a.jsonl")] == [b"1\n", b"2\n", b"3\n"]
    await sink.close()


async def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SinkFailed):
        await FileSink(tmp_path / "a.jsonl").append([b"1\n"])
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("path", ["/dev/full", "/nowhere/a.jsonl"])
async def test_what_the_system_says_is_told(path: str) -> None:
    with pytest.raises(SinkFailed, match=path):
        await FileSink(Path(path)).append([b"1\n"])


async def test_a_reader_that_does_not_read_holds_nothing_but_the_sink() -> None:
    reader, writer = os.pipe()
    lane = Lane(StdoutSink(writer), timeout_seconds=0.2)
    lane.put(b"x" * 1_000_000 + b"\n")
    async with asyncio.timeout(20):
        await lane.flush()
    assert "nothing was taken within" in str(lane.problem)
    assert lane.waiting == 1
    drained = asyncio.get_running_loop().run_in_executor(None, _read_all, reader, 2_000_002)
    await lane.flush()
    data = await drained
    assert lane.problem is None
    assert data.count(b"\n") == 2, "what was on its way, and the same line once more"
    os.close(writer)
    os.close(reader)


def _read_all(fd: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += os.read(fd, 65536)
    return data


async def test_a_closed_reader_is_told() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(SinkFailed, match="stdout"):
        await StdoutSink(writer).append([b"1\n"])
    os.close(writer)


def test_a_half_written_line_is_ended_first(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    room = [5, 0]

    def write(fd: int, data: bytes) -> int:
        del fd
        if room and room[0] == 0:
            room.pop(0)
            raise OSError(28, "No space left on device")
        taken = bytes(data[: room.pop(0)] if room else data)
        written.append(taken)
        return len(taken)

    monkeypatch.setattr(os, "write", write)
    lines = Torn()
    with pytest.raises(OSError, match="No space"):
        lines.write(1, [b"12\n", b"345\n"])
    lines.write(1, [b"12\n", b"345\n"])
    assert b"".join(written) == b"12\n34\n12\n345\n"


async def test_a_thousand_records_a_second_can_be_flushed(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a.jsonl")
    line = b"x" * 900 + b"\n"
    begin = time.monotonic()
    for _ in range(50):
        await sink.append([line])
    each = (time.monotonic() - begin) / 50
    print(f"one record with fsync: {1000 * each:.2f} ms")
    await sink.close()
    assert each < 0.5
