"""Plays seeded histories of Rollouts under faults, and the crash matrix: `make faults`.

`python tools/faults.py --replay WORD` shows one history; WORD is a seed, or what a failed run printed.
`--count N`, `--start SEED`, `--no-matrix`, `--only-matrix`.
"""

import argparse
import sys
import time

# Started as a script, so its own folder is on the path.
from histories import matrix, report, trace
from histories.history import History
from histories.play import play


def replay(word: str) -> int:
    """Prints a history; exit code 1 where it breaks a rule."""
    played = play(History.read(word), recording=True)
    print("\n".join(trace.lines(played)))
    return int(bool(played.violations))


def histories(start: int, count: int) -> int:
    """Plays many; how many broke a rule."""
    began = time.monotonic()
    found = report.tally_all(start, count)
    print("\n".join(report.lines(found, time.monotonic() - began)), flush=True)
    for line in report.shrunk(found):
        print(line, flush=True)
    return len(found.broken)


def crashes() -> int:
    """The crash matrix; how many of its runs came to another end."""
    began = time.monotonic()
    found = matrix.run()
    print("\n".join(matrix.lines(found, time.monotonic() - began)), flush=True)
    return len(found.broken)


def main() -> int:
    """Exit code 0 where no rule was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replay", metavar="WORD")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--no-matrix", action="store_true")
    parser.add_argument("--only-matrix", action="store_true")
    given = parser.parse_args()
    if given.replay:
        return replay(given.replay)
    bad = 0 if given.no_matrix else crashes()
    bad += 0 if given.only_matrix else histories(given.start, given.count)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
