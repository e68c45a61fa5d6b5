"""The weighted list of a TraefikService. Pure: dicts in, dicts out.

Source: argo-rollouts rollout/trafficrouting/traefik/traefik.go; Traefik's reference of the kind TraefikService.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.hooks import Kind, Manifest, SpecError, Target, Weights
from tidegate_traefik.config import TraefikConfig

VERSION = "v1alpha1"
FIELD = "weightedTraefikServiceName"


@dataclass(frozen=True, slots=True)
class Sides:
    """The two entries of the list, to be edited in place."""

    canary: Manifest
    stable: Manifest

    def share_out(self, weights: Weights) -> None:
        """Write both shares. An entry without a weight would count as 1, so 0 is written too."""
        self.canary["weight"], self.stable["weight"] = weights.canary, weights.stable

    def weights(self) -> Weights | None:
        """The shares; None where one is missing, is no whole number, or both are 0."""
        canary, stable = self.canary.get("weight"), self.stable.get("weight")
        if type(canary) is not int or type(stable) is not int or min(canary, stable) < 0 or canary + stable < 1:
            return None
        return Weights(canary, canary + stable)


def kind_of(group: str) -> Kind:
    """The kind in the API group that the cluster has."""
    return Kind(group, VERSION, "TraefikService", "traefikservices")


def sides_of(manifest: Manifest, target: Target[TraefikConfig]) -> Sides:
    """The entries of canary and stable. Raises SpecError, in the reference's words, where one is not there."""
    services = ((manifest.get("spec") or {}).get("weighted") or {}).get("services")
    if not services:
        said = "spec.weighted.services was not found in traefik service manifest"
        raise _fault(target, f"{said}; list both Services there, stable with weight 100 and canary with weight 0")
    canary = _entry(services, target, "canary", target.canary_service)
    return Sides(canary, _entry(services, target, "stable", target.stable_service))


def _entry(services: list[Manifest], target: Target[TraefikConfig], side: str, name: str) -> Manifest:
    """The one entry that leads to a Service of the Rollout's namespace; a TraefikService may have the same name."""
    found = [each for each in services if each.get("name") == name and _is_ours(each, target.namespace)]
    if not found:
        said = f"traefik {side} service was not found"
        raise _fault(target, f'{said}; name the Service "{name}" in spec.weighted.services, with a weight')
    if len(found) > 1:
        said = f'the {side} service "{name}" stands {len(found)} times in spec.weighted.services'
        raise _fault(target, f"{said}; its share would be counted as often: keep one entry")
    return found[0]


def _is_ours(entry: Manifest, namespace: str) -> bool:
    # differs: the reference goes by the name alone, and writes the weight of a namesake that is no Service of the Rollout's.
    return (entry.get("kind") or "Service") == "Service" and (entry.get("namespace") or namespace) == namespace


def _fault(target: Target[TraefikConfig], said: str) -> SpecError:
    return SpecError(f"{target.path}.{FIELD}", said, value=f'"{target.config.service}"')
