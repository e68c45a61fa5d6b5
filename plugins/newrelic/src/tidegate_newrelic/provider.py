"""The New Relic provider: one GraphQL request for each measurement."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

from tidegate.hooks import Access, Call, MetricProvider, PluginError, Query, Reading, Rule
from tidegate_newrelic.account import Account, find_account
from tidegate_newrelic.config import LONGEST_S, NewRelicConfig
from tidegate_newrelic.rows import read_rows

GRAPHQL = (
    "query($query: Nrql!, $accountId: Int!, $timeout: Seconds!) "
    "{ actor { account(id: $accountId) { nrql(query: $query, timeout: $timeout) { results } } } }"
)
# Seconds for the way there and back, beside what New Relic takes for the query itself; chosen by feel.
JOURNEY_S = 5
SAID = 512  # characters of a refusal's body that a message repeats; chosen by feel


class NewRelic(MetricProvider[NewRelicConfig]):
    """NRQL queries, through NerdGraph."""

    name = "newRelic"
    title = "NewRelic"
    config = NewRelicConfig
    needs: ClassVar[Sequence[Rule]] = (Rule("", "secrets", "get"),)
    timeout_s = float(LONGEST_S + 2 * JOURNEY_S)

    def describe_metric(self, query: Query[NewRelicConfig]) -> Mapping[str, str]:
        return {"ResolvedNewRelicQuery": query.config.query}

    def measure(self, query: Query[NewRelicConfig], access: Access) -> Reading:
        account = find_account(query.config.profile, access.secrets)
        answer = access.http.send(_call(query.config, account))
        if not answer.ok:
            raise PluginError(f"New Relic answered {answer.status}: {answer.text[:SAID]}; {_advice(answer.status)}")
        return read_rows(answer)


def _call(config: NewRelicConfig, account: Account) -> Call:
    variables = {"query": config.query, "accountId": account.number, "timeout": config.timeout}
    return Call(
        account.url,
        "POST",
        headers={"Api-Key": account.key, "Content-Type": "application/json"},
        body=json.dumps({"query": GRAPHQL, "variables": variables}).encode(),
        timeout_s=config.timeout + JOURNEY_S,
    )


def _advice(status: int) -> str:
    if status in (401, 403):
        return "check personal-api-key and region of the profile"
    return "the measurement is taken again"
