"""A pod template as Kubernetes judges the one of a ReplicaSet, as far as people get it wrong.

Source: pkg/apis/core/validation and pkg/apis/apps/validation of Kubernetes 1.34: same paths, texts and order. Absent values
are taken at their defaults. What is not looked at here (affinity terms, security profiles, resource claims, …) the API
server refuses when the ReplicaSet is created; `privileged` is a matter of the cluster's policy and is left to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.machine.rollout.validation.container import (
    container_problems,
    host_port_problems,
    init_container_problems,
)
from tidegate.machine.rollout.validation.names import annotation_problems, dns_label, dns_subdomain, label_problems
from tidegate.machine.rollout.validation.problems import (
    FieldProblem,
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
)
from tidegate.machine.rollout.validation.quantities import quantity
from tidegate.machine.rollout.validation.shapes import TEMPLATE, misshapes

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_LONGEST_S = 2**31 - 1
_FILE_MODES = range(0o1000)
_FILE_MODE_TEXT = "must be a number between 0 and 0777 (octal), both inclusive"
# In the server's order: of two sources in one volume the later one is refused.
_VOLUME_SOURCES = (
    *("emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi"),
    *("glusterfs", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "flocker", "downwardAPI", "fc", "flexVolume"),
    *("configMap", "azureFile", "vsphereVolume", "quobyte", "azureDisk", "storageos", "photonPersistentDisk"),
    *("projected", "portworxVolume", "scaleIO", "csi", "ephemeral", "image"),
)
# Fields of a source that must be there.
_SOURCE_NEEDS = {
    "hostPath": ("path",),
    "secret": ("secretName",),
    "configMap": ("name",),
    "persistentVolumeClaim": ("claimName",),
    "nfs": ("server", "path"),
}


def template_problems(template: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    """Faults of a pod template by itself; only those of its shape where it has any."""
    misshapen = tuple(misshapes(template, TEMPLATE, path))
    yield from misshapen
    if misshapen:
        return
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    # The server's paths lack `metadata` here.
    yield from label_problems(metadata.get("labels") or {}, f"{path}.labels")
    yield from annotation_problems(metadata.get("annotations") or {}, f"{path}.annotations")
    yield from _pod_problems(spec, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        yield forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template")
    policy = spec.get("restartPolicy") or "Always"
    if policy != "Always":
        yield unsupported(f"{path}.spec.restartPolicy", policy, ["Always"])
    if spec.get("activeDeadlineSeconds") is not None:
        yield forbidden(f"{path}.spec.activeDeadlineSeconds", "activeDeadlineSeconds in ReplicaSet is not Supported")


def _pod_problems(spec: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    volumes: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or []):
        found = tuple(_volume_problems(volume, volumes, f"{path}.volumes[{index}]"))
        yield from found
        if not found:
            volumes.add(volume["name"])
    yield from _containers(spec, volumes, path)
    yield from _host_network(spec, path)
    policy = spec.get("restartPolicy") or "Always"
    if policy not in _RESTART_POLICIES:
        yield unsupported(f"{path}.restartPolicy", policy, _RESTART_POLICIES)
    if (spec.get("dnsPolicy") or "ClusterFirst") not in _DNS_POLICIES:
        yield unsupported(f"{path}.dnsPolicy", spec["dnsPolicy"], _DNS_POLICIES)
    yield from label_problems(spec.get("nodeSelector") or {}, f"{path}.nodeSelector")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _LONGEST_S:
        yield invalid(f"{path}.activeDeadlineSeconds", deadline, f"must be between 1 and {_LONGEST_S}, inclusive")
    for field, check in (
        ("serviceAccountName", dns_subdomain),
        ("hostname", dns_label),
        ("subdomain", dns_label),
        ("priorityClassName", dns_subdomain),
    ):
        if name := spec.get(field):
            yield from (invalid(f"{path}.{field}", name, text) for text in check(name))


def _containers(spec: Mapping[str, Any], volumes: set[str], path: str) -> Iterator[FieldProblem]:
    containers, first = spec.get("containers") or [], spec.get("initContainers") or []
    if not containers:
        yield required(f"{path}.containers")
    taken: set[str] = set()
    for index, container in enumerate(containers):
        yield from container_problems(container, volumes, taken, f"{path}.containers[{index}]")
    yield from host_port_problems(containers, f"{path}.containers")
    for index, container in enumerate(first):
        yield from init_container_problems(container, volumes, taken, f"{path}.initContainers[{index}]")


def _host_network(spec: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    if not spec.get("hostNetwork"):
        return
    for index, container in enumerate(spec.get("containers") or []):
        for number, port in enumerate(container.get("ports") or []):
            if port.get("hostPort") and port["hostPort"] != port.get("containerPort"):
                yield invalid(
                    f"{path}.containers[{index}].ports[{number}].hostPort",
                    port["hostPort"],
                    "must match `containerPort` when `hostNetwork` is true",
                )


def _volume_problems(volume: Mapping[str, Any], taken: set[str], path: str) -> Iterator[FieldProblem]:
    sources = [source for source in _VOLUME_SOURCES if volume.get(source) is not None]
    for source in sources[:1]:
        yield from _source_problems(source, volume[source], f"{path}.{source}")
    for source in sources[1:]:
        yield forbidden(f"{path}.{source}", "may not specify more than 1 volume type")
    name = volume.get("name") or ""
    if not name:
        yield required(f"{path}.name")
    else:
        yield from (invalid(f"{path}.name", name, text) for text in dns_label(name))
    if name in taken:
        yield duplicate(f"{path}.name", name)


def _source_problems(source: str, content: Any, path: str) -> Iterator[FieldProblem]:
    if source == "emptyDir":
        yield from _size_limit(content, path)
    yield from (required(f"{path}.{field}") for field in _SOURCE_NEEDS.get(source, ()) if not content.get(field))
    if source == "nfs" and not (content.get("path") or "").startswith("/"):
        yield invalid(f"{path}.path", content.get("path") or "", "must be an absolute path")
    if source not in ("secret", "configMap"):
        return
    if content.get("defaultMode") is not None and content["defaultMode"] not in _FILE_MODES:
        yield invalid(f"{path}.defaultMode", content["defaultMode"], _FILE_MODE_TEXT)
    for index, item in enumerate(content.get("items") or []):
        yield from (required(f"{path}.items[{index}].{field}") for field in ("key", "path") if not item.get(field))
        if item.get("mode") is not None and item["mode"] not in _FILE_MODES:
            yield invalid(f"{path}.items[{index}].mode", item["mode"], _FILE_MODE_TEXT)


def _size_limit(content: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    limit = content.get("sizeLimit")
    if limit is None:
        return
    try:
        if quantity(limit).amount < 0:
            yield forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")
    except ValueError as error:
        yield invalid(f"{path}.sizeLimit", limit, str(error))
