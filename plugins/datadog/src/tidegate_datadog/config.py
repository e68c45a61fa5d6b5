"""The `datadog` part of a metric's provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tidegate.hooks import PluginError, go_seconds

DEFAULT_INTERVAL = "5m"
DEFAULT_TIMEOUT = "10s"

NEITHER = "Must have either a query or queries. Please review the Analysis Template."
BOTH = "Cannot have both a query and queries. Please review the Analysis Template."
V1_QUERY = "Query is empty. API Version v1 only supports using the query parameter in your Analysis Template."
V1_AGGREGATOR = "Aggregator is not supported in v1. Please review the Analysis Template."
LONE_FORMULA = "Formula are only valid when queries are set. Please review your Analysis Template."
NO_FORMULA = "When multiple queries are provided you must include a formula."
TIMEOUT = "Request timeout must be a positive duration, like 10s"
INTERVAL = "the interval must be a positive duration, like 5m"

Aggregator = Literal["", "avg", "min", "max", "sum", "last", "percentile", "mean", "l2norm", "area"]


def _text(value: object) -> object:
    return "" if value is None else value


def _version(value: object) -> object:
    return value or "v1"


class SecretRef(BaseModel):
    """The Secret with the keys: in the run's namespace where `namespaced`, else in the controller's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Annotated[str, BeforeValidator(_text)] = ""
    namespaced: bool = False


class DatadogConfig(BaseModel):
    """One query, or for v2 several with a formula over their names.

    Durations are Go's. They are read when they are used, since a template may have an argument there.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    api_version: Annotated[Literal["v1", "v2"], BeforeValidator(_version)] = Field("v1", alias="apiVersion")
    interval: Annotated[str, BeforeValidator(_text)] = ""
    query: Annotated[str, BeforeValidator(_text)] = ""
    queries: Annotated[dict[str, str], BeforeValidator(lambda value: value or {})] = Field(default_factory=dict)
    formula: Annotated[str, BeforeValidator(_text)] = ""
    aggregator: Annotated[Aggregator, BeforeValidator(_text)] = ""
    request_timeout: Annotated[str, BeforeValidator(_text)] = Field("", alias="requestTimeout")
    secret_ref: Annotated[SecretRef, BeforeValidator(lambda value: value or {})] = Field(
        default_factory=SecretRef, alias="secretRef"
    )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if fault := self._fault():
            raise ValueError(fault)
        return self

    def _fault(self) -> str:
        v1 = self.api_version == "v1"
        rules = (
            (not self.query and not self.queries, NEITHER),
            (self.query and self.queries, BOTH),
            (v1 and not self.query, V1_QUERY),
            (self.formula and not self.queries, LONE_FORMULA),
            (len(self.queries) > 1 and not self.formula, NO_FORMULA),
            (v1 and self.aggregator, V1_AGGREGATOR),
        )
        return next((said for broken, said in rules if broken), "")

    @property
    def asked(self) -> dict[str, str]:
        """The queries by name, in the order of their names; a single one is called `query`."""
        return dict(sorted(self.queries.items())) if self.queries else {"query": self.query}

    @property
    def window_s(self) -> int:
        """Whole seconds that the query looks back, at least one. Raises PluginError."""
        return max(1, int(_positive(self.interval or DEFAULT_INTERVAL, f"interval: {INTERVAL}")))

    @property
    def timeout_s(self) -> float:
        """Seconds that the request may take. Raises PluginError."""
        return _positive(self.request_timeout or DEFAULT_TIMEOUT, f"requestTimeout: {TIMEOUT}")

    def durations(self) -> Iterator[tuple[str, str, str]]:
        """(field, text, what is wrong with it) of every duration that cannot be used."""
        for name, text, said in (
            ("interval", self.interval, INTERVAL),
            ("requestTimeout", self.request_timeout, TIMEOUT),
        ):
            if text and (go_seconds(text) or 0) <= 0:
                yield name, text, said


def _positive(text: str, said: str) -> float:
    found = go_seconds(text)
    if found is None or found <= 0:
        raise PluginError(f"{said}; found {text!r}")
    return float(found)
