from __future__ import annotations

from typing import Any

import pytest

from tidegate.api import names
from tidegate.errors import NotFound, OwnershipError, Pending, SpecError
from tidegate.hooks import Verdict
from tidegate.machine.rollout.decide import decide
from tidegate.runtime import rollouts
from tidegate_sandbox.faults import Fault, FaultKind

ROLLOUTS, ROUTES = "rollouts.argoproj.io", "routes.example.com"
STEPS = ({"setWeight": 20}, {"pause": {"duration": "30s"}}, {"setWeight": 60}, {"pause": {"duration": "30s"}})


def weight(cluster: Any, name: str = "web") -> int | None:
    found = cluster.get(ROUTES, name)
    return None if found is None else found["spec"].get("canary")


def selected(cluster: Any, name: str) -> str:
    found = cluster.get("services", name)
    assert found is not None
    return str(found["spec"]["selector"].get(names.POD_HASH, ""))


def both(cluster: Any) -> tuple[str, str]:
    return selected(cluster, "app-canary"), selected(cluster, "app-stable")


def start(cluster: Any, build: Any, *, steps: Any = STEPS) -> Any:
    """An engine, and a routed Rollout that is healthy at its first revision."""
    cluster.sandbox.apply([build.service("app-canary"), build.service("app-stable"), build.route("web")])
    cluster.sandbox.apply(build.routed(steps=steps))
    engine = cluster.engine()
    cluster.until(cluster.healthy, tick_s=1)
    return engine


def test_a_canary_walks_its_steps_and_shifts_the_weights(cluster: Any, build: Any) -> None:
    start(cluster, build)
    seen: set[int | None] = set()
    cluster.ship("app:v2")

    def finished() -> bool:
        seen.add(weight(cluster))
        return bool(cluster.healthy()) and len({*both(cluster), cluster.status()["stableRS"]}) == 1

    cluster.until(finished, tick_s=1)
    assert {20, 60} <= seen
    cluster.until(lambda: [e for e in cluster.events() if e[0] == "RolloutCompleted" and "revision 2" in e[1]])
    reasons = [reason for reason, _, _ in cluster.events()]
    assert reasons[0] == "RolloutAddedToInformer"
    assert reasons.count("RolloutStepCompleted") == 4
    assert "RouteUpdated" in reasons
    assert "TrafficRoutingError" not in reasons


def test_a_scrape_tells_how_each_rollout_stands(cluster: Any, build: Any) -> None:
    start(cluster, build)
    sample = cluster.metrics.registry.get_sample_value
    key = {"namespace": "default", "name": "app"}
    info = {**key, "strategy": "canary", "traffic_router": "Routes", "phase": "Completed"}
    cluster.until(lambda: sample("rollout_info", info) == 1.0)
    counts = {p: sample(f"rollout_info_replicas_{p}", key) for p in ("desired", "updated", "available", "unavailable")}
    assert counts == {"desired": 2.0, "updated": 2.0, "available": 2.0, "unavailable": 0.0}
    cluster.sandbox.objects.delete(ROLLOUTS, "default", "app")
    cluster.until(lambda: sample("rollout_info", info) is None)
    assert sample("rollout_reconcile_count", key) is None


def test_an_idle_rollout_costs_no_write(cluster: Any, build: Any) -> None:
    engine = start(cluster, build)
    cluster.until(lambda: not len(engine.queue))
    engine.queue.wait_idle(5)
    verbs = ("PATCH", "POST", "PUT", "DELETE")
    kinds = ("rollouts", "replicasets", "services", "routes")
    before = {(verb, kind): cluster.requests(verb, kind) for verb in verbs for kind in kinds}
    for _ in range(3):
        engine.queue.add(("default", "app"))
        cluster.until(lambda: not len(engine.queue))
        assert engine.queue.wait_idle(5)
    assert {(verb, kind): cluster.requests(verb, kind) for verb in verbs for kind in kinds} == before


