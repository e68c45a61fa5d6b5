"""The router for ingress-nginx: one canary Ingress beside every stable one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegate.hooks import (
    Capability,
    Event,
    Manifest,
    NotFound,
    Objects,
    OwnershipError,
    Problem,
    Ref,
    Rule,
    SpecError,
    Target,
    TrafficRouter,
    Weights,
    controller_of,
)
from tidegate_nginx.annotations import carried, merged, wanted
from tidegate_nginx.config import NginxConfig
from tidegate_nginx.ingress import INGRESS, NOUN, annotations_of, canary_name, canary_spec
from tidegate_nginx.lint import ingress_problems, ownership_fault, refuse_paths, spec_problems


class Nginx(TrafficRouter[NginxConfig]):
    """Shifts traffic through the canary annotations of ingress-nginx.

    The stable Ingress is read and never written. Its canary Ingress exists from the first weight on, also at 0, and
    belongs to the Rollout. `verify_weights` is not offered: no API tells what the proxy has loaded. That the API server
    holds the weight is read back after every write, through `get_weights`.
    """

    name = "nginx"
    title = "Nginx"
    config = NginxConfig
    can = frozenset({Capability.WEIGHTS, Capability.TOTAL})
    needs = (Rule("networking.k8s.io", "ingresses", "get list watch create patch delete"),)

    def reads(self, target: Target[NginxConfig]) -> Sequence[Ref]:
        """The stable Ingresses, which must exist, and their canaries, which are ours to create."""
        refs = []
        for stable, field in target.config.ingresses:
            refs.append(Ref(INGRESS, stable, path=f"{target.path}.{field}", noun=NOUN))
            refs.append(Ref(INGRESS, canary_name(target.name, stable), required=False, noun=NOUN))
        return refs

    def lint(self, target: Target[NginxConfig], objects: Objects) -> Sequence[Problem]:
        """Names that collide, a total that the proxy ignores, hostile values, Ingresses that cannot work."""
        problems = [*spec_problems(target, target.total)]
        for stable, field in target.config.ingresses:
            problems += ingress_problems(target, stable, field, objects)
        return problems

    def set_weights(self, target: Target[NginxConfig], weights: Weights, objects: Objects) -> None:
        """Create every canary Ingress, or bring it to the weight."""
        for problem in spec_problems(target, weights.total):
            raise SpecError(problem.path, problem.detail, value=problem.value)
        for stable, field in target.config.ingresses:
            found = objects.get(INGRESS, stable)
            if found is None:
                said = f'error retrieving stableIngress `{stable}` from cache: {NOUN} "{stable}" not found'
                raise NotFound(said, code=404, reason="NotFound")
            refuse_paths(target, found, field)
            spec = canary_spec(found, target, field)
            ours = wanted(target.config, annotations_of(found), weights)
            _write(target, canary_name(target.name, stable), spec, ours, weights, objects)

    def get_weights(self, target: Target[NginxConfig], objects: Objects) -> Mapping[str, Weights]:
        """What the canary annotations say, by the canary Ingress's name."""
        found: dict[str, Weights] = {}
        for stable, _ in target.config.ingresses:
            name = canary_name(target.name, stable)
            canary = objects.get(INGRESS, name)
            prefix = target.config.annotation_prefix
            share = carried(prefix, annotations_of(canary)) if canary else None
            if share is not None:
                found[name] = share
        return found

    def clean_up(self, target: Target[NginxConfig], objects: Objects) -> None:
        """Weight 0 first, then delete: a proxy that is slow to see the deletion must not send requests any more."""
        key = f"{target.config.annotation_prefix}/canary-weight"
        for stable, _ in target.config.ingresses:
            name = canary_name(target.name, stable)
            canary = objects.get(INGRESS, name)
            if canary is None or controller_of(canary).get("uid") != target.uid:
                continue
            if annotations_of(canary).get(key) == "0":
                objects.delete(INGRESS, name)
            else:
                event = Event("PatchingCanaryIngress", f"Updating Ingress `{name}` to desiredWeight '0'")
                objects.edit(INGRESS, name, event)["metadata"].setdefault("annotations", {})[key] = "0"


def _write(
    target: Target[NginxConfig], name: str, spec: Manifest, ours: dict[str, str], weights: Weights, objects: Objects
) -> None:
    """Create or edit one canary Ingress. Labels and annotations of others are left alone."""
    if (current := objects.get(INGRESS, name)) is None:
        metadata = {"name": name, "annotations": ours, "ownerReferences": [target.owner]}
        event = Event("CreatingCanaryIngress", f"Creating canary ingress `{name}` with weight `{weights.canary}`")
        objects.create(INGRESS, {"metadata": metadata, "spec": spec}, event)
        return
    if fault := ownership_fault(target, current):
        raise OwnershipError(fault)
    event = Event("PatchingCanaryIngress", f"Updating Ingress `{name}` to desiredWeight '{weights.canary}'")
    canary = objects.edit(INGRESS, name, event)
    metadata = canary["metadata"]
    metadata["annotations"] = merged(target.config, annotations_of(current), ours)
    if controller_of(current).get("uid") != target.uid:
        others = [owner for owner in metadata.get("ownerReferences") or [] if not owner.get("controller")]
        metadata["ownerReferences"] = [*others, target.owner]
    canary["spec"] = spec
