"""Flips rules of the machine one at a time and sees whether its tests notice: `make mutants`.

A mutant is one changed place in `machine/`: a comparison moved by one, an `and` for an `or`, a condition turned round, a
number off by one. `tests/mutants/kept.txt` names those that are tried; `survivors.txt` beside it gives, for each that no
test notices, the reason why that is right. Exit 1 where more than one in twenty goes unnoticed, or one without a reason.

`--all` tries every place there is (two hours), `--sample N` writes a new list, `--only TEXT` tries the ids that hold
TEXT. A list of 130 takes about four minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

# Started as a script, so its own folder is on the path.
from mutation.bench import TESTS, trial
from mutation.places import ROOT, Mutant, every

KEPT, SURVIVORS = ROOT / "tests" / "mutants" / "kept.txt", ROOT / "tests" / "mutants" / "survivors.txt"
NOTICED = 0.95


def lines(path: Path) -> list[str]:
    """The lines of a list that are not comments."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def reasons() -> dict[str, str]:
    """Why a survivor may survive, by id."""
    return {name.strip(): why.strip() for name, _, why in (line.partition(" ") for line in lines(SURVIVORS))}


def show(mutant: Mutant) -> None:
    """Print a survivor and its reason."""
    why = reasons().get(mutant.id, "NO REASON GIVEN")
    place = f"{mutant.path.relative_to(ROOT)}:{mutant.line}"
    print(f"survived {mutant.id}  {place}\n    {mutant.what}\n    {why}", flush=True)


def sample(count: int, seed: int) -> None:
    """Write a new list of `count` mutants, drawn evenly from all there are."""
    names = sorted({mutant.id for mutant in every()})
    drawn = sorted(random.Random(seed).sample(names, min(count, len(names))))
    head = f"# {len(drawn)} of {len(names)} places, drawn with seed {seed}; see tools/mutants.py."
    KEPT.write_text("\n".join([head, *drawn]) + "\n", encoding="utf-8")


def chosen(options: argparse.Namespace) -> list[Mutant]:
    """What is to be tried. Exits where the list names places that have gone."""
    known = {mutant.id: mutant for mutant in every()}
    names = sorted(known) if options.all or options.only else lines(KEPT)
    if gone := [name for name in names if name not in known]:
        sys.exit(f"{KEPT.name} names places that have gone: {', '.join(gone)}; draw anew with --sample {len(names)}")
    return [known[name] for name in names if options.only in name]


def main() -> int:
    """Tries the mutants; 1 where too many go unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    options = parser.parse_args()
    if options.sample:
        sample(options.sample, options.seed)
        return 0
    began, tried, survivors = time.monotonic(), chosen(options), list[Mutant]()

    def survived(mutant: Mutant) -> None:
        survivors.append(mutant)
        show(mutant)

    if fault := trial(tried, options.workers, survived):
        sys.exit(f"the tests of {', '.join(TESTS)} fail without any mutant ({fault}); mend them first")
    share = 1 - len(survivors) / len(tried) if tried else 1.0
    took = time.monotonic() - began
    print(
        f"{len(tried)} mutants in {took:.0f} s: {len(tried) - len(survivors)} noticed ({share:.1%}), {len(survivors)} not"
    )
    unexplained = [mutant for mutant in survivors if mutant.id not in reasons()]
    return 1 if share < NOTICED or unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
