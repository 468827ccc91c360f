"""CPU time and memory of a process, from proc(5)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far."""

    cpu_seconds: float
    """User and system time of all its threads; a tick is 10 ms."""
    resident_mib: float
    peak_mib: float


def usage(pid: int) -> Usage:
    """Read it now.

    Raises:
        OSError: there is no such process.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    words = [line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    kib = {line[0]: int(line[1]) for line in words if line and line[0] in {"VmRSS:", "VmHWM:"}}
    cpu = (int(fields[11]) + int(fields[12])) / _TICKS  # fields 14 and 15: utime, stime
    return Usage(cpu, kib["VmRSS:"] / 1024, kib["VmHWM:"] / 1024)
