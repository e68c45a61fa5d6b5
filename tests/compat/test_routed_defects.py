"""Defects of the reference controller behind a mesh or a load balancer that no recording shows: the same, played here.

A sandbox with a controller; the world is looked at, and every write of the objects that lead requests is counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playback.cluster import DESTINATION_RULES, INGRESSES, ROLLOUTS, VIRTUAL_SERVICES, Manifest, Move
from playback.sandboxed import Sandboxed
from playback.symbols import HASH
from playback.world import World

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "sandbox" / "crds"
BOOKS = "rollouts.argoproj.io/managed-alb-annotations"
SPLITS = "trafficsplits.split.smi-spec.io"
WITHIN_S = 20.0  # for what takes less than 1 s on an idle machine
QUIET_S = 0.8  # a loop writes every few milliseconds
CALM_S = 8.0

BASE = """
apiVersion: v1
kind: Service
metadata: {name: demo-stable}
spec: {selector: {app: demo}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: demo-canary}
spec: {selector: {app: demo}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""
ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: demo}
spec:
  replicas: 1
  selector: {matchLabels: {app: demo}}
  template:
    metadata: {labels: {app: demo}}
    spec: {containers: [{name: main, image: "demo:v1"}]}
  strategy:
    canary: {canaryService: demo-canary, stableService: demo-stable, steps: [{setWeight: 20}, {pause: {}}]}
"""
MESH = """
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: {name: demo}
spec:
  hosts: [demo]
  http:
  - name: main
    route:
    - {destination: {host: demo, subset: live}, weight: 100}
    - {destination: {host: demo, subset: next}, weight: 0}
---
apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata: {name: demo}
spec:
  host: demo
  subsets:
  - {name: live, labels: {app: demo}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}
  - {name: next, labels: {app: demo}}
  - {name: older, labels: {app: demo, version: v0}}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: demo, annotations: {kubernetes.io/ingress.class: alb}}
spec:
  rules:
  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: demo-root, port: {name: use-annotation}}}}]}
"""
ISTIO = {
    "istio": {
        "virtualService": {"name": "demo", "routes": ["main"]},
        "destinationRule": {"name": "demo", "stableSubsetName": "live", "canarySubsetName": "next"},
    }
}
ALB = {
    "alb": {"ingress": "demo", "rootService": "demo-root", "servicePort": 80},
    "managedRoutes": [{"name": "testers"}],
}


class Play:
    """One Rollout in a namespace of its own, and everything that is written there."""

    def __init__(self, cluster: Sandboxed, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.world = World(cluster, namespace)
        self._moves: list[Move] = []
        self._leave = cluster.follow(self._moves.append)

    def close(self) -> None:
        self._leave()
        self.world.close()

    def begin(self, routing: Manifest, *manifests: str) -> None:
        """Apply the Services, the manifests, and the Rollout with that traffic routing."""
        rollout = yaml.safe_load(ROLLOUT)
        rollout["spec"]["strategy"]["canary"]["trafficRouting"] = routing
        others = [each for text in (BASE, *manifests) for each in yaml.safe_load_all(text)]
        for manifest in (*others, rollout):
            manifest["metadata"]["namespace"] = self.namespace
            self.cluster.apply([manifest])

    def until(self, holds: Callable[[], bool]) -> None:
        assert self.world.until(holds, WITHIN_S), self.rollout.get("status")

    def until_phase(self, phase: str) -> None:
        """Wait for the phase, and then until nothing is written any more."""
        self.until(lambda: self.rollout.get("status", {}).get("phase") == phase)
        assert self.world.until_quiet(QUIET_S, CALM_S)

    def update(self) -> None:
        """A new image, and the first step's pause."""
        containers = [{"name": "main", "image": "demo:v2"}]
        patch = {"spec": {"template": {"spec": {"containers": containers}}}}
        self.cluster.edit(ROLLOUTS, self.namespace, "demo", patch)
        self.until_phase("Paused")

    @property
    def rollout(self) -> Manifest:
        return self.one(ROLLOUTS)

    def one(self, resource: str) -> Manifest:
        """The first object of that kind, {} where there is none."""
        return next(iter(self.cluster.objects(resource, self.namespace)), {})

    def writes(self, resource: str) -> int:
        """How often objects of that kind were made, changed or removed since the last call, by whomever."""
        found = [
            each
            for each in self._moves
            if (each.resource, each.object["metadata"].get("namespace")) == (resource, self.namespace)
        ]
        for each in found:
            self._moves.remove(each)
        return len(found)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandboxed]:
    found = Sandboxed(ROOT / "deploy" / "crds", CRDS / "istio", CRDS / "smi")
    found.start_controller(tmp_path_factory.mktemp("controller"))
    yield found
    found.close()


