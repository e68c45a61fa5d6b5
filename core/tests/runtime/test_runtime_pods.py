from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tidegate.api import names
from tidegate.runtime.kinds import PODS
from tidegate_sandbox.faults import Fault, FaultKind

ROLLOUTS, BUDGETS = "rollouts.argoproj.io", "poddisruptionbudgets.policy"


def stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def uids(cluster: Any) -> set[str]:
    return {pod["metadata"]["uid"] for pod in cluster.sandbox.objects.list("pods", "default")}


def living(cluster: Any) -> list[dict[str, Any]]:
    found = cluster.sandbox.objects.list("pods", "default")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def start(cluster: Any, manifest: dict[str, Any]) -> Any:
    engine = cluster.engine()
    cluster.sandbox.apply(manifest)
    cluster.until(cluster.healthy, tick_s=0.5)
    return engine


def restart(cluster: Any) -> str:
    """Ask for a restart of everything that runs now."""
    cluster.sandbox.advance(5)
    at = stamp(cluster.sandbox.clock.now())
    cluster.sandbox.advance(1)
    cluster.edit(ROLLOUTS, "app", lambda rollout: rollout["spec"].update(restartAt=at))
    return at


def protect(cluster: Any, **spec: Any) -> None:
    whole = {"selector": {"matchLabels": {"app": "app"}}, **spec}
    cluster.sandbox.objects.create(BUDGETS, {"metadata": {"name": "budget", "namespace": "default"}, "spec": whole})
    cluster.sandbox.settle()


def test_pods_are_watched_once_a_rollout_needs_them(cluster: Any, build: Any) -> None:
    engine = start(cluster, build.rollout())
    assert engine.watches.heard(PODS, "default") == ""
    at = restart(cluster)
    cluster.until(lambda: cluster.status().get("restartedAt") == at, tick_s=0.5)
    assert engine.watches.heard(PODS, "default")


def test_a_restart_replaces_every_pod_within_its_bounds(cluster: Any, build: Any) -> None:
    start(cluster, build.rollout(replicas=4, maxUnavailable=1))
    before, least = uids(cluster), [4]

    def replaced() -> bool:
        ready = [pod for pod in living(cluster) if _is_ready(pod)]
        least.append(len(ready))
        return cluster.status().get("restartedAt") == at and not before & uids(cluster)

    at = restart(cluster)
    cluster.until(replaced, tick_s=0.1)
    cluster.until(cluster.healthy, tick_s=0.5)
    assert min(least) >= 3
    assert cluster.requests("POST", "pods") == 4


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def test_a_budget_that_refuses_is_asked_again_and_is_no_failure(cluster: Any, build: Any) -> None:
    engine = start(cluster, build.rollout())
    protect(cluster, maxUnavailable=0)
    before = uids(cluster)
    at = restart(cluster)
    cluster.until(lambda: cluster.requests("POST", "pods", "429") >= 1, tick_s=0.05)
    asked = cluster.requests("POST", "pods", "429")
    cluster.until(lambda: cluster.requests("POST", "pods", "429") > asked, tick_s=10)
    assert engine.queue.failures(("default", "app")) == 0
    assert uids(cluster) == before
    cluster.sandbox.objects.delete(BUDGETS, "default", "budget")
    cluster.until(lambda: cluster.status().get("restartedAt") == at, tick_s=1)
    assert engine.recorder.flush(5)
    assert not [event for event in cluster.events() if event[0] == "ReconciliationError"]


def test_two_budgets_over_a_pod_are_told_and_retried(cluster: Any, build: Any) -> None:
    start(cluster, build.rollout())
    protect(cluster, maxUnavailable=1)
    second = {"selector": {"matchLabels": {"app": "app"}}, "maxUnavailable": 1}
    cluster.sandbox.objects.create(BUDGETS, {"metadata": {"name": "other", "namespace": "default"}, "spec": second})
    cluster.sandbox.settle()
    at = restart(cluster)
    cluster.until(lambda: [e for e in cluster.events() if "more than one PodDisruptionBudget" in e[1]], tick_s=1)
    cluster.sandbox.objects.delete(BUDGETS, "default", "other")
    cluster.until(lambda: cluster.status().get("restartedAt") == at, tick_s=1)


