"""The router for Apache APISIX: weights of an ApisixRoute of the user's, and an ApisixRoute for each header route."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tidegate.hooks import (
    Capability,
    HeaderRoute,
    Manifest,
    NotFound,
    Objects,
    OwnershipError,
    Problem,
    Ref,
    Rule,
    SpecError,
    TrafficRouter,
    Weights,
    controller_of,
)
from tidegate_apisix.config import ApisixConfig
from tidegate_apisix.headers import OWNER_LABEL, header_spec, labels_of, name_fault, ownership_fault
from tidegate_apisix.rules import ROUTE, ApisixTarget, split_rules


class Apisix(TrafficRouter[ApisixConfig]):
    """Shifts traffic by writing backend weights of an ApisixRoute.

    The ApisixRoute is the user's and is edited in place: two weights in each rule that the config names. A header route
    is an ApisixRoute of its own, named as the managed route, owned by the Rollout and deleted with it. What APISIX makes
    of either, its status tells only of the controller's side; weights are read back from the object and not verified.
    """

    name = "apisix"
    title = "Apisix"
    config = ApisixConfig
    can = frozenset({Capability.WEIGHTS, Capability.HEADER, Capability.HEADER_PREFIX, Capability.HEADER_REGEX})
    needs = (Rule("apisix.apache.org", "apisixroutes", "get list watch create patch delete"),)
    order = 70  # as the reference controller asks them: the last before the plugins

    def reads(self, target: ApisixTarget) -> Sequence[Ref]:
        """The ApisixRoute, which has to exist, and those of header routes, which are ours to create."""
        base = Ref(ROUTE, target.config.route.name, path=f"{target.path}.route.name")
        own = (Ref(ROUTE, name, required=False) for name in _other_names(target))
        return (base, *own, Ref(ROUTE, "", required=False, labels=labels_of(target)))

    def lint(self, target: ApisixTarget, objects: Objects) -> Sequence[Problem]:
        """Rules that are not split, and managed routes whose ApisixRoute would be somebody else's."""
        problems = [Problem(target.path, said, f'"{name}"') for name, said in _name_problems(target, objects)]
        if (base := objects.get(ROUTE, target.config.route.name)) is None:
            return problems  # the core says so, from `reads`
        try:
            split_rules(base, target)
        except SpecError as error:
            problems.insert(0, Problem(error.path, error.detail, error.value))
        return problems

    def set_weights(self, target: ApisixTarget, weights: Weights, objects: Objects) -> None:
        """Write both weights in every rule that the config names."""
        for each in split_rules(objects.edit(ROUTE, target.config.route.name), target):
            each.share_out(weights)

    def get_weights(self, target: ApisixTarget, objects: Objects) -> Mapping[str, Weights]:
        """The weights by the ApisixRoute's name; by rule where they differ, so that a mistake in one is seen."""
        name = target.config.route.name
        base = objects.get(ROUTE, name)
        try:
            rules = split_rules(base, target) if base is not None else []
        except SpecError:
            return {}  # nothing is shared out; lint and the next write say why
        found = {f"{name}, rule {each.rule['name']}": share for each in rules if (share := each.weights()) is not None}
        return {name: next(iter(found.values()))} if len(set(found.values())) == 1 else found

    def set_header_route(self, target: ApisixTarget, route: HeaderRoute, objects: Objects) -> None:
        """Create the header route's ApisixRoute, or bring it to what the split rules say now."""
        if not route.match:
            _delete(target, route.name, objects)
            return
        found = objects.get(ROUTE, route.name)
        _refuse(target, route.name, found)
        base = objects.get(ROUTE, target.config.route.name)
        if base is None:
            raise NotFound(f'{ROUTE.resource} "{target.config.route.name}" not found', code=404, reason="NotFound")
        spec = header_spec(base, split_rules(base, target), route, target)
        if found is None:
            metadata = {"name": route.name, "labels": labels_of(target), "ownerReferences": [target.owner]}
            objects.create(ROUTE, {"metadata": metadata, "spec": spec})
            return
        own = objects.edit(ROUTE, route.name)
        own["spec"] = spec
        own["metadata"]["labels"] = {**(own["metadata"].get("labels") or {}), **labels_of(target)}

    def remove_managed_routes(self, target: ApisixTarget, keep: frozenset[str], objects: Objects) -> None:
        """Delete the ApisixRoutes of header routes that are not to stay; nobody else's of such a name."""
        marked = (each["metadata"]["name"] for each in objects.select(ROUTE, {OWNER_LABEL: target.uid}))
        for name in dict.fromkeys((*_other_names(target), *marked)):
            if name not in keep:
                _delete(target, name, objects)

    def clean_up(self, target: ApisixTarget, objects: Objects) -> None:
        """Header routes go, and everything is back with stable; rules that are no longer split are no longer ours."""
        self.remove_managed_routes(target, frozenset(), objects)
        if self.get_weights(target, objects):
            self.set_weights(target, Weights(0), objects)


def _other_names(target: ApisixTarget) -> tuple[str, ...]:
    """The managed routes that can have an ApisixRoute of their own: the config's is the user's."""
    return tuple(name for name in target.managed_routes if name != target.config.route.name and not name_fault(name))


def _name_problems(target: ApisixTarget, objects: Objects) -> Iterator[tuple[str, str]]:
    """(managed route, what keeps it from having an ApisixRoute)."""
    for name in target.managed_routes:
        said = name_fault(name)
        if not said and target.uid and (found := objects.get(ROUTE, name)) is not None:
            said = ownership_fault(name, found, target)
        if said:
            yield name, said


def _refuse(target: ApisixTarget, name: str, found: Manifest | None) -> None:
    """Raise for a header route that has no valid name, or whose ApisixRoute is not the Rollout's."""
    if said := name_fault(name):
        raise SpecError(target.path, said, value=f'"{name}"')
    if found is not None and (said := ownership_fault(name, found, target)):
        raise OwnershipError(said)


def _delete(target: ApisixTarget, name: str, objects: Objects) -> None:
    found = objects.get(ROUTE, name)
    if found is not None and controller_of(found).get("uid") == target.uid:
        objects.delete(ROUTE, name)
