"""For whom a unit of work is done: what routers and metric providers have in common."""

from __future__ import annotations

from typing import Any, Protocol


class Holder(Protocol):
    """For whom objects are edited: a router's Target, or a provider's Query."""

    @property
    def namespace(self) -> str:
        """The namespace that an edit without one means."""
        ...

    @property
    def name(self) -> str:
        """The name of the Rollout or the AnalysisRun."""
        ...

    @property
    def uid(self) -> str:
        """Its uid."""
        ...

    @property
    def key(self) -> str:
        """`<namespace>/<name>`, for logs."""
        ...

    @property
    def owner(self) -> dict[str, Any]:
        """The ownerReference of what it creates."""
        ...
