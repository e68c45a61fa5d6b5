"""A child process with a log file that never outlives its parent."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Linux only: the kernel ends the child when the thread that started it dies, so a killed test run leaves no orphans.
# In the child itself, then exec, since a preexec_fn is unsafe in a parent with threads. 1 is PR_SET_PDEATHSIG; the
# parent may have died before the call, hence the look at getppid.
_TIED = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
os.getppid() == int(sys.argv[1]) or sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class ProcessEnded(Exception):
    """A process that should run has ended; the message has the tail of its log."""


@dataclass(frozen=True, slots=True)
class Process:
    """A running program. Start it from a thread that lives as long as the program should."""

    name: str
    child: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raises ProcessEnded with the last log lines unless the program runs."""
        if self.child.poll() is not None:
            tail = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
            raise ProcessEnded(f"{self.name}: ended with code {self.child.returncode}; the end of {self.log}:\n{tail}")

    def ends_within(self, seconds: float) -> bool:
        """Waits for its end, at most so long; whether it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(seconds)
        return self.child.returncode is not None

    def stop(self, grace_s: float = 5.0) -> None:
        """Ends it with SIGTERM, and with SIGKILL after the grace; returns when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self.child.send_signal(signal.SIGTERM)
        if not self.ends_within(grace_s):
            self.child.kill()
            self.child.wait()


def start(name: str, command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Starts `command` in a session of its own, so that Ctrl-C in a terminal reaches only the parent.

    `environment` is added to this process's own. What it prints goes to `folder`/`name`.log.
    """
    log = folder / f"{name}.log"
    tied = [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *command] if sys.platform == "linux" else command
    with log.open("ab") as output:
        child = subprocess.Popen(
            tied,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    return Process(name, child, log)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on; held open together, so they differ from one another."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
