"""Becomes the program it is given, after asking the kernel to kill it when the process that started it dies.

Run as a script (``python -I -S launcher.py PARENT_PID PROGRAM ARGUMENT...``) and not as a function before exec in
the child of a fork, which would not be safe in a program with threads. PR_SET_PDEATHSIG survives execve, see prctl(2).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie, then exec; a parent that died in between is noticed by its pid."""
    parent, program = int(sys.argv[1]), sys.argv[2]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")
    try:
        os.execv(program, sys.argv[2:])  # noqa: S606 - to replace this process is the purpose
    except OSError as error:
        sys.exit(f"{program} cannot be started: {error.strerror}")


if __name__ == "__main__":
    main()
