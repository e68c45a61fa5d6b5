"""The simulated endpoint controllers: EndpointSlices and the older Endpoints of every Service with a selector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.conditions import holds
from tidegate_sandbox.sim.labels import includes, labels_of
from tidegate_sandbox.sim.owners import deleting, reference_to
from tidegate_sandbox.sim.podstatus import FINISHED
from tidegate_sandbox.sim.queue import Key

SLICES = "endpointslices.discovery.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"

# kube-controller-manager's default for --max-endpoints-per-slice.
SLICE_SIZE = 100

Ports = tuple[tuple[str, str, int], ...]
"""Name, protocol and target port of each port of a Service, as one pod resolves them."""


class EndpointSlices:
    """Follows Services and the pods they select; a slice holds pods whose named ports resolve alike."""

    name = "endpointslice"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys_for(self, change: Change) -> Iterable[Key]:
        metadata = change.object["metadata"]
        namespace = metadata.get("namespace", "")
        match change.resource:
            case "services":
                return [self._key(namespace, metadata["name"])]
            case "endpointslices.discovery.k8s.io":
                service = labels_of(change.object).get(SERVICE_NAME)
                return [self._key(namespace, service)] if service else []
            case "endpoints":
                return [self._key(namespace, metadata["name"])]
            case "pods":
                states = [labels_of(state) for state in (change.object, change.old) if state is not None]
                return [
                    self._key(namespace, service["metadata"]["name"])
                    for service in self._cluster.view.within("services", namespace)
                    if (selector := service["spec"].get("selector"))
                    and any(includes(labels, selector) for labels in states)
                ]
            case _:
                return []

    def reconcile(self, key: Key) -> datetime | None:
        service = self._cluster.view.get("services", key.namespace, key.name)
        if service is None:
            self._delete_endpoints(key)
            return None
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName" or deleting(service):
            return None
        pods = [
            pod
            for pod in self._cluster.view.within("pods", key.namespace)
            if includes(labels_of(pod), selector) and _addressed(pod)
        ]
        pods.sort(key=lambda pod: str(pod["metadata"]["name"]))
        groups = _grouped(service, pods)
        self._write_slices(service, groups)
        self._write_endpoints(service, groups)
        return None

    def _write_slices(self, service: Manifest, groups: dict[Ports, list[Manifest]]) -> None:
        """Bring the slices to one set per group; a slice is filled again rather than deleted and made anew."""
        namespace, name = service["metadata"].get("namespace", ""), service["metadata"]["name"]
        have = [
            manifest
            for manifest in self._cluster.view.within(SLICES, namespace)
            if labels_of(manifest).get(SERVICE_NAME) == name and labels_of(manifest).get(MANAGED_BY) == CONTROLLER
        ]
        wanted = [
            {"endpoints": [_endpoint(service, pod) for pod in part], "ports": _slice_ports(ports)}
            for ports, pods in (groups or {_ports_of(service, None): []}).items()
            for part in _parts(pods)
        ]
        for known, content in zip(have, wanted, strict=False):
            if any(known.get(field) != value for field, value in content.items()):
                self._cluster.update(SLICES, {**known, **content})
        for content in wanted[len(have) :]:
            self._cluster.create_named(SLICES, f"{name}-", _new_slice(service, content))
        for known in have[len(wanted) :]:
            self._cluster.delete(SLICES, known)

    def _write_endpoints(self, service: Manifest, groups: dict[Ports, list[Manifest]]) -> None:
        namespace, name = service["metadata"].get("namespace", ""), service["metadata"]["name"]
        subsets = [_subset(service, ports, pods) for ports, pods in groups.items()]
        subsets = [subset for subset in subsets if "addresses" in subset or "notReadyAddresses" in subset]
        known = self._cluster.view.get("endpoints", namespace, name)
        if known is None:
            metadata = {"name": name, "namespace": namespace, "labels": dict(labels_of(service))}
            endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets}
            self._cluster.create("endpoints", endpoints)
        elif (known.get("subsets") or []) != subsets:
            self._cluster.update("endpoints", {**known, "subsets": subsets})

    def _delete_endpoints(self, key: Key) -> None:
        """Endpoints go with their Service by name, without an ownerReference; the slices go by theirs."""
        known = self._cluster.view.get("endpoints", key.namespace, key.name)
        if known is not None:
            self._cluster.delete("endpoints", known)

    def _key(self, namespace: str, service: str) -> Key:
        return Key(self.name, "services", namespace, service)


def _addressed(pod: Manifest) -> bool:
    status = pod.get("status", {})
    return bool(status.get("podIP")) and status.get("phase") not in FINISHED


def _grouped(service: Manifest, pods: Sequence[Manifest]) -> dict[Ports, list[Manifest]]:
    groups: dict[Ports, list[Manifest]] = {}
    for pod in pods:
        groups.setdefault(_ports_of(service, pod), []).append(pod)
    return dict(sorted(groups.items()))


def _ports_of(service: Manifest, pod: Manifest | None) -> Ports:
    """The Service's ports as `pod` resolves them; one whose name the pod does not have is left out."""
    resolved = [(port, _target(port, pod)) for port in service["spec"].get("ports") or ()]
    return tuple((port.get("name", ""), port.get("protocol", "TCP"), number) for port, number in resolved if number)


