"""The crash matrix: every scenario, with the process dying before and after each write, and a new one that lists the world.

The end must be the one without a crash, and no rule may be broken on the way.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from histories.history import History
from histories.operations import carry_out
from histories.scenarios import SCENARIOS, Scenario
from histories.settings import cluster_of
from histories.workers import pool
from tidegate.simulation import Cluster, Endless, Fault
from tidegate.simulation.invariants import Judge
from tidegate.simulation.store import SERVICE

END_S = 3_600.0
# Where the process dies, and how many changes of each kind the lists of the new one may be old.
# A process lists exactly when it starts (runtime/reflector.py), so its lists are never older than the last write before it.
# The third variant breaks that promise, as an API server with a stale cache would: then only the end is judged.
CRASHES = ((Fault.CRASH_BEFORE, 0), (Fault.CRASH_AFTER, 0), (Fault.CRASH_AFTER, 2))
HASH = "rollouts-pod-template-hash"
State = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One run: a scenario and where the process dies; `write` 0 is the run without a crash."""

    scenario: str
    write: int = 0
    fault: Fault | None = None
    old: int = 0

    @property
    def history(self) -> History:
        """The run as a history, to be replayed."""
        scenario = BY_ID[self.scenario]
        crash: list[Any] = [] if self.fault is None else [["crash", self.fault.value[6:], self.write, self.old]]
        return History(scenario.config, (*crash, ["still"], *scenario.operations))

    def __str__(self) -> str:
        where = (
            "without a crash" if self.fault is None else f"{self.fault.value} write {self.write}, lists {self.old} old"
        )
        return f"{self.scenario} {where}"


@dataclass
class Run:
    """What one run came to: its end, the writes it took, and the rules that it broke."""

    state: State
    writes: list[str]
    broken: list[str]


@dataclass
class Matrix:
    """What the whole matrix came to. `broken` says which runs ended differently or broke a rule, and how."""

    runs: int = 0
    scenarios: int = 0
    broken: list[tuple[Case, str]] = field(default_factory=list)

    def add(self, case: Case, at: str, found: Sequence[str]) -> None:
        """What was found in one run, which died at the write `at`."""
        if found:
            self.broken.append((case, f"{at + ': ' if at else ''}{'; '.join(found)}"))

    def join(self, part: Matrix) -> None:
        """The runs of another."""
        self.runs += part.runs
        self.scenarios += part.scenarios
        self.broken += part.broken


BY_ID = {scenario.id: scenario for scenario in SCENARIOS}


def play(case: Case) -> Run:
    """One run."""
    history = case.history
    cluster = cluster_of(history.config)
    cluster.recording = False
    judge = Judge(cluster)
    cluster.watchers.append(judge)
    try:
        for operation in history.operations:
            carry_out(cluster, operation)
        cluster.gate.disarm()
        cluster.settle(END_S)
        if history.operations[-1] == ["rest"]:
            cluster.run_until_quiet(END_S)
    except Endless as endless:
        judge.note("A10", str(endless))
    except Exception:  # a machine that raises is a finding like any other
        judge.note("TOTAL", traceback.format_exc(limit=-4))
    return Run(end_of(cluster), cluster.gate.log, [str(violation) for violation in judge.violations])


