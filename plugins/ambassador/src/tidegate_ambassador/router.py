"""The router for Ambassador and Emissary-ingress: one canary Mapping beside every Mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from tidegate.hooks import (
    Capability,
    Manifest,
    NotFound,
    Objects,
    OwnershipError,
    Pending,
    Problem,
    Ref,
    Rule,
    SpecError,
    TrafficRouter,
    Weights,
    controller_of,
)
from tidegate_ambassador.config import AmbassadorConfig
from tidegate_ambassador.draining import close, left_s, reopen
from tidegate_ambassador.mapping import (
    MAPPING,
    AmbassadorTarget,
    canary_name,
    canary_spec,
    field_of,
    labels_of,
    name_problems,
    ownership_fault,
    weight_of,
)


class Ambassador(TrafficRouter[AmbassadorConfig]):
    """Shifts traffic through a canary Mapping, a copy of the user's with a weight.

    The user's Mapping is read and never written. Its canary exists while the canary has a share, and for 5 s after that
    at weight 0, so that no proxy sends requests to a route that is being taken away. It belongs to the Rollout. What the
    proxies make of it no API tells: weights are read back from the object and not verified.
    """

    name = "ambassador"
    title = "Ambassador"
    config = AmbassadorConfig
    can = frozenset({Capability.WEIGHTS})
    needs = (Rule("getambassador.io", "mappings", "get list watch create patch delete"),)
    order = 50  # as the reference controller asks them: after smi, before traefik and apisix

    @staticmethod
    def now() -> datetime:
        """What time it is, in the controller's process; a test gives another."""
        return datetime.now(UTC)

    def reads(self, target: AmbassadorTarget) -> Sequence[Ref]:
        """The Mappings, which have to exist, and their canaries, which are ours to create."""
        refs = []
        for mapping in target.config.mappings:
            refs.append(Ref(MAPPING, mapping, path=field_of(target, mapping)))
            refs.append(Ref(MAPPING, canary_name(mapping), required=False))
        return refs

    def lint(self, target: AmbassadorTarget, objects: Objects) -> Sequence[Problem]:
        """Names that collide, Mappings that cannot have a canary, canaries of somebody else."""
        problems = [*name_problems(target)]
        for mapping in target.config.mappings:
            problems += _mapping_problems(target, mapping, objects)
        return problems

    def set_weights(self, target: AmbassadorTarget, weights: Weights, objects: Objects) -> None:
        """Bring every canary Mapping to the weight; at 0 each is closed first, and deleted 5 s later.

        Raises Pending while one is closed and nothing is to be written.
        """
        for problem in name_problems(target):
            raise SpecError(problem.path, problem.detail, value=problem.value)
        if weights.canary:
            for mapping in target.config.mappings:
                _open(target, mapping, weights.canary, objects)
            return
        left = [seconds for mapping in target.config.mappings for seconds in self._closed(target, mapping, objects)]
        # differs: the reference sleeps for 5 s in the worker, and loses the wait with the process.
        # An error drops what was edited, so the wait is told in a pass of its own: this pass's write leads to it.
        if left and not objects.changes():
            said = f"{len(left)} canary Mapping(s) at weight 0 stay until every proxy has heard of it"
            raise Pending(said, after_s=min(left))

    def get_weights(self, target: AmbassadorTarget, objects: Objects) -> Mapping[str, Weights]:
        """The weights of the canary Mappings, by their names; a Mapping without a canary is left out."""
        names = (canary_name(mapping) for mapping in target.config.mappings)
        found = {name: canary for name in names if (canary := objects.get(MAPPING, name)) is not None}
        return {name: weights for name, canary in found.items() if (weights := weight_of(canary)) is not None}

    def clean_up(self, target: AmbassadorTarget, objects: Objects) -> None:
        """Weight 0 first, then delete. The share is 0 long since by then, so no wait is needed."""
        for name in map(canary_name, target.config.mappings):
            canary = objects.get(MAPPING, name)
            if canary is None or controller_of(canary).get("uid") != target.uid:
                continue
            if weight_of(canary) == Weights(0):
                objects.delete(MAPPING, name)
            else:
                close(objects.edit(MAPPING, name), self.now())

    def _closed(self, target: AmbassadorTarget, mapping: str, objects: Objects) -> Iterator[float]:
        """Close the canary of one Mapping, or delete it when its time has come; the seconds left until then."""
        canary = _owned(target, mapping, objects)
        if canary is None:
            return
        left = left_s(canary, self.now())
        if left is None:
            close(objects.edit(MAPPING, canary_name(mapping)), self.now())
        elif left > 0:
            yield left
        else:
            objects.delete(MAPPING, canary_name(mapping))


def _open(target: AmbassadorTarget, mapping: str, weight: int, objects: Objects) -> None:
    """Create the canary of one Mapping, or bring it to the weight and to what its base says now."""
    base = objects.get(MAPPING, mapping)
    if base is None:
        raise NotFound(f'{MAPPING.resource} "{mapping}" not found', code=404, reason="NotFound")
    spec, name = canary_spec(base, target, weight), canary_name(mapping)
    if _owned(target, mapping, objects) is None:
        metadata = {"name": name, "labels": labels_of(base), "ownerReferences": [target.owner]}
        objects.create(MAPPING, {"metadata": metadata, "spec": spec})
        return
    canary = objects.edit(MAPPING, name)
    canary["spec"] = spec
    if labels := labels_of(base):
        canary["metadata"]["labels"] = {**(canary["metadata"].get("labels") or {}), **labels}
    reopen(canary)


def _owned(target: AmbassadorTarget, mapping: str, objects: Objects) -> Manifest | None:
    """The canary of a Mapping, None where there is none. Raises OwnershipError for somebody else's."""
    canary = objects.get(MAPPING, canary_name(mapping))
    if canary is not None and (fault := ownership_fault(canary, target)):
        raise OwnershipError(fault)
    return canary


def _mapping_problems(target: AmbassadorTarget, mapping: str, objects: Objects) -> Iterator[Problem]:
    """What is wrong with one Mapping; the core says which are missing, from `reads`."""
    if (base := objects.get(MAPPING, mapping)) is not None:
        try:
            canary_spec(base, target, 0)
        except SpecError as error:
            yield Problem(error.path, error.detail, error.value)
    canary = objects.get(MAPPING, canary_name(mapping))
    if target.uid and canary is not None and (fault := ownership_fault(canary, target)):
        yield Problem(field_of(target, mapping), fault, f'"{mapping}"')
