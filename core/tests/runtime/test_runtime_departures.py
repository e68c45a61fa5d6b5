"""What routers wrote for a Rollout is taken back once it is gone, whoever saw it go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.api import names
from tidegate.hooks import Capability, Kind, Manifest, Objects, Ref, Rule, Target, TrafficRouter, Weights
from tidegate_sandbox.faults import Fault, FaultKind

ROLLOUTS, ROUTES = "rollouts.argoproj.io", "routes.example.com"
ROUTE = Kind("example.com", "v1", "Route", "routes")
MARK = "example.com/used-by"
STEPS = [{"setWeight": 50}, {"pause": {}}]


class MarkedConfig(BaseModel):
    route: str


class Marking(TrafficRouter[MarkedConfig]):
    """Writes share and Rollout into annotations of a Route of somebody else."""

    name = "example.com/routes"
    config = MarkedConfig
    can = frozenset({Capability.WEIGHTS})
    needs = (Rule("example.com", "routes", "get list watch patch"),)
    marks = (ROUTE,)

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []  # Rollout and target.deleted of each clean-up

    def reads(self, target: Target[MarkedConfig]) -> Sequence[Ref]:
        return [Ref(ROUTE, target.config.route)]

    def set_weights(self, target: Target[MarkedConfig], weights: Weights, objects: Objects) -> None:
        metadata = objects.edit(ROUTE, target.config.route)["metadata"]
        metadata.setdefault("annotations", {}).update({MARK: target.name, "share": str(weights.canary)})

    def clean_up(self, target: Target[MarkedConfig], objects: Objects) -> None:
        self.asked.append((target.name, target.deleted))
        if objects.get(ROUTE, target.config.route) is None:
            return
        annotations = objects.edit(ROUTE, target.config.route)["metadata"].get("annotations") or {}
        if annotations.get(MARK) == target.name:
            del annotations[MARK], annotations["share"]

    def claims(self, kind: Kind, manifest: Manifest) -> Mapping[str, Mapping[str, Any]]:
        mark = (manifest["metadata"].get("annotations") or {}).get(MARK)
        return {mark: {"route": manifest["metadata"]["name"]}} if mark else {}


@pytest.fixture
def marked(cluster: Any, build: Any) -> Any:
    """A cluster with the marking router, and a Rollout whose second revision has half of the traffic."""
    cluster.router = Marking()
    cluster.sandbox.apply([build.service("app-canary"), build.service("app-stable"), build.route("web")])
    cluster.sandbox.apply(build.routed(steps=STEPS))
    return cluster


def at_half(cluster: Any) -> Any:
    engine = cluster.engine()
    cluster.until(cluster.healthy, 0.5)
    cluster.ship("app:v2")
    cluster.until(lambda: notes_on(cluster).get("share") == "50", 0.5)
    return engine


def notes_on(cluster: Any, name: str = "web") -> dict[str, str]:
    found = cluster.get(ROUTES, name)
    return dict(found["metadata"].get("annotations") or {}) if found else {}


def delete(cluster: Any) -> None:
    cluster.sandbox.objects.delete(ROLLOUTS, "default", "app")


def test_a_deleted_rollout_leaves_nothing_in_objects_of_others(marked: Any) -> None:
    at_half(marked)
    delete(marked)
    marked.until(lambda: notes_on(marked) == {}, 0.5)
    assert marked.router.asked[0] == ("app", True)


def test_a_clean_up_that_fails_is_tried_again(marked: Any) -> None:
    at_half(marked)
    marked.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("patch",), ROUTES, count=3))
    delete(marked)
    marked.until(lambda: notes_on(marked) == {}, 0.5)


def test_a_clean_up_without_the_object_ends(marked: Any) -> None:
    at_half(marked)
    marked.sandbox.objects.delete(ROUTES, "default", "web")
    marked.until(lambda: marked.phase()[0] == "Degraded", 0.5)
    delete(marked)
    marked.until(lambda: ("app", True) in marked.router.asked, 0.5)
    marked.sandbox.advance(60)
    marked.until(lambda: marked.router.asked.count(("app", True)) == 1, 0.5)


def test_what_a_successor_of_the_same_name_uses_is_kept(marked: Any, build: Any) -> None:
    at_half(marked)
    marked.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("patch",), ROUTES, count=None))
    delete(marked)
    marked.until(lambda: ("app", True) in marked.router.asked, 0.5)
    marked.sandbox.apply(build.routed(steps=STEPS))
    marked.until(lambda: bool(marked.phase()[0]), 0.5)
    versions: list[Any] = []
    marked.sandbox.objects.subscribe(lambda change: versions.append(change.object))
    marked.sandbox.faults.clear()
    marked.until(lambda: marked.healthy() and marked.router.asked.count(("app", True)) > 1, 0.5)
    marked.ship("app:v3")
    marked.until(lambda: marked.phase()[0] == "Paused", 0.5)
    assert notes_on(marked) == {MARK: "app", "share": "50"}
    assert {v["metadata"]["annotations"].get(MARK) for v in versions if v["kind"] == "Route"} == {"app"}


def test_a_rollout_that_another_controller_takes_over_is_not_cleaned_up(marked: Any) -> None:
    at_half(marked)

    def hand_over(rollout: Any) -> None:
        rollout["metadata"].setdefault("labels", {})[names.INSTANCE_ID] = "other"

    marked.edit(ROLLOUTS, "app", hand_over)
    marked.until(lambda: [e for e in marked.events() if e[0] == "RolloutDeleted"], 0.5)
    for _ in range(20):
        marked.sandbox.advance(1)
        marked.until(lambda: True)
    assert notes_on(marked) == {MARK: "app", "share": "50"}
    assert marked.router.asked == []


def test_a_rollout_that_went_while_no_controller_ran_is_cleaned_up_after_the_start(marked: Any, build: Any) -> None:
    at_half(marked).stop(2.0)
    marked.sandbox.apply(
        [build.service("shop-canary", "shop"), build.service("shop-stable", "shop"), build.route("shop")]
    )
    marked.sandbox.apply(build.routed("shop", route="shop"))
    delete(marked)
    marked.engine()
    marked.until(lambda: notes_on(marked) == {}, 0.5)
    marked.until(lambda: notes_on(marked, "shop").get(MARK) == "shop", 0.5)
    assert {name for name, _ in marked.router.asked} == {"app"}


def test_without_the_right_to_list_a_marked_kind_the_start_goes_on(marked: Any) -> None:
    fault = Fault(FaultKind.SERVER_ERROR, ("list",), ROUTES, count=1, code=403)
    marked.sandbox.faults.add(fault)
    at_half(marked)
    delete(marked)
    marked.until(lambda: notes_on(marked) == {}, 0.5)