def test_late_events_never_make_a_pass_judge_the_world_before_its_own_writes(cluster: Any, build: Any) -> None:
    engine = cluster.engine()
    cluster.sandbox.faults.add(Fault(FaultKind.LATE_EVENT, resource="replicasets.apps", count=None, seconds=0.2))
    cluster.sandbox.apply(build.rollout())

    def settled() -> bool:
        engine.queue.add(("default", "app"))  # whatever wakes it, it must not act on the past
        return cluster.healthy() is True

    cluster.until(settled, tick_s=0.2)
    assert len(cluster.replica_sets()) == 1
    assert cluster.requests("POST", "replicasets") == 1


@pytest.mark.parametrize("kind", [FaultKind.CONFLICT, FaultKind.TOO_MANY_REQUESTS, FaultKind.SERVER_ERROR])
def test_a_refusal_of_every_kind_of_write_changes_nothing_of_the_end(cluster: Any, build: Any, kind: FaultKind) -> None:
    start(cluster, build)
    for resource in (ROLLOUTS, f"{ROLLOUTS}/status", "replicasets.apps", "services", ROUTES):
        cluster.sandbox.faults.add(Fault(kind, ("create", "update", "patch"), resource, count=2, seconds=1))
    cluster.ship("app:v2")
    cluster.until(lambda: cluster.healthy() and len(cluster.replica_sets()) == 2, tick_s=0.5)
    cluster.until(lambda: weight(cluster) == 0 and len({*both(cluster), cluster.status()["stableRS"]}) == 1, tick_s=0.5)
    assert "TrafficRoutingError" not in [reason for reason, _, _ in cluster.events()]


def test_a_write_whose_answer_was_lost_is_not_made_twice(cluster: Any, build: Any) -> None:
    cluster.engine()
    cluster.sandbox.faults.add(Fault(FaultKind.DROP_AFTER, ("create",), "replicasets.apps"))
    cluster.sandbox.apply(build.rollout())
    cluster.until(cluster.healthy, tick_s=0.5)
    assert len(cluster.replica_sets()) == 1
    assert "collisionCount" not in cluster.status()


def test_a_restart_of_the_api_server_in_mid_canary_is_survived(cluster: Any, build: Any) -> None:
    start(cluster, build)
    cluster.ship("app:v2")
    cluster.until(lambda: weight(cluster) == 20, tick_s=0.5)
    cluster.sandbox.restart()
    cluster.until(lambda: weight(cluster) == 60, tick_s=1)
    cluster.sandbox.restart()
    cluster.until(lambda: cluster.healthy() and weight(cluster) == 0, tick_s=1)


def test_dropped_and_doubled_watch_events_are_survived(cluster: Any, build: Any) -> None:
    start(cluster, build)
    for kind in (FaultKind.DROP_WATCH, FaultKind.DUPLICATE_EVENT):
        cluster.sandbox.faults.add(Fault(kind, count=30, probability=0.3))
    cluster.ship("app:v2")
    cluster.until(lambda: cluster.healthy() and len(cluster.replica_sets()) == 2, tick_s=0.5)


def test_a_managed_service_that_lost_its_hash_gets_it_back_at_once(cluster: Any, build: Any) -> None:
    start(cluster, build)
    cluster.edit("services", "app-stable", lambda service: service["spec"]["selector"].pop(names.POD_HASH))
    cluster.until(lambda: selected(cluster, "app-stable") == cluster.status()["stableRS"])


def test_a_foreign_manager_that_does_not_exist_costs_no_user_its_service(cluster: Any, build: Any) -> None:
    start(cluster, build)

    def claim(service: dict[str, Any]) -> None:
        service["metadata"]["annotations"][names.MANAGED_BY] = "nobody"

    cluster.edit("services", "app-stable", claim)

    def repaired() -> bool:
        annotations = (cluster.get("services", "app-stable") or {})["metadata"].get("annotations") or {}
        return annotations.get(names.MANAGED_BY) == "app" and bool(selected(cluster, "app-stable"))

    cluster.until(repaired)


