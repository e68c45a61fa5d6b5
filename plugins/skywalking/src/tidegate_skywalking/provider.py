"""The provider for Apache SkyWalking: one GraphQL query for each measurement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC

from tidegate.hooks import (
    Access,
    Call,
    MetricProvider,
    Problem,
    Query,
    Reading,
    SpecError,
    duration_s,
    from_json,
    is_known,
)
from tidegate_skywalking.config import SkyWalkingConfig
from tidegate_skywalking.graphql import data_of, question, shown

TIMEOUT_S = 30.0  # the reference's
JSON_TYPE = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json; charset=utf-8"}


class SkyWalking(MetricProvider[SkyWalkingConfig]):
    """The data of a GraphQL query over the interval that ends now, as a map.

    # differs: the span of time is told in UTC; the reference tells it in the zone of the controller's machine.
    """

    name = "skywalking"
    title = "skywalking"
    config = SkyWalkingConfig
    timeout_s = TIMEOUT_S + 2  # the call ends by itself; the rest is for reading the answer

    def check_metric(self, config: SkyWalkingConfig, path: str) -> Sequence[Problem]:
        """An address that is no URL, a query that is not there, an interval that cannot be read or is not above 0."""
        problems = []
        if is_known(config.address) and not config.address.startswith(("http://", "https://")):
            said = "must be a URL like http://oap.skywalking:12800"
            problems.append(Problem(f"{path}.address", said, json.dumps(config.address) if config.address else None))
        if not config.query.strip():
            problems.append(Problem(f"{path}.query", "write a GraphQL query that takes $duration: Duration!"))
        if is_known(config.interval) and (said := _fault(config.interval)):
            problems.append(Problem(f"{path}.interval", said, json.dumps(config.interval) if config.interval else None))
        return problems

    def measure(self, query: Query[SkyWalkingConfig], access: Access) -> Reading:
        """The data. Raises for the first error that the server tells."""
        for problem in self.check_metric(query.config, query.path):
            raise SpecError(problem.path, problem.detail, value=problem.value)
        config = query.config
        body = question(config.query, query.now.astimezone(UTC), duration_s(config.interval))
        url = f"{config.address.rstrip('/')}/graphql"
        data = data_of(access.http.send(Call(url, method="POST", headers=JSON_TYPE, body=body, timeout_s=TIMEOUT_S)))
        return Reading(from_json(data), shown(data))


def _fault(interval: str) -> str:
    """What is wrong with an interval; "" for a good one."""
    if not interval:
        return "say over which span of time is asked, as in 5m"
    try:
        return "" if duration_s(interval) > 0 else "must be above 0, as in 5m"
    except ValueError as cause:
        return f"{cause}; write it as in 5m"
