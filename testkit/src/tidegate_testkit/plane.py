"""The sandbox's data plane over a cluster in memory: a pod for each revision, and real requests.

Imports `tidegate_sandbox`, an extra of this distribution; a suite imports this module only where a case has a translator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tidegate_sandbox.dataplane import DataPlane, Load, Stream
from tidegate_sandbox.dataplane.counts import Counts
from tidegate_sandbox.dataplane.routes import ANY_HOST
from tidegate_testkit.memory import Manifest
from tidegate_testkit.stage import HASHES, Stage, TrafficCase

STABLE, CANARY = "v1", "v2"
RATE = 1000.0  # requests a second: the sandbox's page measured 1,500 as what one core carries beside its pods
TARGET_PORT = 8080
SLICES, SERVICES, PODS = "endpointslices.discovery.k8s.io", "services", "pods"


@dataclass(slots=True)
class Traffic:
    """Requests through a proxy that follows the objects of a stage."""

    stage: Stage
    plane: DataPlane
    source: _Source

    def follow(self) -> None:
        """Return when the proxy follows the objects as they stand. Raises AssertionError where it does not."""
        self.source.tell()
        assert self.plane.wait_current(), "the proxy does not follow in time"
        assert not self.plane.in_force.problems, f"the proxy refuses the routes: {self.plane.in_force.problems}"

    def send(self, total: int, headers: Mapping[str, str] | None = None) -> Counts:
        """Send requests and count the answers by version. Raises AssertionError where some are not answered in time."""
        stream = Stream(rate=RATE, total=total, headers=headers or {})
        with Load(self.plane.url_for(self._host, self.stage.case.path), stream) as load:
            counts = load.wait_for(total)
        assert counts.total >= total, f"{counts.total} of {total} requests were answered in time"
        return counts

    @property
    def _host(self) -> str:
        """The case's host, else the only one of the routes. Raises AssertionError where there is none to choose."""
        domains = [host.domain for host in self.plane.in_force.table.hosts]
        given = self.stage.case.host or (domains[0] if len(domains) == 1 else "")
        assert given, f"the case does not name its `host`, and the routes have {domains}"
        return "kit.example" if given == ANY_HOST else given.replace("*", "kit")


@contextmanager
def traffic(stage: Stage) -> Iterator[Traffic]:
    """A running data plane over the stage's cluster."""
    assert stage.case.translator is not None, "the case gives no translator"
    source = _Source(stage)
    with DataPlane(source, translators=[stage.case.translator()]) as plane:
        yield Traffic(stage, plane, source)


class _Source:
    """The objects of the cluster, and behind them a pod of each revision with Services and EndpointSlices."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._listeners = stage, list[Callable[[str], None]]()
        self._plurals = {(ref.kind.group, ref.kind.kind): ref.kind.resource for ref in stage.refs()}
        self._workload = {resource: list(found) for resource, found in _workload(stage.case).items()}

    def list(self, resource: str) -> Sequence[Manifest]:
        """The cluster's objects of a kind, and the workload's."""
        contents = self._stage.cluster.contents()
        named = {place[2:]: manifest for place, manifest in contents.items() if self._resource(*place[:2]) == resource}
        names = {each["metadata"]["name"] for each in named.values()}
        return [*named.values(), *(w for w in self._workload.get(resource, ()) if w["metadata"]["name"] not in names)]

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener` at every `tell`."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self) -> None:
        """Say that every kind may have changed."""
        for listener in self._listeners:
            for resource in self._stage.case.translator().resources if self._stage.case.translator else ():
                listener(resource)

    def _resource(self, group: str, kind: str) -> str:
        """`<plural>.<group>`; kinds that the router does not read get their plural as English makes it."""
        plural = kind.lower()
        plural += "es" if plural.endswith(("s", "x", "ch")) else "s"
        return self._plurals.get((group, kind), f"{plural}.{group}" if group else plural)


def _workload(case: TrafficCase) -> dict[str, list[Manifest]]:
    stable, canary = _pod(case, "stable", STABLE, HASHES.stable), _pod(case, "canary", CANARY, HASHES.canary)
    behind = {case.stable_service: [stable], case.canary_service: [canary]}
    behind |= {service: [stable, canary] for service in case.services}
    return {
        PODS: [stable, canary],
        SERVICES: [_service(case, name) for name in behind],
        SLICES: [_slice(case, name, pods) for name, pods in behind.items()],
    }


def _pod(case: TrafficCase, name: str, version: str, pod_hash: str) -> Manifest:
    labels = {"app": case.rollout, "rollouts-pod-template-hash": pod_hash}
    address = "10.0.0.1" if version == STABLE else "10.0.0.2"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": case.namespace, "name": f"{case.rollout}-{name}", "uid": name, "labels": labels},
        "spec": {"containers": [{"name": "web", "image": f"registry.example/web:{version}"}]},
        "status": {"podIP": address, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def _service(case: TrafficCase, name: str) -> Manifest:
    ports = [{"name": "http", "port": case.port, "targetPort": TARGET_PORT}]
    metadata = {"namespace": case.namespace, "name": name}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}}


def _slice(case: TrafficCase, name: str, pods: Sequence[Manifest]) -> Manifest:
    labels = {"kubernetes.io/service-name": name}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"namespace": case.namespace, "name": f"{name}-1", "labels": labels},
        "ports": [{"name": "http", "port": TARGET_PORT}],
        "endpoints": [_endpoint(pod) for pod in pods],
    }


def _endpoint(pod: Manifest) -> dict[str, Any]:
    target = {"kind": "Pod", "namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"]}
    return {"addresses": [pod["status"]["podIP"]], "conditions": {"ready": True}, "targetRef": target}
