"""The Rollout `demo` in `shop` behind Ingress `web` and root Service `demo-root`, a cluster in memory, and a small AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.hooks import Destination, Hashes, HeaderRoute, Match, Problem, Target, Verdict, Weights
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import Done
from tidegate.hooks.loader import load_objects
from tidegate_aws_alb import Alb
from tidegate_aws_alb.aws.errors import AwsError
from tidegate_aws_alb.ingress import INGRESS
from tidegate_aws_alb.settings import AlbSettings
from tidegate_aws_alb.verification import Verification
from tidegate_testkit.memory import MemoryCluster

PATH = "spec.strategy.canary.trafficRouting.alb"
Q = "alb.ingress.kubernetes.io"
LEDGER = "rollouts.argoproj.io/managed-alb-annotations"
HOST = "shop-1.eu-central-1.elb.amazonaws.com"
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012"


def a_path(service: str, path: str = "/", path_type: str = "Prefix", port: object = "use-annotation") -> dict[str, Any]:
    named = {"name": port} if isinstance(port, str) else {"number": port}
    return {"path": path, "pathType": path_type, "backend": {"service": {"name": service, "port": named}}}


def a_rule(*paths: dict[str, Any], host: str = "shop.example.com") -> dict[str, Any]:
    return {"host": host, "http": {"paths": list(paths)}}


def an_ingress(name: str = "web", *rules: dict[str, Any], hosts: Sequence[str] = (HOST,)) -> dict[str, Any]:
    """An Ingress of class alb; without rules one path `/` leads to `demo-root`."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"ingressClassName": "alb", "rules": list(rules) or [a_rule(a_path("demo-root"))]},
        "status": {"loadBalancer": {"ingress": [{"hostname": host} for host in hosts]}},
    }


def a_service(name: str, port: int = 443, port_name: str = "https") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"ports": [{"name": port_name, "port": port, "targetPort": "web"}]},
    }


def forward(*groups: tuple[str, int], more: str = "") -> str:
    """The bytes of a forward action to Services at port 443; `more` goes in behind the groups."""
    listed = ",".join(f'{{"ServiceName":"{name}","ServicePort":"443","Weight":{weight}}}' for name, weight in groups)
    return f'{{"Type":"forward","ForwardConfig":{{"TargetGroups":[{listed}]{more}}}}}'


