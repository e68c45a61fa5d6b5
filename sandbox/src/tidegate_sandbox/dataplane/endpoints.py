"""Which pods stand behind a Service port, read from EndpointSlices as ingress-nginx reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.routes import PodRef, World

SERVICES = "services"
ENDPOINT_SLICES = "endpointslices.discovery.k8s.io"
PODS = "pods"
RESOURCES = (SERVICES, ENDPOINT_SLICES, PODS)


class Endpoints:
    """Looks up ready pods by Service and port in one state of the world."""

    def __init__(self, world: World) -> None:
        self._services = {_key(service): service for service in world.get(SERVICES, ())}
        self._pods_by_ip = {
            pod["status"]["podIP"]: PodRef(*_key(pod))
            for pod in world.get(PODS, ())
            if pod.get("status", {}).get("podIP")
        }
        self._slices: dict[tuple[str, str], list[Manifest]] = {}
        for piece in world.get(ENDPOINT_SLICES, ()):
            service = (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name", "")
            self._slices.setdefault((piece["metadata"].get("namespace", ""), service), []).append(piece)

    def ready(self, namespace: str, service: str, port: str) -> tuple[tuple[PodRef, ...], str]:
        """The ready pods behind `port` (a name or a number), and why there are none (empty when there are some)."""
        found = self._services.get((namespace, service))
        if found is None:
            return (), f"service {namespace}/{service} does not exist"
        service_port = _port(found, port)
        if service_port is None:
            return (), f"service {namespace}/{service} has no port {port}"
        pods = {
            pod
            for piece in self._slices.get((namespace, service), ())
            if _serves(piece, service_port)
            for endpoint in piece.get("endpoints") or ()
            if (pod := self._pod(namespace, endpoint)) is not None
        }
        return tuple(sorted(pods)), "" if pods else f"service {namespace}/{service} has no ready endpoint"

    def _pod(self, namespace: str, endpoint: dict[str, Any]) -> PodRef | None:
        """The pod of a ready endpoint; a `ready` that is not set counts as true, as the EndpointSlice API says."""
        if (endpoint.get("conditions") or {}).get("ready") is False:
            return None
        target = endpoint.get("targetRef") or {}
        if target.get("kind") == "Pod":
            return PodRef(target.get("namespace") or namespace, target["name"])
        return next((self._pods_by_ip[ip] for ip in endpoint.get("addresses") or () if ip in self._pods_by_ip), None)


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _port(service: Manifest, port: str) -> dict[str, Any] | None:
    """The Service port that a backend means: by port, by target port or by name, in the order of the Service."""
    ports: Sequence[dict[str, Any]] = service.get("spec", {}).get("ports") or ()
    return next((p for p in ports if port in (str(p["port"]), str(p.get("targetPort", "")), p.get("name"))), None)


def _serves(piece: Manifest, service_port: dict[str, Any]) -> bool:
    """Whether a slice carries the port: its names are the Service's port names.

    A slice without ports serves a numeric target port, as in ingress-nginx's `getEndpointsFromSlices`.
    """
    ports: Sequence[dict[str, Any]] = piece.get("ports") or ()
    if not ports:
        return not isinstance(service_port.get("targetPort"), str)
    name = service_port.get("name") or ""
    return not name or any((p.get("name") or "") == name for p in ports)
