"""Which pods a destination of a VirtualService means: those of a Service, or of a subset of them by label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.endpoints import PODS, SERVICES, Endpoints
from tidegate_sandbox.dataplane.pods import pod_ref
from tidegate_sandbox.dataplane.routes import Cluster, World

DESTINATION_RULES = "destinationrules.networking.istio.io"

Key = tuple[str, str]  # namespace, name


class Destinations:
    """The clusters of one translation; lives as long as it."""

    def __init__(self, world: World) -> None:
        self._endpoints = Endpoints(world)
        self._ports = {_key(service): _ports(service) for service in world.get(SERVICES, ())}
        self._labels = {pod_ref(pod): pod["metadata"].get("labels") or {} for pod in world.get(PODS, ())}
        self._subsets = _subsets(world.get(DESTINATION_RULES, ()))
        self.clusters: dict[str, Cluster] = {}
        self.notes: list[str] = []

    def cluster(self, destination: Mapping[str, Any], namespace: str, where: str) -> str:
        """The name of the destination's cluster, `<namespace>-<service>-<port>` and `-<subset>` where it has one.

        `namespace` is the one in which bare hosts are looked for. Of a Service with several ports the first is meant
        where the destination names none. A cluster without pods answers 503; the notes tell why it has none.
        """
        service = service_of(str(destination.get("host") or ""), namespace)
        subset = str(destination.get("subset") or "")
        port = str((destination.get("port") or {}).get("number") or next(iter(self._ports.get(service, ())), ""))
        name = "-".join(part for part in (*service, port, subset) if part)
        if name not in self.clusters:
            pods, why = self._endpoints.ready(*service, port)
            self.notes.extend([f"{where}: {why}"] if why else [])
            if subset:
                labels = self._subset(service, subset, where)
                pods = tuple(
                    pod for pod in pods if labels is not None and labels.items() <= self._labels.get(pod, {}).items()
                )
            self.clusters[name] = Cluster(name, pods, service[1])
        return name

    def _subset(self, service: Key, subset: str, where: str) -> Mapping[str, str] | None:
        found = self._subsets.get(service, {}).get(subset)
        if found is None:
            self.notes.append(f"{where}: no DestinationRule has a subset {subset} of {'/'.join(service)}")
        return found


def service_of(host: str, namespace: str) -> Key:
    """Namespace and name of the Service that a host means: bare, `<name>.<namespace>`, or longer.

    Anything with another third part than `svc` lies outside of the cluster and has no pods.
    """
    name, *rest = host.split(".")
    if not rest:
        return namespace, name
    return (rest[0], name) if len(rest) == 1 or rest[1] == "svc" else ("", host)


def _subsets(rules: Iterable[Manifest]) -> dict[Key, dict[str, Mapping[str, str]]]:
    """The labels of every subset by Service; where two rules have a subset of one name, the older rule's counts."""
    found: dict[Key, dict[str, Mapping[str, str]]] = {}
    for rule in sorted(rules, key=_age):
        spec = rule.get("spec") or {}
        subsets = found.setdefault(service_of(str(spec.get("host") or ""), rule["metadata"].get("namespace", "")), {})
        for subset in spec.get("subsets") or ():
            subsets.setdefault(str(subset.get("name")), subset.get("labels") or {})
    return found


def _ports(service: Manifest) -> tuple[int, ...]:
    return tuple(port["port"] for port in (service.get("spec") or {}).get("ports") or ())


def _key(manifest: Manifest) -> Key:
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _age(manifest: Manifest) -> tuple[str, Key]:
    return manifest["metadata"].get("creationTimestamp") or "", _key(manifest)
