"""Commands run in this process, and a dump of a Rollout in the middle of an update."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict
from typer.testing import CliRunner, Result

from tidegate.api.rollout import Rollout
from tidegate.api.steps import RolloutAnalysis
from tidegate.cli.main import assemble
from tidegate.errors import Pending
from tidegate.hooks import Capability, Event, Kind, Objects, Ref, Rule, Target, TrafficRouter, hookimpl
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.machine.actions import Action
from tidegate.machine.checking import Operation
from tidegate.machine.merge import merged
from tidegate.machine.observed import Observed
from tidegate.machine.projections import replica_set_view
from tidegate.machine.traffic import Hashes, HeaderRoute, MirrorRoute, Weights

Manifest = dict[str, Any]
Run = Callable[..., Result]
Dump = Callable[..., str]

NOW = "2026-01-01T12:00:00Z"
LABELS = {"app": "demo"}
HASH = "rollouts-pod-template-hash"


@pytest.fixture
def run() -> Run:
    """`run("plan", "-f", …, stdin=…)`: a command's result; what was raised, if it was no exit, is raised here."""

    def run_command(*arguments: str, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(assemble(arguments), list(arguments), input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_command


def template(image: str) -> Manifest:
    return {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "app", "image": image}]}}


def replica_set(pod_hash: str, revision: int, image: str, wanted: int, available: int) -> Manifest:
    labels = {**LABELS, HASH: pod_hash}
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "demo", "uid": "u-1", "controller": True}
    inner = template(image)
    inner["metadata"] = {"labels": labels}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"demo-{pod_hash}",
            "namespace": "shop",
            "uid": f"rs-{pod_hash}",
            "creationTimestamp": f"2026-01-01T1{revision}:00:00Z",
            "resourceVersion": "7",
            "labels": labels,
            "annotations": {
                "rollout.argoproj.io/revision": str(revision),
                "rollout.argoproj.io/desired-replicas": "10",
            },
            "ownerReferences": [owner],
        },
        "spec": {"replicas": wanted, "selector": {"matchLabels": labels}, "template": inner},
        "status": {"replicas": wanted, "readyReplicas": available, "availableReplicas": available},
    }


def service(name: str, pod_hash: str) -> Manifest:
    annotations = {"argo-rollouts.argoproj.io/managed-by-rollouts": "demo"}
    metadata = {"name": name, "namespace": "shop", "annotations": annotations, "resourceVersion": "3"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": {**LABELS, HASH: pod_hash}},
    }


def rollout(steps: list[Manifest], canary: Manifest) -> Manifest:
    weights = {
        "canary": {"weight": 10, "podTemplateHash": "abc", "serviceName": "demo-canary"},
        "stable": {"weight": 90, "podTemplateHash": "def", "serviceName": "demo-stable"},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {
            "name": "demo",
            "namespace": "shop",
            "uid": "u-1",
            "generation": 4,
            "annotations": {"rollout.argoproj.io/revision": "2"},
        },
        "spec": {
            "replicas": 10,
            "selector": {"matchLabels": LABELS},
            "template": template("app:v2"),
            "strategy": {"canary": {"steps": steps, **canary}},
        },
        "status": {
            "observedGeneration": "4",
            "phase": "Progressing",
            "message": "more replicas need to be updated",
            "currentPodHash": "abc",
            "stableRS": "def",
            "currentStepIndex": 0,
            "currentStepHash": "written-by-others",
            "canary": {"weights": weights} if canary.get("trafficRouting") else {},
            "conditions": [],
        },
    }


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    """`dump(steps, new=(wanted, available), stable=…, status=…, spec=…, canary=…, more=…)`: the path of a file with
    Rollout `shop/demo` on its way from revision 1 (def) to 2 (abc), its two ReplicaSets, and two Services if it is routed.
    """

    def write(
        steps: list[Manifest],
        *,
        new: tuple[int, int] = (1, 1),
        stable: tuple[int, int] = (9, 9),
        status: Manifest | None = None,
        spec: Manifest | None = None,
        canary: Manifest | None = None,
        more: list[Manifest] | None = None,
    ) -> str:
        found = rollout(copy.deepcopy(steps), canary or {})
        found["status"] = merged(found["status"], status or {})
        found["spec"] = merged(found["spec"], spec or {})
        items = [found, replica_set("abc", 2, "app:v2", *new), replica_set("def", 1, "app:v1", *stable)]
        if canary and "canaryService" in canary:
            items += [service("demo-canary", "abc"), service("demo-stable", "def")]
        path = tmp_path / "dump.yaml"
        path.write_text(yaml.safe_dump({"kind": "List", "apiVersion": "v1", "items": [*items, *(more or [])]}))
        return str(path)

    return write