def test_a_deleted_service_is_reported_and_its_return_noticed(cluster: Any, build: Any) -> None:
    start(cluster, build)
    cluster.sandbox.objects.delete("services", "default", "app-canary")
    # An absence is reported once it was seen twice, half a second apart.
    cluster.until(lambda: "app-canary" in cluster.phase()[1], tick_s=0.1)
    assert cluster.phase()[0] == "Degraded"
    cluster.sandbox.apply(build.service("app-canary"))
    cluster.until(cluster.healthy)


def test_a_deleted_route_is_reported_and_its_return_noticed(cluster: Any, build: Any) -> None:
    start(cluster, build)
    cluster.sandbox.objects.delete(ROUTES, "default", "web")
    cluster.until(lambda: cluster.phase()[0] == "Degraded" and "web" in cluster.phase()[1], tick_s=0.1)
    cluster.sandbox.apply(build.route("web"))
    cluster.until(lambda: cluster.healthy() and weight(cluster) == 0)


def test_a_drifted_weight_is_written_back(cluster: Any, build: Any) -> None:
    start(cluster, build)
    cluster.edit(ROUTES, "web", lambda route: route["spec"].update(canary=99))
    cluster.until(lambda: weight(cluster) == 0)


def test_a_repaired_spec_is_looked_at_at_once(cluster: Any, build: Any) -> None:
    cluster.engine()
    broken = build.rollout(steps=[{"setWeight": 120}])
    cluster.sandbox.apply(broken)
    cluster.until(lambda: cluster.phase()[0] == "Degraded")

    def mend(rollout: dict[str, Any]) -> None:
        rollout["spec"]["strategy"]["canary"]["steps"] = [{"setWeight": 20}]

    cluster.edit(ROLLOUTS, "app", mend)
    cluster.until(lambda: cluster.phase()[0] not in ("", "Degraded"))


def test_services_that_a_rollout_lets_go_of_are_handed_back(cluster: Any, build: Any) -> None:
    start(cluster, build)
    assert selected(cluster, "app-canary")
    cluster.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("get",), ROLLOUTS, count=2))
    cluster.sandbox.objects.delete(ROLLOUTS, "default", "app")
    cluster.until(lambda: not selected(cluster, "app-canary") and not selected(cluster, "app-stable"), tick_s=0.1)
    assert names.MANAGED_BY not in (cluster.get("services", "app-canary") or {})["metadata"].get("annotations", {})
    assert cluster.requests("GET", "rollouts", "500") == 2


def test_a_service_in_use_is_not_stripped_by_an_unclear_answer(cluster: Any, build: Any) -> None:
    """Another instance's Rollout manages it: not in our caches, so it is asked for, and the question fails."""
    cluster.engine()
    other = build.rollout("other", canaryService="theirs")
    other["metadata"]["labels"] = {names.INSTANCE_ID: "two"}
    cluster.sandbox.apply(other)
    fault = cluster.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("get",), ROLLOUTS, count=None))
    service = build.service("theirs", **{names.POD_HASH: "abc"})
    service["metadata"]["annotations"] = {names.MANAGED_BY: "other"}
    cluster.sandbox.apply(service)
    cluster.until(lambda: cluster.sandbox.faults.struck(fault) >= 2, tick_s=0.1)
    cluster.sandbox.faults.remove(fault)
    cluster.until(lambda: cluster.requests("GET", "rollouts", "200") >= 1, tick_s=0.1)
    assert selected(cluster, "theirs") == "abc"


def test_somebody_elses_object_is_reported_once_and_noticed_when_it_goes(cluster: Any, build: Any) -> None:
    engine = start(cluster, build)
    cluster.router.trouble["web"] = OwnershipError("route web belongs to Rollout other; rename one of the two")
    cluster.ship("app:v2")
    cluster.until(lambda: [e for e in cluster.events() if e[0] == "TrafficRoutingError"], tick_s=0.1)
    assert engine.recorder.flush(5)
    cluster.until(lambda: not len(engine.queue))
    assert engine.queue.wait_idle(5)
    asked = len(cluster.router.calls)
    cluster.sandbox.advance(15)
    assert engine.queue.wait_idle(5)
    assert len(cluster.router.calls) - asked <= 3  # pods that become ready wake it; nothing else does
    cluster.router.trouble.clear()
    cluster.edit(ROUTES, "web", lambda route: route["metadata"].update(labels={"freed": "yes"}))
    cluster.until(lambda: len(cluster.router.calls) > asked)
    cluster.until(lambda: weight(cluster) == 20, tick_s=0.5)


