"""What a play needs of a cluster: its objects, its changes as they happen, and the writes of a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Manifest = dict[str, Any]

ROLLOUTS, REPLICA_SETS, DEPLOYMENTS = "rollouts.argoproj.io", "replicasets.apps", "deployments.apps"
INGRESSES, SERVICES, PODS, EVENTS = "ingresses.networking.k8s.io", "services", "pods", "events"
VIRTUAL_SERVICES, DESTINATION_RULES = "virtualservices.networking.istio.io", "destinationrules.networking.istio.io"
LEADING = {INGRESSES, SERVICES, VIRTUAL_SERVICES, DESTINATION_RULES}  # what leads requests

# What a play follows, with the path under which an API server serves it. The name is `<plural>.<group>`.
SERVED = {
    ROLLOUTS: "/apis/argoproj.io/v1alpha1",
    REPLICA_SETS: "/apis/apps/v1",
    DEPLOYMENTS: "/apis/apps/v1",
    INGRESSES: "/apis/networking.k8s.io/v1",
    VIRTUAL_SERVICES: "/apis/networking.istio.io/v1alpha3",  # the version of the recordings' manifests
    DESTINATION_RULES: "/apis/networking.istio.io/v1alpha3",
    SERVICES: "/api/v1",
    PODS: "/api/v1",
    EVENTS: "/api/v1",
}
KINDS = {
    "Rollout": ROLLOUTS,
    "ReplicaSet": REPLICA_SETS,
    "Deployment": DEPLOYMENTS,
    "Ingress": INGRESSES,
    "VirtualService": VIRTUAL_SERVICES,
    "DestinationRule": DESTINATION_RULES,
    "Service": SERVICES,
}


@dataclass(frozen=True, slots=True)
class Move:
    """An object was made or changed, or is `gone`. It belongs to the cluster and must not be edited.

    `number` grows with every move where the cluster counts them, and is 0 elsewhere.
    """

    resource: str
    object: Manifest
    gone: bool = False
    number: int = 0


class Cluster(Protocol):
    """A running cluster with one controller. Safe to share between threads."""

    def follow(self, note: Callable[[Move], None]) -> Callable[[], None]:
        """Have every move from now on told, in order within one resource; the result ends that."""
        ...

    def latest(self) -> int:
        """The number of the newest move, told or on its way; 0 where nobody counts."""
        ...

    def objects(self, resource: str, namespace: str) -> list[Manifest]:
        """What there is, not older than what was told."""
        ...

    def make_namespace(self, name: str) -> None: ...

    def apply(self, manifests: Iterable[Manifest]) -> None:
        """As `kubectl apply`: made, or brought to what the manifest says."""
        ...

    def edit(self, resource: str, namespace: str, name: str, patch: Manifest, status: bool = False) -> None:
        """A merge patch (RFC 7396) of the object, or of its status."""
        ...

    def delete(self, resource: str, namespace: str, name: str) -> None:
        """Delete in the background."""
        ...

    def start_controller(self, folder: Path) -> None:
        """Start the controller; its files go to `folder`."""
        ...

    def close(self) -> None:
        """End the controller, then the cluster; AssertionError if the controller did not end in order."""
        ...