@pytest.fixture
def now() -> str:
    """The moment of the dumps."""
    return NOW


SPLIT = Kind("example.com", "v1", "Split", "splits")


class MeshConfig(BaseModel):
    """Which object carries the weights."""

    model_config = ConfigDict(extra="forbid")

    split: str


class Mesh(TrafficRouter[MeshConfig]):
    """Writes the canary's share into a Split, which it creates where it is missing."""

    name = "mesh"
    config = MeshConfig
    can = frozenset({Capability.WEIGHTS})
    needs = (Rule("example.com", "splits", "get list watch create patch"),)

    def reads(self, target: Target[MeshConfig]) -> list[Ref]:
        return [Ref(SPLIT, target.config.split, required=False)]

    def set_weights(self, target: Target[MeshConfig], weights: Weights, objects: Objects) -> None:
        name = target.config.split
        if objects.get(SPLIT, name) is None:
            made = {
                "metadata": {"name": name, "annotations": {"made-for": target.name}},
                "spec": {"canary": weights.canary},
            }
            objects.create(SPLIT, made, Event("SplitCreated", f"Created split {name}"))
        else:
            objects.edit(SPLIT, name)["spec"]["canary"] = weights.canary


class Freeze:
    """A wrapper that lets no weight through."""

    @hookimpl(wrapper=True)
    def set_weights(self, weights: Weights) -> Iterator[None]:
        yield
        raise Pending("frozen until Monday")


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`mesh(frozen=…)`: router `mesh` is the only plugin, with a wrapper that refuses every weight if asked for."""

    def install(*, frozen: bool = False) -> None:
        plugins: dict[str, object] = {"mesh": Mesh, **({"freeze": Freeze()} if frozen else {})}
        facade = Facade(load_objects(plugins), sleep=lambda _: None)
        for command in ("plan", "simulate"):
            monkeypatch.setattr(f"tidegate.cli.{command}.facade_of", lambda _: facade)

    return install


@pytest.fixture
def an_action() -> Callable[[type[Action]], tuple[Action, Observed]]:
    """An action of a type with plausible fields, and an observation that it could come from."""
    known: dict[str, Any] = {
        "manifest": replica_set("abc", 2, "app:v2", 0, 0),
        "name": "demo-abc",
        "hashes": Hashes("abc", "def"),
        "weights": Weights(20),
        "analysis": RolloutAnalysis(),
        "operation": Operation.RUN,
        "experiment": {},
        "step": 1,
        "revision": 2,
        "replicas": 3,
    }

    def make(kind: type[Action]) -> tuple[Action, Observed]:
        routes = {"SetHeaderRoute": HeaderRoute("r"), "SetMirrorRoute": MirrorRoute("r")}
        needed = [f for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
        given = {
            f.name: known.get(f.name, routes.get(kind.__name__, "x") if f.name == "route" else "x") for f in needed
        }
        sets = (replica_set_view(replica_set("abc", 2, "app:v2", 0, 0)),)
        return kind(**given), Observed(datetime(2026, 1, 1, tzinfo=UTC), Rollout.read(rollout([], {})), sets)

    return make
