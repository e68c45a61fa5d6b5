"""What the tests play with: an HTTPProxy, how its weights read, and how Contour would follow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidegate_contour.router import MARK, PROXY
from tidegate_sandbox.dataplane.endpoints import RESOURCES, Endpoints
from tidegate_sandbox.dataplane.routes import (
    Cluster,
    HeaderMatch,
    Host,
    PathKind,
    PathMatch,
    Route,
    RouteTable,
    Share,
    ValueKind,
    World,
)
from tidegate_testkit.memory import MemoryCluster

HEADERS = {"exact": ValueKind.EXACT, "regex": ValueKind.REGEX, "contains": ValueKind.SEARCH}
# A path that is equal is better than a pattern, a pattern better than the start of a path.
PATHS = {"exact": PathKind.EXACT, "regex": PathKind.REGEX, "prefix": PathKind.SEGMENTS}


def a_proxy(*rollouts: str) -> dict[str, Any]:
    """An HTTPProxy with a route for each Rollout, all of its weight on the stable Service."""
    routes = [
        {
            "conditions": [{"prefix": f"/{rollout}"}],
            "timeoutPolicy": {"response": "5s"},
            "services": [_service(f"{rollout}-stable", 100), _service(f"{rollout}-canary", 0)],
        }
        for rollout in rollouts or ("demo", "other")
    ]
    spec = {"virtualhost": {"fqdn": "web.example.com"}, "routes": routes}
    return {"apiVersion": PROXY.api_version, "kind": PROXY.kind, "metadata": {"name": "web"}, "spec": spec}


def routes_of(cluster: MemoryCluster) -> list[dict[str, Any]]:
    """The routes of the HTTPProxy as the cluster stands."""
    found: Mapping[str, Any] = cluster.find(PROXY, "default", "web") or {"spec": {}}
    return list(found["spec"].get("routes") or [])


def splits(cluster: MemoryCluster) -> Sequence[Mapping[str, int]]:
    """The weights of each route by Service."""
    return [{each["name"]: each["weight"] for each in route["services"]} for route in routes_of(cluster)]


def managed_names(cluster: MemoryCluster) -> Sequence[str]:
    """The managed routes of the Rollout `demo`, from top to bottom, each once."""
    policies = [route.get("requestHeadersPolicy", {}) for route in routes_of(cluster)]
    marks = [each["value"] for policy in policies for each in policy.get("set", ()) if each["name"] == MARK]
    return list(dict.fromkeys(mark.removeprefix("demo/") for mark in marks if mark.startswith("demo/")))


def share(rollout: str) -> Callable[[MemoryCluster], float | None]:
    """How many percent the canary of a Rollout gets, as the cluster stands."""

    def observe(cluster: MemoryCluster) -> float | None:
        for weights in splits(cluster):
            if {f"{rollout}-canary", f"{rollout}-stable"} <= weights.keys():
                return 100 * weights[f"{rollout}-canary"] / sum(weights.values())
        return None

    return observe


class ContourTranslator:
    """Reads every HTTPProxy as Contour would: paths by how exact they are, then the more headers the sooner."""

    resources = (PROXY.resource, *RESOURCES)

    def translate(self, world: World) -> RouteTable:
        """The routes of all objects."""
        found, hosts, clusters = Endpoints(world), [], {}
        for manifest in world[PROXY.resource]:
            for service in (each for route in manifest["spec"]["routes"] for each in route["services"]):
                pods, _ = found.ready(manifest["metadata"]["namespace"], service["name"], str(service["port"]))
                clusters[service["name"]] = Cluster(service["name"], pods)
            routes = sorted(map(_route, manifest["spec"]["routes"]), key=_rank)
            hosts.append(Host(manifest["spec"]["virtualhost"]["fqdn"], tuple(routes)))
        return RouteTable(tuple(hosts), tuple(clusters.values()))


def _route(route: Mapping[str, Any]) -> Route:
    path, conditions = PathMatch(PathKind.SEGMENTS, ""), []
    for condition in route.get("conditions", ()):
        if "header" in condition:
            ((how, value),) = [(how, text) for how, text in condition["header"].items() if how != "name"]
            conditions.append(HeaderMatch(condition["header"]["name"].lower(), value, HEADERS[how]))
        else:
            ((how, value),) = condition.items()
            path = PathMatch(PATHS[how], value.rstrip("/") if how == "prefix" else value)
    shares = tuple(Share(each["name"], each["weight"]) for each in route["services"])
    return Route(path, shares, tuple(conditions))


def _rank(route: Route) -> tuple[int, int, int]:
    """Low is tried first. Of two with equal conditions the order in the object decides here; Contour keeps only one."""
    return [*PATHS.values()].index(route.path.kind), -len(route.path.value), -len(route.conditions)


def _service(name: str, weight: int) -> dict[str, Any]:
    return {"name": name, "port": 80, "weight": weight}