def end_of(cluster: Cluster) -> State:
    """The state of a cluster without times, versions and hashes: revisions are called by their image."""
    status = cluster.status
    # A pause that is over has left its condition behind, or was never written: both are the same.
    told = [c for c in status.get("conditions", []) if (c["type"], c["status"]) != ("Paused", "False")]
    conditions = {c["type"]: (c["status"], c.get("reason", "")) for c in told}
    services = {
        name: cluster.image_behind((each["spec"].get("selector") or {}).get(HASH, ""))
        for name, each in cluster.store.all(SERVICE).items()
    }
    routers = {
        name: (router.written.weights.canary, cluster.image_behind(router.written.hashes.canary), sorted(router.routes))
        for name, router in cluster.plane.routers.items()
        if router.written is not None
    }
    return {
        "phase": cluster.phase,
        "step": status.get("currentStepIndex"),
        "sizes": {image: wanted for image, (wanted, _) in cluster.sizes().items() if wanted},
        "stable": cluster.image_behind(status.get("stableRS", "")),
        "current": cluster.image_behind(status.get("currentPodHash", "")),
        "flags": {key: bool(status.get(key)) for key in ("abort", "promoteFull", "controllerPause")},
        "pauses": [pause["reason"] for pause in status.get("pauseConditions") or []],
        "conditions": conditions,
        "services": services,
        "routers": routers,
        "revision": (cluster.manifest["metadata"].get("annotations") or {}).get("rollout.argoproj.io/revision"),
    }


def expectations(scenario: Scenario, state: State) -> Iterator[str]:
    """Where the run without a crash is not what the scenario expects."""
    if state["sizes"] != {image: size for image, size in scenario.sizes.items() if size}:
        yield f"sizes {state['sizes']}, expected {dict(scenario.sizes)}"
    if state["phase"][0] != scenario.phase:
        yield f"phase {state['phase']}, expected {scenario.phase}"
    if scenario.step is not None and state["step"] != scenario.step:
        yield f"step {state['step']}, expected {scenario.step}"
    weights = {name: weight for name, (weight, _, _) in state["routers"].items()}
    if scenario.weights and weights != scenario.weights:
        yield f"weights {weights}, expected {dict(scenario.weights)}"


def judged(work: tuple[str, int]) -> Matrix:
    """A scenario without a crash, then with one at every `stride`-th write."""
    id_, stride = work
    plain = play(Case(id_))
    found = Matrix(1, 1)
    found.add(Case(id_), "", [*plain.broken[:1], *expectations(BY_ID[id_], plain.state)])
    for write in range(1, len(plain.writes) + 1, stride):
        for fault, old in CRASHES:
            case = Case(id_, write, fault, old)
            found.runs += 1
            found.add(case, plain.writes[write - 1], differences(plain, play(case), exact=old == 0))
    return found


def differences(plain: Run, crashed: Run, *, exact: bool) -> list[str]:
    """How a run with a crash is not as it should be; where the lists were exact, the first rule that it broke too."""
    found = crashed.broken[:1] if exact else []
    for key in plain.state:
        wanted, got = plain.state[key], crashed.state[key]
        if key == "phase" and not exact:  # an old list may have lost why, and the message with it
            wanted, got = wanted[0], got[0]
        if got != wanted:
            found.append(f"{key} {got} instead of {wanted}")
    return found


def run(ids: Iterable[str] = (), stride: int = 1, workers: int | None = None) -> Matrix:
    """The matrix over all scenarios, or the named ones."""
    work = [(id_, stride) for id_ in (ids or BY_ID)]
    found = Matrix()
    with pool(workers) as processes:
        for part in processes.imap(judged, work):
            found.join(part)
    return found


def lines(found: Matrix, seconds: float) -> Iterator[str]:
    """The report: figures, then for each scenario its first finding and one command that replays it."""
    bad = len(found.broken)
    yield f"crash matrix: {found.scenarios} scenarios, {found.runs} runs in {seconds:.0f} s; another end or a broken rule: {bad}"
    for old in sorted({old for _, old in CRASHES}):
        count = sum(1 for case, _ in found.broken if case.old == old)
        yield f"  lists of the new process {'up to ' + str(old) + ' changes old' if old else 'as the world is'}: {count}"
    told: set[tuple[str, int]] = set()
    for case, text in found.broken:
        if (case.scenario, case.old) not in told:
            told.add((case.scenario, case.old))
            yield f"  {case}, {text}"
            yield f"    .venv/bin/python tools/faults.py --replay {case.history.word}"
