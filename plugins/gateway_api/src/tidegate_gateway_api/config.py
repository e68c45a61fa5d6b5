"""The router's part of a Rollout: which routes carry the traffic, in the words of the argoproj-labs plugin.

Fields that this router has no use for (`configMap`: its bookkeeping stands on the routes) are accepted and ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

IN_PROGRESS_LABEL = "rollouts.argoproj.io/gatewayapi-canary"
IN_PROGRESS_VALUE = "in-progress"
ACTIVE_ROLLOUTS = "rollouts.argoproj.io/gatewayapi-active-rollouts"

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
NAME_LENGTH, NAMESPACE_LENGTH = 253, 63  # DNS subdomain and DNS label, RFC 1123

NONE_GIVEN = (
    "No routes configured. At least one of httpRoute, grpcRoute, tcpRoute, tlsRoute, their lists (httpRoutes, "
    "grpcRoutes, tcpRoutes, tlsRoutes) or their selectors (httpRouteSelector, …) must be set"
)


def _named(value: str) -> str:
    if value and (len(value) > NAME_LENGTH or not SUBDOMAIN.fullmatch(value)):
        raise ValueError("must be the name of an object: lower-case letters, digits, - and .")
    return value


def _namespace(value: str) -> str:
    if value and (len(value) > NAMESPACE_LENGTH or "." in value or not SUBDOMAIN.fullmatch(value)):
        raise ValueError("must be the name of a namespace: at most 63 lower-case letters, digits and -")
    return value


def _key(value: str) -> str:
    if value and not QUALIFIED.fullmatch(value):
        raise ValueError("must be a key of labels: an optional domain and a slash, then at most 63 letters and digits")
    return value


def _label_value(value: str) -> str:
    if not LABEL_VALUE.fullmatch(value):
        raise ValueError("must be a label's value: at most 63 letters, digits, -, _ and .")
    return value


def _nothing_if_null(value: Any) -> Any:
    return () if value is None else value


def _no_labels_if_null(value: Any) -> Any:
    return {} if value is None else value


def _default(value: str) -> Any:
    """A validator under which "" is the default: clients that write every field send it."""
    return AfterValidator(lambda given: given or value)


Name = Annotated[str, AfterValidator(_named)]
Key = Annotated[str, AfterValidator(_key)]
LabelValue = Annotated[str, AfterValidator(_label_value)]


class Entry(BaseModel):
    """One route of a list. `rule_name` limits the router to the rule of that name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Annotated[Name, Field(min_length=1)]
    use_header_routes: bool = Field(False, alias="useHeaderRoutes")
    rule_name: Name = Field("", alias="ruleName")


class Expression(BaseModel):
    """A condition on one label, as Kubernetes' selectors know it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: Annotated[Key, Field(min_length=1)]
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Annotated[tuple[LabelValue, ...], BeforeValidator(_nothing_if_null)] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant."""
        match self.operator:
            case "In":
                return self.key in labels and labels[self.key] in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class Selector(BaseModel):
    """Which routes are found by their labels; one without any condition would take every route, and is refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    labels: Annotated[dict[Key, LabelValue], BeforeValidator(_no_labels_if_null)] = Field(
        default_factory=dict, alias="matchLabels"
    )
    expressions: Annotated[tuple[Expression, ...], BeforeValidator(_nothing_if_null)] = Field(
        (), alias="matchExpressions"
    )

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if not self.labels and not self.expressions:
            raise ValueError("selects every route of the namespace; give matchLabels or matchExpressions")
        return self

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant; `labels` of the selector itself are not looked at again."""
        return all(expression.holds(labels) for expression in self.expressions)


Entries = Annotated[tuple[Entry, ...], BeforeValidator(_nothing_if_null)]


class GatewayConfig(BaseModel):
    """Routes by name, alone or in lists, and by label. A route named alone takes header routes; one in a list if it says so.

    `namespace` "" is the Rollout's. The label and the annotation that mark a route in progress are what GitOps tools are
    told to look at.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    namespace: Annotated[str, AfterValidator(_namespace)] = ""
    http_route: Name = Field("", alias="httpRoute")
    grpc_route: Name = Field("", alias="grpcRoute")
    tcp_route: Name = Field("", alias="tcpRoute")
    tls_route: Name = Field("", alias="tlsRoute")
    http_rule: Name = Field("", alias="httpRouteRuleName")
    grpc_rule: Name = Field("", alias="grpcRouteRuleName")
    tcp_rule: Name = Field("", alias="tcpRouteRuleName")
    tls_rule: Name = Field("", alias="tlsRouteRuleName")
    http_routes: Entries = Field((), alias="httpRoutes")
    grpc_routes: Entries = Field((), alias="grpcRoutes")
    tcp_routes: Entries = Field((), alias="tcpRoutes")
    tls_routes: Entries = Field((), alias="tlsRoutes")
    http_selector: Selector | None = Field(None, alias="httpRouteSelector")
    grpc_selector: Selector | None = Field(None, alias="grpcRouteSelector")
    tcp_selector: Selector | None = Field(None, alias="tcpRouteSelector")
    tls_selector: Selector | None = Field(None, alias="tlsRouteSelector")
    unlabelled: bool = Field(False, alias="disableInProgressLabel")
    label_key: Annotated[Key, _default(IN_PROGRESS_LABEL)] = Field(IN_PROGRESS_LABEL, alias="inProgressLabelKey")
    label_value: Annotated[LabelValue, _default(IN_PROGRESS_VALUE)] = Field(
        IN_PROGRESS_VALUE, alias="inProgressLabelValue"
    )
    active_key: Annotated[Key, _default(ACTIVE_ROLLOUTS)] = Field(ACTIVE_ROLLOUTS, alias="activeRolloutsAnnotationKey")

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        selectors = (self.http_selector, self.grpc_selector, self.tcp_selector, self.tls_selector)
        if not any(selectors) and not any(self.entries(kind) for kind in ("http", "grpc", "tcp", "tls")):
            raise ValueError(NONE_GIVEN)
        return self

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        for kind in ("http", "grpc", "tcp", "tls"):
            names = [entry.name for _, entry in self.entries(kind)]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{kind}Route {', '.join(twice)} is named twice; name every route once")
        return self

    def entries(self, kind: str) -> tuple[tuple[str, Entry], ...]:
        """(field below the router's path, route) of every route of a kind ("http", "grpc", "tcp", "tls") named here."""
        alone: str = getattr(self, f"{kind}_route")
        listed: tuple[Entry, ...] = getattr(self, f"{kind}_routes")
        rule: str = getattr(self, f"{kind}_rule")
        single = Entry(name=alone, useHeaderRoutes=True, ruleName=rule) if alone else None
        found = ((f"{kind}Routes[{index}]", entry) for index, entry in enumerate(listed))
        return (*([(f"{kind}Route", single)] if single else []), *found)

    def selector(self, kind: str) -> Selector | None:
        """How routes of a kind are found by label, or None."""
        found: Selector | None = getattr(self, f"{kind}_selector")
        return found
