"""Series that are read from the store at every scrape: which Rollouts there are and how they stand.

Names, labels and values are those that the reference controller's Grafana board queries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tidegate.hooks.facade import Facade
from tidegate.hooks.meters import PLUGIN, Meters
from tidegate.runtime.observe import Stores
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
METRIC_PHASES = ("Pending", "Error", "Failed", "Successful", "Running", "Inconclusive")


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


class RunGauges(Collector):
    """Series for AnalysisRuns and templates. A scrape reads the JSON of every run once."""

    def __init__(self, stores: Stores, meters: Meters) -> None:
        self._stores, self._meters = stores, meters

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: the registry need not collect in order to register."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("analysis_run_info", "An AnalysisRun", labels=(*NAME, "phase"))
        types = GaugeMetricFamily(
            "analysis_run_metric_type", "A metric of a run and its provider", labels=(*NAME, "metric", "type")
        )
        phases = GaugeMetricFamily(
            "analysis_run_metric_phase",
            "How a metric of a run stands",
            labels=(*NAME, "metric", "type", "dry_run", "phase"),
        )
        for entry in self._stores.runs.all():
            run, key = entry.value.manifest, (entry.namespace, entry.name)
            status = run.get("status") or {}
            info.add_metric((*key, status.get("phase") or ""), 1)
            named = dict(self._metrics(run["spec"]))
            for metric, type_ in named.items():
                types.add_metric((*key, metric, type_), 1)
            for result in status.get("metricResults") or ():
                metric, dry = result.get("name", ""), str(bool(result.get("dryRun"))).lower()
                for phase in METRIC_PHASES:
                    stands = float(result.get("phase") == phase)
                    phases.add_metric((*key, metric, named.get(metric, ""), dry, phase), stands)
        yield from (info, types, phases)
        yield from self._templates()

    def _templates(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("analysis_template_info", "An AnalysisTemplate", labels=NAME)
        metrics = GaugeMetricFamily(
            "analysis_template_metric_info", "A metric of a template and its provider", labels=(*NAME, "type", "metric")
        )
        for entry in (*self._stores.templates.all(), *self._stores.cluster_templates.all()):
            key = (entry.namespace, entry.name)
            info.add_metric(key, 1)
            for metric, type_ in self._metrics(json.loads(entry.value.spec)):
                metrics.add_metric((*key, type_, metric), 1)
        yield from (info, metrics)

    def _metrics(self, spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The metrics by name, each with what texts call its provider."""
        for metric in spec.get("metrics") or ():
            named = metric.get("provider") or {}
            keys = [key for key in (*named, *(named.get(PLUGIN) or {})) if key != PLUGIN]
            yield metric.get("name", ""), self._meters.title(keys[0]) if keys else ""


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
