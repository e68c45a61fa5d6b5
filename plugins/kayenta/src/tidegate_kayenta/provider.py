"""The Kayenta provider: a measurement is an analysis that is begun, and looked at until it is complete."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tidegate.hooks import Access, Measurement, MetricProvider, PluginError, Query, Reading
from tidegate_kayenta.answers import config_id, execution_id, verdict
from tidegate_kayenta.config import KayentaConfig
from tidegate_kayenta.request import TIMEOUT_S, configs_call, result_call, start_call

AGAIN = timedelta(seconds=15)  # Source: argo-rollouts metricproviders/kayenta, resumeDelay
EXECUTION = "canaryExecutionId"


class Kayenta(MetricProvider[KayentaConfig]):
    """Automated canary analysis. Kayenta judges: the metric's conditions are not asked.

    It has no `terminate`, as in the reference: an analysis cannot be cancelled, and the run ends without its score.
    """

    name = "kayenta"
    title = "Kayenta"
    config = KayentaConfig
    timeout_s = 3 * TIMEOUT_S  # two requests, and some air
    shows = frozenset({EXECUTION})

    def measure(self, query: Query[KayentaConfig], access: Access) -> Reading:
        found = config_id(access.http.send(configs_call(query.config)), query.config.canary_config)
        execution = execution_id(access.http.send(start_call(query, found)))
        return _later(query, execution)

    def resume(self, query: Query[KayentaConfig], access: Access, measurement: Measurement) -> Reading:
        execution = measurement.metadata.get(EXECUTION, "")
        if not execution:
            raise PluginError(f"the measurement has lost {EXECUTION} from its metadata; nothing tells what was begun")
        found = verdict(access.http.send(result_call(query.config, execution)), query.config.threshold)
        return _later(query, execution) if found is None else replace(found, metadata={EXECUTION: execution})


def _later(query: Query[KayentaConfig], execution: str) -> Reading:
    return Reading(phase="Running", metadata={EXECUTION: execution}, resume_at=query.now + AGAIN)
