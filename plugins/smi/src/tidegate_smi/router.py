"""The router for meshes of the SMI specification: one TrafficSplit that belongs to the Rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

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
    Target,
    TrafficRouter,
    Weights,
    controller_of,
)
from tidegate_smi.config import SmiConfig, SmiSettings
from tidegate_smi.split import GROUP, SERVICE, brought_to, carried, kind_of, name_of, spec_of


class Smi(TrafficRouter[SmiConfig]):
    """Shifts traffic by writing the weights of a TrafficSplit.

    The TrafficSplit is made by this router at the first weight, owned by the Rollout, and deleted with it. One that is
    somebody else's is never written. What a mesh does with it, no API tells: weights are not verified.
    """

    name = "smi"
    title = "SMI"
    config = SmiConfig
    settings = SmiSettings
    can = frozenset({Capability.WEIGHTS, Capability.EXPERIMENT})
    needs = (
        Rule(GROUP, "trafficsplits", "get list watch create patch delete"),
        Rule("", "services", "get list watch"),
    )
    order = 30  # as the reference controller asks them: after the ingresses

    def __init__(self, installed: BaseModel | None = None) -> None:
        super().__init__(installed)
        given = installed if isinstance(installed, SmiSettings) else SmiSettings.model_validate({})
        self._kind, self._texts = kind_of(given.api_version), given.texts

    def reads(self, target: Target[SmiConfig]) -> Sequence[Ref]:
        """The TrafficSplit, which is ours to create, and a root Service of its own, without which nobody is split."""
        split = Ref(self._kind, name_of(target), required=False, path=target.path)
        root = target.config.root_service
        return (split, Ref(SERVICE, root, path=f"{target.path}.rootService")) if root else (split,)

    def lint(self, target: Target[SmiConfig], objects: Objects) -> Sequence[Problem]:
        """A canary Service that is the root, and a TrafficSplit of somebody else."""
        problems = []
        if target.canary_service and target.config.root_service == target.canary_service:
            said = "the root is what clients call; name the stable Service, or one that selects the pods of both"
            problems.append(Problem(f"{target.path}.rootService", said, f'"{target.canary_service}"'))
        found = objects.get(self._kind, name_of(target))
        if target.uid and found is not None and (fault := _ownership_fault(found, target)):
            problems.append(Problem(f"{target.path}.trafficSplitName", fault, f'"{name_of(target)}"'))
        return problems

    def set_weights(self, target: Target[SmiConfig], weights: Weights, objects: Objects) -> None:
        """Create the TrafficSplit, or bring its backends to the weights."""
        name, root = name_of(target), target.config.root_service
        if root and objects.get(SERVICE, root) is None:
            raise NotFound(f'{SERVICE.resource} "{root}" not found', code=404, reason="NotFound")
        found = objects.get(self._kind, name)
        if found is None:
            metadata = {"name": name, "ownerReferences": [target.owner]}
            spec = spec_of(target, weights, texts=self._texts)
            event = Event("TrafficSplitCreated", f"TrafficSplit `{name}` created")
            failed = Event("TrafficSplitNotCreated", f"TrafficSplit `{name}` failed creation: {{error}}", "Warning")
            objects.create(self._kind, {"metadata": metadata, "spec": spec}, event, failed=failed)
            return
        if fault := _ownership_fault(found, target):
            raise OwnershipError(fault)
        split = objects.edit(self._kind, name)
        brought_to(split.setdefault("spec", {}), target, weights, texts=self._texts)

    def get_weights(self, target: Target[SmiConfig], objects: Objects) -> Mapping[str, Weights]:
        """The weights of the TrafficSplit, by its name."""
        found = objects.get(self._kind, name_of(target))
        weights = carried(found, target) if found is not None else None
        return {name_of(target): weights} if weights is not None else {}

    def clean_up(self, target: Target[SmiConfig], objects: Objects) -> None:
        """Delete the TrafficSplit, if it is the Rollout's: without one the root Service leads where it selects."""
        found = objects.get(self._kind, name_of(target))
        if found is not None and controller_of(found).get("uid") == target.uid:
            objects.delete(self._kind, name_of(target))


def _ownership_fault(split: Manifest, target: Target[SmiConfig]) -> str:
    """Why a TrafficSplit must not be written, "" for the Rollout's own. The first words are the reference's."""
    owner = controller_of(split)
    if owner.get("uid") == target.uid:
        return ""
    whose = f"{owner.get('kind')} {owner.get('name')}, uid {owner.get('uid')}" if owner else "nobody"
    said = f"Rollout does not own TrafficSplit `{name_of(target)}`"
    return f"{said}: its controller is {whose}; rename one of the two (trafficSplitName), or delete it"
