"""Pods and pod templates."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Cause
from tidegate_sandbox.names import label_value_problems, name_problems
from tidegate_sandbox.rules.fields import fill, immutable, invalid, port_number, required, section, unsupported

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
# What a pod's spec may still change: pkg/apis/core/validation ValidatePodUpdate.
_MUTABLE = frozenset({"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName"})


def default_template(template: Manifest) -> None:
    """Defaults of `spec.template` of a workload, in place."""
    section(template, "metadata").pop("creationTimestamp", None)
    default_spec(section(template, "spec"))


def default_spec(spec: Manifest) -> None:
    fill(
        spec,
        {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler",
            "securityContext": {},
        },
    )
    for account, alias in (("serviceAccountName", "serviceAccount"), ("serviceAccount", "serviceAccountName")):
        if spec.get(account):
            fill(spec, {alias: spec[account]})
    for container in _containers(spec):
        _default_container(container)
    for volume in spec.get("volumes") or []:
        _default_volume(volume)


def default_pod(pod: Manifest) -> None:
    spec = section(pod, "spec")
    fill(
        spec,
        {
            "enableServiceLinks": True,
            "serviceAccountName": "default",
            "serviceAccount": "default",
            "priority": 0,
            "preemptionPolicy": "PreemptLowerPriority",
        },
    )
    default_spec(spec)


def fresh_status(pod: Manifest) -> Manifest:
    return {"phase": "Pending", "qosClass": _quality(pod.get("spec") or {})}


def _quality(spec: Manifest) -> str:
    """The QoS class: Guaranteed when every container's limits equal its requests for both cpu and memory."""
    resources = [container.get("resources") or {} for container in _containers(spec)]
    if not any(part.get("requests") or part.get("limits") for part in resources):
        return "BestEffort"
    for part in resources:
        limits = part.get("limits") or {}
        if set(limits) < {"cpu", "memory"} or (part.get("requests") or limits) != limits:
            return "Burstable"
    return "Guaranteed"


def _containers(spec: Manifest) -> list[Manifest]:
    return [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]


def _default_container(container: Manifest) -> None:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition("@")
    floating = not tag[1] and tag[0].partition(":")[2] in ("", "latest")
    fill(
        container,
        {
            "imagePullPolicy": "Always" if floating else "IfNotPresent",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        },
    )
    for port in container.get("ports") or []:
        fill(port, {"protocol": "TCP"})
    for env in container.get("env") or []:
        if (env.get("valueFrom") or {}).get("fieldRef"):
            fill(env["valueFrom"]["fieldRef"], {"apiVersion": "v1"})
    for name in _PROBES:
        if container.get(name):
            _default_probe(container[name])


def _default_probe(probe: Manifest) -> None:
    fill(probe, {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3})
    if probe.get("httpGet"):
        fill(probe["httpGet"], {"path": "/", "scheme": "HTTP"})


def _default_volume(volume: Manifest) -> None:
    for source in ("configMap", "secret", "downwardAPI", "projected"):
        if volume.get(source):
            fill(volume[source], {"defaultMode": 420})
    if set(volume) <= {"name"}:
        volume["emptyDir"] = {}


def check_template(template: Manifest, path: str, restart: tuple[str, ...]) -> Iterator[Cause]:
    """Breaches in a pod template; `restart` are the restart policies the workload allows."""
    spec = template.get("spec") or {}
    for key, value in ((template.get("metadata") or {}).get("labels") or {}).items():
        for problem in label_value_problems(str(value)):
            yield invalid(f"{path}.metadata.labels[{key}]", value, problem)
    yield from check_spec(spec, f"{path}.spec")
    if spec.get("restartPolicy") not in restart:
        yield _bad_restart(f"{path}.spec.restartPolicy", spec.get("restartPolicy"), restart)


def _bad_restart(path: str, value: object, allowed: tuple[str, ...]) -> Cause:
    if value == "Always" and len(allowed) > 1:
        # The default of a pod, which no Job may have: the client left it out.
        return required(path, "valid values: " + ", ".join(f'"{one}"' for one in allowed))
    return unsupported(path, value, allowed)


def check_spec(spec: Manifest, path: str) -> Iterator[Cause]:
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or []):
            yield from _check_container(container, f"{path}.{field}[{index}]", seen)


def _check_container(container: Manifest, path: str, seen: set[str]) -> Iterator[Cause]:
    name = str(container.get("name") or "")
    if not name:
        yield required(f"{path}.name")
    elif problems := name_problems("namespaces", name):
        yield invalid(f"{path}.name", name, problems[0])
    elif name in seen:
        yield Cause(f"{path}.name", f'Duplicate value: "{name}"', "FieldValueDuplicate")
    seen.add(name)
    if not container.get("image"):
        yield required(f"{path}.image")
    for index, port in enumerate(container.get("ports") or []):
        if not port.get("containerPort"):
            yield required(f"{path}.ports[{index}].containerPort")
        yield from port_number(f"{path}.ports[{index}].containerPort", port.get("containerPort"))


def check_pod(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    spec = new.get("spec") or {}
    yield from check_spec(spec, "spec")
    if old is not None and _fixed(spec) != _fixed(old.get("spec") or {}):
        yield Cause(
            "spec",
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
            "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
            "FieldValueForbidden",
        )


def _fixed(spec: Manifest) -> Manifest:
    """The part of a pod's spec that never changes."""
    fixed = {name: value for name, value in spec.items() if name not in _MUTABLE}
    for field in ("initContainers", "containers"):
        containers = spec.get(field) or []
        fixed[field] = [{k: v for k, v in part.items() if k not in ("image", "resources")} for part in containers]
    return fixed


def default_pod_template(item: Manifest) -> None:
    default_template(section(item, "template"))


def check_bound(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    """The rules of an immutable ConfigMap or Secret."""
    if old is None or not old.get("immutable"):
        return
    for field in ("immutable", "data", "binaryData"):
        if new.get(field) != old.get(field):
            detail = "field is immutable when `immutable` is set"
            yield Cause(field, f"Forbidden: {detail}", "FieldValueForbidden")
    yield from immutable("type", new.get("type"), old.get("type"))
