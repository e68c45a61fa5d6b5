"""The `istio` part of a Rollout's trafficRouting."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, field_validator, model_validator

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SUBDOMAIN_LENGTH = 253  # RFC 1123, as Kubernetes limits names

CLUSTER_DOMAIN = ".cluster.local"
ONE_OF_TWO = "either VirtualService or VirtualServices must be configured"


def _empty_if_null(value: object) -> object:
    return () if value is None else value


def _object_name(value: str) -> str:
    if len(value) > SUBDOMAIN_LENGTH or not SUBDOMAIN.fullmatch(value):
        raise ValueError("must be the name of an object: lower-case letters, digits, - and ., at most 253 of them")
    return value


ObjectName = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_empty_if_null)]


class _Part(BaseModel):
    """Unknown fields are ignored: a newer client may know more of them."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TlsRoute(_Part):
    """A route of `spec.tls`, found by its port (0 for none) and the set of its SNI names."""

    port: StrictInt = Field(0, ge=0, le=65535)
    sni_hosts: Texts = Field((), alias="sniHosts")


class TcpRoute(_Part):
    """A route of `spec.tcp`, found by its port (0 for none)."""

    port: StrictInt = Field(0, ge=0, le=65535)


class VirtualService(_Part):
    """One VirtualService and which of its routes carry the weights; without any, the only route there is.

    `name` may hold a namespace behind its last dot, and `.cluster.local` behind that.
    """

    name: ObjectName
    routes: Texts = ()
    tls_routes: Annotated[tuple[TlsRoute, ...], BeforeValidator(_empty_if_null)] = Field((), alias="tlsRoutes")
    tcp_routes: Annotated[tuple[TcpRoute, ...], BeforeValidator(_empty_if_null)] = Field((), alias="tcpRoutes")

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        return _object_name(value)

    @field_validator("routes")
    @classmethod
    def _routes_have_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "" in value:
            raise ValueError("every route must be the name of a route in spec.http, found an empty one")
        return value

    @property
    def place(self) -> tuple[str, str]:
        """(namespace, name); the namespace is "" where the name holds none."""
        bare = self.name.removesuffix(CLUSTER_DOMAIN)
        name, dot, namespace = bare.rpartition(".")
        return (namespace, name) if dot else ("", bare)

    @property
    def lists_routes(self) -> bool:
        """Whether routes are named at all."""
        return bool(self.routes or self.tls_routes or self.tcp_routes)


class DestinationRule(_Part):
    """The rule whose subsets tell the revisions apart; `additional` are subsets of others, whose share is left to them."""

    name: ObjectName
    canary: str = Field(alias="canarySubsetName", min_length=1)
    stable: str = Field(alias="stableSubsetName", min_length=1)
    additional: Texts = Field((), alias="additionalSubsetNames")

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        return _object_name(value)

    @model_validator(mode="after")
    def _subsets_differ(self) -> Self:
        if self.canary == self.stable:
            raise ValueError(f"canarySubsetName and stableSubsetName are both {self.canary!r}; name two subsets")
        if taken := sorted({self.canary, self.stable} & set(self.additional)):
            raise ValueError(
                f"additionalSubsetNames holds {taken[0]!r}, which is the canary's or stable's; take it out"
            )
        return self


class IstioConfig(_Part):
    """Which VirtualServices share the traffic out, and by which DestinationRule, if any.

    Exactly one of `virtualService` and `virtualServices` is set; `services` is either of them as a list.
    Without a `destinationRule` the two Services are the destinations.
    """

    one: VirtualService | None = Field(None, alias="virtualService")
    several: Annotated[tuple[VirtualService, ...], BeforeValidator(_empty_if_null)] = Field((), alias="virtualServices")
    rule: DestinationRule | None = Field(None, alias="destinationRule")

    @field_validator("several")
    @classmethod
    def _names_are_distinct(cls, value: tuple[VirtualService, ...]) -> tuple[VirtualService, ...]:
        names = [each.place for each in value]
        if twice := [each.name for each in value if names.count(each.place) > 1]:
            raise ValueError(f"{twice[0]} is named twice; name every VirtualService once and list all its routes there")
        return value

    @model_validator(mode="after")
    def _exactly_one_form(self) -> Self:
        if (self.one is None) == (not self.several):
            raise ValueError(ONE_OF_TWO)
        return self

    @property
    def services(self) -> tuple[tuple[VirtualService, str], ...]:
        """Every VirtualService with its field below the router's path."""
        if self.one is not None:
            return ((self.one, "virtualService"),)
        return tuple((each, f"virtualServices[{index}]") for index, each in enumerate(self.several))