class FakeElb:
    """An AWS account: load balancers, target groups with tags, listeners with rules. `asked` are the requests so far.

    Lists come in pages of `page` items. `fail` is raised instead of an answer, by operation; "" stands for all.
    """

    def __init__(self) -> None:
        self.balancers: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, str]] = {}
        self.rules: dict[str, list[list[dict[str, int]]]] = {}
        self.targets: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.fail: dict[str, AwsError] = {}
        self.page = 400

    def add_balancer(self, name: str = "lb-x", host: str = HOST, kind: str = "application") -> str:
        arn = f"{ARN}:loadbalancer/{'app' if kind == 'application' else 'net'}/{name}/123"
        self.balancers[arn] = {"LoadBalancerArn": arn, "LoadBalancerName": name, "DNSName": host, "Type": kind}
        self.groups[arn], self.rules[arn] = {}, [[]]
        return arn

    def add_group(self, balancer: str, name: str, resource: str) -> str:
        arn = f"{ARN}:targetgroup/{name}/456"
        self.groups[balancer][arn] = resource
        return arn

    def ask(self, operation: str, **arguments: Any) -> Mapping[str, Any]:
        self.asked.append((operation, arguments))
        for key in (operation, ""):
            if key in self.fail:
                raise self.fail[key]
        answer: Mapping[str, Any] = getattr(self, f"_{operation}")(**arguments)
        return answer

    def count(self, operation: str) -> int:
        return sum(name == operation for name, _ in self.asked)

    def _describe_load_balancers(self, PageSize: int, Marker: str = "0") -> Mapping[str, Any]:
        return self._paged("LoadBalancers", list(self.balancers.values()), Marker)

    def _describe_target_groups(self, LoadBalancerArn: str, PageSize: int, Marker: str = "0") -> Mapping[str, Any]:
        named = [{"TargetGroupArn": arn, "TargetGroupName": arn.split("/")[1]} for arn in self.groups[LoadBalancerArn]]
        return self._paged("TargetGroups", named, Marker)

    def _describe_tags(self, ResourceArns: list[str]) -> Mapping[str, Any]:
        tags = {arn: resource for groups in self.groups.values() for arn, resource in groups.items()}
        described = [
            {"ResourceArn": arn, "Tags": [{"Key": "ingress.k8s.aws/resource", "Value": tags[arn]}] if tags[arn] else []}
            for arn in ResourceArns
        ]
        return {"TagDescriptions": described}

    def _describe_listeners(self, LoadBalancerArn: str, PageSize: int, Marker: str = "0") -> Mapping[str, Any]:
        listeners = [{"ListenerArn": f"{LoadBalancerArn}#{n}"} for n in range(len(self.rules[LoadBalancerArn]))]
        return self._paged("Listeners", listeners, Marker)

    def _describe_rules(self, ListenerArn: str, PageSize: int, Marker: str = "0") -> Mapping[str, Any]:
        arn, _, number = ListenerArn.partition("#")
        rules = [
            {
                "Actions": [
                    {
                        "Type": "forward",
                        "ForwardConfig": {
                            "TargetGroups": [{"TargetGroupArn": group, "Weight": w} for group, w in weights.items()]
                        },
                    }
                ]
            }
            for weights in self.rules[arn][int(number)]
        ]
        fixed = {"Actions": [{"Type": "fixed-response"}], "IsDefault": True}
        return self._paged("Rules", [*rules, fixed], Marker)

    def _describe_target_health(self, TargetGroupArn: str) -> Mapping[str, Any]:
        return {"TargetHealthDescriptions": self.targets.get(TargetGroupArn, [])}

    def _paged(self, key: str, items: Sequence[Any], marker: str) -> Mapping[str, Any]:
        start = int(marker)
        rest = {"NextMarker": str(start + self.page)} if start + self.page < len(items) else {}
        return {key: items[start : start + self.page], **rest}


@dataclass
class Account:
    """An AWS account that follows the Ingress `web`: one load balancer with a target group for each Service."""

    elb: FakeElb = field(default_factory=FakeElb)
    now: float = 1000.0
    connections: int = 0
    arn: str = ""
    group: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.arn = self.elb.add_balancer()
        for role in ("canary", "stable"):
            self.group[f"demo-{role}"] = self.elb.add_group(self.arn, f"tg-{role}", f"shop/web-demo-{role}:443")

    def split(self, listener: int = 0, **weights: int) -> None:
        """Add a rule to a listener: weights by Service, dashes written as underscores."""
        listeners = self.elb.rules[self.arn]
        while len(listeners) <= listener:
            listeners.append([])
        listeners[listener].append({self.group[key.replace("_", "-")]: weight for key, weight in weights.items()})

    def connect(self, settings: AlbSettings) -> FakeElb:
        self.connections += 1
        return self.elb


