"""Cells that only one kind has: targets of an autoscaler, ports of a Service, status of a Job."""

from __future__ import annotations

from datetime import datetime

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.wire.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    condition_is_true,
    dig,
    human_duration,
    parsed_time,
    shortened,
    since,
)

# In the order in which they outrank one another; the second entry is what is shown.
JOB_STATES = [("Complete", "Complete"), ("Failed", "Failed")]
JOB_STATES_BEHIND_DELETION = [
    ("Suspended", "Suspended"),
    ("FailureTarget", "FailureTarget"),
    ("SuccessCriteriaMet", "SuccessCriteriaMet"),
]

# In the order in which they are listed.
ACCESS_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}

ROLE_LABEL = "node-role.kubernetes.io/"
OLD_ROLE_LABEL = "kubernetes.io/role"

# In the order in which they are listed.
ACCESS_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def ready_of_desired(obj: Manifest, _now: datetime) -> str:
    """Ready replicas of those wanted; a missing `replicas` is the default 1."""
    return f"{dig(obj, 'status.readyReplicas', 0)}/{dig(obj, 'spec.replicas', 1)}"


def job_status(job: Manifest, _now: datetime) -> str:
    for condition, text in JOB_STATES:
        if condition_is_true(job, condition):
            return text
    if dig(job, "metadata.deletionTimestamp"):
        return "Terminating"
    for condition, text in JOB_STATES_BEHIND_DELETION:
        if condition_is_true(job, condition):
            return text
    return "Running"


def job_completions(job: Manifest, _now: datetime) -> str:
    done, wanted, parallel = (
        dig(job, "status.succeeded", 0),
        dig(job, "spec.completions"),
        dig(job, "spec.parallelism", 0),
    )
    if wanted is not None:
        return f"{done}/{wanted}"
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def job_duration(job: Manifest, now: datetime) -> str:
    start, end = parsed_time(dig(job, "status.startTime")), parsed_time(dig(job, "status.completionTime"))
    return human_duration(((end or now) - start).total_seconds()) if start else ""


def last_schedule(job: Manifest, now: datetime) -> str:
    last = dig(job, "status.lastScheduleTime")
    return since(last, now) if last else NONE


def service_cluster_ip(service: Manifest, _now: datetime) -> str:
    addresses = dig(service, "spec.clusterIPs", [])
    return str(addresses[0]) if addresses else str(dig(service, "spec.clusterIP", "") or NONE)


def service_external_ip(service: Manifest, _now: datetime) -> str:
    external = [str(address) for address in dig(service, "spec.externalIPs", [])]
    match dig(service, "spec.type", "ClusterIP"):
        case "ExternalName":
            return str(dig(service, "spec.externalName", ""))
        case "LoadBalancer":
            return ",".join(_balancer_addresses(service) + external) or "<pending>"
        case _:
            return ",".join(external) or NONE


def _balancer_addresses(obj: Manifest) -> list[str]:
    entries = dig(obj, "status.loadBalancer.ingress", [])
    return sorted({entry.get("ip") or entry.get("hostname") or "" for entry in entries} - {""})


def service_ports(service: Manifest, _now: datetime) -> str:
    return ",".join(_port_text(port) for port in dig(service, "spec.ports", [])) or NONE


def _port_text(port: Manifest) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}"


def ingress_hosts(ingress: Manifest, _now: datetime) -> str:
    return shortened([rule["host"] for rule in dig(ingress, "spec.rules", []) if rule.get("host")], "*")


def ingress_address(ingress: Manifest, _now: datetime) -> str:
    return ",".join(_balancer_addresses(ingress))


def ingress_ports(ingress: Manifest, _now: datetime) -> str:
    return "80, 443" if dig(ingress, "spec.tls") else "80"


def slice_ports(endpoints: Manifest, _now: datetime) -> str:
    ports = [str(port.get("port") or port.get("name") or "*") for port in endpoints.get("ports") or []]
    return shortened(ports, UNSET)


def slice_endpoints(endpoints: Manifest, _now: datetime) -> str:
    addresses = [a for endpoint in endpoints.get("endpoints") or [] for a in endpoint.get("addresses") or []]
    return shortened(addresses, UNSET)


def endpoints_addresses(endpoints: Manifest, _now: datetime) -> str:
    found: list[str] = []
    for subset in endpoints.get("subsets") or []:
        addresses = [address.get("ip", "") for address in subset.get("addresses") or []]
        ports = [f":{port.get('port')}" for port in subset.get("ports") or []] or [""]
        found += [address + port for port in ports for address in addresses]
    return shortened(found, NONE)


def event_last_seen(event: Manifest, now: datetime) -> str:
    series, last = dig(event, "series.lastObservedTime"), event.get("lastTimestamp")
    return since(series or last, now) if series or last else event_first_seen(event, now)


def event_first_seen(event: Manifest, now: datetime) -> str:
    return since(event.get("firstTimestamp") or event.get("eventTime"), now)


def event_object(event: Manifest, _now: datetime) -> str:
    target = event.get("involvedObject") or event.get("regarding") or {}
    return "/".join(filter(None, (str(target.get("kind", "")).lower(), target.get("name", ""))))


