"""Plays recordings and prints how much of each was equal: `python tests/compat/figures.py [--world real] [NAME ...]`.

A name may be the beginning of several. Recordings that a test run skips as slow are played when they are named, or with
TIDEGATE_SLOW_RECORDINGS=1.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "cluster"))  # the package `realcluster`

from playback.houses import WORLDS, house, missing, skipped
from playback.outcome import Outcome, Share
from playback.reading import SCENARIOS, read
from playback.stage import Stage
from playback.wanted import WANTED, unexplained

PATIENCE_S = 600.0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="figures.py", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--world", choices=WORLDS, default=WORLDS[0], help="where to play (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="show every difference, the wanted ones too")
    parser.add_argument("names", nargs="*", help="recordings, or the beginnings of their names; all by default")
    return parser.parse_args()


def show(name: str, outcome: Outcome, every: bool) -> bool:
    """Print a line, and what is not wanted; whether there was such."""
    faults = unexplained(WANTED.get(name, ()), outcome.differences)
    print(
        f"{name:42} facts {outcome.facts!s:24} events {outcome.events!s:20} {'' if read(name).steady else 'unsteady'}"
    )
    for line in [str(each) for each in outcome.differences] if every else faults:
        print(f"    {line}")
    return bool(faults)


def main() -> int:
    """0 when every difference is wanted, 1 when not, 2 where the world cannot be had."""
    asked = arguments()
    if reason := missing(asked.world):
        print(reason, file=sys.stderr)
        return 2
    begins = tuple(asked.names)
    names = [n for n in SCENARIOS if (n.startswith(begins) if begins else not skipped(asked.world, n))]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(house(asked.world), Path(folder), read, names)
        with contextlib.closing(stage):
            outcomes = {name: stage.outcome(name, PATIENCE_S) for name in names}
    faulty = [name for name, outcome in outcomes.items() if show(name, outcome, asked.all)]
    steady = [outcome for name, outcome in outcomes.items() if read(name).steady]
    facts, events = sum((o.facts for o in steady), Share()), sum((o.events for o in steady), Share())
    print(f"{asked.world}: {len(names)} recordings in {time.monotonic() - started:.0f} s; {len(steady)} steady ones:")
    print(f"facts {facts}, events {events}; differences that are not wanted in: {', '.join(faulty) or 'none'}")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