@pytest.fixture
def play(cluster: Sandboxed, request: pytest.FixtureRequest) -> Iterator[Play]:
    found = Play(cluster, f"ns-{request.node.name.split('_')[1]}")
    yield found
    found.close()


def test_x05_x32_other_subsets_and_fields_stay_and_cause_no_writes(play: Play) -> None:
    play.begin(ISTIO, MESH)
    play.until_phase("Healthy")
    given = yaml.safe_load(MESH.split("---")[1])["spec"]["subsets"]
    assert play.writes(DESTINATION_RULES) == 2  # made, then labelled
    assert play.writes(VIRTUAL_SERVICES) == 1  # made: weight 0 was there

    play.update()

    live, after, older = play.one(DESTINATION_RULES)["spec"]["subsets"]
    assert (play.writes(DESTINATION_RULES), play.writes(VIRTUAL_SERVICES)) == (1, 1)
    assert live["trafficPolicy"] == given[0]["trafficPolicy"]
    assert older == given[2]
    assert live["labels"][HASH] != after["labels"][HASH]
    for number in range(3):
        touched = {"metadata": {"annotations": {"example.com/touched": str(number)}}}
        play.cluster.edit(ROLLOUTS, play.namespace, "demo", touched)
    assert play.world.until_quiet(QUIET_S, CALM_S)
    assert (play.writes(DESTINATION_RULES), play.writes(VIRTUAL_SERVICES)) == (0, 0)


def test_x18_a_split_that_is_edited_or_deleted_is_repaired_in_one_write(play: Play) -> None:
    play.begin({"smi": {}})
    play.until_phase("Healthy")
    play.update()
    wanted = play.one(SPLITS)["spec"]
    assert shares(wanted) == {"demo-canary": 20, "demo-stable": 80}
    assert play.writes(SPLITS) == 2  # made at weight 0, then the step

    others = [{**each, "weight": 99 if each["service"] == "demo-canary" else 1} for each in wanted["backends"]]
    play.cluster.edit(SPLITS, play.namespace, "demo", {"spec": {"backends": others}})
    play.until(lambda: shares(play.one(SPLITS)["spec"]) == shares(wanted))
    assert play.world.until_quiet(QUIET_S, CALM_S)
    assert play.writes(SPLITS) == 2  # by hand, and back

    play.cluster.delete(SPLITS, play.namespace, "demo")
    play.until(lambda: play.one(SPLITS).get("spec") == wanted)
    assert play.world.until_quiet(QUIET_S, CALM_S)
    assert play.writes(SPLITS) == 2  # deleted, and made


def shares(spec: Manifest) -> dict[str, Any]:
    """The weights of a TrafficSplit."""
    return {each["service"]: int(each["weight"]) for each in spec["backends"]}


def test_x36_a_kind_that_is_served_later_is_noticed_without_a_touch(tmp_path: Path) -> None:
    cluster = Sandboxed(ROOT / "deploy" / "crds")
    cluster.start_controller(tmp_path)
    play = Play(cluster, "ns-x36")
    try:
        play.begin({"smi": {}})
        play.until(lambda: "TrafficSplitNotCreated" in play.world.reasons)
        assert play.rollout["status"]["phase"] == "Progressing"

        cluster.serve(CRDS / "smi")

        play.until_phase("Healthy")
        assert shares(play.one(SPLITS)["spec"]) == {"demo-canary": 0, "demo-stable": 100}
    finally:
        play.close()
        cluster.close()


def test_x52_x71_nothing_is_booked_too_early_and_nothing_is_left_behind(play: Play) -> None:
    play.begin(ALB, INGRESS)
    play.until_phase("Healthy")
    assert play.writes(INGRESSES) == 2  # made, then action and bookkeeping in one
    assert [text for text in play.world.events() if "removing managed routes" in text] == []
    play.update()
    assert BOOKS in play.one(INGRESSES)["metadata"]["annotations"]

    play.cluster.delete(ROLLOUTS, play.namespace, "demo")

    play.until(lambda: BOOKS not in play.one(INGRESSES)["metadata"]["annotations"])
    action = json.loads(play.one(INGRESSES)["metadata"]["annotations"]["alb.ingress.kubernetes.io/actions.demo-root"])
    groups = action["ForwardConfig"]["TargetGroups"]
    assert [(each["ServiceName"], each["Weight"]) for each in groups] == [("demo-stable", 100)]
