"""The measurements. Each takes a bed and gives back its figures as a flat dict; units are in the names."""

from __future__ import annotations

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bed import INGRESSES, REPLICA_SETS, ROLLOUTS, SERVICES, Bed, Feed, pause

HASH = "rollouts-pod-template-hash"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
STEPS: list[dict[str, Any]] = []
for _weight in (20, 40, 60, 80):
    STEPS += [{"setWeight": _weight}, {"pause": {}}]
BOUND = 26  # writes of the reference canary that no controller can do without (with a VirtualService)


def shop(bed: Bed, name: str, replicas: int, steps: list[dict[str, Any]], **spec: Any) -> None:
    """A routed Rollout with its Services and its Ingress."""
    labels = {"app": name}
    for role in ("stable", "canary"):
        ports = [{"port": 80, "targetPort": 8080}]
        service = {"metadata": {"name": f"{name}-{role}"}, "spec": {"selector": labels, "ports": ports}}
        bed.create(SERVICES, {"apiVersion": "v1", "kind": "Service", **service})
    backend = {"service": {"name": f"{name}-stable", "port": {"number": 80}}}
    rule = {"host": f"{name}.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    ingress = {"metadata": {"name": name}, "spec": {"ingressClassName": "nginx", "rules": [rule]}}
    bed.create(INGRESSES, {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", **ingress})
    bed.create(ROLLOUTS, rollout(name, replicas, steps, **spec))


def rollout(name: str, replicas: int, steps: list[dict[str, Any]], **canary: Any) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "app", "image": "example.com/app:v1", "ports": [{"containerPort": 8080}]}
    strategy = {
        "canaryService": f"{name}-canary",
        "stableService": f"{name}-stable",
        "trafficRouting": {"nginx": {"stableIngress": name}},
        "steps": steps,
        **canary,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            "strategy": {"canary": strategy},
        },
    }


def ship(bed: Bed, name: str, tag: str) -> None:
    template = bed.get(ROLLOUTS, name)["spec"]["template"]
    template["spec"]["containers"][0]["image"] = f"example.com/app:{tag}"
    bed.patch(ROLLOUTS, name, {"spec": {"template": template}})


def status_is(name: str, **wanted: Any) -> Any:
    """A predicate over Rollouts: status fields, and that the status speaks of the present spec."""

    def holds(found: dict[str, Any]) -> bool:
        status = found.get("status") or {}
        current = status.get("observedGeneration") == str(found["metadata"]["generation"])
        right = found["metadata"]["name"] == name and all(status.get(key) == value for key, value in wanted.items())
        return current and right

    return holds


def finished(name: str) -> Any:
    """A predicate: promoted, weight 0 recorded, and nothing left of the former version."""

    def holds(found: dict[str, Any]) -> bool:
        status = found.get("status") or {}
        weights = ((status.get("canary") or {}).get("weights") or {}).get("canary") or {}
        promoted = status.get("stableRS") and status.get("stableRS") == status.get("currentPodHash")
        alone = status.get("replicas", 0) == status.get("updatedReplicas", 0) == found["spec"]["replicas"]
        return bool(status_is(name, phase="Healthy")(found) and promoted and alone and weights.get("weight") == 0)

    return holds


def canaries(bed: Bed, count: int = 10) -> dict[str, float]:
    """`count` reference canaries one after the other: 5 replicas, four weights, four pauses ended by a client."""
    rollouts, sets, ingresses = bed.feed(ROLLOUTS), bed.feed(REPLICA_SETS), bed.feed(INGRESSES)
    shop(bed, "shop", 5, STEPS, scaleDownDelaySeconds=1)
    rollouts.wait(finished("shop"))
    pause(1.0)
    writes, cpu, latencies, spans = bed.writes(), bed.cpu_s(), [], []
    for n in range(count):
        begun = time.monotonic()
        ship(bed, "shop", f"v{n + 2}")
        walk(bed, "shop", rollouts, begun)
        rollouts.wait(finished("shop"), since=begun)
        spans.append(time.monotonic() - begun)
        latencies += delays(sets, ingresses, begun)
    pause(1.0)
    after = bed.writes()
    by_kind = {kind: (after[kind] - writes.get(kind, 0)) / count for kind in after}
    events = sum(value for kind, value in by_kind.items() if "event" in kind.lower())
    total = sum(by_kind.values()) - events
    for feed in (rollouts, sets, ingresses):
        feed.close()
    return {
        "writes_per_canary": total,
        "writes_per_canary_over_bound": total / BOUND,
        "event_writes_per_canary": events,
        "cpu_ms_per_canary": 1000 * (bed.cpu_s() - cpu) / count,
        "pods_ready_to_weight_ms_p50": 1000 * statistics.median(latencies),
        "pods_ready_to_weight_ms_max": 1000 * max(latencies),
        "canary_s_median": statistics.median(spans),
        **{f"writes_{kind}": value for kind, value in sorted(by_kind.items())},
    }


def walk(bed: Bed, name: str, rollouts: Feed, since: float) -> None:
    """Resume at every pause, as a client does."""
    for index in (1, 3, 5, 7):
        since = rollouts.wait(status_is(name, currentStepIndex=index, phase="Paused"), since=since)
        bed.patch(ROLLOUTS, name, {"status": {"pauseConditions": None}}, status=True)


def delays(sets: Feed, ingresses: Feed, since: float) -> list[float]:
    """Seconds from "the pods of a step are available" to "the weight is in the Ingress", for weights 20 to 80."""
    found = []
    for weight, pods in ((20, 1), (40, 2), (60, 3), (80, 4)):
        changed = [at for at, _, o in ingresses.events if at >= since and carried(o) == str(weight)]
        ready = [
            at
            for at, _, o in sets.events
            if since <= at <= changed[0]
            and (o.get("status") or {}).get("availableReplicas", 0) == pods == o["spec"]["replicas"]
        ]
        if ready:
            found.append(changed[0] - ready[0])
    return found


def carried(ingress: dict[str, Any]) -> str:
    return str((ingress["metadata"].get("annotations") or {}).get(WEIGHT, ""))


def aborts(bed: Bed, alone: int = 10, together: int = 90) -> dict[str, float]:
    """Abort at weight 50: from the client's write to weight 0 in the Ingress, alone and many at once."""
    names = [f"many{n}" for n in range(together)]
    steps: list[dict[str, Any]] = [{"setWeight": 50}, {"pause": {}}]
    rollouts, ingresses = bed.feed(ROLLOUTS), bed.feed(INGRESSES)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: shop(bed, name, 1, steps, abortScaleDownDelaySeconds=1), names))
        for name in names:
            rollouts.wait(status_is(name, phase="Healthy"), within_s=180)
        list(pool.map(lambda name: ship(bed, name, "v2"), names))
        for name in names:
            rollouts.wait(status_is(name, phase="Paused"), within_s=180)
        pause(2.0)
        single = [abort(bed, names[0], ingresses, rollouts) for _ in range(alone)]
        begun = time.monotonic()
        list(pool.map(lambda name: bed.patch(ROLLOUTS, name, {"status": {"abort": True}}, status=True), names))
        crowd = [ingresses.wait(weight_is(name, "0"), since=begun) - begun for name in names]
    rollouts.close()
    ingresses.close()
    crowd.sort()
    return {
        "abort_alone_ms_median": 1000 * statistics.median(single),
        f"abort_{together}_at_once_ms_p50": 1000 * crowd[len(crowd) // 2],
        f"abort_{together}_at_once_ms_p99": 1000 * crowd[int(0.99 * (len(crowd) - 1))],
        f"abort_{together}_at_once_ms_max": 1000 * crowd[-1],
    }


def weight_is(name: str, weight: str) -> Any:
    return lambda found: found["metadata"]["name"] == f"{name}-{name}-canary" and carried(found) == weight


def abort(bed: Bed, name: str, ingresses: Feed, rollouts: Feed) -> float:
    """One abort and the retry after it; seconds until weight 0."""
    begun = time.monotonic()
    bed.patch(ROLLOUTS, name, {"status": {"abort": True}}, status=True)
    took = ingresses.wait(weight_is(name, "0"), since=begun) - begun
    rollouts.wait(status_is(name, phase="Degraded"), since=begun)
    again = time.monotonic()
    bed.patch(ROLLOUTS, name, {"status": {"abort": False}}, status=True)
    rollouts.wait(status_is(name, phase="Paused"), since=again)
    return took


def idle(bed: Bed, count: int = 1000, former: int = 10) -> dict[str, float]:
    """Memory and time with `count` finished Rollouts of no pods and `former` old ReplicaSets each."""
    empty = bed.rss_mb()
    rollouts = bed.feed(ROLLOUTS)
    names = [f"idle{n:04}" for n in range(count)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: fill(bed, name, former), names))
    for name in names:
        rollouts.wait(status_is(name, phase="Healthy"), within_s=300)
    rollouts.close()
    pause(5.0)
    grown = bed.rss_mb()
    bed.stop_controller()
    begun = time.monotonic()
    bed.start_controller()
    started, after_start = time.monotonic() - begun, bed.rss_mb()
    pause(15.0)  # the first passes over everything
    settled, cpu = bed.rss_mb(), bed.cpu_s()
    pause(20.0)
    idle_cpu = (bed.cpu_s() - cpu) / 20.0
    return {
        "rss_empty_mb": empty,
        "rss_after_creation_mb": grown,
        "rss_after_restart_mb": after_start,
        "rss_idle_mb": settled,
        "cold_start_s": started,
        "idle_cpu_share": idle_cpu,
        **touches(bed, names),
    }


