"""What requests meet, at every instant: no share of the traffic without a pod to serve it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tidegate.api import intstr, names
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.routing import Backend


def entries_of(cluster: Cluster) -> tuple[str, ...]:
    """Services that all requests may go through by themselves: the active one, and a basic canary's stable one.

    Not where a basic canary has room for one pod alone (R + S = 1, as in I1): the old one has to go before there is a new
    one, and the Service follows only then.
    """
    spec = cluster.manifest.get("spec") or {}
    strategy = spec.get("strategy") or {}
    blue_green, canary = strategy.get("blueGreen"), strategy.get("canary")
    if blue_green:
        return (blue_green.get("activeService", ""),)
    if canary and not canary.get("trafficRouting") and canary.get("stableService"):
        replicas = spec.get("replicas", names.DEFAULT_REPLICAS)
        surge = intstr.resolve(canary.get("maxSurge", names.DEFAULT_SURGE), replicas, round_up=True)
        if replicas + surge == 1:
            return ()
        return (canary["stableService"],)
    return ()


@dataclass
class Requests:
    """A1: no backend with a share comes to have zero ready endpoints, unless no version has a ready pod.

    Only the change counts: from endpoints to none, or from another backend to one without. Excused are revisions from which
    the world itself has taken pods (a lost node, a failing probe), until they are complete again, and a Rollout that is to
    have no pods. `empty` are the backends that have nothing behind them now.
    """

    cluster: Cluster
    empty: set[tuple[str, str, str]] = field(default_factory=set)

    def a1_every_share_has_endpoints(self) -> Iterator[str]:
        """What has gone wrong since the last look."""
        cluster, before = self.cluster, self.empty
        found = cluster.plane.backends(entries_of(cluster))
        self.empty = {_key(backend) for backend in found if backend.weight > 0 and backend.endpoints == 0}
        if not self.empty or not cluster.manifest or cluster.manifest["spec"].get("replicas", 1) == 0:
            return
        if "deletionTimestamp" in cluster.manifest["metadata"]:  # nobody looks after it any more
            return
        if not cluster.pods.ready({}):
            return
        for router, side, pod_hash in sorted(self.empty - before):
            if pod_hash not in cluster.pods.hurt:
                image = cluster.image_behind(pod_hash) or pod_hash or "all"
                yield f"{router or 'service'} {side} sends requests to {image} without a ready pod"


def _key(backend: Backend) -> tuple[str, str, str]:
    return backend.router, backend.side, backend.selector.get(names.POD_HASH, "")
