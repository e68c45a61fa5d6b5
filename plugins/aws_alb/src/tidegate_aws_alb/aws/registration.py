"""Whether the pods of a Service are registered as targets of its target group, where targets are addresses of pods.

Without this a Service whose selector has just moved counts as served while the load balancer still sends to the pods that
are about to go: the gap of requests that fail at a promotion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.hooks import Kind, Objects, Ref
from tidegate_aws_alb.aws.inventory import Inventory
from tidegate_aws_alb.aws.judgement import UNVERIFIED, VERIFIED, Judged
from tidegate_aws_alb.ingress import SERVICE

ENDPOINT_SLICES = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
SERVICE_NAME = "kubernetes.io/service-name"
IP = "ip"
IPV4 = "IPv4"
FAMILIES = {"ipv4": IPV4, "ipv6": "IPv6"}  # a binding's word, an EndpointSlice's word; IPv4 where neither says

Target = tuple[str, int]


def bindings(api_version: str) -> Kind:
    """The kind TargetGroupBinding at `<group>/<version>`."""
    group, _, version = api_version.partition("/")
    return Kind(group, version, "TargetGroupBinding", "targetgroupbindings")


def registration_reads(services: tuple[str, ...], kind: Kind) -> Iterator[Ref]:
    """Every TargetGroupBinding of the namespace, which nothing labels by Service, and the EndpointSlices of the Services."""
    yield Ref(kind, "", required=False)
    for service in services:
        yield Ref(ENDPOINT_SLICES, "", required=False, labels={SERVICE_NAME: service})


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods behind a Service's port; `replicas` is how many the Rollout wants, `bindings` the kind to look for."""

    service: str
    port: int
    replicas: int
    bindings: Kind


def judge_registration(inventory: Inventory, objects: Objects, judged: Judged, pods: Pods) -> None:
    """Add to `judged` whether every endpoint of a Service is a target of each of its target groups.

    A Service without a TargetGroupBinding for addresses has targets of another kind, or none to wait for. Raises AwsError.
    """
    port = _port(objects.get(SERVICE, pods.service) or {}, pods.port)
    for group, family in _groups(objects, pods, port):
        endpoints = _endpoints(objects, pods.service, str(port.get("name") or ""), family)
        there = len(endpoints & inventory.registered(group))
        where = f"Service {pods.service} (TargetGroup {group})"
        # differs: the reference looks for the target port's name among the Service's port names, skips the check where
        # the two differ, and takes no endpoint at all for all of them.
        if there < len(endpoints) or (pods.replicas > 0 and not endpoints):
            judged.verified = False
            said = f"{there}/{len(endpoints) or pods.replicas} endpoints registered"
            judged.say(UNVERIFIED, f"{where} not verified: {said}")
        else:
            judged.say(VERIFIED, f"{where} verified: {len(endpoints)} endpoints registered")


def _port(service: Mapping[str, Any], port: int) -> Mapping[str, Any]:
    """The Service's entry for a port; empty for a Service that does not have it."""
    ports = (service.get("spec") or {}).get("ports") or ()
    return next((each for each in ports if each.get("port") == port), {})


def _groups(objects: Objects, pods: Pods, port: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The target groups that a Service's pods are to be targets of, each with the address type that it takes.

    A binding names the port by number or by name.
    """
    for binding in objects.select(pods.bindings, {}):
        spec = binding.get("spec") or {}
        reference = spec.get("serviceRef") or {}
        same = reference.get("name") == pods.service and reference.get("port") in (
            pods.port,
            port.get("name") or pods.port,
        )
        if same and spec.get("targetType") == IP and spec.get("targetGroupARN"):
            yield spec["targetGroupARN"], FAMILIES.get(spec.get("ipAddressType") or "", IPV4)


def _endpoints(objects: Objects, service: str, port_name: str, family: str) -> frozenset[Target]:
    """(address, port) of every ready endpoint of one family; a Service with both has slices of each.

    Slices name their ports as the Service names its own, not its targets'.
    """
    return frozenset(
        (address, number)
        for piece in objects.select(ENDPOINT_SLICES, {SERVICE_NAME: service})
        if (piece.get("addressType") or IPV4) == family
        for number in _numbers(piece, port_name)
        for endpoint in piece.get("endpoints") or ()
        if _serves(endpoint)
        for address in endpoint.get("addresses") or ()
    )


def _numbers(piece: Mapping[str, Any], port_name: str) -> Iterator[int]:
    for port in piece.get("ports") or ():
        if (port.get("name") or "") == port_name and port.get("port"):
            yield int(port["port"])


def _serves(endpoint: Mapping[str, Any]) -> bool:
    """A condition that is not set counts as ready, as the EndpointSlice API says."""
    conditions = endpoint.get("conditions") or {}
    return conditions.get("ready") is not False and not conditions.get("terminating")
