"""The `alb` part of a Rollout's trafficRouting, and the options that its schema has no field for."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

DEFAULT_PREFIX = "alb.ingress.kubernetes.io"

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SUBDOMAIN_LENGTH = 253
# What an Ingress takes for the name of a Service: a DNS label that starts with a letter (RFC 1035).
SERVICE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")

# A part of an annotation key after the slash has at most 63 characters, and `actions.` or `conditions.` is among them.
KEY_LENGTH = 63
ACTION_LENGTH = KEY_LENGTH - len("actions.")
ROUTE_LENGTH = KEY_LENGTH - len("conditions.")

LONGEST_STICKINESS_S = 604_800  # seven days, the limit of the load balancer

BOTH = "Either Ingress or Ingresses must be configured. Both are configured."
NEITHER = "Either Ingress or Ingresses must be configured. Neither are configured."
DURATION = "TargetGroupStickinessConfig's duration must be between 1 and 604800 seconds (7 days)!"


def _absent_if_null(value: object) -> object:
    return "" if value is None else value


def _off_if_null(value: object) -> object:
    return {} if value is None else value


def _zero_if_null(value: object) -> object:
    return 0 if value is None else value


Text = Annotated[str, BeforeValidator(_absent_if_null)]  # clients that write every field send null or ""


class Stickiness(BaseModel):
    """Keeps a client at the target group that its first request fell to. The duration counts only where it is on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    enabled: bool = False
    duration_s: Annotated[int, BeforeValidator(_zero_if_null)] = Field(default=0, alias="durationSeconds", strict=True)

    # differs: the reference finds this out when it writes the first weight.
    @model_validator(mode="after")
    def _duration_is_possible(self) -> Self:
        if self.enabled and not 1 <= self.duration_s <= LONGEST_STICKINESS_S:
            raise ValueError(DURATION)
        return self


class AlbConfig(BaseModel):
    """Which Ingresses carry the traffic, and on which port the Services are reached.

    Exactly one of `ingress` and `ingresses` is set; `places` is either of them as a list. `rootService` is the name that
    the paths of the Ingresses lead to; without it they lead to the stable Service.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    ingress: Text = ""
    ingresses: tuple[str, ...] = ()
    service_port: int = Field(alias="servicePort", ge=1, le=65535, strict=True)
    root_service: Text = Field("", alias="rootService")
    annotation_prefix: Text = Field(DEFAULT_PREFIX, alias="annotationPrefix")
    stickiness: Annotated[Stickiness, BeforeValidator(_off_if_null)] = Field(Stickiness(), alias="stickinessConfig")

    @field_validator("ingresses", mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        return () if value is None else value

    @field_validator("ingresses")
    @classmethod
    def _names_are_distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "" in value:
            raise ValueError("every name must be the name of an Ingress, found an empty one")
        if twice := sorted({name for name in value if value.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is named twice; name every Ingress once")
        return value

    @field_validator("root_service")
    @classmethod
    def _root_fits_into_a_key(cls, value: str) -> str:
        if value and (not SERVICE.fullmatch(value) or len(value) > ACTION_LENGTH):
            raise ValueError(
                f"must be the name of a Service with at most {ACTION_LENGTH} characters, since it is part of an annotation key"
            )
        return value

    @field_validator("annotation_prefix")
    @classmethod
    def _prefix_is_a_domain(cls, value: str) -> str:
        if value and (len(value) > SUBDOMAIN_LENGTH or not SUBDOMAIN.fullmatch(value)):
            raise ValueError(f"must be a DNS subdomain like {DEFAULT_PREFIX}, without a slash at its end")
        return value or DEFAULT_PREFIX

    @model_validator(mode="after")
    def _exactly_one_form(self) -> Self:
        if self.ingress and self.ingresses:
            raise ValueError(BOTH)
        if not self.ingress and not self.ingresses:
            raise ValueError(NEITHER)
        return self

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """(name, field below the router's path) of every Ingress."""
        if self.ingress:
            return ((self.ingress, "ingress"),)
        return tuple((name, f"ingresses[{index}]") for index, name in enumerate(self.ingresses))