@dataclass
class Shop:
    """One Rollout before one cluster. `given` is the raw config; change it to change the spec."""

    facade: Facade
    cluster: MemoryCluster
    given: dict[str, Any] = field(
        default_factory=lambda: {"ingress": "web", "rootService": "demo-root", "servicePort": 443}
    )
    changes: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> Target[BaseModel]:
        configured = self.facade.configure("alb", self.given, PATH)
        assert configured.config is not None, configured.problems
        target = Target(
            namespace="shop",
            name="demo",
            uid="u-1",
            config=configured.config,
            router="alb",
            path=PATH,
            canary_service="demo-canary",
            stable_service="demo-stable",
            hashes=Hashes("bbb", "aaa"),
            managed_routes=("h",),
            annotations=self.annotations,
            replicas=10,
        )
        return replace(target, **self.changes)

    def weigh(self, canary: int, **additional: int) -> Done[None]:
        more = tuple(Destination(name.replace("_", "-"), weight) for name, weight in additional.items())
        return self.facade.set_weights("alb", self.target, Weights(canary, additional=more), self.cluster)

    def read(self) -> dict[str, Weights]:
        return self.facade.get_weights("alb", self.target, self.cluster)

    def route(self, *matches: tuple[str, str], name: str = "h") -> Done[None]:
        """Ask for a header route of exact matches."""
        route = HeaderRoute(name, tuple((header, Match(exact=value)) for header, value in matches))
        return self.facade.set_header_route("alb", self.target, route, self.cluster)

    def keep(self, *names: str) -> Done[None]:
        return self.facade.remove_managed_routes("alb", self.target, frozenset(names), self.cluster)

    def clean_up(self) -> Done[None]:
        return self.facade.clean_up("alb", self.target, self.cluster)

    def verdict(self, canary: int, **additional: int) -> Verdict:
        more = tuple(Destination(name.replace("_", "-"), weight) for name, weight in additional.items())
        weights = Weights(canary, additional=more)
        return self.facade.verify_weights("alb", self.target, weights, self.cluster).value

    def problems(self) -> tuple[Problem, ...]:
        return self.facade.problems("alb", self.target, self.cluster)

    def ingress(self, name: str = "web") -> dict[str, Any]:
        found = self.cluster.find(INGRESS, "shop", name)
        assert found is not None, f"no Ingress {name}"
        return found

    def annotated(self, name: str = "web") -> dict[str, str]:
        return dict(self.ingress(name)["metadata"].get("annotations") or {})

    def annotate(self, name: str = "web", **annotations: str | None) -> None:
        """Annotate as somebody else. Keys are given as keywords in a dict."""
        self.cluster.edit(INGRESS, "shop", name, {"metadata": {"annotations": annotations}})

    def ledger(self, name: str = "web") -> dict[str, list[str]]:
        return dict(json.loads(self.annotated(name)[LEDGER]))

    def paths(self, name: str = "web") -> list[tuple[str, list[tuple[str, str, str]]]]:
        """(host, [(path, path type, Service)]) of every rule."""
        return [
            (
                rule.get("host", ""),
                [
                    (each["path"], each["pathType"], each["backend"]["service"]["name"])
                    for each in rule["http"]["paths"]
                ],
            )
            for rule in self.ingress(name)["spec"]["rules"]
        ]

    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of every write so far; forgets them."""
        found = [each.body for each in self.cluster.written]
        self.cluster.written.clear()
        return found

    def written(self) -> list[tuple[str, str]]:
        """(verb, name) of every write so far; forgets them."""
        found = [(each.verb, each.name) for each in self.cluster.written]
        self.cluster.written.clear()
        return found


def a_shop(router: Alb) -> Shop:
    """The cluster grants what the plugin declares to need and nothing else."""
    facade = Facade(load_objects({"alb": router}), sleep=lambda _: None)
    manifests = [an_ingress(), *(a_service(f"demo-{role}") for role in ("stable", "canary", "exp"))]
    return Shop(facade, MemoryCluster(manifests, rules=facade.rules()))


@pytest.fixture
def make_ingress() -> Callable[..., dict[str, Any]]:
    return an_ingress


@pytest.fixture
def make_service() -> Callable[..., dict[str, Any]]:
    return a_service


@pytest.fixture
def make_path() -> Callable[..., dict[str, Any]]:
    return a_path


@pytest.fixture
def make_rule() -> Callable[..., dict[str, Any]]:
    return a_rule


@pytest.fixture
def action() -> Callable[..., str]:
    return forward


@pytest.fixture
def shop() -> Shop:
    """Verification is off."""
    return a_shop(Alb())


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def verifying(account: Account) -> Shop:
    """The shop with verification on, before `account`."""
    settings = AlbSettings(verifyTargetGroup=True)
    verification = Verification(settings, account.connect, lambda: account.now)
    return a_shop(Alb(settings, verification))


@pytest.fixture
def make_shop() -> Callable[[Alb], Shop]:
    return a_shop
