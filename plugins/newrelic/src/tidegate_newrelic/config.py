"""The `newRelic` part of a metric's provider."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

DEFAULT_PROFILE = "newrelic"
DEFAULT_TIMEOUT_S = 5
# NerdGraph does not wait longer. Source: New Relic's page on rate limits of NRQL.
LONGEST_S = 120


class NewRelicConfig(BaseModel):
    """An NRQL query. `profile` is the Secret with the account; `timeout` the seconds that New Relic may take for it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    profile: Annotated[str, BeforeValidator(lambda value: value or DEFAULT_PROFILE)] = DEFAULT_PROFILE
    query: str = Field(min_length=1)
    timeout: Annotated[
        int,
        Field(ge=1, le=LONGEST_S),
        BeforeValidator(lambda value: DEFAULT_TIMEOUT_S if value in (None, 0) else value),
    ] = DEFAULT_TIMEOUT_S
