"""Series that are read from the store at every scrape: which Rollouts there are and how they stand.

Names, labels and values are those that the reference controller's Grafana board queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tidegate.hooks.facade import Facade
from tidegate.runtime.projections import RolloutText
from tidegate.runtime.store import Store

# The reason of the Progressing condition, as the board's legend calls it; every other reason is "Progressing".
PHASES = {
    "NewReplicaSetAvailable": "Completed",
    "RolloutPaused": "Paused",
    "ReplicaSetCreateError": "Error",
    "ProgressDeadlineExceeded": "Timeout",
    "RolloutAborted": "Abort",
}
NAME = ("namespace", "name")


class RolloutGauges(Collector):
    """One set of series for each Rollout in `rollouts`. A scrape reads every Rollout's JSON once."""

    def __init__(self, rollouts: Store[RolloutText], facade: Facade) -> None:
        self._rollouts, self._facade = rollouts, facade

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: the registry need not collect in order to register."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("rollout_info", "A Rollout", labels=(*NAME, "strategy", "traffic_router", "phase"))
        counts = {
            part: GaugeMetricFamily(f"rollout_info_replicas_{part}", f"Replicas: {part}", labels=NAME)
            for part in ("desired", "updated", "available", "unavailable")
        }
        for entry in self._rollouts.all():
            rollout, key = entry.value.manifest, (entry.namespace, entry.name)
            info.add_metric((*key, strategy_of(rollout), self._router(rollout), phase_of(rollout)), 1)
            for part, count in replicas_of(rollout).items():
                counts[part].add_metric(key, count)
        yield info
        yield from counts.values()

    def _router(self, rollout: Mapping[str, Any]) -> str:
        """What texts call the first router that the Rollout names, "" without one."""
        canary = _strategy(rollout).get("canary") or {}
        routing = canary.get("trafficRouting") or {}
        named = [*routing, *(routing.get("plugins") or {})]
        records = (self._facade.find(name) for name in named)
        return next((record.title for record in records if record is not None), "")


def strategy_of(rollout: Mapping[str, Any]) -> str:
    """`canary`, `blueGreen` or `none`."""
    return next((name for name in ("canary", "blueGreen") if _strategy(rollout).get(name) is not None), "none")


def phase_of(rollout: Mapping[str, Any]) -> str:
    """The board's word for how the Rollout stands."""
    reasons = {c.get("type"): c.get("reason", "") for c in (rollout.get("status") or {}).get("conditions") or ()}
    if "InvalidSpec" in reasons:
        return "InvalidSpec"
    return PHASES.get(reasons.get("Progressing", ""), "Progressing")


def replicas_of(rollout: Mapping[str, Any]) -> dict[str, int]:
    """The four counts; unavailable is what exists and is not available."""
    status = rollout.get("status") or {}
    desired = (rollout.get("spec") or {}).get("replicas")
    available = status.get("availableReplicas") or 0
    return {
        "desired": 1 if desired is None else desired,
        "updated": status.get("updatedReplicas") or 0,
        "available": available,
        "unavailable": (status.get("replicas") or 0) - available,
    }


def _strategy(rollout: Mapping[str, Any]) -> Mapping[str, Any]:
    return (rollout.get("spec") or {}).get("strategy") or {}
