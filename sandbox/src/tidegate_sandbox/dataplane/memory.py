"""A cluster in a dict, and the shortest manifests that route: to try the data plane or a translator without a store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from tidegate_sandbox.contracts import Cancel, Manifest
from tidegate_sandbox.dataplane.endpoints import ENDPOINT_SLICES, PODS, SERVICES
from tidegate_sandbox.dataplane.ingress import INGRESSES

NAMESPACE = "shop"
_RESOURCES = {"Ingress": INGRESSES, "Service": SERVICES, "EndpointSlice": ENDPOINT_SLICES, "Pod": PODS}


class MemorySource:
    """A `Source` that holds what it is told to hold."""

    def __init__(self, *manifests: Manifest) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, dict[tuple[str, str], Manifest]] = {}
        self._listeners: list[Callable[[str], None]] = []
        self.put(*manifests)

    def list(self, resource: str) -> Sequence[Manifest]:
        with self._lock:
            return tuple(self._objects.get(resource, {}).values())

    def subscribe(self, listener: Callable[[str], None]) -> Cancel:
        self._listeners.append(listener)

        def cancel() -> None:
            self._listeners.remove(listener)

        return cancel

    def put(self, *manifests: Manifest) -> None:
        """Create or replace objects, told of as one burst."""
        with self._lock:
            for manifest in manifests:
                self._objects.setdefault(_resource(manifest), {})[_key(manifest)] = manifest
        self._tell(manifests)

    def remove(self, *manifests: Manifest) -> None:
        """Take objects away, told of as one burst; one that is not there is no error."""
        with self._lock:
            for manifest in manifests:
                self._objects.get(_resource(manifest), {}).pop(_key(manifest), None)
        self._tell(manifests)

    def _tell(self, manifests: Iterable[Manifest]) -> None:
        for resource in sorted({_resource(manifest) for manifest in manifests}):
            for listener in tuple(self._listeners):
                listener(resource)


def _resource(manifest: Manifest) -> str:
    """The store's name of a kind; one that is not built in has its group in `apiVersion` and a regular plural."""
    kind = manifest["kind"]
    if kind in _RESOURCES:
        return _RESOURCES[kind]
    return f"{kind.lower()}s.{manifest['apiVersion'].partition('/')[0]}"


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def pod(
    name: str,
    version: str,
    *,
    ready: bool = True,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """A pod with the image `demo:<version>`."""
    return {
        "kind": "Pod",
        "metadata": {
            "namespace": NAMESPACE,
            "name": name,
            "uid": f"uid-{name}",
            "annotations": dict(annotations or {}),
            "labels": dict(labels or {}),
        },
        "spec": {"containers": [{"name": "demo", "image": f"registry.example:5000/demo:{version}"}]},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def service(name: str, port: int = 80, port_name: str = "http") -> Manifest:
    return {
        "kind": "Service",
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {"ports": [{"name": port_name, "port": port, "targetPort": 8080}]},
    }


def endpoint_slice(service_name: str, *pods: Manifest, port_name: str = "http") -> Manifest:
    """The EndpointSlice of a Service over these pods, each ready or not as its own condition says."""
    endpoints = [
        {
            "addresses": [f"10.0.0.{number}"],
            "conditions": {"ready": member["status"]["conditions"][0]["status"] == "True"},
            "targetRef": {"kind": "Pod", "namespace": NAMESPACE, "name": member["metadata"]["name"]},
        }
        for number, member in enumerate(pods, start=1)
    ]
    return {
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": NAMESPACE,
            "name": f"{service_name}-1",
            "labels": {"kubernetes.io/service-name": service_name},
        },
        "ports": [{"name": port_name, "port": 8080}],
        "endpoints": endpoints,
    }


def path_to(service_name: str, path: str = "/", path_type: str = "Prefix", port: int | str = 80) -> Manifest:
    """One path of a rule; a port given as a string is a port's name."""
    reference = {"name": port} if isinstance(port, str) else {"number": port}
    return {"path": path, "pathType": path_type, "backend": {"service": {"name": service_name, "port": reference}}}


def ingress(
    name: str,
    *paths: Manifest,
    host: str = "demo.example",
    annotations: Mapping[str, str] | None = None,
    created: str = "2026-01-01T00:00:00Z",
) -> Manifest:
    """An Ingress with one rule; an empty host is a rule for all hosts."""
    rule: Manifest = {"http": {"paths": list(paths)}}
    if host:
        rule["host"] = host
    return {
        "kind": "Ingress",
        "metadata": {
            "namespace": NAMESPACE,
            "name": name,
            "creationTimestamp": created,
            "annotations": dict(annotations or {}),
        },
        "spec": {"rules": [rule]},
    }
