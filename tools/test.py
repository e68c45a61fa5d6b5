"""Runs all tests on two workers with coverage: `make test`. Arguments are handed on to pytest.

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


def main() -> int:
    """Exit code of pytest, whatever the coverage is."""
    coverage("erase")
    code = coverage("run", "-m", "pytest", "-n", "4", "--dist", "loadgroup", *sys.argv[1:]).returncode
    coverage("combine", "--quiet")
    print(
        "coverage of lines and branches, in per cent (`.venv/bin/coverage report` says where the gaps are):", flush=True
    )
    coverage("report", "--format=total", "--precision=1")
    return code


if __name__ == "__main__":
    sys.exit(main())
