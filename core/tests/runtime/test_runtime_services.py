"""Services of every role: woken for, kept while they are named, handed back once they are not."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.api import names
from tidegate.hooks import Capability
from tidegate_sandbox.faults import Fault, FaultKind

ROLLOUTS = "rollouts.argoproj.io"


def selected(cluster: Any, name: str) -> str:
    return str(cluster.get("services", name)["spec"]["selector"].get(names.POD_HASH, ""))


def manager(cluster: Any, name: str) -> str:
    return str((cluster.get("services", name)["metadata"].get("annotations") or {}).get(names.MANAGED_BY, ""))


def blue_green(build: Any, name: str = "app", **fields: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = build.rollout(name)
    manifest["spec"]["strategy"] = {"blueGreen": {"activeService": "active", "previewService": "preview", **fields}}
    return manifest


def start(cluster: Any, build: Any) -> Any:
    cluster.sandbox.apply([build.service("active"), build.service("preview"), blue_green(build)])
    engine = cluster.engine()
    cluster.until(cluster.healthy, tick_s=0.5)
    return engine


def test_services_of_a_blue_green_are_handed_back_with_the_strategy(cluster: Any, build: Any) -> None:
    start(cluster, build)
    assert selected(cluster, "active") == selected(cluster, "preview") == cluster.status()["stableRS"]
    cluster.edit(ROLLOUTS, "app", lambda rollout: rollout["spec"].update(strategy={"canary": {}}))
    cluster.until(lambda: not selected(cluster, "active") and not selected(cluster, "preview"), tick_s=0.1)
    assert manager(cluster, "active") == manager(cluster, "preview") == ""


def test_one_service_that_is_no_longer_named_goes_and_the_other_stays(cluster: Any, build: Any) -> None:
    start(cluster, build)

    def drop(rollout: dict[str, Any]) -> None:
        rollout["spec"]["strategy"]["blueGreen"].pop("previewService")

    cluster.edit(ROLLOUTS, "app", drop)
    cluster.until(lambda: not selected(cluster, "preview"), tick_s=0.1)
    assert manager(cluster, "active") == "app"
    assert selected(cluster, "active") == cluster.status()["stableRS"]


@pytest.mark.parametrize("name", ["active", "preview"])
def test_a_deleted_service_is_noticed_at_once_and_its_return_too(cluster: Any, build: Any, name: str) -> None:
    start(cluster, build)
    cluster.sandbox.objects.delete("services", "default", name)
    # An absence is reported once it was seen twice, half a second apart.
    cluster.until(lambda: f'service "{name}" not found' in cluster.phase()[1], tick_s=0.1)
    cluster.sandbox.apply(build.service(name))
    cluster.until(lambda: cluster.healthy() and selected(cluster, name) == cluster.status()["stableRS"])


def test_an_active_service_that_lost_its_hash_gets_it_back_at_once(cluster: Any, build: Any) -> None:
    start(cluster, build)
    cluster.edit("services", "active", lambda service: service["spec"]["selector"].pop(names.POD_HASH))
    cluster.until(lambda: selected(cluster, "active") == cluster.status()["stableRS"])


ROLES: dict[str, dict[str, Any]] = {
    "canary": {"canary": {"canaryService": "theirs"}},
    "stable": {"canary": {"stableService": "theirs"}},
    "ping": {"canary": {"pingPong": {"pingService": "theirs", "pongService": "other"}}},
    "pong": {"canary": {"pingPong": {"pingService": "other", "pongService": "theirs"}}},
    "active": {"blueGreen": {"activeService": "theirs"}},
    "preview": {"blueGreen": {"activeService": "other", "previewService": "theirs"}},
}


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_service_that_its_manager_names_is_left_alone(cluster: Any, build: Any, role: str) -> None:
    """The manager belongs to another instance, so it is asked for live; first the question fails."""
    other = build.rollout("other")
    other["metadata"]["labels"] = {names.INSTANCE_ID: "two"}
    other["spec"]["strategy"] = ROLES[role]
    service = build.service("theirs", **{names.POD_HASH: "abc"})
    service["metadata"]["annotations"] = {names.MANAGED_BY: "other"}
    cluster.engine()
    cluster.sandbox.apply(other)
    fault = cluster.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("get",), ROLLOUTS, count=1))
    cluster.sandbox.apply(service)
    cluster.until(lambda: cluster.sandbox.faults.struck(fault) == 1, tick_s=0.1)
    cluster.until(lambda: cluster.requests("GET", "rollouts", "200") >= 1, tick_s=0.1)
    stale = build.service("stale", **{names.POD_HASH: "abc"})
    stale["metadata"]["annotations"] = {names.MANAGED_BY: "nobody"}
    cluster.sandbox.apply(stale)
    # One worker looks at Services: once it is done with the second, it was done with the first.
    cluster.until(lambda: not selected(cluster, "stale"), tick_s=0.1)
    assert (selected(cluster, "theirs"), manager(cluster, "theirs")) == ("abc", "other")
    cluster.edit(ROLLOUTS, "other", lambda rollout: rollout["spec"].update(strategy={"canary": {}}))
    cluster.edit("services", "theirs", lambda found: found["metadata"].update(labels={"touched": "1"}))
    cluster.until(lambda: not selected(cluster, "theirs") and not manager(cluster, "theirs"), tick_s=0.1)


def test_a_service_without_a_manager_that_nobody_names_is_left_alone(cluster: Any, build: Any) -> None:
    """Services of Experiments look like this."""
    cluster.engine()
    cluster.sandbox.apply([build.service("loose", **{names.POD_HASH: "abc"}), build.service("odd")])
    cluster.sandbox.apply(build.rollout())
    cluster.until(cluster.healthy, tick_s=0.5)
    assert selected(cluster, "loose") == "abc"
    assert cluster.requests("PATCH", "services") == 0


def test_a_router_that_knows_ping_pong_works_for_the_pair_in_turn(
    cluster: Any, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(cluster.router), "can", {Capability.WEIGHTS, Capability.VERIFY, Capability.PING_PONG})
    manifest = build.routed(steps=[{"setWeight": 20}])
    canary = manifest["spec"]["strategy"]["canary"]
    canary["pingPong"] = {"pingService": "ping", "pongService": "pong"}
    cluster.sandbox.apply([build.service(name) for name in ("ping", "pong", "app-canary", "app-stable")])
    cluster.sandbox.apply([build.route("web"), manifest])
    engine = cluster.engine()
    cluster.until(cluster.healthy, tick_s=0.5)
    assert cluster.status()["canary"]["stablePingPong"] == "ping"
    engine.queue.add(("default", "app"))
    cluster.until(lambda: cluster.router.sides[-1] == ("pong", "ping"))
    cluster.ship("app:v2")
    cluster.until(lambda: cluster.healthy() and cluster.status()["canary"]["stablePingPong"] == "pong", tick_s=0.5)
    engine.queue.add(("default", "app"))
    cluster.until(lambda: cluster.router.sides[-1] == ("ping", "pong"))
    assert set(cluster.router.sides) == {("pong", "ping"), ("ping", "pong")}
