"""The provider for InfluxDB 2: one Flux query for each measurement."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tidegate.hooks import (
    Access,
    Answer,
    Call,
    MetricProvider,
    PluginError,
    Problem,
    Query,
    Reading,
    Rule,
    SpecError,
    go_text,
)
from tidegate_influxdb.annotated import values
from tidegate_influxdb.config import InfluxDbConfig

TIMEOUT_S = 30.0  # the reference's
SAID = 1000  # characters of an error that are told; chosen by feel
DIALECT = {"annotations": ["datatype", "group", "default"], "delimiter": ",", "header": True}
NO_RESULTS = "no results returned from flux query"
INCOMPLETE = "authToken, org, or address not found"
REFUSED = (401, 403)


class InfluxDb(MetricProvider[InfluxDbConfig]):
    """The `_value` column over all tables of a Flux query, as a list."""

    name = "influxdb"
    title = "Influxdb"
    config = InfluxDbConfig
    needs = (Rule("", "secrets", "get"),)
    timeout_s = TIMEOUT_S + 5  # the call ends by itself; the rest is for the Secret and for reading a MiB of CSV

    def check_metric(self, config: InfluxDbConfig, path: str) -> Sequence[Problem]:
        """A query that is not there."""
        said = 'write a Flux query, as in from(bucket: "web") |> range(start: -5m) |> mean()'
        return [] if config.query.strip() else [Problem(f"{path}.query", said)]

    def measure(self, query: Query[InfluxDbConfig], access: Access) -> Reading:
        """Every row's value. Raises where the query finds none."""
        for problem in self.check_metric(query.config, query.path):
            raise SpecError(problem.path, problem.detail)
        name = query.config.secret
        answer = access.http.send(_call(query.config.query, name, access.secrets.read(name)))
        if not answer.ok:
            raise PluginError(_refusal(answer, name))
        found = values(answer.text)
        if not found:
            raise PluginError(NO_RESULTS)
        # Each by itself: the budget bounds what an expression may print, the answer is bounded by its size.
        return Reading(found, f"[{' '.join(go_text(value) for value in found)}]")


def _call(flux: str, name: str, secret: Mapping[str, str]) -> Call:
    """The request. White space around what the Secret holds is left by editors. Raises PluginError."""
    address, token, org = (secret.get(key, "").strip() for key in ("address", "authToken", "org"))
    if not (address and token and org):
        raise PluginError(f'{INCOMPLETE}; Secret "{name}" has to hold all three')
    return Call(
        f"{address.rstrip('/')}/api/v2/query",
        method="POST",
        params=[("org", org)],
        headers={"Authorization": f"Token {token}", "Content-Type": "application/json", "Accept": "text/csv"},
        body=json.dumps({"query": flux, "type": "flux", "dialect": DIALECT}).encode(),
        timeout_s=TIMEOUT_S,
    )


def _refusal(answer: Answer, name: str) -> str:
    advice = f'; check authToken and org in Secret "{name}"' if answer.status in REFUSED else ""
    return f"influxdb answered {answer.status}: {_said(answer)}{advice}"


def _said(answer: Answer) -> str:
    """Code and message of an error document; a proxy's page as it begins."""
    try:
        document = answer.json()
    except PluginError:
        return answer.text[:SAID]
    if isinstance(document, dict) and document.get("message"):
        return f"{document.get('code') or 'error'}: {document['message']}"[:SAID]
    return answer.text[:SAID]
