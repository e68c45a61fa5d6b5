"""Becomes another program that dies with its parent: `python launcher.py PARENT-PID PROGRAM ARGUMENT...`.

On Linux the kernel kills the program when the thread that started it ends, even by SIGKILL (PR_SET_PDEATHSIG survives
exec). It is set here, in a process of its own, and not between fork and exec of the parent, where a process with
threads must not run Python. Elsewhere the program is simply run. Imports nothing of this package: it is run by path.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> None:
    """Replace this process; returns never, exits 1 when the parent is already gone."""
    parent, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - that is its purpose


if __name__ == "__main__":
    main(sys.argv[1:])
