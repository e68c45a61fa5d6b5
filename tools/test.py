"""Runs all tests: `make test`. Arguments are handed on to pytest, and then everything is one run.

First all that counts in milliseconds, on four workers with coverage; then, one after the other and without it, what plays
scenarios against whole controllers in real time and suffers from a busy machine.

coverage starts pytest and not the other way round: two of the packages are pytest plugins, imported before any plugin
for coverage could start, and tests start processes of their own.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def coverage(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs one of coverage's commands; its output is shown as it comes."""
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=False)


# Folders that play many scenarios at once in real time, each with the number of its workers: one for a world or a town.
PLAYED = {"tests/cluster": "2", "tests/compat": "2", "tests/routers": "2"}


def main() -> int:
    """The first exit code of pytest that is not 0, whatever the coverage is."""
    given = sys.argv[1:]
    coverage("erase")
    first = given or [argument for folder in PLAYED for argument in ("--ignore", folder)]
    codes = [coverage("run", "-m", "pytest", "-n", "4", "--dist", "loadgroup", *first).returncode]
    coverage("combine", "--quiet")
    print(
        "coverage of lines and branches, in per cent (`.venv/bin/coverage report` says where the gaps are):", flush=True
    )
    coverage("report", "--format=total", "--precision=1")
    for folder, workers in () if given else PLAYED.items():
        command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "loadgroup", folder]
        codes.append(subprocess.run(command, cwd=ROOT, check=False).returncode)
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
