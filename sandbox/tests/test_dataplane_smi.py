"""TrafficSplits to a route table: what a mesh does with requests to a Service."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.matching import Request, route_for
from tidegate_sandbox.dataplane.memory import MemorySource, endpoint_slice, pod, service
from tidegate_sandbox.dataplane.routes import RouteTable
from tidegate_sandbox.dataplane.smi import SmiTranslator, weight_of

STABLE, CANARY, ROOT = "shop-stable-80", "shop-canary-80", "shop-root-80"


def a_split(name: str = "web", root: str = "root", created: str = "2026-01-01T00:00:00Z", **weights: Any) -> Manifest:
    return {
        "apiVersion": "split.smi-spec.io/v1alpha2",
        "kind": "TrafficSplit",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": created},
        "spec": {"service": root, "backends": [{"service": key, "weight": value} for key, value in weights.items()]},
    }


def table_of(*splits: Manifest) -> RouteTable:
    translator = SmiTranslator()
    old, new = pod("old", "v1"), pod("new", "v2")
    behind = {"stable": [old], "canary": [new], "root": [old, new]}
    workload = [old, new, *(service(name) for name in behind), *(endpoint_slice(n, *p) for n, p in behind.items())]
    source = MemorySource(*workload, *splits)
    return translator.translate({resource: source.list(resource) for resource in translator.resources})


def ask(table: RouteTable, host: str = "root.shop") -> dict[str, int] | int:
    route = route_for(table, Request(host))
    if route is None:
        return 404
    whole = sum(share.weight for share in route.shares)
    return {share.cluster: 100 * share.weight // whole for share in route.shares} or 503


@pytest.mark.parametrize("host", ["root.shop", "root.shop.svc", "root.shop.svc.cluster.local"])
def test_requests_to_the_root_are_split(host: str) -> None:
    assert ask(table_of(a_split(canary=25, stable=75)), host) == {CANARY: 25, STABLE: 75}


def test_weights_are_relative_and_may_be_quantities() -> None:
    assert ask(table_of(a_split(canary="500m", stable="1.5"))) == {CANARY: 25, STABLE: 75}


def test_the_root_may_be_a_backend() -> None:
    table = table_of(a_split(root="stable", canary=10, stable=90))
    assert ask(table, "stable.shop") == {CANARY: 10, STABLE: 90}


def test_a_service_without_a_split_takes_its_own_requests() -> None:
    table = table_of(a_split(canary=25, stable=75))
    assert ask(table, "canary.shop") == {CANARY: 100}
    assert ask(table_of(), "root.shop") == {ROOT: 100}


def test_all_zero_is_no_traffic() -> None:
    assert ask(table_of(a_split(canary=0, stable=0))) == 503


def test_of_two_splits_the_older_counts() -> None:
    younger = a_split("young", created="2026-01-02T00:00:00Z", canary=100)
    assert ask(table_of(younger, a_split(stable=100))) == {STABLE: 100}


def test_a_weight_that_is_no_number_is_noted() -> None:
    table = table_of(a_split(canary="many", stable=1))
    assert ask(table) == {STABLE: 100}
    assert ["weight 'many' is no number" in note for note in table.notes] == [True]


@pytest.mark.parametrize(("value", "expected"), [(None, 0), ("25", 25000), (25, 25000), ("250m", 250), (True, None)])
def test_weights_in_thousandths(value: object, expected: int | None) -> None:
    assert weight_of(value) == expected
