"""Commands run in this process, and a dump of a Rollout in the middle of an update."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from tidegate.cli.main import assemble
from tidegate.machine.merge import merged

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
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {**LABELS, HASH: pod_hash}}}


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
