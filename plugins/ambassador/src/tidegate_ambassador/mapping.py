"""The canary of a Mapping: its name, its spec, its weight. Pure: dicts in, dicts out.

Source: argo-rollouts rollout/trafficrouting/ambassador/ambassador.go; the definitions of Mapping v2 and v3alpha1, which
are told apart by field names that are copied as they are.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator

from tidegate.hooks import Kind, Manifest, Problem, SpecError, Target, Weights, controller_of
from tidegate_ambassador.config import NAME_LENGTH, AmbassadorConfig, is_name

MAPPING = Kind("getambassador.io", "v2", "Mapping", "mappings", versions=("v3alpha1",))
AmbassadorTarget = Target[AmbassadorConfig]

SUFFIX = "-canary"
# `spec.service`: a scheme, the Service, and what follows it: its namespace, the cluster's domain, a port.
ADDRESS = re.compile(r"(?P<scheme>[a-z0-9+.-]+://)?(?P<name>[^.:/]+)(?:\.(?P<namespace>[^.:/]+))?(?P<rest>[.:/].*)?")
# Labels by which a tool knows what it has applied itself: a copy that bore them would be pruned as a stranger.
TRACKING = (
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "argocd.argoproj.io/instance",
    "helm.sh/chart",
)


def canary_name(mapping: str) -> str:
    """`<Mapping>-canary`, the Mapping's name cut so that it fits into 253 characters."""
    return mapping[: NAME_LENGTH - len(SUFFIX)] + SUFFIX


def field_of(target: AmbassadorTarget, mapping: str) -> str:
    """The field that names a Mapping."""
    return f"{target.path}.mappings[{target.config.mappings.index(mapping)}]"


def name_problems(target: AmbassadorTarget) -> Iterator[Problem]:
    """A canary that would be called as another object of the config, or by what is no name after the cut."""
    seen = {name: name for name in target.config.mappings}
    for mapping in target.config.mappings:
        name = canary_name(mapping)
        if name in seen:
            said = f"its canary Mapping {name} would be the one of {seen[name]}; use shorter or other names"
            yield Problem(field_of(target, mapping), said, f'"{mapping}"')
        elif not is_name(name):
            said = f"its canary Mapping would be called {name}, which is no valid name; use a shorter name"
            yield Problem(field_of(target, mapping), said, f'"{mapping}"')
        seen[name] = mapping


def canary_spec(base: Manifest, target: AmbassadorTarget, weight: int) -> Manifest:
    """The base's spec with the canary Service and a weight. Raises SpecError for a base that cannot have a canary."""
    spec: Manifest = copy.deepcopy(base.get("spec") or {})
    name = base["metadata"]["name"]
    if spec.get("weight") is not None:
        said = f'Ambassador mapping "{name}" can not define weight'
        raise _fault(target, name, f"{said}; remove it: what the canary does not take is the Mapping's own share")
    return {**spec, "service": _canary_address(str(spec.get("service") or ""), name, target), "weight": weight}


def labels_of(base: Manifest) -> dict[str, str]:
    """The labels that a canary Mapping has from its base: Hosts may select Mappings by them."""
    # differs: the reference copies every label and annotation; a GitOps tool takes such a copy for a leftover of its own.
    labels = base["metadata"].get("labels") or {}
    return {key: value for key, value in labels.items() if key not in TRACKING}


def weight_of(canary: Manifest) -> Weights | None:
    """What a canary Mapping takes of 100; None where it says no such thing."""
    weight = (canary.get("spec") or {}).get("weight")
    return Weights(weight) if type(weight) is int and 0 <= weight <= 100 else None


def ownership_fault(canary: Manifest, target: AmbassadorTarget) -> str:
    """Why a canary Mapping that exists must not be written, "" for the Rollout's own."""
    owner = controller_of(canary)
    if owner.get("uid") == target.uid:
        return ""
    whose = f"{owner.get('kind')} {owner.get('name')}, uid {owner.get('uid')}" if owner else "nobody"
    said = f"Mapping `{canary['metadata']['name']}` is controlled by {whose}, not by Rollout {target.name}"
    return f"{said}; delete it, or name another Mapping"


def _canary_address(address: str, mapping: str, target: AmbassadorTarget) -> str:
    """The address with the canary Service in place of the stable one."""
    found = ADDRESS.fullmatch(address)
    # differs: the reference replaces the first occurrence of the text, be it in another name, and goes on without one.
    if found is None or found["name"] != target.stable_service:
        said = f'Mapping {mapping} leads to "{address}"; let spec.service name the stable Service'
        raise _fault(target, mapping, f'{said} "{target.stable_service}"')
    # `.svc` cannot follow a name without a namespace, so whatever follows the first dot is one.
    if (found["namespace"] or target.namespace) != target.namespace:
        said = f'Mapping {mapping} leads to "{address}", a Service of another namespace'
        raise _fault(target, mapping, f"{said}; the canary Service is in {target.namespace}")
    return address[: found.start("name")] + target.canary_service + address[found.end("name") :]


def _fault(target: AmbassadorTarget, mapping: str, said: str) -> SpecError:
    return SpecError(field_of(target, mapping), said, value=f'"{mapping}"')
