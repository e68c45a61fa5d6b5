"""The `skywalking` part of a metric's provider."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SkyWalkingConfig(BaseModel):
    """Where the OAP server is, what it is asked in GraphQL, and over which span of time, in Go's notation (`5m`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    address: str = ""
    query: str = ""
    interval: str = ""
