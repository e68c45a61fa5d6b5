"""A canary whose strategy names no router: pods are the traffic."""

from __future__ import annotations

from typing import Any

from tidegate.api import names

STEPS = [{"setWeight": 50}, {"pause": {}}]


def selected(cluster: Any, name: str) -> str:
    return str(cluster.get("services", name)["spec"]["selector"].get(names.POD_HASH, ""))


def pod_hash(cluster: Any, image: str) -> str:
    sets = [rs for rs in cluster.replica_sets() if rs["spec"]["template"]["spec"]["containers"][0]["image"] == image]
    return str(sets[0]["metadata"]["labels"][names.POD_HASH])


def pause(cluster: Any, manifests: list[Any]) -> None:
    """A new version that waits at its pause, with an installed router that nobody names."""
    cluster.sandbox.apply(manifests)
    engine = cluster.engine()
    cluster.until(cluster.healthy, tick_s=1)
    cluster.ship("app:v2")
    cluster.until(lambda: cluster.phase()[0] == "Paused", tick_s=1)
    assert engine.queue.wait_idle(5)


def test_r01_without_traffic_routing_there_are_no_weights_and_no_router_is_asked(cluster: Any, build: Any) -> None:
    pause(cluster, [build.route("web"), build.rollout(steps=STEPS)])
    assert cluster.status().get("canary", {}).get("weights") is None
    assert cluster.router.calls == []
    assert cluster.get("routes.example.com", "web")["spec"] == {}


def test_r02_services_are_pinned_to_their_versions_without_traffic_routing(cluster: Any, build: Any) -> None:
    """So what reaches the stable Service never reaches the canary, whatever the steps say."""
    services = {"canaryService": "app-canary", "stableService": "app-stable"}
    rollout = build.rollout(steps=STEPS, **services)
    pause(cluster, [build.service("app-canary"), build.service("app-stable"), rollout])
    assert selected(cluster, "app-stable") == pod_hash(cluster, "app:v1")
    assert selected(cluster, "app-canary") == pod_hash(cluster, "app:v2")
    assert cluster.status().get("canary", {}).get("weights") is None
