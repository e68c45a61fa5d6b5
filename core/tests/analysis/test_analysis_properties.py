"""What holds for every run, whatever its measurements come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.api.analysis import (
    AnalysisRun,
    AnalysisRunSpec,
    AnalysisRunStatus,
    Argument,
    Measurement,
    Metric,
    MetricResult,
    TtlStrategy,
)
from tidegate.machine.analysis.acts import Measured, Measuring
from tidegate.machine.analysis.decide import RunSeen, decide
from tidegate.machine.plan import Outcome

Build = Callable[..., Any]
FINAL = {"Successful", "Failed", "Error", "Inconclusive"}
KINDS = {"S": "successful", "F": "failed", "I": "inconclusive", "E": "error"}
# The course is built anew in every example; the fixture is no more than its constructor.
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

limits = st.fixed_dictionaries(
    {"interval": st.sampled_from(["10s", "500ms", "1m"]), "measurements": st.just(None)},
    optional={
        "count": st.integers(0, 8),
        "failureLimit": st.integers(-1, 3),
        "inconclusiveLimit": st.integers(0, 3),
        "consecutiveErrorLimit": st.integers(0, 5),
        "consecutiveSuccessLimit": st.integers(0, 4),
    },
)
scripts = st.text(alphabet="SFIER", min_size=1, max_size=12)


def fields(drawn: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in drawn.items() if key != "measurements"}


@given(drawn=limits, script=scripts, lost=st.sets(st.integers(0, 11)), end=st.integers(0, 15))
@QUICK
def test_counts_equal_measurements_and_an_end_is_final(
    course: Build, drawn: dict[str, Any], script: str, lost: set[int], end: int
) -> None:
    run = course(fields(drawn), script, measurementRetention=[{"metricName": "m", "limit": 1000}])
    phases: list[str] = []
    for number in range(18):
        if number == end:
            run.spec["terminate"] = True
        run.step(lose=number in lost)
        phases.append(run.phase)
        if run.wake_at is not None:
            run.now = max(run.now, run.wake_at)
        _counts_agree(run.result("m"))
    final = [phase for phase in phases if phase in FINAL]
    assert len(set(final)) <= 1
    assert phases[-len(final) :] == final if final else True
    assert run.events.count("Normal MetricSuccessful Metric 'm' Completed. Result: Successful") <= 1
    ended = min(number for number in range(end, 18) if number not in lost)
    assert phases[ended] in FINAL


def _counts_agree(result: dict[str, Any]) -> None:
    told = Counter(m["phase"] for m in result.get("measurements", []) if m["phase"] != "Running")
    counted = {phase: result.get(name, 0) for phase, name in _phases().items() if result.get(name, 0)}
    assert dict(told) == counted
    assert result.get("count", 0) == sum(counted.values()) - counted.get("Error", 0)


def _phases() -> dict[str, str]:
    return {name.capitalize(): name for name in KINDS.values()}


@pytest.mark.parametrize("script", ["S", "F", "I", "E", "R", "FR", "SE"])
def test_a_run_that_is_told_to_end_is_over_after_one_pass(course: Build, metric: Build, script: str) -> None:
    run = course([metric("a", interval="10s"), metric("b", initialDelay="1h")], {"a": script}).step().wait(11).step()
    run.spec["terminate"] = True
    run.step()
    assert run.phase in FINAL


moments = st.none() | st.datetimes(
    timezones=st.just(UTC), min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)
)
phases = st.sampled_from(["", "Pending", "Running", "Successful", "Failed", "Error", "Inconclusive", "Odd"])
odd = st.sampled_from([None, 0, 1, 3, -1, 10**15, "", "2", "x", "9" * 40])
texts = st.sampled_from(["", "10s", "1ns", "-5s", "2562047h", "x", "{{args.a}}", "a"])
measurements = st.builds(
    Measurement, phase=phases, started_at=moments, finished_at=moments, resume_at=moments, message=st.just("x")
)
results = st.builds(
    MetricResult,
    name=st.sampled_from(["a", "b", "c"]),
    phase=phases,
    measurements=st.lists(measurements, max_size=3),
    count=st.integers(-1, 5),
    failed=st.integers(-1, 5),
    error=st.integers(-1, 5),
    dry_run=st.booleans(),
)
metrics = st.builds(
    Metric,
    name=st.sampled_from(["a", "b", "{{args.a}}"]),
    interval=texts,
    initial_delay=texts,
    count=odd,
    failure_limit=odd,
    inconclusive_limit=odd,
    consecutive_error_limit=odd,
    consecutive_success_limit=odd,
    provider=st.just({"fake": {}}),
)
specs = st.builds(
    AnalysisRunSpec,
    metrics=st.lists(metrics, max_size=3),
    terminate=st.booleans(),
    args=st.lists(st.builds(Argument, name=st.just("a"), value=st.none() | texts), max_size=1),
    ttl_strategy=st.none() | st.builds(TtlStrategy, seconds_after_completion=st.none() | st.integers(-5, 2**31 - 1)),
)
statuses = st.builds(
    AnalysisRunStatus,
    phase=phases,
    started_at=moments,
    completed_at=moments,
    metric_results=st.lists(results, max_size=3),
)


@given(spec=specs, status=statuses, measured=measurements)
@settings(max_examples=200, deadline=None)
def test_whatever_a_client_has_written_a_pass_is_judged(
    spec: AnalysisRunSpec, status: AnalysisRunStatus, measured: Measurement
) -> None:
    run = AnalysisRun(spec=spec, status=status)
    plan = decide(RunSeen(datetime(2026, 1, 1, tzinfo=UTC), run, frozenset({0, 1})))
    outcomes = [Measured(a, measurement=measured) if isinstance(a, Measuring) else Outcome(a) for a in plan.actions]
    for settled in (plan.expected, plan.conclude(outcomes)):
        if status.phase in FINAL:
            assert settled.status is None
        elif settled.status is not None:
            AnalysisRunStatus.read(settled.status)
            assert settled.status["phase"] in {"Running", *FINAL}
