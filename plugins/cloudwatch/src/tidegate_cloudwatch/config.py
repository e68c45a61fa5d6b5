"""The `cloudWatch` part of a metric's provider, and the plugin's own block in `tidegate.yaml`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from tidegate.hooks import IntOrString

DEFAULT_INTERVAL = "5m"
PROFILE_NAME = re.compile(r"[\w.@/+-]{0,128}")  # what stands between brackets in the SDK's files


def _empty_if_null(value: object) -> object:
    return () if value is None else value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Dimension(_Part):
    """One name and value that tell a metric from others of its name."""

    name: str = ""
    value: str = ""


class NamedMetric(_Part):
    """A metric of CloudWatch."""

    namespace: str = ""
    metric_name: str = Field(default="", alias="metricName")
    dimensions: Annotated[tuple[Dimension, ...], BeforeValidator(_empty_if_null)] = ()


class MetricStat(_Part):
    """A statistic of a metric, a value for each `period` seconds."""

    metric: NamedMetric = NamedMetric()
    period: IntOrString = ""
    stat: str = ""
    unit: str = ""


class DataQuery(_Part):
    """A statistic, or an expression over other queries; one with `returnData: false` serves expressions alone."""

    id: str = ""
    label: str | None = None
    expression: str | None = None
    period: IntOrString | None = None
    return_data: bool | None = Field(default=None, alias="returnData")
    metric_stat: MetricStat | None = Field(default=None, alias="metricStat")


class CloudWatchConfig(_Part):
    """What is asked over which span of time up to now; an empty interval is five minutes."""

    interval: str = ""
    queries: Annotated[tuple[DataQuery, ...], BeforeValidator(_empty_if_null)] = Field(
        default=(), alias="metricDataQueries"
    )

    @property
    def span(self) -> str:
        """The interval in Go's notation."""
        return self.interval or DEFAULT_INTERVAL


class CloudWatchSettings(BaseModel):
    """How AWS is asked. Credentials are not here: the SDK finds them where AWS puts them.

    `region`, `endpointUrl` and `profile` override what the SDK finds in its environment. `timeoutSeconds` holds for the
    connection and for the answer, each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str = Field(default="", pattern=r"^[a-z0-9-]*$")
    endpoint_url: str = Field(default="", alias="endpointUrl")
    profile: str = ""
    timeout_s: float = Field(default=5.0, alias="timeoutSeconds", gt=0, le=60)

    @field_validator("endpoint_url")
    @classmethod
    def _endpoint_is_a_url(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("must be a URL like https://monitoring.eu-central-1.amazonaws.com")
        return value

    @field_validator("profile")
    @classmethod
    def _profile_is_a_name(cls, value: str) -> str:
        if not PROFILE_NAME.fullmatch(value):
            raise ValueError("must be the name of a profile in the SDK's configuration")
        return value
