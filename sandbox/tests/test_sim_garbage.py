from __future__ import annotations

from collections.abc import Iterator

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.sim import World
from tidegate_sandbox.store import Store

MAPS = "configmaps"


class Bench:
    """ConfigMaps that own one another, under virtual time."""

    def __init__(self) -> None:
        clock = VirtualClock()
        self.store = Store(Registry(clock))
        self.world = World(self.store, clock)
        self.world.start()
        self.world.settle()

    def create(self, name: str, *owners: Manifest, blocks: bool = True, holds: bool = False) -> Manifest:
        references = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "blockOwnerDeletion": blocks,
            }
            for owner in owners
        ]
        metadata: Manifest = {"name": name, "namespace": "default", "ownerReferences": references}
        if holds:
            metadata["finalizers"] = ["example.com/hold"]
        created = self.store.create(MAPS, {"metadata": metadata})
        self.world.settle()
        return created

    def delete(self, name: str, policy: str = "Background") -> None:
        self.store.delete(MAPS, "default", name, propagation=policy)  # type: ignore[arg-type]
        self.world.settle()

    def release(self, name: str) -> None:
        live = self.store.get(MAPS, "default", name)
        del live["metadata"]["finalizers"]
        self.store.update(MAPS, live)
        self.world.settle()

    def names(self) -> set[str]:
        return {one["metadata"]["name"] for one in self.store.list(MAPS, "default")}

    def owners(self, name: str) -> list[str]:
        references = self.store.get(MAPS, "default", name)["metadata"].get("ownerReferences", ())
        return [reference["name"] for reference in references]

    def namespaces(self) -> set[str]:
        return {one["metadata"]["name"] for one in self.store.list("namespaces")}


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.world.stop()


def test_background_deletion_takes_the_whole_tree(bench: Bench) -> None:
    top = bench.create("top")
    middle = bench.create("middle", top)
    bench.create("leaf", middle)
    bench.create("apart")
    bench.delete("top")
    assert bench.names() == {"apart"}


def test_dependent_with_another_owner_stays_and_loses_the_reference(bench: Bench) -> None:
    first, second = bench.create("first"), bench.create("second")
    bench.create("shared", first, second)
    bench.delete("first")
    assert bench.names() == {"second", "shared"}
    assert bench.owners("shared") == ["second"]
    bench.delete("second")
    assert bench.names() == set()


def test_orphan_deletion_keeps_the_dependents_without_the_reference(bench: Bench) -> None:
    top = bench.create("top")
    middle = bench.create("middle", top)
    bench.create("leaf", middle)
    bench.delete("top", "Orphan")
    assert bench.names() == {"middle", "leaf"}
    assert bench.owners("middle") == []
    assert bench.owners("leaf") == ["middle"]


def test_foreground_deletion_keeps_the_owner_until_blocking_dependents_are_gone(bench: Bench) -> None:
    top = bench.create("top")
    bench.create("held", top, holds=True)
    bench.create("free", top)
    bench.delete("top", "Foreground")
    assert bench.names() == {"top", "held"}
    assert bench.store.get(MAPS, "default", "top")["metadata"]["finalizers"] == ["foregroundDeletion"]
    bench.release("held")
    assert bench.names() == set()


def test_foreground_deletion_goes_bottom_up_through_the_tree(bench: Bench) -> None:
    top = bench.create("top")
    middle = bench.create("middle", top)
    bench.create("leaf", middle, holds=True)
    bench.delete("top", "Foreground")
    assert bench.names() == {"top", "middle", "leaf"}
    bench.release("leaf")
    assert bench.names() == set()


def test_foreground_deletion_does_not_wait_for_dependents_that_do_not_block(bench: Bench) -> None:
    top = bench.create("top")
    bench.create("held", top, blocks=False, holds=True)
    bench.delete("top", "Foreground")
    assert bench.names() == {"held"}
    assert "deletionTimestamp" in bench.store.get(MAPS, "default", "held")["metadata"]


def test_foreground_deletion_lets_a_shared_dependent_go(bench: Bench) -> None:
    first, second = bench.create("first"), bench.create("second")
    bench.create("shared", first, second)
    bench.delete("first", "Foreground")
    assert bench.names() == {"second", "shared"}
    assert bench.owners("shared") == ["second"]


def test_object_whose_owner_never_existed_is_collected(bench: Bench) -> None:
    ghost = {"metadata": {"name": "ghost", "uid": "no-such-uid"}}
    bench.create("kept")
    bench.create("child", ghost)
    assert bench.names() == {"kept"}


def test_object_whose_owner_was_made_again_under_the_name_is_collected(bench: Bench) -> None:
    first = bench.create("owner")
    bench.delete("owner")
    bench.create("owner")
    bench.create("child", first)
    assert bench.names() == {"owner"}


def test_owner_of_a_kind_that_nobody_serves_is_given_the_benefit_of_the_doubt(bench: Bench) -> None:
    reference = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": "u"}
    metadata = {"name": "child", "namespace": "default", "ownerReferences": [reference]}
    bench.store.create(MAPS, {"metadata": metadata})
    bench.world.settle()
    assert bench.names() == {"child"}


def test_object_with_several_references_loses_only_those_to_the_missing(bench: Bench) -> None:
    owner, ghost = bench.create("owner"), {"metadata": {"name": "ghost", "uid": "no-such-uid"}}
    bench.create("child", owner, ghost)
    assert bench.owners("child") == ["owner"]


def test_new_namespace_gets_its_default_service_account(bench: Bench) -> None:
    bench.store.create("namespaces", {"metadata": {"name": "team"}})
    bench.world.settle()
    assert bench.store.get("serviceaccounts", "team", "default")["metadata"]["namespace"] == "team"


def test_deleted_default_service_account_comes_back(bench: Bench) -> None:
    bench.store.delete("serviceaccounts", "default", "default")
    bench.world.settle()
    assert bench.store.get("serviceaccounts", "default", "default")


def test_deleted_namespace_goes_after_all_that_was_in_it(bench: Bench) -> None:
    bench.store.create("namespaces", {"metadata": {"name": "team"}})
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    bench.store.create("deployments.apps", {"metadata": {"name": "web", "namespace": "team"}, "spec": spec})
    ports = [{"port": 80}]
    bench.store.create(
        "services",
        {"metadata": {"name": "web", "namespace": "team"}, "spec": {"selector": {"app": "web"}, "ports": ports}},
    )
    bench.world.advance(1)
    bench.store.delete("namespaces", "", "team")
    bench.world.settle()
    namespace = bench.store.get("namespaces", "", "team")
    assert namespace["status"]["phase"] == "Terminating"
    assert len(bench.store.list("pods", "team")) == 2, "the pods take their time to stop"
    bench.world.advance(1)
    assert "team" not in bench.namespaces()
    for resource in ("pods", "deployments.apps", "replicasets.apps", "services", "serviceaccounts", "endpoints"):
        assert bench.store.list(resource, "team") == []


def test_namespace_waits_for_what_a_finalizer_holds(bench: Bench) -> None:
    bench.store.create("namespaces", {"metadata": {"name": "team"}})
    metadata = {"name": "held", "namespace": "team", "finalizers": ["example.com/hold"]}
    bench.store.create(MAPS, {"metadata": metadata})
    bench.store.delete("namespaces", "", "team")
    bench.world.advance(3600)
    assert "team" in bench.namespaces()
    live = bench.store.get(MAPS, "team", "held")
    del live["metadata"]["finalizers"]
    bench.store.update(MAPS, live)
    bench.world.settle()
    assert "team" not in bench.namespaces()
