"""The kinds of the Gateway API that are read or written, and what their rules can do."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.hooks import Kind

GROUP = "gateway.networking.k8s.io"

REFERENCE_GRANT = Kind(GROUP, "v1", "ReferenceGrant", "referencegrants", versions=("v1beta1", "v1alpha2"))
SERVICE = Kind("", "v1", "Service", "services")


@dataclass(frozen=True, slots=True)
class RouteKind:
    """A kind of route. `field` is its key in the config; `matches` tells whether its rules look at requests."""

    kind: Kind
    field: str
    matches: bool

    @property
    def plural_field(self) -> str:
        """The key of the list form."""
        return f"{self.field}s"

    @property
    def noun(self) -> str:
        """How texts call the kind."""
        return self.kind.kind


# The standard channel serves TLSRoute v1 since release 1.5; TCPRoute and older TLSRoutes are in the experimental one.
HTTP = RouteKind(Kind(GROUP, "v1", "HTTPRoute", "httproutes", versions=("v1beta1",)), "httpRoute", matches=True)
GRPC = RouteKind(Kind(GROUP, "v1", "GRPCRoute", "grpcroutes", versions=("v1alpha2",)), "grpcRoute", matches=True)
TCP = RouteKind(Kind(GROUP, "v1", "TCPRoute", "tcproutes", versions=("v1alpha2",)), "tcpRoute", matches=False)
TLS = RouteKind(
    Kind(GROUP, "v1", "TLSRoute", "tlsroutes", versions=("v1alpha3", "v1alpha2")), "tlsRoute", matches=False
)