def _target(port: Manifest, pod: Manifest | None) -> int:
    """The number behind `targetPort`, 0 for a name that the pod does not have."""
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    if str(target).isdigit():
        return int(target)
    return next(
        (
            int(entry["containerPort"])
            for container in (pod["spec"]["containers"] if pod is not None else ())
            for entry in container.get("ports") or ()
            if entry.get("name") == target and entry.get("protocol", "TCP") == port.get("protocol", "TCP")
        ),
        0,
    )


def _endpoint(service: Manifest, pod: Manifest) -> Manifest:
    serving, terminating = holds(pod, "Ready"), deleting(pod)
    announced = bool(service["spec"].get("publishNotReadyAddresses"))
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": announced or (serving and not terminating),
            "serving": serving or announced,
            "terminating": terminating,
        },
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": _reference(pod),
    }


def _reference(pod: Manifest) -> Manifest:
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


def _slice_ports(ports: Ports) -> list[Manifest]:
    return [{"name": name, "protocol": protocol, "port": number} for name, protocol, number in ports]


def _new_slice(service: Manifest, content: Manifest) -> Manifest:
    metadata = service["metadata"]
    labels = {**labels_of(service), SERVICE_NAME: metadata["name"], MANAGED_BY: CONTROLLER}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": metadata.get("namespace", ""),
            "labels": labels,
            "ownerReferences": [reference_to(service, "v1", "Service")],
        },
        "addressType": "IPv4",
        **content,
    }


def _subset(service: Manifest, ports: Ports, pods: Sequence[Manifest]) -> Manifest:
    """One subset of Endpoints; a pod being deleted is in neither list."""
    lists: dict[str, list[Manifest]] = {"addresses": [], "notReadyAddresses": []}
    for pod in pods:
        ready = holds(pod, "Ready") or service["spec"].get("publishNotReadyAddresses")
        if not deleting(pod):
            address = {"ip": pod["status"]["podIP"], "nodeName": pod["spec"].get("nodeName", "")}
            lists["addresses" if ready else "notReadyAddresses"].append({**address, "targetRef": _reference(pod)})
    numbers = [{key: value for key, value in port.items() if value != ""} for port in _slice_ports(ports)]
    return {key: value for key, value in lists.items() if value} | ({"ports": numbers} if numbers else {})


def _parts(pods: Sequence[Manifest]) -> list[Sequence[Manifest]]:
    """Cut to the size of a slice; no pods make one empty part."""
    return [pods[start : start + SLICE_SIZE] for start in range(0, max(len(pods), 1), SLICE_SIZE)]
