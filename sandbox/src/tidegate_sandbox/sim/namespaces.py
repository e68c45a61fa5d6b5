"""The simulated namespace controllers: what a new namespace gets, and the emptying of one being deleted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.owners import deleting
from tidegate_sandbox.sim.queue import Key

FINALIZER = "kubernetes"


class Namespaces:
    """Gives each namespace its default ServiceAccount; deletes all contents of one that is deleted, then lets it go."""

    name = "namespace"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys_for(self, change: Change) -> Iterable[Key]:
        metadata = change.object["metadata"]
        if change.resource == "namespaces":
            return [_key(metadata["name"])]
        home = metadata.get("namespace", "")
        namespace = self._cluster.view.get("namespaces", "", home) if home else None
        emptied = namespace is not None and deleting(namespace)
        service_account = change.resource == "serviceaccounts" and change.type == "DELETED"
        return [_key(home)] if emptied or service_account else []

    def reconcile(self, key: Key) -> datetime | None:
        namespace = self._cluster.view.get("namespaces", "", key.name)
        if namespace is not None and not deleting(namespace):
            self._furnish(namespace)
            return None
        if namespace is not None:
            self._cluster.update_status(
                "namespaces", namespace, {**namespace.get("status", {}), "phase": "Terminating"}
            )
        self._empty(key.name)
        namespace = self._cluster.view.get("namespaces", "", key.name)
        if namespace is not None and not self._cluster.view.everything_in(key.name):
            self._let_go(namespace)
        return None

    def _furnish(self, namespace: Manifest) -> None:
        name = namespace["metadata"]["name"]
        if self._cluster.view.get("serviceaccounts", name, "default") is None:
            account = {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "default", "namespace": name},
            }
            self._cluster.create("serviceaccounts", account)

    def _empty(self, name: str) -> None:
        for resource, home, inner in self._cluster.view.everything_in(name):
            manifest = self._cluster.view.get(resource, home, inner)
            if manifest is not None and not deleting(manifest):
                self._cluster.delete(resource, manifest)

    def _let_go(self, namespace: Manifest) -> None:
        finalizers = namespace.get("spec", {}).get("finalizers") or []
        if FINALIZER in finalizers:
            kept = [name for name in finalizers if name != FINALIZER]
            self._cluster.update("namespaces", {**namespace, "spec": {**namespace["spec"], "finalizers": kept}})


def _key(name: str) -> Key:
    return Key(Namespaces.name, "namespaces", "", name)