def event_source(event: Manifest, _now: datetime) -> str:
    component = (
        dig(event, "source.component") or event.get("reportingComponent") or event.get("reportingController", "")
    )
    instance = dig(event, "source.host") or event.get("reportingInstance", "")
    return f"{component}, {instance}" if instance else str(component)


def event_count(event: Manifest, _now: datetime) -> int:
    return int(dig(event, "series.count") or event.get("count") or 1)


def node_status(node: Manifest, _now: datetime) -> str:
    ready = [c.get("status") for c in dig(node, "status.conditions", []) if c.get("type") == "Ready"]
    text = ("Ready" if ready[-1] == "True" else "NotReady") if ready else "Unknown"
    return text + (",SchedulingDisabled" if dig(node, "spec.unschedulable") else "")


def node_roles(node: Manifest, _now: datetime) -> str:
    labels = dig(node, "metadata.labels", {})
    roles = {key.removeprefix(ROLE_LABEL) for key in labels if key.startswith(ROLE_LABEL)}
    roles |= {labels[OLD_ROLE_LABEL]} if labels.get(OLD_ROLE_LABEL) else set()
    return ",".join(sorted(filter(None, roles))) or NONE


def node_address(node: Manifest, kind: str) -> str:
    """The first address of a kind such as InternalIP."""
    found = [a.get("address") for a in dig(node, "status.addresses", []) if a.get("type") == kind]
    return str(found[0]) if found else NONE


def scale_reference(autoscaler: Manifest, _now: datetime) -> str:
    return f"{dig(autoscaler, 'spec.scaleTargetRef.kind', '')}/{dig(autoscaler, 'spec.scaleTargetRef.name', '')}"


def scale_targets(autoscaler: Manifest, _now: datetime) -> str:
    """Current and wanted value of each metric; autoscaling/v1 keeps its only one in the spec itself."""
    percent = dig(autoscaler, "spec.targetCPUUtilizationPercentage")
    if percent is not None:
        current = dig(autoscaler, "status.currentCPUUtilizationPercentage")
        return f"cpu: {UNKNOWN if current is None else f'{current}%'}/{percent}%"
    wanted, current = dig(autoscaler, "spec.metrics", []), dig(autoscaler, "status.currentMetrics", [])
    texts = [_metric_text(metric, current[i] if i < len(current) else {}) for i, metric in enumerate(wanted)]
    more = f" + {len(texts) - 2} more..." if len(texts) > 2 else ""
    return ", ".join(texts[:2]) + more if texts else NONE


def _metric_text(metric: Manifest, status: Manifest) -> str:
    kind = str(metric.get("type", ""))
    source = kind[:1].lower() + kind[1:]
    target, current = dig(metric, f"{source}.target", {}), dig(status, f"{source}.current", {})
    if kind in ("Resource", "ContainerResource"):
        prefix = f"{dig(metric, f'{source}.name', '')}: "
        if "averageValue" in target:
            return f"{prefix}{current.get('averageValue', UNKNOWN)}/{target['averageValue']}"
        share, wanted = current.get("averageUtilization"), target.get("averageUtilization")
        return f"{prefix}{_percent(share, UNKNOWN)}/{_percent(wanted, '<auto>')}"
    if "averageValue" in target:
        mark = "" if kind == "Pods" else " (avg)"
        return f"{current.get('averageValue', UNKNOWN)}/{target['averageValue']}{mark}"
    return f"{current.get('value', UNKNOWN)}/{target.get('value', UNKNOWN)}" if target else "<unknown type>"


def _percent(value: object, otherwise: str) -> str:
    return otherwise if value is None else f"{value}%"


def budget_bound(budget: Manifest, key: str) -> str:
    """One of the two bounds of a disruption budget, an int or a percentage."""
    return str(dig(budget, f"spec.{key}", "N/A"))


def role_reference(binding: Manifest, _now: datetime) -> str:
    return f"{dig(binding, 'roleRef.kind', '')}/{dig(binding, 'roleRef.name', '')}"


def subjects(binding: Manifest, kind: str) -> str:
    """The subjects of one kind, service accounts with their namespace."""
    found = [entry for entry in binding.get("subjects") or [] if entry.get("kind") == kind]
    return ", ".join("/".join(filter(None, (entry.get("namespace"), entry.get("name")))) for entry in found)


def revision_controller(revision: Manifest, _now: datetime) -> str:
    for owner in dig(revision, "metadata.ownerReferences", []):
        if owner.get("controller"):
            group = str(owner.get("apiVersion", "")).rpartition("/")[0]
            kind = str(owner.get("kind", "")).lower()
            return f"{kind}.{group}/{owner.get('name')}" if group else f"{kind}/{owner.get('name')}"
    return NONE


def access_modes(volume: Manifest, _now: datetime) -> str:
    """The modes of a volume, or of what a claim was given."""
    found = dig(volume, "status.accessModes") or dig(volume, "spec.accessModes", [])
    return ",".join(short for mode, short in ACCESS_MODES.items() if mode in found)


def volume_claim(volume: Manifest, _now: datetime) -> str:
    claim = dig(volume, "spec.claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def quota_use(quota: Manifest, limits: bool) -> str:
    """Used and hard amount of each resource: those of limits, or all others."""
    hard, used = dig(quota, "status.hard", {}), dig(quota, "status.used", {})
    names = [name for name in sorted(hard) if name.startswith("limits.") == limits]
    return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in names)
