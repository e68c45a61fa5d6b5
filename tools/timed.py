"""Runs a command and closes with one line: its name, how it ended and how long it took.

`python tools/timed.py NAME COMMAND [ARGUMENT ...]`; the exit code is the command's own.
"""

import signal
import subprocess
import sys
import time


def run(command: list[str]) -> int:
    """Exit code of the command; a signal's number + 128 as a shell would say it."""
    child = subprocess.Popen(command)
    # Ctrl-C reaches the child from the terminal too; it decides how to end, and the closing line is printed after it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
    code = child.wait()
    return code if code >= 0 else 128 - code


def main() -> int:
    """Prints the closing line and returns the command's exit code."""
    name, *command = sys.argv[1:]
    started = time.monotonic()
    code = run(command)
    interrupted = 128 + signal.SIGINT
    result = {0: "ok", interrupted: "interrupted"}.get(code, f"FAILED (exit code {code})")
    print(f"{name}: {result} in {time.monotonic() - started:.1f} s", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
