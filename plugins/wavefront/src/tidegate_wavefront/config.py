"""The `wavefront` part of a metric's provider."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator


class WavefrontConfig(BaseModel):
    """A chart query. `address` is the host alone, and the key of its token in the Secret."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    address: str = Field(min_length=1)
    query: str = Field(min_length=1)

    @field_validator("address")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        if set(value) & set("/?#@ "):  # what would make another host, or a path, of it
            raise ValueError("must be the host alone, like example.wavefront.com, without a scheme or a path")
        return value
