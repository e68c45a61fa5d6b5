"""The `traefik` part of a Rollout's trafficRouting, and the plugin's block in tidegate.yaml."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAME_LENGTH = 253  # a DNS subdomain, RFC 1123

Group = Literal["traefik.io", "traefik.containo.us"]
GROUP: Group = "traefik.io"
FORMER_GROUP: Group = "traefik.containo.us"  # until Traefik 2; version 3 does not read it


def _name(value: str) -> str:
    if len(value) > NAME_LENGTH or not SUBDOMAIN.fullmatch(value):
        raise ValueError("must be the name of a TraefikService: lower-case letters, digits, - and .")
    return value


class TraefikConfig(BaseModel):
    """The TraefikService whose `spec.weighted` names both Services, in the Rollout's namespace."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: Annotated[str, AfterValidator(_name)] = Field(alias="weightedTraefikServiceName")


class TraefikSettings(BaseModel):
    """In which API group this cluster keeps its TraefikServices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_group: Group = Field(GROUP, alias="apiGroup")