def test_a_not_found_from_the_api_is_tried_again(cluster: Any, build: Any) -> None:
    engine = start(cluster, build)
    cluster.router.trouble["web"] = NotFound("routes web: gone", code=404, reason="NotFound")
    asked = len(cluster.router.calls)
    engine.queue.add(("default", "app"))
    cluster.until(lambda: len(cluster.router.calls) >= asked + 5, tick_s=0.05)
    cluster.until(
        lambda: [e for e in cluster.events() if e[0] == "TrafficRoutingError" and "gone" in e[1]], tick_s=0.05
    )


def test_a_weight_that_is_not_in_force_holds_the_step_and_is_asked_for_again(cluster: Any, build: Any) -> None:
    start(cluster, build)
    cluster.router.verdict = Verdict(False, "the load balancer is behind", retry_after_s=10)
    cluster.ship("app:v2")
    cluster.until(lambda: weight(cluster) == 20, tick_s=0.5)
    cluster.sandbox.advance(60)
    assert cluster.status()["currentStepIndex"] == 0
    cluster.router.verdict = Verdict(True)
    cluster.until(lambda: cluster.status()["currentStepIndex"] == 1, tick_s=1)
    assert cluster.status()["canary"]["weights"]["verified"] is True


def test_an_error_of_the_read_back_is_told_and_ends_nothing(cluster: Any, build: Any) -> None:
    engine = start(cluster, build)
    cluster.router.verdict = TimeoutError("no answer from the cloud")
    cluster.ship("app:v2")
    cluster.until(lambda: [e for e in cluster.events() if e[0] == "WeightVerifyError"], tick_s=0.5)
    assert engine.queue.failures(("default", "app")) == 0
    assert "TrafficRoutingError" not in [reason for reason, _, _ in cluster.events()]


def test_a_plugin_that_breaks_takes_no_other_rollout_with_it(cluster: Any, build: Any) -> None:
    start(cluster, build)
    cluster.router.trouble["web"] = ZeroDivisionError("division by zero")
    cluster.ship("app:v2")
    cluster.until(lambda: [e for e in cluster.events() if e[0] == "TrafficRoutingError"], tick_s=0.1)
    (message,) = {e[1] for e in cluster.events() if e[0] == "TrafficRoutingError"}
    assert "ZeroDivisionError" in message
    cluster.sandbox.apply(
        [build.service("two-canary", "two"), build.service("two-stable", "two"), build.route("other")]
    )
    cluster.sandbox.apply(build.routed("two", route="other"))
    cluster.until(lambda: cluster.healthy("two"), tick_s=0.5)


def test_a_router_that_left_the_spec_cleans_up_behind_itself(cluster: Any, build: Any) -> None:
    start(cluster, build, steps=({"setWeight": 20},))
    annotations = (cluster.get(ROLLOUTS, "app") or {})["metadata"]["annotations"]
    assert annotations[names.ROUTERS_USED] == '{"example.com/routes":{"route":"web"}}'
    assert weight(cluster) == 0
    cluster.edit(ROLLOUTS, "app", lambda rollout: rollout["spec"]["strategy"]["canary"].pop("trafficRouting"))

    def cleaned() -> bool:
        rollout = cluster.get(ROLLOUTS, "app") or {}
        return weight(cluster) is None and names.ROUTERS_USED not in rollout["metadata"]["annotations"]

    cluster.until(cleaned, tick_s=0.5)


