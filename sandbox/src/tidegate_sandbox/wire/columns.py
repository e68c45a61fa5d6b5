"""The columns of the built-in kinds, as a real API server prints them; data over the functions of the cells modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.wire import kind_cells, pod_cells
from tidegate_sandbox.wire.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Cell,
    age,
    column_of,
    dig,
    labels_text,
    selector_text,
)

CellOf = Callable[[Manifest, datetime], Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `cell` gives its value for an object; a `priority` above 0 is shown by `-o wide` only."""

    name: str
    cell: CellOf
    type: str = "string"
    priority: int = 0
    format: str = ""
    description: str = ""


def _value(obj: Manifest, _now: datetime, path: str, default: Cell) -> Cell:
    found: Cell = dig(obj, path)
    return default if found is None or found == "" else found


def at(path: str, default: Cell = "") -> CellOf:
    """The value at a dotted path."""
    return partial(_value, path=path, default=default)


def _text(obj: Manifest, _now: datetime, path: str, default: str) -> str:
    found = dig(obj, path)
    if isinstance(found, bool):
        return str(found).lower()
    return default if found is None or found == "" else str(found)


def text_at(path: str, default: str = "") -> CellOf:
    """The value at a dotted path as text; booleans as in JSON."""
    return partial(_text, path=path, default=default)


def count_at(path: str) -> CellOf:
    """How many entries the list or map at a path has."""
    return lambda obj, _now: len(dig(obj, path, ()))


def selector_at(path: str) -> CellOf:
    return lambda obj, _now: selector_text(dig(obj, path))


def labels_at(path: str) -> CellOf:
    return lambda obj, _now: labels_text(dig(obj, path))


def integer(name: str, path: str, default: int = 0) -> Column:
    """A column of a number that is 0 where the field is missing."""
    return Column(name, at(path, default), "integer")


def wide(name: str, cell: CellOf) -> Column:
    """A column for `-o wide`."""
    return Column(name, cell, priority=1)


def _names(obj: Manifest, _now: datetime, template: str, key: str) -> str:
    return column_of(dig(obj, f"{template}.spec.containers", []), key)


def workload_columns(template: str = "spec.template", selector: str = "spec.selector") -> tuple[Column, ...]:
    """The wide columns of everything that has a pod template."""
    columns = [wide("Containers", partial(_names, template=template, key="name"))]
    columns.append(wide("Images", partial(_names, template=template, key="image")))
    return (*columns, wide("Selector", selector_at(selector))) if selector else tuple(columns)


NAME = Column("Name", at("metadata.name"), format="name", description="Name is unique within a namespace.")
AGE = Column("Age", age, description="Time since the object was created.")
CREATED_AT = Column("Created At", at("metadata.creationTimestamp"), "date")

BINDING = (
    NAME,
    Column("Role", kind_cells.role_reference),
    AGE,
    wide("Users", lambda obj, _now: kind_cells.subjects(obj, "User")),
    wide("Groups", lambda obj, _now: kind_cells.subjects(obj, "Group")),
    wide("ServiceAccounts", lambda obj, _now: kind_cells.subjects(obj, "ServiceAccount")),
)
EVENT = (
    Column("Last Seen", kind_cells.event_last_seen),
    Column("Type", at("type")),
    Column("Reason", at("reason")),
    Column("Object", kind_cells.event_object),
    wide("Subobject", at("involvedObject.fieldPath")),
    wide("Source", kind_cells.event_source),
    Column("Message", lambda obj, _now: str(obj.get("message") or obj.get("note") or "").strip()),
    wide("First Seen", kind_cells.event_first_seen),
    wide("Count", kind_cells.event_count),
    Column("Name", at("metadata.name"), priority=1, format="name"),
)
REPLICAS = (
    NAME,
    integer("Desired", "spec.replicas", 1),
    integer("Current", "status.replicas"),
    integer("Ready", "status.readyReplicas"),
    AGE,
)
WEBHOOKS = (NAME, Column("Webhooks", count_at("webhooks"), "integer"), AGE)