def test_metadata_of_a_version_is_put_on_its_pods_and_taken_off_again(cluster: Any, build: Any) -> None:
    manifest = build.rollout(
        canaryMetadata={"labels": {"role": "canary"}, "annotations": {"note": "new"}},
        stableMetadata={"labels": {"role": "stable"}},
        steps=[{"setWeight": 50}, {"pause": {}}],
    )
    start(cluster, manifest)

    def roles() -> list[tuple[str, str | None]]:
        found = [pod["metadata"] for pod in living(cluster)]
        return sorted((m["labels"].get("role", ""), (m.get("annotations") or {}).get("note")) for m in found)

    cluster.until(lambda: roles() == [("stable", None)] * 2, tick_s=0.5)
    cluster.ship("app:v2")
    cluster.until(lambda: roles() == [("canary", "new"), ("stable", None)], tick_s=0.5)
    cluster.until(lambda: cluster.status().get("pauseConditions"), tick_s=0.5)
    canary = next(pod for pod in living(cluster) if pod["metadata"]["labels"]["role"] == "canary")
    status = cluster.get(ROLLOUTS, "app")
    status["status"].pop("pauseConditions")
    status["status"]["promoteFull"] = True
    cluster.sandbox.objects.update(ROLLOUTS, status, subresource="status")
    cluster.until(lambda: cluster.healthy() and roles() == [("stable", None)] * 2, tick_s=0.5)
    assert canary["metadata"]["uid"] in uids(cluster)


def test_a_pod_event_wakes_a_rollout_that_needs_its_pods_and_no_other(
    cluster: Any, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, marked = build.rollout("plain"), build.rollout("app", stableMetadata={"labels": {"role": "stable"}})
    engine = cluster.engine()
    cluster.sandbox.apply([plain, marked])
    cluster.until(lambda: cluster.healthy() and cluster.healthy("plain"), tick_s=0.5)

    def unmark(name: str) -> None:
        pod = next(pod for pod in living(cluster) if pod["metadata"]["labels"]["app"] == name)
        pod["metadata"]["labels"]["role"] = "gone"
        cluster.sandbox.objects.update("pods", pod)

    def roles(name: str) -> set[str]:
        return {
            p["metadata"]["labels"].get("role", "") for p in living(cluster) if p["metadata"]["labels"]["app"] == name
        }

    cluster.until(lambda: roles("app") == {"stable"}, tick_s=0.5)
    cluster.until(lambda: not len(engine.queue))
    assert engine.queue.wait_idle(5)
    woken: list[tuple[str, str]] = []
    add = engine.queue.add

    def noted(key: tuple[str, str]) -> None:
        woken.append(key)
        add(key)

    monkeypatch.setattr(engine.queue, "add", noted)
    unmark("plain")  # one watch brings both, in this order
    unmark("app")
    cluster.until(lambda: roles("app") == {"stable"})
    assert set(woken) == {("default", "app")}
    assert roles("plain") == {"", "gone"}


def test_no_pass_is_made_before_the_pods_are_known(cluster: Any, build: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The list of pods fails: a Rollout that needs them waits and says for what, the other one works."""
    fault = cluster.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("list",), "pods", count=None))
    cluster.engine()
    cluster.sandbox.apply([build.rollout("plain"), build.rollout(stableMetadata={"labels": {"role": "stable"}})])
    cluster.until(lambda: cluster.healthy("plain"), tick_s=0.5)
    cluster.until(lambda: "the cache of pods cannot be filled" in caplog.text, tick_s=0.5)
    assert cluster.status() == {}
    cluster.sandbox.faults.remove(fault)
    cluster.until(cluster.healthy, tick_s=1)


def test_pods_of_a_deleted_rollout_wake_nobody(cluster: Any, build: Any) -> None:
    engine = start(cluster, build.rollout(stableMetadata={"labels": {"role": "stable"}}))
    cluster.sandbox.objects.delete(ROLLOUTS, "default", "app")
    cluster.until(lambda: not living(cluster), tick_s=0.5)
    cluster.until(lambda: not len(engine.queue))
    assert engine.queue.wait_idle(5)
    assert engine.queue.failures(("default", "app")) == 0


def test_the_annotation_of_former_metadata_keeps_pods_in_sight(cluster: Any, build: Any) -> None:
    """Metadata that left the spec is taken off the pods."""
    start(cluster, build.rollout(stableMetadata={"labels": {"role": "stable"}}))
    cluster.edit(ROLLOUTS, "app", lambda rollout: rollout["spec"]["strategy"].update(canary={}))
    cluster.until(lambda: not [p for p in living(cluster) if "role" in p["metadata"]["labels"]], tick_s=0.5)
    cluster.until(
        lambda: names.EPHEMERAL_METADATA not in cluster.replica_sets()[0]["metadata"]["annotations"], tick_s=0.5
    )


def test_a_restart_in_the_future_waits_for_its_time(cluster: Any, build: Any) -> None:
    start(cluster, build.rollout())
    before, now = uids(cluster), cluster.sandbox.clock.now()
    at = stamp(now + timedelta(seconds=120))
    cluster.edit(ROLLOUTS, "app", lambda rollout: rollout["spec"].update(restartAt=at))
    cluster.until(lambda: cluster.phase()[1] == "rollout is restarting")
    cluster.sandbox.advance(100)
    assert uids(cluster) == before
    cluster.until(lambda: cluster.status().get("restartedAt") == at, tick_s=1)
    assert not before & uids(cluster)
