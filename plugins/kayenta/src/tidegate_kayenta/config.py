"""The `kayenta` part of a metric's provider."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Name = Annotated[str, Field(min_length=1)]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Threshold(_Part):
    """Scores from which on an analysis is successful, and inconclusive."""

    success: int = Field(alias="pass")
    marginal: int


class Span(_Part):
    """One side of the comparison. Times are Kayenta's (ISO 8601); without them the provider sets them."""

    scope: Text = ""
    region: Text = ""
    step: int = 0
    start: Text = ""
    end: Text = ""


class Scope(_Part):
    """What is compared under one name of the canary config."""

    name: Name
    control: Span = Field(alias="controlScope")
    experiment: Span = Field(alias="experimentScope")


class KayentaConfig(_Part):
    """An analysis by a canary config that Kayenta has.

    With `lookback` a side without a start begins when the run did, else an interval of the metric ago.
    """

    address: Name
    application: Name
    canary_config: Name = Field(alias="canaryConfigName")
    metrics_account: Name = Field(alias="metricsAccountName")
    configuration_account: Name = Field(alias="configurationAccountName")
    storage_account: Name = Field(alias="storageAccountName")
    threshold: Threshold
    scopes: list[Scope] = Field(min_length=1)
    lookback: bool = False

    @property
    def base(self) -> str:
        """The address without a slash at its end."""
        return self.address.rstrip("/")
