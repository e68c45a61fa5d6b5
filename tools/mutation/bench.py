"""Tries mutants: each in a fork of one process that has everything imported."""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from cProfile import Profile
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import CodeType, FunctionType

import pytest
from hypothesis import Phase, settings

from mutation.places import MACHINE, ROOT, Mutant

TESTS = ("core/tests/machine",)
PATIENCE_S = 120  # a mutant that loops for ever is noticed too
FORKING = Lock()  # a fork must not hold the other's pipe open


def trial(tried: list[Mutant], workers: int, survived: Callable[[Mutant], None]) -> str:
    """Try mutants and hand on each that no test notices. Returns what fails without any mutant, "" where all is well."""
    bench = Bench(tried, workers, survived)
    # The same examples each time, and none made smaller: that a test fails is all that counts.
    settings.register_profile("mutants", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutants")
    quiet = ["-s", "-o", "addopts=--import-mode=importlib", "-o", "timeout=0"]
    quiet += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    quiet += [part for name in ("cacheprovider", "xdist", "terminal") for part in ("-p", f"no:{name}")]
    pytest.main([*quiet, *(str(ROOT / test) for test in TESTS)], plugins=[bench])
    return bench.unsound


class Bench:
    """Tries mutants within one run of pytest: everything is imported and collected once.

    Each mutant is tried in a fork, in which the code of its module's functions is replaced. Only the tests that enter the
    function run, those first that have noticed mutants of the same module, then the quick ones.
    """

    def __init__(self, tried: list[Mutant], workers: int, survived: Callable[[Mutant], None]) -> None:
        self.tried, self.workers, self.survived = tried, workers, survived
        self.unsound = "before any test"  # the first test that fails without any mutant, "" where all is well
        self._reach: list[Reach] = []
        self._noticed: dict[Path, Counter[int]] = {}
        self._functions: dict[str, list[FunctionType]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Pytest's hook: in place of the tests, the tests with each mutant."""
        if not session.testsfailed:
            for function in gc.get_objects():
                if isinstance(function, FunctionType):
                    self._functions.setdefault(function.__code__.co_filename, []).append(function)
            gc.freeze()  # forks share what is there; the collector need not walk it
            self._survey(session)
        if not self.unsound:
            with ThreadPoolExecutor(self.workers) as pool:
                noticed = pool.map(lambda mutant: self._try(session, mutant), self.tried)
                for mutant in (mutant for mutant, seen in zip(self.tried, noticed, strict=True) if not seen):
                    self.survived(mutant)
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
            replace_code(self._functions[str(mutant.path)], mutant)
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
    profile, began = Profile(subcalls=False, builtins=False), time.monotonic()
    profile.enable()
    failed = run(item)
    profile.disable()
    codes = [entry.code for entry in profile.getstats() if isinstance(entry.code, CodeType)]
    inside = frozenset((c.co_filename, c.co_name) for c in codes if c.co_filename.startswith(str(MACHINE)))
    return Reach(item.nodeid, failed, time.monotonic() - began, inside)


def run(item: pytest.Item) -> bool:
    """Run one test with all its fixtures; whether it fails."""
    before = item.session.testsfailed
    item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
    return item.session.testsfailed > before


def replace_code(functions: list[FunctionType], mutant: Mutant) -> None:
    """Give the living functions of a module the code of its mutant."""
    codes: dict[str, CodeType] = {}
    waiting = [mutant.code()]
    while waiting:
        code = waiting.pop()
        codes[code.co_qualname] = code
        waiting += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
    for function in functions:
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
