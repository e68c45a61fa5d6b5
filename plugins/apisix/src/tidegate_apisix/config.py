"""The `apisix` part of a Rollout's trafficRouting."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAME_LENGTH = 253  # a DNS subdomain, RFC 1123


def _name(value: str) -> str:
    if len(value) > NAME_LENGTH or not SUBDOMAIN.fullmatch(value):
        raise ValueError("must be the name of an ApisixRoute: lower-case letters, digits, - and .")
    return value


def _rules(value: tuple[str, ...]) -> tuple[str, ...]:
    if "" in value:
        raise ValueError("every entry must be the name of a rule of spec.http, found an empty one")
    if twice := sorted({name for name in value if value.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} is named twice; name every rule once")
    return value


def _nothing_if_null(value: Any) -> Any:
    return () if value is None else value


class Route(BaseModel):
    """An ApisixRoute and the rules of its `spec.http` that are split; without any, the rule of the route's own name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Annotated[str, AfterValidator(_name)]
    listed: Annotated[tuple[str, ...], AfterValidator(_rules), BeforeValidator(_nothing_if_null)] = Field(
        (), alias="rules"
    )

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that are split, at least one."""
        return self.listed or (self.name,)


class ApisixConfig(BaseModel):
    """One ApisixRoute, in the Rollout's namespace."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    route: Route