def fill(bed: Bed, name: str, former: int) -> None:
    created = bed.create(ROLLOUTS, bare(name))
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": name, "uid": created["metadata"]["uid"]}
    for n in range(former):
        labels = {"app": name, HASH: f"old{n}"}
        template = json.loads(json.dumps(created["spec"]["template"]))
        template["metadata"]["labels"] = labels
        template["spec"]["containers"][0]["image"] = f"example.com/app:old{n}"
        metadata = {
            "name": f"{name}-old{n}",
            "labels": labels,
            "annotations": {"rollout.argoproj.io/revision": str(n + 1), "rollout.argoproj.io/desired-replicas": "0"},
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        }
        spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
        bed.create(REPLICA_SETS, {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec})


def bare(name: str) -> dict[str, Any]:
    """A basic canary of no pods with a template of ordinary size."""
    manifest = rollout(name, 0, STEPS)
    for key in ("trafficRouting", "canaryService", "stableService"):
        del manifest["spec"]["strategy"]["canary"][key]
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": f"SETTING_{n}", "value": f"value-{n}"} for n in range(20)]
    container["resources"] = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}
    container["readinessProbe"] = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5}
    return manifest


def touches(bed: Bed, names: list[str]) -> dict[str, float]:
    """Passes that find nothing to do: every Rollout gets a label (labels are copied nowhere)."""
    passes, cpu, begun = counted(bed), bed.cpu_s(), time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: bed.patch(ROLLOUTS, name, {"metadata": {"labels": {"touched": "yes"}}}), names))
    deadline = time.monotonic() + 60
    while counted(bed)[0] - passes[0] < len(names) and time.monotonic() < deadline:
        pause(0.2)
    done, spent = counted(bed)[0] - passes[0], counted(bed)[1] - passes[1]
    cpu_s = bed.cpu_s() - cpu
    return {
        "passes": done,
        "pass_ms_mean": 1000 * spent / done,
        "pass_cpu_ms": 1000 * cpu_s / done,
        "passes_per_cpu_second": done / cpu_s,
        "passes_per_second": done / (time.monotonic() - begun),
    }


def counted(bed: Bed) -> tuple[float, float]:
    """Passes so far and the seconds that they took."""
    count = sum(value for _, value in bed.samples("rollout_reconcile_count"))
    return count, sum(value for _, value in bed.samples("rollout_reconcile_sum"))
