"""The conformance suite of the kit, run on this router."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tidegate_apisix import Apisix
from tidegate_apisix.rules import ROUTE
from tidegate_testkit.traffic import MemoryCluster, Neighbour, TrafficCase, TrafficConformance


def a_rule(rollout: str) -> dict[str, Any]:
    backends = [{"serviceName": f"{rollout}-{side}", "servicePort": 80} for side in ("stable", "canary")]
    return {
        "name": rollout,
        "match": {"hosts": ["web.example"], "paths": [f"/{rollout}*"]},
        "backends": [{**each, "weight": weight} for each, weight in zip(backends, (100, 0), strict=True)],
        "plugins": [{"name": "limit-req", "enable": True, "config": {"rate": 10}}],
    }


WEB: dict[str, Any] = {
    "apiVersion": "apisix.apache.org/v2",
    "kind": "ApisixRoute",
    "metadata": {"name": "web"},
    "spec": {"ingressClassName": "apisix", "http": [a_rule("demo"), a_rule("other")]},
}


def split(cluster: MemoryCluster, rollout: str) -> Mapping[str, int]:
    found = cluster.find(ROUTE, "default", "web") or {"spec": {"http": []}}
    rules = [rule for rule in found["spec"]["http"] if rule["name"] == rollout]
    return {each["serviceName"]: each["weight"] for rule in rules for each in rule["backends"]}


def share(rollout: str) -> Callable[[MemoryCluster], float | None]:
    return lambda cluster: split(cluster, rollout).get(f"{rollout}-canary")


def by_priority(cluster: MemoryCluster) -> list[str]:
    """The header routes in the order in which APISIX tries them: the higher priority first."""
    contents = [each for each in cluster.contents().values() if each["metadata"]["name"] != "web"]
    contents.sort(key=lambda each: -each["spec"]["http"][0]["priority"])
    return [each["metadata"]["name"] for each in contents]


class TestApisix(TrafficConformance):
    @pytest.fixture
    def case(self) -> TrafficCase:
        return TrafficCase(
            router=Apisix,
            config={"route": {"name": "web", "rules": ["demo"]}},
            manifests=[WEB],
            observe=share("demo"),
            splits=lambda cluster: [split(cluster, "demo")],
            routes=by_priority,
            neighbour=Neighbour({"route": {"name": "web", "rules": ["other"]}}, share("other")),
        )
