from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.errors import SandboxError
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.sim import World
from tidegate_sandbox.sim.autoscalers import quantity
from tidegate_sandbox.store import Store

HPAS, DEPLOYMENTS = "horizontalpodautoscalers.autoscaling", "deployments.apps"
NOTE = "sandbox.tidegate.io/"
CRDS = "customresourcedefinitions.apiextensions.k8s.io"


class Bench:
    """A Deployment `web` of two pods and an autoscaler that aims at 50 % CPU, under virtual time."""

    def __init__(self) -> None:
        clock = VirtualClock()
        self.store = Store(Registry(clock))
        self.world = World(self.store, clock)
        self.world.start()
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}
        spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        self.store.create(DEPLOYMENTS, {"metadata": {"name": "web", "namespace": "default"}, "spec": spec})
        self.world.advance(1)

    def autoscale(self, cpu: str | None = None, kind: str = "Deployment", api: str = "apps/v1", **spec: Any) -> None:
        target = {"type": "Utilization", "averageUtilization": 50}
        body = {
            "scaleTargetRef": {"apiVersion": api, "kind": kind, "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 10,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            **spec,
        }
        notes = {} if cpu is None else {NOTE + "cpu-utilization": cpu}
        self.store.create(
            HPAS, {"metadata": {"name": "web", "namespace": "default", "annotations": notes}, "spec": body}
        )
        self.world.settle()

    def load(self, cpu: str) -> None:
        live = self.store.get(HPAS, "default", "web")
        live["metadata"]["annotations"] = {NOTE + "cpu-utilization": cpu}
        self.store.update(HPAS, live)
        self.world.settle()

    def size(self) -> int:
        return int(self.store.get(DEPLOYMENTS, "default", "web")["spec"]["replicas"])

    def condition(self, kind: str) -> tuple[str, str]:
        conditions = self.store.get(HPAS, "default", "web")["status"]["conditions"]
        entry = next(entry for entry in conditions if entry["type"] == kind)
        return entry["status"], entry["reason"]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.world.stop()


@pytest.mark.parametrize(
    ("cpu", "size"),
    [
        pytest.param("50", 2, id="on target"),
        pytest.param("55", 2, id="within tolerance"),
        pytest.param("56", 3, id="just beyond tolerance"),
        pytest.param("100", 4, id="twice"),
        pytest.param("101", 5, id="rounded up"),
        pytest.param("1000", 6, id="at most four more or twice in one period"),
    ],
)
def test_size_follows_the_annotated_utilization(bench: Bench, cpu: str, size: int) -> None:
    bench.autoscale(cpu)
    assert bench.size() == size


def test_growth_goes_on_each_period_up_to_the_maximum(bench: Bench) -> None:
    bench.autoscale("1000")
    sizes = []
    for _ in range(3):
        sizes.append(bench.size())
        bench.world.advance(15)
    assert sizes == [6, 10, 10]
    assert bench.condition("ScalingLimited") == ("True", "TooManyReplicas")


def test_shrinking_waits_for_the_window(bench: Bench) -> None:
    bench.autoscale("100")
    bench.world.advance(60)
    high = bench.size()
    bench.load("5")
    bench.world.advance(285)
    assert bench.size() == high
    bench.world.advance(30)
    assert bench.size() == 1


def test_shrinking_is_at_once_with_a_window_of_zero_and_stops_at_the_minimum(bench: Bench) -> None:
    bench.autoscale("1", minReplicas=2, behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    bench.world.advance(60)
    assert bench.size() == 2


def test_average_of_the_pods_own_annotations_counts(bench: Bench) -> None:
    for pod, cpu in zip(bench.store.list("pods"), ("60", "140"), strict=True):
        pod["metadata"]["annotations"] = {NOTE + "cpu-utilization": cpu}
        bench.store.update("pods", pod)
    bench.autoscale()
    assert bench.size() == 4
    metric = bench.store.get(HPAS, "default", "web")["status"]["currentMetrics"][0]
    assert metric["resource"]["current"] == {"averageUtilization": 100}


def test_metric_that_nobody_notes_stops_scaling_and_says_which(bench: Bench) -> None:
    bench.autoscale()
    assert bench.size() == 2
    assert bench.condition("ScalingActive") == ("False", "FailedGetResourceMetric")


def test_missing_target_is_reported(bench: Bench) -> None:
    bench.autoscale("100", kind="StatefulSet")
    assert bench.condition("AbleToScale") == ("False", "FailedGetScale")


def test_target_at_zero_is_left_there(bench: Bench) -> None:
    live = bench.store.get(DEPLOYMENTS, "default", "web")
    live["spec"]["replicas"] = 0
    bench.store.update(DEPLOYMENTS, live)
    bench.autoscale("100")
    assert bench.size() == 0
    assert bench.condition("ScalingActive") == ("False", "ScalingDisabled")


def test_pods_metric_is_compared_by_value(bench: Bench) -> None:
    target = {"type": "AverageValue", "averageValue": "500m"}
    bench.autoscale(metrics=[{"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": target}}])
    live = bench.store.get(HPAS, "default", "web")
    live["metadata"]["annotations"] = {NOTE + "metric-rps": "1"}
    bench.store.update(HPAS, live)
    bench.world.settle()
    assert bench.size() == 4


def test_custom_kind_is_scaled_by_the_paths_of_its_definition(bench: Bench) -> None:
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.HPAReplicas",
        "labelSelectorPath": ".status.selector",
    }
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": schema,
        "subresources": {"status": {}, "scale": scale},
    }
    names = {"plural": "ships", "singular": "ship", "kind": "Ship", "listKind": "ShipList"}
    bench.store.create(
        CRDS,
        {
            "metadata": {"name": "ships.example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
        },
    )
    ship = bench.store.create(
        "ships.example.com",
        {
            "apiVersion": "example.com/v1",
            "kind": "Ship",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": 3},
        },
    )
    bench.store.update("ships.example.com", ship | {"status": {"HPAReplicas": 3, "selector": "app=web"}}, "status")
    for pod in bench.store.list("pods"):
        pod["metadata"]["annotations"] = {NOTE + "cpu-utilization": "100"}
        bench.store.update("pods", pod)
    bench.autoscale(kind="Ship", api="example.com/v1")
    assert bench.store.get("ships.example.com", "default", "web")["spec"]["replicas"] == 6


def test_steady_load_causes_no_writes(bench: Bench) -> None:
    bench.autoscale("50")
    bench.world.advance(60)
    before = bench.store.version
    bench.world.advance(3600)
    assert bench.store.version == before


@pytest.mark.parametrize(
    ("text", "number"), [("3", 3.0), ("1.5", 1.5), ("250m", 0.25), ("2k", 2000.0), ("1Ki", 1024.0)]
)
def test_quantities_are_read_with_their_suffixes(text: str, number: float) -> None:
    assert quantity(text) == pytest.approx(number)


def test_text_that_is_no_quantity_is_refused() -> None:
    with pytest.raises(SandboxError, match="'much'"):
        quantity("much")
