"""Flips rules of the machine one at a time and sees whether its tests notice: `make mutants`.

A mutant is one changed place in `machine/`: a comparison moved by one, an `and` for an `or`, a condition turned round, a
number off by one. `tests/mutants/kept.txt` names those that are tried; `survivors.txt` beside it gives, for each that no
test notices, the reason why that is right. Exit 1 where more than one in twenty goes unnoticed, or one without a reason.

`--all` tries every place there is (an hour), `--sample N` writes a new list, `--only TEXT` tries the ids that hold TEXT.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "core" / "src"
MACHINE = SOURCE / "tidegate" / "machine"
KEPT, SURVIVORS = ROOT / "tests" / "mutants" / "kept.txt", ROOT / "tests" / "mutants" / "survivors.txt"
TESTS = ("core/tests/machine",)
NOTICED = 0.95
PATIENCE_S = 120  # a mutant that loops for ever is noticed too

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
EXTREMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed place: `id` is module, function, kind and number; `what` shows the change."""

    id: str
    path: Path
    line: int
    what: str
    source: str


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of one module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = ".".join(path.relative_to(MACHINE).with_suffix("").parts)
    counts: dict[tuple[str, str], int] = {}
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for place in [node for statement in function.body for node in ast.walk(statement)]:
            for kind, changed in _changes(place):
                number = counts[function.name, kind] = counts.get((function.name, kind), 0) + 1
                what = f"{ast.unparse(place)}  ->  {ast.unparse(changed)}"
                name = f"{module}.{function.name}:{kind}{number}"
                yield Mutant(name, path, getattr(place, "lineno", 0), what, _with(tree, place, changed))


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Compare(left, [op], rest) if type(op) in COMPARISONS:
            yield "compare", ast.Compare(left, [COMPARISONS[type(op)]()], rest)
        case ast.BoolOp(op, values):
            yield "logic", ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not(), operand):
            yield "not", operand
        case ast.IfExp(test, body, orelse):
            yield "choice", ast.IfExp(test, orelse, body)
        case ast.Constant(bool() as value):
            yield "flag", ast.Constant(not value)
        case ast.Constant(int() as value):
            yield "number", ast.Constant(value + 1)
        case ast.BinOp(left, (ast.Add() | ast.Sub()) as op, right) if not _is_text(left) and not _is_text(right):
            yield "sum", ast.BinOp(left, ast.Sub() if isinstance(op, ast.Add) else ast.Add(), right)
        case ast.Call(ast.Name(name), arguments, keywords) if name in EXTREMES:
            yield "extreme", ast.Call(ast.Name(EXTREMES[name], ast.Load()), arguments, keywords)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _with(tree: ast.Module, place: ast.AST, changed: ast.expr) -> str:
    """The module's source with `place` replaced."""

    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return changed if node is place else self.generic_visit(node)

    # The transformer works in place, so a memo keeps the identity of `place` in the copy out of the original's way.
    memo: dict[int, object] = {id(place): place}
    return ast.unparse(ast.fix_missing_locations(Swap().visit(copy.deepcopy(tree, memo))))


class Bench:
    """Copies of the source in which one mutant each is tried."""

    def __init__(self, workers: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")
        self._free: Queue[Path] = Queue()
        for number in range(workers):
            place = Path(self._folder.name) / str(number)
            shutil.copytree(SOURCE, place, ignore=shutil.ignore_patterns("__pycache__"))
            self._free.put(place)

    def noticed(self, mutant: Mutant) -> bool:
        """Whether the tests fail with it."""
        place = self._free.get()
        target = place / mutant.path.relative_to(SOURCE)
        try:
            target.write_text(mutant.source, encoding="utf-8")
            return self._tests_fail(place)
        finally:
            shutil.copyfile(mutant.path, target)
            self._free.put(place)

    def _tests_fail(self, place: Path) -> bool:
        environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS]
        try:
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            return True
        return done.returncode != 0

    def sound(self) -> bool:
        """Whether the tests pass without any mutant: otherwise they notice everything."""
        place = self._free.get()
        try:
            return not self._tests_fail(place)
        finally:
            self._free.put(place)


def every() -> list[Mutant]:
    """All mutants of the machine, in the order of the files."""
    return [mutant for path in sorted(MACHINE.rglob("*.py")) for mutant in mutants(path)]


def lines(path: Path) -> list[str]:
    """The lines of a list that are not comments."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def reasons() -> dict[str, str]:
    """Why a survivor may survive, by id."""
    return {name.strip(): why.strip() for name, _, why in (line.partition(" ") for line in lines(SURVIVORS))}


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
    tried, bench, began = chosen(options), Bench(options.workers), time.monotonic()
    if not bench.sound():
        sys.exit(f"the tests of {', '.join(TESTS)} fail without any mutant; mend them first")
    with ThreadPoolExecutor(options.workers) as pool:
        survivors = [m for m, noticed in zip(tried, pool.map(bench.noticed, tried), strict=True) if not noticed]
    known = reasons()
    for mutant in survivors:
        why = known.get(mutant.id, "NO REASON GIVEN")
        print(f"survived {mutant.id}  {mutant.path.relative_to(ROOT)}:{mutant.line}\n    {mutant.what}\n    {why}")
    share = 1 - len(survivors) / len(tried) if tried else 1.0
    took = time.monotonic() - began
    print(f"{len(tried)} mutants in {took:.0f} s: {len(tried) - len(survivors)} noticed ({share:.1%}), {len(survivors)} not")
    unexplained = [mutant for mutant in survivors if mutant.id not in known]
    return 1 if share < NOTICED or unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
