"""The two kinds of Istio that carry traffic, in every version that Istio has served them in; the schema is one."""

from __future__ import annotations

from tidegate.hooks import Kind

GROUP = "networking.istio.io"
OLDER = ("v1beta1", "v1alpha3")

VIRTUAL_SERVICE = Kind(GROUP, "v1", "VirtualService", "virtualservices", versions=OLDER)
DESTINATION_RULE = Kind(GROUP, "v1", "DestinationRule", "destinationrules", versions=OLDER)

MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"  # on a DestinationRule; clients and other tools know it
HASH_LABEL = "rollouts-pod-template-hash"