def test_a_taken_name_is_a_collision_and_another_is_found(cluster: Any, build: Any) -> None:
    cluster.sandbox.apply(build.rollout())
    engine = cluster.engine()
    cluster.until(cluster.healthy, tick_s=0.5)
    engine.stop()
    (ours,) = cluster.replica_sets()
    name, labels = ours["metadata"]["name"], {"app": "somebody"}
    cluster.sandbox.objects.delete(ROLLOUTS, "default", "app")
    cluster.until(lambda: not cluster.replica_sets(), tick_s=0.5)
    template = {"metadata": {"labels": labels}, "spec": ours["spec"]["template"]["spec"]}
    cluster.sandbox.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        }
    )
    cluster.sandbox.apply(build.rollout())
    cluster.engine()
    cluster.until(cluster.healthy, tick_s=0.5)
    assert cluster.status()["collisionCount"] == 1
    assert len(cluster.replica_sets()) == 2


def test_an_orphan_with_our_labels_is_adopted(cluster: Any, build: Any) -> None:
    engine = cluster.engine()
    cluster.sandbox.apply(build.rollout())
    cluster.until(cluster.healthy, tick_s=0.5)
    (ours,) = cluster.replica_sets()
    cluster.edit("replicasets.apps", ours["metadata"]["name"], lambda each: each["metadata"].pop("ownerReferences"))

    def adopted() -> bool:
        (found,) = cluster.replica_sets()
        return [owner["name"] for owner in found["metadata"].get("ownerReferences", [])] == ["app"]

    cluster.until(adopted)
    assert engine.queue.failures(("default", "app")) == 0


def test_only_rollouts_of_our_instance_are_touched(cluster: Any, build: Any) -> None:
    cluster.engine(instance_id="two")
    mine, other = build.rollout("mine"), build.rollout("other")
    mine["metadata"]["labels"] = {names.INSTANCE_ID: "two"}
    cluster.sandbox.apply([other, mine])
    cluster.until(lambda: cluster.healthy("mine"), tick_s=0.5)
    assert cluster.status("other") == {}


def test_only_the_namespaces_that_were_named_are_touched(cluster: Any, build: Any) -> None:
    cluster.sandbox.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "else"}})
    cluster.engine(namespaces=("default", "kube-public"))
    other = build.rollout("other")
    other["metadata"]["namespace"] = "else"
    cluster.sandbox.apply([other, build.rollout()])
    cluster.until(cluster.healthy, tick_s=0.5)
    found = cluster.sandbox.objects.get(ROLLOUTS, "else", "other")
    assert not found.get("status")


def test_a_cluster_without_the_crds_is_waited_for(sandbox: Any, cluster: Any, build: Any) -> None:
    sandbox.objects.delete("customresourcedefinitions.apiextensions.k8s.io", "", ROLLOUTS)
    engine = cluster.engine()
    assert "install the CRDs" in engine.problem()


def test_a_stopped_engine_leaves_no_thread_and_no_work(cluster: Any, build: Any) -> None:
    engine = start(cluster, build)
    assert engine.problem() == ""
    assert engine.stop(5)
    assert engine.problem() == "stopping"
    before = len(cluster.router.calls)
    cluster.ship("app:v2")
    cluster.sandbox.advance(60)
    assert len(cluster.router.calls) == before


def test_an_absent_size_is_written_down(cluster: Any, build: Any) -> None:
    cluster.engine()
    manifest = build.rollout()
    del manifest["spec"]["replicas"]
    cluster.sandbox.apply(manifest)
    cluster.until(cluster.healthy, tick_s=0.5)
    assert (cluster.get(ROLLOUTS, "app") or {})["spec"]["replicas"] == 1


def test_replica_sets_beyond_the_history_limit_go(cluster: Any, build: Any) -> None:
    cluster.engine()
    manifest = build.rollout(replicas=1)
    manifest["spec"]["revisionHistoryLimit"] = 1
    cluster.sandbox.apply(manifest)
    for image in ("app:v1", "app:v2", "app:v3", "app:v4"):
        cluster.ship(image)
        cluster.until(cluster.healthy, tick_s=0.5)
    cluster.until(lambda: len(cluster.replica_sets()) == 2, tick_s=0.5)


