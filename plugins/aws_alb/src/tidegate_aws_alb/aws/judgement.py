"""Whether the rules of a load balancer carry the weights that an Ingress asks for.

A rule is ours if it forwards to exactly the target groups of canary, stable and the experiments' Services: so the rule of
a header route, which forwards to the canary alone, and rules of other hosts say nothing about the split. Every rule that
is ours has to carry every weight, on every listener.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.hooks import Event, Manifest
from tidegate_aws_alb.aws.errors import AwsError
from tidegate_aws_alb.aws.inventory import APPLICATION, Balancer, Inventory, TargetGroup, Weights

VERIFIED, UNVERIFIED = "TargetGroupVerified", "TargetGroupUnverified"
FAILED, NO_BALANCER = "TargetGroupVerifyError", "LoadBalancerNotFound"
UNKNOWN = "unknown"  # the reference's word for a target group that it has not found


@dataclass(frozen=True, slots=True)
class Share:
    """What a Service is to get; `role` is canary, stable or experiment."""

    role: str
    service: str
    weight: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """The weights that an Ingress's action asks for, canary first. `port` is the Services' port."""

    namespace: str
    ingress: str
    port: int
    shares: tuple[Share, ...]

    def resource(self, service: str) -> str:
        """The tag of a Service's target group: `<namespace>/<ingress>-<service>:<port>`."""
        return f"{self.namespace}/{self.ingress}-{service}:{self.port}"

    @property
    def resources(self) -> frozenset[str]:
        """The tags of all target groups."""
        return frozenset(self.resource(share.service) for share in self.shares)


@dataclass(slots=True)
class Judged:
    """What came of one Ingress: what to say, and for the status which load balancer and target groups were found."""

    ingress: str
    canary_service: str
    verified: bool = False
    balancer: Balancer | None = None
    groups: dict[str, TargetGroup] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    after_s: float = 0.0

    def say(self, reason: str, message: str) -> None:
        """Note one finding; everything but a confirmation is a Warning."""
        self.events.append(Event(reason, message, "Normal" if reason == VERIFIED else "Warning"))

    @property
    def message(self) -> str:
        """The findings as one text."""
        return "; ".join(event.message for event in self.events)


def judge(inventory: Inventory, manifest: Manifest, wanted: Wanted) -> Judged:
    """Whether the load balancers of an Ingress carry the weights. A failed question is a no, with its reason."""
    judged = Judged(wanted.ingress, wanted.shares[0].service)
    try:
        judged.verified = _judged(inventory, manifest, wanted, judged)
    except AwsError as error:
        fail(judged, judged.canary_service, error)
    return judged


def fail(judged: Judged, service: str, error: AwsError) -> None:
    """Note a question that AWS did not answer."""
    said = f"Failed to verify Service {service} (TargetGroup {UNKNOWN}): {error}{error.advice}"
    judged.verified, judged.after_s = False, error.after_s
    judged.say(FAILED, said)


def _judged(inventory: Inventory, manifest: Manifest, wanted: Wanted, judged: Judged) -> bool:
    balancers = list(_balancers(inventory, manifest, judged))
    if judged.events or not balancers:
        if not judged.events:
            judged.say(UNVERIFIED, f"Ingress {wanted.ingress}: no application load balancer among its host names")
        return False
    answers = [_carried(inventory, balancer, wanted, judged) for balancer in balancers]
    return all(answers)


def _balancers(inventory: Inventory, manifest: Manifest, judged: Judged) -> Iterator[Balancer]:
    """The application load balancers behind an Ingress; with a network load balancer in front it has two host names."""
    hosts = hosts_of(manifest)
    if not hosts:
        judged.say(UNVERIFIED, f"Ingress {judged.ingress}: LoadBalancer not yet allocated")
    for host in hosts:
        found = inventory.balancer(host)
        if found is None:
            judged.say(NO_BALANCER, f"Failed to find load balancer: {host}")
        elif found.kind == APPLICATION:
            judged.balancer = found
            yield found


def hosts_of(manifest: Mapping[str, Any]) -> Sequence[str]:
    """The host names that the AWS Load Balancer Controller has reported, each once."""
    listed = ((manifest.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return list(dict.fromkeys(each["hostname"] for each in listed if each.get("hostname")))


def _carried(inventory: Inventory, balancer: Balancer, wanted: Wanted, judged: Judged) -> bool:
    """Whether one load balancer carries the weights. The first Service that it does not is told of."""
    listed = inventory.groups(balancer, wanted=wanted.resources)
    by_resource: dict[str, set[str]] = {}
    for group in listed:
        by_resource.setdefault(group.resource, set()).add(group.arn)
    for share in wanted.shares:
        found = next((each for each in listed if each.resource == wanted.resource(share.service)), None)
        if found is None:
            said = f"not verified: no target group has the tag {wanted.resource(share.service)} yet"
            judged.say(UNVERIFIED, f"Service {share.service} (TargetGroup {UNKNOWN}) {said}")
            return False
        judged.groups[share.service] = found
    services = {arn: s.service for s in wanted.shares for arn in by_resource[wanted.resource(s.service)]}
    # differs: the reference takes the last weight of the canary's group in any rule, that of a header route included, and
    # counts matches so that several Ingresses with an experiment are never verified.
    ours = [by_service for rule in inventory.rules(balancer) if (by_service := _ours(rule, services))]
    ours = [rule for rule in ours if set(rule) == {share.service for share in wanted.shares}]
    return _compared(ours, wanted, judged)


def _ours(rule: Weights, services: Mapping[str, str]) -> Mapping[str, int]:
    """The weights of a rule by Service; empty where it forwards to anything else as well."""
    if not all(arn in services for arn in rule):
        return {}
    return {services[arn]: weight for arn, weight in rule.items()}


def _compared(ours: Sequence[Mapping[str, int]], wanted: Wanted, judged: Judged) -> bool:
    for share in wanted.shares:
        where = f"Service {share.service} (TargetGroup {judged.groups[share.service].arn})"
        wrong = [rule[share.service] for rule in ours if rule[share.service] != share.weight]
        if not ours:
            everybody = ", ".join(each.service for each in wanted.shares)
            judged.say(UNVERIFIED, f"{where} not verified: no rule forwards to exactly {everybody} yet")
        elif wrong:
            said = f"{share.role} weight {share.weight} not yet set (current: {wrong[0]})"
            judged.say(UNVERIFIED, f"{where} not verified: {said}")
        if not ours or wrong:
            return False
    canary = wanted.shares[0]
    where = f"Service {canary.service} (TargetGroup {judged.groups[canary.service].arn})"
    if (confirmed := f"{where} verified: {canary.role} weight {canary.weight} set") not in judged.message:
        judged.say(VERIFIED, confirmed)
    return True
