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
import gc
import os
import pickle
import random
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import CodeType, FrameType, FunctionType

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parent.parent
MACHINE = ROOT / "core" / "src" / "tidegate" / "machine"
KEPT, SURVIVORS = ROOT / "tests" / "mutants" / "kept.txt", ROOT / "tests" / "mutants" / "survivors.txt"
TESTS = ("core/tests/machine",)
NOTICED = 0.95
PATIENCE_S = 120  # a mutant that loops for ever is noticed too
FORKING = Lock()  # a fork must not hold the other's pipe open

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
    function: str
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
                yield Mutant(name, path, function.name, getattr(place, "lineno", 0), what, _with(tree, place, changed))


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
    """Tries mutants within one run of pytest: everything is imported and collected once.

    Each mutant is tried in a fork, in which the code of its module's functions is replaced. Only the tests that enter the
    function run, those first that have noticed mutants of the same module, then the quick ones.
    """

    def __init__(self, tried: list[Mutant], workers: int) -> None:
        self.tried, self.workers = tried, workers
        self.survivors: list[Mutant] = []
        self.unsound = ""  # the first test that fails without any mutant
        self._reach: list[Reach] = []
        self._noticed: dict[Path, Counter[int]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Pytest's hook: in place of the tests, the tests with each mutant."""
        if session.testsfailed:
            self.unsound = "the collection"
            return True
        self._survey(session)
        if not self.unsound:
            with ThreadPoolExecutor(self.workers) as pool:
                noticed = list(pool.map(lambda mutant: self._try(session, mutant), self.tried))
            self.survivors = [mutant for mutant, seen in zip(self.tried, noticed, strict=True) if not seen]
        return True

    def _survey(self, session: pytest.Session) -> None:
        """Run every test unchanged: which functions it enters, and how long it takes."""
        answer, _ = in_fork(lambda: pickle.dumps([reach(item) for item in session.items]), PATIENCE_S * 5)
        self._reach = pickle.loads(answer) if answer else []
        self.unsound = next((each.test for each in self._reach if each.failed), "" if self._reach else "the survey")

    def _try(self, session: pytest.Session, mutant: Mutant) -> bool:
        favourites = self._noticed.setdefault(mutant.path, Counter())
        places = [n for n, each in enumerate(self._reach) if (str(mutant.path), mutant.function) in each.functions]
        order = sorted(places, key=lambda n: (-favourites[n], self._reach[n].seconds))

        def first_failing() -> bytes:
            replace_code(mutant)
            return str(next((n for n in order if run(session.items[n])), "")).encode()

        answer, late = in_fork(first_failing, PATIENCE_S)
        if answer:
            favourites[int(answer)] += 1
        return late or answer is None or bool(answer)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a test enters: functions by file and name."""

    test: str
    failed: bool
    seconds: float
    functions: frozenset[tuple[str, str]]


def reach(item: pytest.Item) -> Reach:
    """Run a test and note what it enters of the machine."""
    found: set[tuple[str, str]] = set()
    inside = str(MACHINE)

    def enter(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(inside):
            found.add((frame.f_code.co_filename, frame.f_code.co_name))

    began = time.monotonic()
    sys.setprofile(enter)
    failed = run(item)
    sys.setprofile(None)
    return Reach(item.nodeid, failed, time.monotonic() - began, frozenset(found))


def run(item: pytest.Item) -> bool:
    """Run one test with all its fixtures; whether it fails."""
    before = item.session.testsfailed
    item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
    return item.session.testsfailed > before


def replace_code(mutant: Mutant) -> None:
    """Give the living functions of a module the code of its mutant."""
    codes: dict[str, CodeType] = {}
    waiting = [compile(mutant.source, str(mutant.path), "exec")]
    while waiting:
        code = waiting.pop()
        codes[code.co_qualname] = code
        waiting += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and function.__code__.co_filename == str(mutant.path):
            function.__code__ = codes[function.__code__.co_qualname]


def in_fork(work: Callable[[], bytes], patience_s: float) -> tuple[bytes | None, bool]:
    """What `work` returns in a fork of this process, None where it dies; and whether it took too long."""
    with FORKING:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                with os.fdopen(writer, "wb") as answering:
                    answering.write(b"." + work())
            finally:
                os._exit(0)
        os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        chunks: list[bytes] = []
        ends = time.monotonic() + patience_s
        while select.select([pipe], [], [], max(0.0, ends - time.monotonic()))[0]:
            chunk = os.read(pipe.fileno(), 1 << 16)
            if not chunk:
                break
            chunks.append(chunk)
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None, True
    os.waitpid(child, 0)
    answer = b"".join(chunks)
    return (answer[1:] if answer else None), False


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
    began, bench = time.monotonic(), Bench(chosen(options), options.workers)
    # The same examples each time, and none made smaller: that a test fails is all that counts.
    settings.register_profile("mutants", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutants")
    quiet = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:terminal", "-s", "-o", "timeout=0")
    pytest.main([*quiet, *(str(ROOT / test) for test in TESTS)], plugins=[bench])
    if bench.unsound:
        sys.exit(f"the tests of {', '.join(TESTS)} fail without any mutant ({bench.unsound}); mend them first")
    tried, survivors = bench.tried, bench.survivors
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
