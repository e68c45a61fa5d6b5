"""The `graphite` part of a metric's provider."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class GraphiteConfig(BaseModel):
    """Where Graphite's web application is, and what it is asked: the URL query of `/render`, as
    `target=…&from=-5min`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    address: str = ""
    query: str = ""
