"""The `influxdb` part of a metric's provider."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

DEFAULT_PROFILE = "influxdb"


class InfluxDbConfig(BaseModel):
    """What is asked, in Flux, and the Secret of the controller's namespace that says where and as whom.

    An empty `profile`, which clients write that write every field, is the default one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    profile: str = ""
    query: str = ""

    @property
    def secret(self) -> str:
        """The Secret's name."""
        return self.profile or DEFAULT_PROFILE
