"""The contract of a metric provider, answered by a small one through pluggy, and a run that it measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pluggy
import pytest
from pydantic import BaseModel

from tidegate.api.analysis import AnalysisRun, Measurement, Metric
from tidegate.errors import NotFound, PluginError, Unreachable
from tidegate.hooks.http import Answer, Call
from tidegate.hooks.markers import PROJECT, hookimpl
from tidegate.hooks.metrics import METRIC_VERBS, Access, MetricProvider, Query
from tidegate.hooks.objects import Objects
from tidegate.hooks.references import Kind
from tidegate.machine.analysis.acts import Measure, Measured, Measuring, Resume
from tidegate.machine.analysis.decide import RunSeen, decide
from tidegate.machine.analysis.late import Late
from tidegate.machine.analysis.verdicts import Reading, failed_measurement, measurement_of
from tidegate.machine.expr.conditions import holds
from tidegate.machine.plan import Outcome

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Wave(BaseModel):
    """Config of the provider `tide`: how high the water stands, or "" for a gauge that is out of order."""

    height: str = ""


class Tide(MetricProvider[Wave]):
    """Reads a gauge; a height of "rising" lasts until it is looked at again."""

    name = "example.com/tide"
    config = Wave

    @staticmethod
    def _height(text: str) -> float:
        if not text:
            raise RuntimeError("gauge is out of order")
        return float(text)

    def measure(self, query: Query[Wave], access: Access) -> Reading:
        if query.config.height == "rising":
            later = query.now + timedelta(seconds=30)
            return Reading(phase="Running", metadata={"gauge": f"{query.uid}.{query.number}"}, resume_at=later)
        height = self._height(query.config.height)
        return Reading(result=height, value=str(height))

    def resume(self, query: Query[Wave], access: Access, measurement: Measurement) -> Reading:
        return Reading(result=3.0, value=f"3.0 at {measurement.metadata['gauge']}")


class Audit:
    """A wrapper plugin: it sees every measurement."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl(wrapper=True)
    def measure(self, query: Query[Wave], access: Access):  # type: ignore[no-untyped-def]
        self.seen.append(query.key)
        return (yield)


class Nowhere:
    """A world in which nothing can be reached and nothing is kept."""

    def send(self, call: Call) -> Answer:
        raise Unreachable(f"{call.url}: nothing is there")

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        return None

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        return ()


class NoSecrets:
    """No Secret exists."""

    def read(self, name: str, *, in_run_namespace: bool = False) -> Mapping[str, str]:
        raise NotFound(f'secrets "{name}" not found')


ACCESS = Access(Nowhere(), NoSecrets(), Objects(Nowhere(), "shop"))


@pytest.fixture
def manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(MetricProvider)
    return manager


def performed(manager: pluggy.PluginManager, run: AnalysisRun, action: Measuring, now: datetime) -> Measured:
    """What the runtime does for one action, in short: resolve late, ask, judge, hide."""
    late = Late.of(run, {"sea": {"height": "rising"}})
    metric: Metric = late.metric(action.index)
    query = Query("shop", "r", "r-1", metric.name, action.number, Wave(**metric.provider["tide"]), now)
    try:
        if isinstance(action, Resume):
            reading = manager.hook.resume(query=query, access=ACCESS, measurement=action.measurement)
        else:
            reading = manager.hook.measure(query=query, access=ACCESS)
        found = measurement_of(metric, reading, holds, now, now)
    except RuntimeError as error:
        found = failed_measurement(str(error), now, now)
    return Measured(action, measurement=late.hidden(found))


def a_run(height: str, **status: object) -> AnalysisRun:
    source = {"secretKeyRef": {"name": "sea", "key": "height"}}
    spec = {
        "args": [{"name": "secret", "valueFrom": source}],
        "metrics": [{"name": "water", "successCondition": "result >= 2", "provider": {"tide": {"height": height}}}],
    }
    return AnalysisRun.read({"metadata": {"name": "r", "uid": "r-1"}, "spec": spec, "status": status})


def passed(manager: pluggy.PluginManager, run: AnalysisRun, now: datetime = NOW) -> AnalysisRun:
    plan = decide(RunSeen(now, run))
    outcomes: list[Outcome] = [
        performed(manager, run, action, now) for action in plan.actions if isinstance(action, Measuring)
    ]
    status = plan.conclude(outcomes).status
    return AnalysisRun.read({**run.wire(), "status": status})


@pytest.mark.parametrize(("height", "phase"), [("2.5", "Successful"), ("1", "Failed")])
def test_a_provider_reads_and_the_core_judges(manager: pluggy.PluginManager, height: str, phase: str) -> None:
    manager.register(Tide())
    after = passed(manager, a_run(height))
    assert after.status.phase == phase or after.status.metric_results[0].phase == phase
    assert after.status.metric_results[0].measurements[0].value == str(float(height))


def test_row_16_a_provider_that_raises_is_an_error_of_that_measurement_alone(manager: pluggy.PluginManager) -> None:
    manager.register(Tide())
    after = passed(manager, a_run(""))
    assert after.status.phase == "Running"
    (measurement,) = after.status.metric_results[0].measurements
    assert (measurement.phase, measurement.message) == ("Error", "gauge is out of order")


def test_a_measurement_that_lasts_is_found_again_by_its_metadata(manager: pluggy.PluginManager) -> None:
    manager.register(Tide())
    begun = passed(manager, a_run("{{args.secret}}"))
    assert begun.status.metric_results[0].measurements[0].metadata == {"gauge": "r-1.1"}
    after = passed(manager, begun, NOW + timedelta(seconds=30))
    assert after.status.phase == "Successful"
    assert after.status.metric_results[0].measurements[0].value == "3.0 at r-1.1"


def test_every_measurement_is_a_hook_that_a_wrapper_sees(manager: pluggy.PluginManager) -> None:
    audit = Audit()
    manager.register(Tide())
    manager.register(audit)
    passed(manager, a_run("3"))
    assert audit.seen == ["shop/r/water"]


def test_each_verb_of_the_contract_says_when_who_and_how_often() -> None:
    headings = ("When:", "Who:", "Args:", "Returns:", "Raises:", "Repeats:", "Threads:")
    for verb in METRIC_VERBS:
        text = getattr(MetricProvider, verb).__doc__
        assert [h for h in headings if h not in text] == []


def test_a_verb_that_a_provider_lacks_says_so() -> None:
    query = Query("shop", "r", "r-1", "m", 1, Wave(), NOW)
    with pytest.raises(PluginError, match=r"metric provider 'example\.com/tide' has no collect"):
        Tide().collect(query, ACCESS, 1)


def test_the_first_action_of_a_run_is_its_first_measurement() -> None:
    assert decide(RunSeen(NOW, a_run("1"))).actions == (Measure("water", 0, 1, why="due"),)
