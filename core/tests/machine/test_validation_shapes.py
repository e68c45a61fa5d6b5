"""Objects of any shape have problems, never break the judge, and are judged alike twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tidegate.api.rollout import Rollout
from tidegate.machine.observed import Door, Observed, RouterView
from tidegate.machine.rollout.validation.rollout import problems
from tidegate.machine.rollout.validation.shapes import EXPERIMENT, SELECTOR, TEMPLATE, MapOf, Shape
from validation_rollouts import MESH, ROUTED, Json, canary, looked_at, texts

NOW = looked_at({"canary": {}}).now
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70000),
    st.sampled_from(["", "a", "A b", "1", "1Gi", "Always", "80%"]),
    st.floats(),
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "app", "x y", "spec"]), inner, max_size=2)
    ),
    max_leaves=5,
)


def shaped(shape: Shape) -> st.SearchStrategy[Any]:
    """Values that have a shape, with junk in places."""
    match shape:
        case dict():
            fields = {key: shaped(inner) for key, inner in shape.items()}
            right: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional=fields)
        case list():
            right = st.lists(shaped(shape[0]), max_size=2)
        case MapOf():
            right = st.dictionaries(st.sampled_from(["app", "cpu", "a b"]), SCALARS, max_size=2)
        case _:
            right = SCALARS
    # One in a dozen or so is junk: enough to break something, and not everything at once.
    return st.integers(0, 12).flatmap(lambda die: JUNK if die == 0 else right)


def judged(spec: Json, routers: tuple[RouterView, ...] = (MESH,)) -> list[str]:
    """The problems of a Rollout, as text; none where its model cannot even be read."""
    try:
        rollout = Rollout.read({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec})
    except ValidationError:
        return []
    found = problems(Observed(NOW, rollout, routers=routers, doors=frozenset(Door)))
    return [problem.text for problem in found]


@given(template=shaped(TEMPLATE), selector=shaped(SELECTOR))
def test_templates_and_selectors_of_any_shape_are_judged(template: Any, selector: Any) -> None:
    spec = {"template": template, "selector": selector, "strategy": {"canary": {}}}
    found = judged(spec)
    assert found == judged(spec)
    assert all(text.startswith("spec.") for text in found)


@given(
    experiment=shaped(EXPERIMENT),
    args=st.lists(st.dictionaries(st.sampled_from(["name", "valueFrom"]), JUNK)),
    rules=JUNK,
)
def test_steps_of_any_shape_are_judged(experiment: Any, args: Any, rules: Any) -> None:
    steps = [{"experiment": experiment}, {"analysis": {"args": args}}]
    affinity = {"preferredDuringSchedulingIgnoredDuringExecution": rules}
    base = looked_at({"canary": {}}).rollout.wire()["spec"]
    spec = {**base, "strategy": {"canary": {**ROUTED, "steps": steps, "antiAffinity": affinity}}}
    assert judged(spec) == judged(spec)


@pytest.mark.parametrize(
    ("template", "path", "found", "wanted"),
    [
        ({"spec": "pods"}, "spec", "string", "object"),
        ({"spec": {"containers": {"name": "web"}}}, "spec.containers", "object", "array"),
        ({"spec": {"containers": ["web"]}}, "spec.containers[0]", "string", "object"),
        ({"spec": {"containers": [None]}}, "spec.containers[0]", "null", "object"),
        ({"spec": {"containers": [{"name": 5}]}}, "spec.containers[0].name", "integer", "string"),
        ({"spec": {"hostNetwork": "yes"}}, "spec.hostNetwork", "string", "boolean"),
        ({"metadata": {"labels": {"app": True}}}, "metadata.labels.app", "boolean", "string"),
        ({"spec": {"volumes": [{"secret": []}]}}, "spec.volumes[0].secret", "array", "object"),
        (
            {"spec": {"containers": [{"livenessProbe": {"tcpSocket": {"port": 1.5}}}]}},
            "spec.containers[0].livenessProbe.tcpSocket.port",
            "number",
            "integer,string",
        ),
    ],
    ids=["spec", "map for list", "text for map", "null", "number", "boolean", "label", "list for map", "port"],
)
def test_v5_a_wrong_type_is_named_and_nothing_behind_it_is_judged(
    template: Json, path: str, found: str, wanted: str
) -> None:
    at = f"spec.template.{path}"
    expected = f'{at}: Invalid value: "{found}": {at} in body must be of type {wanted}: "{found}"'
    assert texts(looked_at({"canary": {}}, {"template": template}))[-1:] == [expected]


def test_vs12_a_wrong_type_in_an_experiment_is_named() -> None:
    at = "spec.strategy.canary.steps[0].experiment.templates"
    assert canary({"experiment": {"templates": "all"}}) == [
        f'{at}: Invalid value: "string": {at} in body must be of type array: "string"'
    ]


def test_va1_a_wrong_type_of_weight_is_named() -> None:
    at = "spec.strategy.antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight"
    assert canary(antiAffinity={"preferredDuringSchedulingIgnoredDuringExecution": {"weight": "1"}}) == [
        f'{at}: Invalid value: "string": {at} in body must be of type integer: "string"'
    ]
