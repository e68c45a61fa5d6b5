"""The analysis that Kayenta is asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from tidegate.hooks import Call, PluginError, Query
from tidegate_kayenta.config import KayentaConfig, Span

TIMEOUT_S = 15.0  # Source: argo-rollouts metricproviders/kayenta, httpConnectionTimeout


def configs_call(config: KayentaConfig) -> Call:
    """Asks for the canary configs of the application.

    The storage account stands where the API wants the configuration account, as in the reference: templates that work
    there have their configs in that one.
    """
    params = (("application", config.application), ("configurationAccountName", config.storage_account))
    return Call(f"{config.base}/canaryConfig", params=params, timeout_s=TIMEOUT_S)


def start_call(query: Query[KayentaConfig], config_id: str) -> Call:
    """Begins an analysis. It is never repeated: asked twice, Kayenta begins two. Raises PluginError for an empty window."""
    config = query.config
    scopes = {
        scope.name: {
            "controlScope": _span(scope.control, query),
            "experimentScope": _span(scope.experiment, query),
        }
        for scope in config.scopes
    }
    thresholds = {"pass": config.threshold.success, "marginal": config.threshold.marginal}
    return Call(
        f"{config.base}/canary/{quote(config_id, safe='')}",
        "POST",
        headers={"Content-Type": "application/json"},
        params=(
            ("application", config.application),
            ("metricsAccountName", config.metrics_account),
            ("configurationAccountName", config.configuration_account),
            ("storageAccountName", config.storage_account),
        ),
        body=json.dumps({"scopes": scopes, "thresholds": thresholds}).encode(),
        timeout_s=TIMEOUT_S,
        repeats=False,
    )


def result_call(config: KayentaConfig, execution: str) -> Call:
    """Asks how an analysis has got on."""
    return Call(f"{config.base}/canary/{quote(execution, safe='')}", timeout_s=TIMEOUT_S)


def _span(span: Span, query: Query[KayentaConfig]) -> dict[str, str | int]:
    return {
        "scope": span.scope,
        "location": span.region,
        "step": span.step,
        "start": span.start or _stamp(_start(query)),
        "end": span.end or _stamp(query.now),
    }


def _start(query: Query[KayentaConfig]) -> datetime:
    if query.config.lookback:
        return query.started or query.now
    # differs: the reference compares an empty span, which ends as it may.
    if query.interval_s <= 0:
        raise PluginError(
            f"{query.path}.scopes: nothing tells where the comparison starts; "
            "give the metric an interval, or set lookback or the start of every scope"
        )
    return query.now - timedelta(seconds=query.interval_s)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
