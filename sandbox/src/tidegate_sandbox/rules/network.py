"""Services, Ingresses, NetworkPolicies, EndpointSlices."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Cause
from tidegate_sandbox.rules.fields import (
    fill,
    immutable,
    invalid,
    port_name,
    port_number,
    required,
    section,
    unsupported,
)

_SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def default_service(item: Manifest) -> None:
    """Defaults that need no address; the store hands out `clusterIP` (see `allocate`)."""
    spec = section(item, "spec")
    fill(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    for port in spec.get("ports") or []:
        fill(port, {"protocol": "TCP"})
        fill(port, {"targetPort": port.get("port")})
    if spec["type"] != "ExternalName":
        fill(spec, {"internalTrafficPolicy": "Cluster"})
    if spec["type"] in ("NodePort", "LoadBalancer"):
        fill(spec, {"externalTrafficPolicy": "Cluster"})
    if spec["type"] == "LoadBalancer":
        fill(spec, {"allocateLoadBalancerNodePorts": True})


def allocate(item: Manifest, old: Manifest | None, number: int) -> None:
    """Give a Service its addresses and node ports, or let it keep those it had; `number` differs between Services.

    Addresses come from 10.96.0.0/16, kubeadm's default range, and 30000-32767, the default node ports.
    """
    spec, before = item["spec"], (old or {}).get("spec") or {}
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        spec["clusterIP"] = before.get("clusterIP") or f"10.96.{number // 250 % 256}.{number % 250 + 2}"
    spec["clusterIPs"] = [spec["clusterIP"]]
    fill(spec, {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"})
    if spec["type"] == "ClusterIP":
        return
    known = {port.get("port"): port.get("nodePort") for port in before.get("ports") or []}
    for index, port in enumerate(spec.get("ports") or []):
        fill(port, {"nodePort": known.get(port.get("port")) or 30000 + (number * 8 + index) % 2768})


def check_service(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    spec = new["spec"]
    if spec["type"] not in _SERVICE_TYPES:
        yield unsupported("spec.type", spec["type"], _SERVICE_TYPES)
    if spec["type"] == "ExternalName":
        if not spec.get("externalName"):
            yield required("spec.externalName")
    elif not spec.get("ports") and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    yield from _check_ports(spec.get("ports") or [])
    if old is not None and old["spec"]["type"] == spec["type"] != "ExternalName":
        was = old["spec"].get("clusterIP")
        if was and (spec.get("clusterIP") or was) != was:
            yield invalid("spec.clusterIPs[0]", [spec["clusterIP"]], "may not change once set")


def _check_ports(ports: list[Manifest]) -> Iterator[Cause]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        name = port.get("name") or ""
        if not name and len(ports) > 1:
            yield required(f"{path}.name")
        if name and name in names:
            yield Cause(f"{path}.name", f'Duplicate value: "{name}"', "FieldValueDuplicate")
        names.add(name)
        if port.get("port") is None:
            yield invalid(f"{path}.port", 0, "must be between 1 and 65535, inclusive")
        yield from port_number(f"{path}.port", port.get("port"))
        target = port.get("targetPort")
        yield from (
            port_name(f"{path}.targetPort", target)
            if isinstance(target, str)
            else port_number(f"{path}.targetPort", target)
        )


def check_ingress(new: Manifest, _old: Manifest | None) -> Iterator[Cause]:
    spec = new.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield invalid("spec", spec or None, "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend"):
        yield from _check_backend(spec["defaultBackend"], "spec.defaultBackend")
    for number, rule in enumerate(spec.get("rules") or []):
        path = f"spec.rules[{number}].http.paths"
        http = rule.get("http")
        if http is not None and not http.get("paths"):
            yield required(path)
        for index, entry in enumerate((http or {}).get("paths") or []):
            yield from _check_path(entry, f"{path}[{index}]")


def _check_path(entry: Manifest, path: str) -> Iterator[Cause]:
    kind, value = entry.get("pathType"), entry.get("path") or ""
    if kind is None:
        yield required(f"{path}.pathType", "pathType must be specified")
        return
    if kind not in _PATH_TYPES:
        yield unsupported(f"{path}.pathType", kind, _PATH_TYPES)
    elif kind != "ImplementationSpecific" and not value.startswith("/"):
        yield invalid(f"{path}.path", value, "must be an absolute path")
    elif kind != "ImplementationSpecific":
        for bad in ("//", "/./", "/../", "%2f", "%2F"):
            if bad in value:
                yield invalid(f"{path}.path", value, f"must not contain '{bad}'")
    yield from _check_backend(entry.get("backend") or {}, f"{path}.backend")


def _check_backend(backend: Manifest, path: str) -> Iterator[Cause]:
    service = backend.get("service")
    if service is None:
        if backend.get("resource") is None:
            yield required(path, "either `service` or `resource` must be specified")
        return
    if not service.get("name"):
        yield required(f"{path}.service.name")
    port = service.get("port") or {}
    if not port.get("name") and not port.get("number"):
        yield required(path, "port name or number is required")
    if port.get("name") and port.get("number"):
        yield invalid(path, "", "cannot set both port name & port number")
    yield from port_number(f"{path}.service.port.number", port.get("number"))


def default_network_policy(item: Manifest) -> None:
    spec = section(item, "spec")
    fill(spec, {"policyTypes": ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]})


def default_slice(item: Manifest) -> None:
    for port in item.get("ports") or []:
        fill(port, {"protocol": "TCP", "name": ""})
    for endpoint in item.get("endpoints") or []:
        fill(endpoint, {"conditions": {}})


def check_slice(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    kind = new.get("addressType")
    if not kind:
        yield required("addressType")
    if old is not None:
        yield from immutable("addressType", kind, old.get("addressType"))
