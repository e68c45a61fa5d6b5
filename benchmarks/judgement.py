"""What judging costs: `decide` alone, for a routed canary in mid-update with ten ReplicaSets. No cluster, no network."""

from __future__ import annotations

import timeit
from typing import Any

from tidegate.machine.plan import settle
from tidegate.machine.rollout.decide import decide
from tidegate.simulation import Cluster, Router

FORMER = 7  # beside new, stable and the first
PASSES, ROUNDS = 400, 7


def judgement() -> dict[str, float]:
    """Microseconds for a decision, and for a decision with the status that concludes it: the best of several rounds."""
    cluster = Cluster(manifest(), routers=[Router("mesh")])
    cluster.run_until_quiet()
    for number in range(FORMER + 1):
        cluster.set_image(f"v{number + 2}")
        cluster.settle()
        cluster.patch_status({"promoteFull": True})
        cluster.run_until_quiet()
    cluster.set_image("last")
    cluster.settle()
    made = cluster.step()
    if made is None:
        raise RuntimeError("no pass was made; the simulated controller has nothing to do or is down")
    seen = made.seen

    def best(job: Any) -> float:
        return min(timeit.repeat(job, number=PASSES, repeat=ROUNDS)) / PASSES * 1e6

    return {
        "replica_sets_judged": float(len(seen.replica_sets)),
        "decide_us": best(lambda: decide(seen)),
        "decide_and_conclude_us": best(lambda: settle(decide(seen), made.outcomes)),
    }


def manifest() -> dict[str, Any]:
    """The reference canary behind a router, with a history of ten."""
    labels = {"app": "shop"}
    steps: list[dict[str, Any]] = []
    for weight in (20, 40, 60, 80):
        steps += [{"setWeight": weight}, {"pause": {}}]
    services = {"canaryService": "shop-canary", "stableService": "shop-stable"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "bench"},
        "spec": {
            "replicas": 5,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:v1"}]}},
            "strategy": {"canary": {**services, "steps": steps, "trafficRouting": {"mesh": {}}}},
        },
    }