def test_a_replica_set_that_the_selector_no_longer_matches_is_released(cluster: Any, build: Any) -> None:
    cluster.engine()
    cluster.sandbox.apply(build.rollout())
    cluster.until(cluster.healthy, tick_s=0.5)
    (old,) = (each["metadata"]["name"] for each in cluster.replica_sets())
    cluster.ship("app:v2")
    cluster.until(lambda: cluster.healthy() and len(cluster.replica_sets()) == 2, tick_s=0.5)
    cluster.edit("replicasets.apps", old, lambda each: each["metadata"]["labels"].update(app="renamed"))

    def released() -> bool:
        found = cluster.get("replicasets.apps", old)
        return found is not None and not found["metadata"].get("ownerReferences")

    cluster.until(released)


def test_a_spec_that_a_router_refuses_is_looked_at_again_after_twenty_seconds(cluster: Any, build: Any) -> None:
    engine = start(cluster, build)
    cluster.router.trouble["web"] = SpecError("spec.x", "cannot work like this", value='"y"')
    engine.queue.add(("default", "app"))
    cluster.until(lambda: [e for e in cluster.events() if "cannot work like this" in e[1]])
    assert engine.queue.wait_idle(5)
    asked = len(cluster.router.calls)
    cluster.sandbox.advance(19)
    cluster.until(lambda: not len(engine.queue))
    assert engine.queue.wait_idle(5)
    assert len(cluster.router.calls) == asked
    cluster.sandbox.advance(1.5)
    cluster.until(lambda: len(cluster.router.calls) > asked)
    assert engine.queue.failures(("default", "app")) == 0


def test_waiting_for_the_world_is_no_failure_and_no_event(cluster: Any, build: Any) -> None:
    engine = start(cluster, build)
    cluster.router.trouble["web"] = Pending("the gateway is being made", after_s=7)
    engine.queue.add(("default", "app"))
    asked = len(cluster.router.calls)
    cluster.until(lambda: len(cluster.router.calls) > asked)
    assert engine.queue.wait_idle(5)
    cluster.router.trouble.clear()
    asked = len(cluster.router.calls)
    cluster.sandbox.advance(7.5)
    cluster.until(lambda: len(cluster.router.calls) > asked)
    assert engine.recorder.flush(5)
    assert [event for event in cluster.events() if "gateway" in event[1]] == []
    assert engine.queue.failures(("default", "app")) == 0


def test_an_object_that_no_schema_should_have_let_through_is_named_and_left(
    cluster: Any, build: Any, caplog: pytest.LogCaptureFixture
) -> None:
    engine = start(cluster, build)
    metadata = {"name": "odd", "namespace": "default", "uid": "u", "resourceVersion": "1", "generation": 1}
    engine.stores.rollouts.put({"metadata": metadata, "spec": {"minReadySeconds": "soon"}})
    engine.queue.add(("default", "odd"))
    cluster.until(lambda: "spec.minReadySeconds" in caplog.text)
    cluster.edit(ROUTES, "web", lambda route: route["spec"].update(canary=5))
    cluster.until(lambda: weight(cluster) == 0)


def test_a_defect_in_one_pass_costs_no_other_rollout(
    cluster: Any, build: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(seen: Any) -> Any:
        if seen.rollout.metadata.name == "broken":
            raise RuntimeError("a defect")
        return decide(seen)

    monkeypatch.setattr(rollouts, "decide", broken)
    engine = cluster.engine()
    cluster.sandbox.apply([build.rollout("broken"), build.rollout()])
    cluster.until(cluster.healthy, tick_s=0.5)
    cluster.until(lambda: engine.queue.failures(("default", "broken")) > 2, tick_s=0.5)
    assert "unexpected; tried again with back-off" in caplog.text
    monkeypatch.undo()
    cluster.until(lambda: cluster.healthy("broken"), tick_s=0.5)
