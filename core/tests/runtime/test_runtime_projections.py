from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.hooks.configs import Configured, target_for
from tidegate.machine.projections import replica_set_view
from tidegate.machine.traffic import Capability
from tidegate.runtime.kinds import DEPLOYMENTS, POD_TEMPLATES, REFERENCED_SETS, REPLICA_SETS, WORKLOADS
from tidegate.runtime.projections import pod_seen, rollout_text, workload_view
from tidegate.runtime.references import workload_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEMPLATE = {"metadata": {"labels": {"app": "app"}, "creationTimestamp": None}, "spec": {"containers": [{"name": "c"}]}}


def a_pod(ready: str = "True", **metadata: Any) -> dict[str, Any]:
    owner = {"kind": "ReplicaSet", "uid": "set", "controller": True}
    whole = {"name": "p", "uid": "u", "creationTimestamp": "2026-01-01T11:59:00Z", "ownerReferences": [owner]}
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T12:00:00Z"}
    return {"metadata": {**whole, **metadata}, "status": {"conditions": [condition]}}


def test_a_pod_is_available_once_it_was_ready_long_enough() -> None:
    seen = pod_seen(a_pod())
    assert not seen.at(NOON + timedelta(seconds=9.9), 10).available
    assert seen.at(NOON + timedelta(seconds=10), 10).available
    assert seen.at(NOON, 0).available


@pytest.mark.parametrize("pod", [a_pod("False"), {"metadata": {"name": "p"}}], ids=["not ready", "without a status"])
def test_a_pod_that_is_not_ready_is_not_available(pod: dict[str, Any]) -> None:
    assert not pod_seen(pod).at(NOON + timedelta(days=1), 0).available


def test_a_pod_shows_its_owner_and_that_it_goes() -> None:
    view = pod_seen(a_pod(deletionTimestamp="2026-01-01T12:00:00Z", labels={"a": "b"})).at(NOON, 0)
    assert (view.owner_uid, view.deleting, view.labels) == ("set", True, {"a": "b"})
    assert view.created == NOON - timedelta(minutes=1)


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet"])
def test_a_workload_shows_template_selector_and_size(kind: str) -> None:
    selector = {"matchLabels": {"app": "app"}}
    metadata = {"name": "w", "uid": "u", "generation": 3}
    view = workload_view(kind, {"metadata": metadata, "spec": {"template": TEMPLATE, "selector": selector}})
    assert (view.kind, view.name, view.uid, view.generation, view.replicas) == (kind, "w", "u", 3, 1)
    assert view.selector == selector
    assert view.template == {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": [{"name": "c"}]}}


def test_a_pod_template_has_neither_selector_nor_size() -> None:
    view = workload_view("PodTemplate", {"metadata": {"name": "w"}, "template": TEMPLATE})
    assert (view.selector, view.replicas) == (None, None)
    assert view.template["spec"] == TEMPLATE["spec"]


@pytest.mark.parametrize(
    ("version", "kind", "wanted"),
    [
        ("apps/v1", "Deployment", DEPLOYMENTS),
        ("apps/v1", "ReplicaSet", REFERENCED_SETS),
        ("v1", "PodTemplate", POD_TEMPLATES),
        ("apps/v1", "StatefulSet", None),
        ("v1", "Deployment", None),
    ],
    ids=["Deployment", "ReplicaSet", "PodTemplate", "StatefulSet", "another group"],
)
def test_the_workload_is_found_by_group_and_kind(version: str, kind: str, wanted: object) -> None:
    ref = {"apiVersion": version, "kind": kind, "name": "w"}
    rollout = Rollout.read({"metadata": {"name": "app", "namespace": "ns"}, "spec": {"workloadRef": ref}})
    assert workload_of(rollout) == (None if wanted is None else (wanted, "ns", "w"))


def test_a_referenced_replica_set_has_a_cache_of_its_own() -> None:
    assert REPLICA_SETS not in WORKLOADS.values()
    assert REFERENCED_SETS.resource == REPLICA_SETS.resource


def _term(key: str, *values: str) -> dict[str, Any]:
    return {"labelSelector": {"matchExpressions": [{"key": key, "operator": "In", "values": list(values)}]}}


@pytest.mark.parametrize(
    ("rules", "kept_from"),
    [
        ({"requiredDuringSchedulingIgnoredDuringExecution": [_term("zone", "a"), _term(names.POD_HASH, "abc")]}, "abc"),
        (
            {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 5, "podAffinityTerm": _term(names.POD_HASH, "def", "ghi")}
                ]
            },
            "def",
        ),
        ({"requiredDuringSchedulingIgnoredDuringExecution": [_term("zone", "a")]}, ""),
        ({"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}, ""),
        ({"requiredDuringSchedulingIgnoredDuringExecution": [_term(names.POD_HASH)]}, ""),
        ({}, ""),
    ],
    ids=["required", "preferred", "a user's term", "no selector", "no value", "none"],
)
def test_a_replica_set_shows_whose_pods_it_is_kept_from(rules: dict[str, Any], kept_from: str) -> None:
    template = {"spec": {"containers": [], "affinity": {"podAntiAffinity": rules}}}
    view = replica_set_view({"metadata": {"name": "s"}, "spec": {"template": template}}, lambda _: "digest")
    assert view.kept_from == kept_from


class Empty(BaseModel):
    """A router's config without a field."""


PAIR = {"pingPong": {"pingService": "ping", "pongService": "pong"}}
PLAIN = {"canaryService": "canary", "stableService": "stable"}
ABLE = frozenset({Capability.PING_PONG})


@pytest.mark.parametrize(
    ("canary", "stable_side", "can", "services"),
    [
        (PAIR, "", ABLE, ("ping", "pong")),
        (PAIR, "pong", ABLE, ("ping", "pong")),
        (PAIR, "ping", ABLE, ("pong", "ping")),
        (PAIR, "ping", frozenset(), ("pong", "ping")),
        (PAIR | PLAIN, "ping", ABLE, ("pong", "ping")),
        (PAIR | PLAIN, "ping", frozenset(), ("canary", "stable")),
        (PAIR | {"stableService": "stable"}, "", frozenset(), ("ping", "pong")),
        (PLAIN, "ping", ABLE, ("canary", "stable")),
    ],
    ids=["first", "pong", "ping", "nothing else", "both, able", "both, unable", "one of two", "no pair"],
)
def test_a_router_works_for_the_services_of_the_turn(
    canary: dict[str, Any], stable_side: str, can: frozenset[Capability], services: tuple[str, str]
) -> None:
    status = {"canary": {"stablePingPong": stable_side}} if stable_side else {}
    rollout = Rollout.read({"metadata": {"name": "a"}, "spec": {"strategy": {"canary": canary}}, "status": status})
    target = target_for(rollout, Configured("r", "spec.r", Empty(), can=can))
    assert (target.canary_service, target.stable_service) == services


def test_versions_of_one_generation_share_their_spec() -> None:
    first = rollout_text({"metadata": {"name": "demo", "generation": 3}, "spec": {"replicas": 4}})
    second = rollout_text(
        {"metadata": {"name": "demo", "generation": 3}, "spec": {"replicas": 4}, "status": {"phase": "Paused"}}
    )
    assert second.read().spec is first.read().spec
    assert second.read().status.phase == "Paused"
    assert second.manifest["spec"] == {"replicas": 4}


def test_a_spec_that_no_schema_lets_through_is_named_with_its_whole_path() -> None:
    text = rollout_text({"metadata": {"name": "demo"}, "spec": {"replicas": "many"}})
    with pytest.raises(ValidationError, match=r"spec\.replicas"):
        text.read()
