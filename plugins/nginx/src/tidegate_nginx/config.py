"""The `nginx` part of a Rollout's trafficRouting."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

DEFAULT_PREFIX = "nginx.ingress.kubernetes.io"

SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
SUBDOMAIN_LENGTH = 253

BOTH = "Either StableIngress or StableIngresses must be configured. Both are configured."
NEITHER = "Either StableIngress or StableIngresses must be configured. Neither are configured."


def _empty_if_null(value: object) -> object:
    return {} if value is None else value


Annotations = Annotated[dict[str, str], BeforeValidator(_empty_if_null)]


class NginxConfig(BaseModel):
    """Which Ingresses carry the stable traffic, and what else their canary Ingresses are annotated with.

    Exactly one of `stableIngress` and `stableIngresses` is set; `ingresses` is either of them as a list.
    `additionalIngressAnnotations` get the prefix, `canaryIngressAnnotations` are taken as they are and win.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    stable_ingress: str = Field("", alias="stableIngress")
    stable_ingresses: tuple[str, ...] = Field((), alias="stableIngresses")
    annotation_prefix: str = Field(DEFAULT_PREFIX, alias="annotationPrefix")
    additional: Annotations = Field(default_factory=dict, alias="additionalIngressAnnotations")
    canary: Annotations = Field(default_factory=dict, alias="canaryIngressAnnotations")

    @field_validator("stable_ingresses", mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        return () if value is None else value

    @field_validator("stable_ingresses")
    @classmethod
    def _names_are_distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "" in value:
            raise ValueError("every name must be the name of an Ingress, found an empty one")
        if twice := sorted({name for name in value if value.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is named twice; name every Ingress once")
        return value

    @field_validator("annotation_prefix")
    @classmethod
    def _prefix_is_a_domain(cls, value: str) -> str:
        if value and (len(value) > SUBDOMAIN_LENGTH or not SUBDOMAIN.match(value)):
            raise ValueError(f"must be a DNS subdomain like {DEFAULT_PREFIX}, without a slash at its end")
        return value or DEFAULT_PREFIX  # clients that write every field send ""

    @model_validator(mode="after")
    def _exactly_one_form(self) -> Self:
        if self.stable_ingress and self.stable_ingresses:
            raise ValueError(BOTH)
        if not self.stable_ingress and not self.stable_ingresses:
            raise ValueError(NEITHER)
        return self

    @property
    def ingresses(self) -> tuple[tuple[str, str], ...]:
        """(name, field below the router's path) of every stable Ingress."""
        if self.stable_ingress:
            return ((self.stable_ingress, "stableIngress"),)
        return tuple((name, f"stableIngresses[{index}]") for index, name in enumerate(self.stable_ingresses))
