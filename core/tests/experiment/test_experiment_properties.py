"""What holds for every Experiment, whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.api.experiment import Experiment, ExperimentRunStatus, ExperimentStatus, TemplateStatus
from tidegate.machine.experiment.acts import ExperimentSeen
from tidegate.machine.experiment.decide import decide
from tidegate.machine.observed import ReplicaSetView, RunView
from tidegate.machine.plan import Outcome, Result

Build = Callable[..., Any]
FINAL = {"Successful", "Failed", "Error", "Inconclusive"}

moves = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([0.5, 5, 40, 700])),
        st.tuples(st.just("judge"), st.sampled_from(["Pending", "Running", "Failed", "Successful", "Inconclusive"])),
        st.tuples(st.just("stuck"), st.booleans()),
        st.tuples(st.just("replicas"), st.integers(0, 3)),
        st.tuples(st.just("service"), st.booleans()),
        st.tuples(st.just("delete"), st.sampled_from(["run", "set", "service"])),
        st.tuples(st.just("terminate"), st.just(1)),
    ),
    max_size=8,
)


def happen(world: Any, move: str, how: Any) -> None:
    match move:
        case "wait":
            world.wait(how)
        case "judge":
            for name, run in list(world.runs.items()):
                # A run that is over does not change any more.
                if run.phase not in FINAL:
                    world.judge(name, how)
        case "stuck":
            world.stuck = frozenset({"exp-a"} if how else ())
        case "replicas":
            world.spec["templates"][0]["replicas"] = how
        case "service":
            world.spec["templates"][0].pop("service", None)
            if how:
                world.spec["templates"][0]["service"] = {}
        case "delete":
            {"run": world.runs, "set": world.sets, "service": world.services}[how].clear()
        case _:
            world.spec["terminate"] = True


@given(
    analyses=st.sampled_from([(), ("look",), ("need!",), ("need!", "look")]),
    delay=st.sampled_from([0, 30]),
    duration=st.sampled_from(["", "20s"]),
    story=moves,
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_story_comes_to_rest_and_an_end_is_final(
    an_experiment: Build, a_template: Build, analyses: Any, delay: int, duration: str, story: list[Any]
) -> None:
    spec = {"duration": duration} if duration else {}
    world = an_experiment([a_template(service={})], analyses, scaleDownDelaySeconds=delay, **spec).settle()
    ended = ""
    for move, how in story:
        happen(world, move, how)
        world.settle()
        assert len(world.status["templateStatuses"]) == 1
        assert not ended or world.phase == ended
        ended = world.phase if world.phase in FINAL else ""
    if world.spec.get("terminate") or ended:
        for name in list(world.runs):
            if world.runs[name].phase not in FINAL:
                world.judge(name, "Successful")
        world.settle().wait(60)
        assert world.phase in FINAL
        assert all(seen.spec_replicas == 0 for seen in world.sets.values())
        assert world.services == {}
        assert all(run.ending or run.phase in FINAL for run in world.runs.values())


NOW = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.none() | st.datetimes(
    timezones=st.just(UTC), min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)
)
phases = st.sampled_from(["", "Pending", "Running", "Successful", "Failed", "Odd"])
shapes = st.sampled_from([None, {}, [], "x", 3, [None], {"matchLabels": {"a": "b"}}, {"spec": {"containers": [None]}}])
statuses = st.builds(
    ExperimentStatus,
    phase=phases,
    available_at=moments,
    template_statuses=st.lists(
        st.builds(TemplateStatus, name=st.sampled_from("ab"), status=phases, last_transition_time=moments), max_size=3
    ),
    analysis_runs=st.lists(
        st.builds(ExperimentRunStatus, name=st.just("look"), analysis_run=st.sampled_from(["", "r"]), phase=phases),
        max_size=2,
    ),
)
sets = st.sampled_from(
    [
        {},
        {"exp-a": ReplicaSetView("exp-a", "u", NOW, "1", "h", "", "e-1", annotations={"scale-down-deadline": "soon"})},
        {"exp-a": ReplicaSetView("exp-a", "u", NOW, "1", "h", "", "other")},
    ]
)


@given(
    status=statuses,
    selector=shapes,
    pods=shapes,
    duration=st.sampled_from(["", "1s", "2562047h", "-5s", "x"]),
    replica_sets=sets,
    runs=st.sampled_from([{}, {"r": RunView("r", "u", "", "", NOW, phase="Odd")}]),
    results=st.lists(st.sampled_from(Result), min_size=5, max_size=5),
)
@settings(max_examples=200, deadline=None)
def test_whatever_a_client_has_written_a_pass_is_judged(
    status: ExperimentStatus,
    selector: Any,
    pods: Any,
    duration: str,
    replica_sets: Any,
    runs: Any,
    results: list[Result],
) -> None:
    template = {"name": "a", "service": {}}
    for key, value in (("selector", selector), ("template", pods)):
        if isinstance(value, dict):  # the definition asks for a map in both places, of whatever content
            template[key] = value
    spec = {"templates": [template], "duration": duration, "analyses": [{"name": "look", "templateName": "none"}]}
    experiment = Experiment.read({"metadata": {"name": "exp", "uid": "e-1"}, "spec": spec})
    experiment = experiment.model_copy(update={"status": status})
    plan = decide(ExperimentSeen(NOW, experiment, replica_sets, {}, runs))
    outcomes = [Outcome(action, result) for action, result in zip(plan.actions, results, strict=False)]
    for settled in (plan.expected, plan.conclude(outcomes)):
        ExperimentStatus.read(settled.status)
        assert status.phase not in FINAL or settled.status is None or settled.status["phase"] == status.phase
