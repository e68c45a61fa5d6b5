"""What an observation made of files holds, beside ReplicaSets: the same as one made of the caches."""

from __future__ import annotations

from typing import Any

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.cli.manifests import Manifests, observe
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.machine.observed import Observed

LABELS = {"app": "app", names.POD_HASH: "abc"}
ROLLOUT: dict[str, Any] = {
    "kind": "Rollout",
    "metadata": {"name": "app", "namespace": "ns", "uid": "r"},
    "spec": {"strategy": {"blueGreen": {"activeService": "active", "previewService": "preview"}}},
}


def owned(kind: str, name: str, owner: str) -> dict[str, Any]:
    reference = {"kind": "Owner", "uid": owner, "controller": True}
    metadata = {"name": name, "namespace": "ns", "uid": name, "labels": LABELS, "ownerReferences": [reference]}
    return {"kind": kind, "metadata": metadata, "spec": {}}


def seen(rollout: dict[str, Any], *others: dict[str, Any]) -> Observed:
    found = Manifests()
    for manifest in (rollout, *others):
        found.add(manifest, "test")
    return observe(Rollout.read(rollout), found, Facade(load_objects({})))


def test_the_services_of_a_blue_green_are_looked_up() -> None:
    active = {"kind": "Service", "metadata": {"name": "active", "namespace": "ns"}, "spec": {"selector": {"a": "b"}}}
    services = seen(ROLLOUT, active).services
    assert services["preview"] is None
    assert services["active"] is not None
    assert services["active"].selector == {"a": "b"}


def test_services_are_taken_as_being_there_where_the_sources_hold_none() -> None:
    assert [name for name, view in seen(ROLLOUT).services.items() if view is None] == []


def test_the_workload_is_taken_from_the_sources() -> None:
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "source"}
    rollout = {**ROLLOUT, "spec": {"workloadRef": ref}}
    template = {"metadata": {"labels": {"app": "app"}}}
    source = {"kind": "Deployment", "metadata": {"name": "source", "namespace": "ns"}, "spec": {"template": template}}
    workload = seen(rollout, source).workload
    assert workload is not None
    assert workload.template == template
    assert seen(rollout).workload is None


def test_pods_are_those_of_the_rollouts_sets_and_only_where_they_are_needed() -> None:
    objects = (owned("ReplicaSet", "mine", "r"), owned("Pod", "p", "mine"), owned("Pod", "stranger", "other"))
    assert seen(ROLLOUT, *objects).pods == ()
    restarting = {**ROLLOUT, "spec": {**ROLLOUT["spec"], "restartAt": "2026-01-01T00:00:00Z"}}
    assert [pod.name for pod in seen(restarting, *objects).pods] == ["p"]