# What a kind without an entry has: the default of the API server's registry.
DEFAULT = (NAME, CREATED_AT)

COLUMNS: dict[str, tuple[Column, ...]] = {
    "pods": (
        NAME,
        Column("Ready", pod_cells.pod_ready),
        Column("Status", pod_cells.pod_status),
        Column("Restarts", pod_cells.pod_restarts),
        AGE,
        wide("IP", pod_cells.pod_ip),
        wide("Node", at("spec.nodeName", NONE)),
        wide("Nominated Node", at("status.nominatedNodeName", NONE)),
        wide("Readiness Gates", pod_cells.pod_readiness_gates),
    ),
    "replicasets.apps": (*REPLICAS, *workload_columns()),
    "replicationcontrollers": (
        *REPLICAS,
        *workload_columns(selector=""),
        wide("Selector", labels_at("spec.selector")),
    ),
    "deployments.apps": (
        NAME,
        Column("Ready", kind_cells.ready_of_desired),
        Column("Up-to-date", at("status.updatedReplicas", 0)),
        Column("Available", at("status.availableReplicas", 0)),
        AGE,
        *workload_columns(),
    ),
    "statefulsets.apps": (NAME, Column("Ready", kind_cells.ready_of_desired), AGE, *workload_columns(selector="")),
    "daemonsets.apps": (
        NAME,
        integer("Desired", "status.desiredNumberScheduled"),
        integer("Current", "status.currentNumberScheduled"),
        integer("Ready", "status.numberReady"),
        integer("Up-to-date", "status.updatedNumberScheduled"),
        integer("Available", "status.numberAvailable"),
        Column("Node Selector", labels_at("spec.template.spec.nodeSelector")),
        AGE,
        *workload_columns(),
    ),
    "controllerrevisions.apps": (
        NAME,
        Column("Controller", kind_cells.revision_controller),
        Column("Revision", at("revision", 0)),
        AGE,
    ),
    "jobs.batch": (
        NAME,
        Column("Status", kind_cells.job_status),
        Column("Completions", kind_cells.job_completions),
        Column("Duration", kind_cells.job_duration),
        AGE,
        *workload_columns(),
    ),
    "cronjobs.batch": (
        NAME,
        Column("Schedule", at("spec.schedule")),
        Column("Timezone", at("spec.timeZone", NONE)),
        Column("Suspend", lambda obj, _now: str(bool(dig(obj, "spec.suspend"))), "boolean"),
        Column("Active", count_at("status.active"), "integer"),
        Column("Last Schedule", kind_cells.last_schedule),
        AGE,
        *workload_columns("spec.jobTemplate.spec.template", "spec.jobTemplate.spec.selector"),
    ),
    "services": (
        NAME,
        Column("Type", at("spec.type", "ClusterIP")),
        Column("Cluster-IP", kind_cells.service_cluster_ip),
        Column("External-IP", kind_cells.service_external_ip),
        Column("Port(s)", kind_cells.service_ports),
        AGE,
        wide("Selector", labels_at("spec.selector")),
    ),
    "ingresses.networking.k8s.io": (
        NAME,
        Column("Class", at("spec.ingressClassName", NONE)),
        Column("Hosts", kind_cells.ingress_hosts),
        Column("Address", kind_cells.ingress_address),
        Column("Ports", kind_cells.ingress_ports),
        AGE,
    ),
    "ingressclasses.networking.k8s.io": (
        NAME,
        Column("Controller", at("spec.controller")),
        Column("Parameters", at("spec.parameters.name", NONE)),
        AGE,
    ),
    "networkpolicies.networking.k8s.io": (NAME, Column("Pod-Selector", selector_at("spec.podSelector")), AGE),
    "endpoints": (NAME, Column("Endpoints", kind_cells.endpoints_addresses), AGE),
    "endpointslices.discovery.k8s.io": (
        NAME,
        Column("AddressType", at("addressType")),
        Column("Ports", kind_cells.slice_ports),
        Column("Endpoints", kind_cells.slice_endpoints),
        AGE,
    ),
    "events": EVENT,
    "events.events.k8s.io": EVENT,
    "namespaces": (NAME, Column("Status", at("status.phase")), AGE),
    "nodes": (
        NAME,
        Column("Status", kind_cells.node_status),
        Column("Roles", kind_cells.node_roles),
        AGE,
        Column("Version", at("status.nodeInfo.kubeletVersion")),
        wide("Internal-IP", lambda obj, _now: kind_cells.node_address(obj, "InternalIP")),
        wide("External-IP", lambda obj, _now: kind_cells.node_address(obj, "ExternalIP")),
        wide("OS-Image", at("status.nodeInfo.osImage", UNKNOWN)),
        wide("Kernel-Version", at("status.nodeInfo.kernelVersion", UNKNOWN)),
        wide("Container-Runtime", at("status.nodeInfo.containerRuntimeVersion", UNKNOWN)),
    ),
    "configmaps": (
        NAME,
        Column("Data", lambda obj, _now: len(obj.get("data") or {}) + len(obj.get("binaryData") or {})),
        AGE,
    ),
    "secrets": (NAME, Column("Type", at("type", "Opaque")), Column("Data", count_at("data")), AGE),
    "serviceaccounts": (NAME, Column("Secrets", count_at("secrets")), AGE),
    "persistentvolumeclaims": (
        NAME,
        Column("Status", at("status.phase")),
        Column("Volume", at("spec.volumeName")),
        Column("Capacity", at("status.capacity.storage")),
        Column("Access Modes", lambda obj, _now: ",".join(dig(obj, "status.accessModes", []))),
        Column("StorageClass", at("spec.storageClassName")),
        Column("VolumeAttributesClass", at("spec.volumeAttributesClassName", UNSET)),
        AGE,
        wide("VolumeMode", at("spec.volumeMode", UNSET)),
    ),
    "storageclasses.storage.k8s.io": (
        NAME,
        Column("Provisioner", at("provisioner")),
        Column("ReclaimPolicy", at("reclaimPolicy", "Delete")),
        Column("VolumeBindingMode", at("volumeBindingMode", "Immediate")),
        Column("AllowVolumeExpansion", text_at("allowVolumeExpansion", "false")),
        AGE,
    ),
    "priorityclasses.scheduling.k8s.io": (
        NAME,
        integer("Value", "value"),
        Column("Global-Default", at("globalDefault", False), "boolean"),
        AGE,
        Column("PreemptionPolicy", at("preemptionPolicy", "PreemptLowerPriority")),
    ),
    "horizontalpodautoscalers.autoscaling": (
        NAME,
        Column("Reference", kind_cells.scale_reference),
        Column("Targets", kind_cells.scale_targets),
        Column("MinPods", text_at("spec.minReplicas", UNSET)),
        Column("MaxPods", at("spec.maxReplicas", 0)),
        Column("Replicas", at("status.currentReplicas", 0)),
        AGE,
    ),
    "poddisruptionbudgets.policy": (
        NAME,
        Column("Min Available", lambda obj, _now: kind_cells.budget_bound(obj, "minAvailable")),
        Column("Max Unavailable", lambda obj, _now: kind_cells.budget_bound(obj, "maxUnavailable")),
        integer("Allowed Disruptions", "status.disruptionsAllowed"),
        AGE,
    ),
    "leases.coordination.k8s.io": (NAME, Column("Holder", at("spec.holderIdentity")), AGE),
    "rolebindings.rbac.authorization.k8s.io": BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": BINDING,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": WEBHOOKS,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": WEBHOOKS,
}
