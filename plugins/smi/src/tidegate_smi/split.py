"""The TrafficSplit of a Rollout. Pure: dicts in, dicts out.

Backends stand in the order canary, further destinations, stable. Source: argo-rollouts rollout/trafficrouting/smi/smi.go;
the SMI specification, traffic-split v1alpha1 to v1alpha4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.hooks import Destination, Kind, Manifest, Target, Weights
from tidegate_smi.config import SmiConfig

GROUP = "split.smi-spec.io"
SERVICE = Kind("", "v1", "Service", "services")
# A weight of v1alpha1 is a Kubernetes quantity; thousandths are the smallest that is of use.
QUANTITY = re.compile(r"(\d+)(\.\d+)?(m?)")


def kind_of(version: str) -> Kind:
    """The kind at the version that the mesh serves."""
    return Kind(GROUP, version, "TrafficSplit", "trafficsplits")


def name_of(target: Target[SmiConfig]) -> str:
    """The TrafficSplit's name."""
    return target.config.split_name or target.name


def spec_of(target: Target[SmiConfig], weights: Weights, *, texts: bool) -> Manifest:
    """The spec of a new TrafficSplit."""
    return {"service": root_of(target), "backends": list(_backends(target, weights, {}, texts=texts))}


def root_of(target: Target[SmiConfig]) -> str:
    """The Service that clients call."""
    return target.config.root_service or target.stable_service


def brought_to(spec: Manifest, target: Target[SmiConfig], weights: Weights, *, texts: bool) -> None:
    """Bring an existing spec to the weights, in place.

    A backend that says the same in other words (25, "25", "25.0") stays as it is, and so do keys that are not known here.
    """
    known = {each.get("service"): each for each in spec.get("backends") or []}
    backends = list(_backends(target, weights, known, texts=texts))
    if backends != spec.get("backends"):
        spec["backends"] = backends
    if spec.get("service") != root_of(target):
        spec["service"] = root_of(target)


def carried(manifest: Manifest, target: Target[SmiConfig]) -> Weights | None:
    """The weights in a TrafficSplit; None where it shares nothing out, or something that is no whole number."""
    backends = (manifest.get("spec") or {}).get("backends") or []
    found = {str(each.get("service")): number_of(each.get("weight")) for each in backends}
    weights = {name: int(weight) for name, weight in found.items() if weight is not None and weight == int(weight)}
    total = sum(weights.values())
    if len(weights) < len(found) or total < 1:
        return None
    sides = (target.canary_service, target.stable_service)
    extra = tuple(Destination(name, weight) for name, weight in weights.items() if name not in sides)
    return Weights(weights.get(target.canary_service, 0), total, extra)


def number_of(value: Any) -> float | None:
    """What a weight counts; a missing one is 0. None for what is no weight."""
    if value is None:
        return 0.0
    found = QUANTITY.fullmatch(str(value))
    if found is None or isinstance(value, bool):
        return None
    return float(found[1] + (found[2] or "")) / (1000 if found[3] else 1)


def _backends(
    target: Target[SmiConfig], weights: Weights, known: Mapping[str, Manifest], *, texts: bool
) -> Iterator[Manifest]:
    wanted = [
        (target.canary_service, weights.canary),
        *((each.service, each.weight) for each in weights.additional),
        (target.stable_service, weights.stable),
    ]
    for service, weight in wanted:
        before = known.get(service, {"service": service})
        same = "weight" in before and number_of(before["weight"]) == weight
        yield before if same else {**before, "weight": str(weight) if texts else weight}
