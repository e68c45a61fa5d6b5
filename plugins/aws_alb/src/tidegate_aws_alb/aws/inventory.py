"""Load balancers, target groups, rules and targets as AWS lists them, with what may be remembered of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tidegate_aws_alb.aws.errors import Gone, Throttled, Unreachable
from tidegate_aws_alb.aws.memory import Cache, Clock, Patience

PAGE = 400  # the largest PageSize of the API
TAGGED_AT_ONCE = 20  # ARNs that DescribeTags takes
BALANCERS_S = 600.0  # a load balancer keeps its host name for life; only its replacement has to be noticed
GROUPS_S = 60.0  # target groups come with new Services; one that is looked for and missing is looked for afresh

APPLICATION = "application"
DUALSTACK = "dualstack."
DRAINING = "draining"

Weights = Mapping[str, int]
"""Weights by target group ARN."""


class Elb(Protocol):
    """Asks ELBv2 one thing; the SDK, or answers that a test has recorded."""

    def ask(self, operation: str, **arguments: object) -> Mapping[str, Any]:
        """The answer to an operation, named as in boto3. Raises AwsError."""
        ...


@dataclass(frozen=True, slots=True)
class Balancer:
    """A load balancer; `kind` is application, network or gateway."""

    arn: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """A target group; `resource` is the value of the tag that names its Service, "" without one."""

    arn: str
    name: str
    resource: str


class Inventory:
    """Asks for lists, page by page. Safe to use from any thread; made once for the process."""

    def __init__(self, elb: Elb, clock: Clock, resource_tag: str) -> None:
        self._elb, self._resource_tag = elb, resource_tag
        self._balancers: Cache[str, Balancer] = Cache(BALANCERS_S, clock)
        self._groups: Cache[str, tuple[TargetGroup, ...]] = Cache(GROUPS_S, clock)
        self._patience = Patience(clock)

    def balancer(self, host: str) -> Balancer | None:
        """The load balancer that has this host name, or None. Raises AwsError."""
        wanted = _bare(host)
        if (known := self._balancers.get(wanted)) is not None:
            return known
        found = None
        for raw in self._list("describe_load_balancers", "LoadBalancers", PageSize=PAGE):
            name = _bare(str(raw.get("DNSName", "")))
            balancer = Balancer(raw["LoadBalancerArn"], raw.get("LoadBalancerName", ""), raw.get("Type", APPLICATION))
            self._balancers.put(name, balancer)
            found = balancer if name == wanted else found
        return found

    def groups(self, balancer: Balancer, *, wanted: frozenset[str]) -> tuple[TargetGroup, ...]:
        """The target groups of a load balancer with their tags; remembered ones only if all of `wanted` are among them.

        `wanted` are values of the tag. Raises AwsError.
        """
        known = self._groups.get(balancer.arn)
        if known is not None and wanted <= {group.resource for group in known}:
            return known
        listed = list(self._list("describe_target_groups", "TargetGroups", LoadBalancerArn=balancer.arn, PageSize=PAGE))
        tags = self._tags([raw["TargetGroupArn"] for raw in listed])
        groups = (
            TargetGroup(raw["TargetGroupArn"], raw.get("TargetGroupName", ""), tags.get(raw["TargetGroupArn"], ""))
            for raw in listed
        )
        return self._groups.put(balancer.arn, tuple(groups))

    def rules(self, balancer: Balancer) -> Iterator[Weights]:
        """The target groups and weights of every rule that forwards, in every listener. Raises AwsError."""
        for listener in self._list("describe_listeners", "Listeners", LoadBalancerArn=balancer.arn, PageSize=PAGE):
            for rule in self._list("describe_rules", "Rules", ListenerArn=listener["ListenerArn"], PageSize=PAGE):
                if weights := _forwarded(rule):
                    yield weights

    def registered(self, group_arn: str) -> frozenset[tuple[str, int]]:
        """(address, port) of every target of a group that is not on its way out, whatever its health. Raises AwsError."""
        answer = self._ask("describe_target_health", TargetGroupArn=group_arn)
        return frozenset(
            (target["Id"], int(target.get("Port", 0)))
            for each in answer.get("TargetHealthDescriptions") or ()
            if (target := each.get("Target")) and (each.get("TargetHealth") or {}).get("State") != DRAINING
        )

    def recovered(self) -> None:
        """Note that a whole verdict was given without an error: the next pause under throttling is a short one again."""
        self._patience.recovered()

    def _tags(self, arns: list[str]) -> Mapping[str, str]:
        """The resource tag of every ARN that has one."""
        found: dict[str, str] = {}
        for start in range(0, len(arns), TAGGED_AT_ONCE):
            answer = self._ask("describe_tags", ResourceArns=arns[start : start + TAGGED_AT_ONCE])
            for each in answer.get("TagDescriptions") or ():
                tags = {tag.get("Key"): tag.get("Value", "") for tag in each.get("Tags") or ()}
                if self._resource_tag in tags:
                    found[each["ResourceArn"]] = tags[self._resource_tag]
        return found

    def _list(self, operation: str, key: str, **arguments: object) -> Iterator[Mapping[str, Any]]:
        """Every item of every page. A marker that comes back would be asked for ever, so it is an error."""
        seen: set[str] = set()
        answer = self._ask(operation, **arguments)
        while True:
            yield from answer.get(key) or ()
            marker = answer.get("NextMarker")
            if not marker:
                return
            if marker in seen:
                raise Unreachable(f"{operation}: the marker of the next page comes again and again")
            seen.add(marker)
            answer = self._ask(operation, **arguments, Marker=marker)

    def _ask(self, operation: str, **arguments: object) -> Mapping[str, Any]:
        self._patience.check()
        try:
            return self._elb.ask(operation, **arguments)
        except Throttled as error:
            raise self._patience.throttled(str(error)) from error
        except Gone:
            self._balancers.clear()
            self._groups.clear()
            raise


def _bare(host: str) -> str:
    """A host name as it is compared: lower case, without the prefix that asks DNS for IPv6 as well."""
    return host.lower().removeprefix(DUALSTACK)


def _forwarded(rule: Mapping[str, Any]) -> Weights:
    """The weights of a rule's forward action by target group; empty for another action."""
    for action in rule.get("Actions") or ():
        if action.get("Type") == "forward":
            listed = (action.get("ForwardConfig") or {}).get("TargetGroups") or ()
            weights = {each["TargetGroupArn"]: int(each.get("Weight", 1)) for each in listed}
            return weights or ({action["TargetGroupArn"]: 1} if action.get("TargetGroupArn") else {})
    return {}
