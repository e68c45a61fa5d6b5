"""Monitoring of the sandbox: what its pods answered, as metrics and as a small Prometheus that can be asked.

`Monitor` serves `/metrics`, takes a sample of them every second of the sandbox's clock, and answers `/api/v1/query`
and `/api/v1/query_range` over the samples.
Belongs here: which metrics there are, sampling, the HTTP API. Must not: PromQL itself (`promql`), requests or counting
them (`dataplane`), alerting, other people's targets.
"""

from __future__ import annotations

from tidegate_sandbox.monitoring.monitor import PREFERRED_PORT, Monitor

__all__ = ["PREFERRED_PORT", "Monitor"]
