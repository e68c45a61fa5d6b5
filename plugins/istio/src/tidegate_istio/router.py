"""The router for Istio: weights in VirtualServices, revisions in the subsets of a DestinationRule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tidegate.hooks import (
    Capability,
    Event,
    Hashes,
    HeaderRoute,
    Kind,
    Manifest,
    MirrorRoute,
    NotFound,
    Objects,
    Problem,
    Ref,
    Rule,
    SpecError,
    Target,
    TrafficRouter,
    Weights,
)
from tidegate_istio.config import IstioConfig
from tidegate_istio.destinations import carried, reserved_weight, share_out, weight_of
from tidegate_istio.kinds import DESTINATION_RULE, GROUP, VIRTUAL_SERVICE
from tidegate_istio.ledger import MANAGED_ROUTES, OWNED_SUBSETS, read_ledger
from tidegate_istio.lint import TAKEN, check_rule, problems
from tidegate_istio.managed import header_route, insert, mirror_route, other_owner, ours, remove, with_options
from tidegate_istio.routes import Choice, Found, choices, destinations_of, routes_of, weighted
from tidegate_istio.subsets import add_experiments, claimed, follow, let_go

UPDATED = "Updated VirtualService"  # with its space; clients know it
NO_HTTP = "No VirtualService has an HTTP route that carries weights, so there is none to put route '{}' before"
Make = Callable[[Found, Choice], Manifest]


class Istio(TrafficRouter[IstioConfig]):
    """Shifts traffic through weighted destinations: two Services, or two subsets of one host.

    VirtualServices are the user's: only weights, destinations of experiments and managed routes are written, in place.
    `verify_weights` is not offered: nothing tells what the proxies have loaded. That the API server holds the weight is
    read back after every write, through `get_weights`.
    """

    name = "istio"
    title = "Istio"
    config = IstioConfig
    can = frozenset(
        {
            Capability.WEIGHTS,
            Capability.HASH,
            Capability.HEADER,
            Capability.HEADER_PREFIX,
            Capability.HEADER_REGEX,
            Capability.MIRROR,
            Capability.EXPERIMENT,
            Capability.PING_PONG,
            Capability.SERVICES_FIRST,
            Capability.NO_SERVICES,
        }
    )
    needs = (
        Rule(GROUP, "virtualservices", "get list watch patch"),
        Rule(GROUP, "destinationrules", "get list watch patch"),
    )
    order = 10
    marks = (DESTINATION_RULE,)
    remote = "istio.argoproj.io/primary-cluster=true"

    def reads(self, target: Target[IstioConfig]) -> Sequence[Ref]:
        """The VirtualServices, which must exist, and the DestinationRule, whose absence is told by an event."""
        refs = [
            Ref(VIRTUAL_SERVICE, choice.name, path=choice.field, namespace=choice.namespace)
            for choice in choices(target)
        ]
        rule = target.config.rule
        if rule is not None:
            refs.append(Ref(DESTINATION_RULE, rule.name, required=False, path=f"{target.path}.destinationRule.name"))
        return refs

    def lint(self, target: Target[IstioConfig], objects: Objects) -> Sequence[Problem]:
        """Routes and subsets that cannot carry the weights, in the words that clients know."""
        return tuple(problems(target, objects))

    def remove_managed_routes(self, target: Target[IstioConfig], keep: frozenset[str], objects: Objects) -> None:
        """Take managed routes out of every VirtualService, whatever protocols it has; a missing one is passed over."""
        for choice in choices(target):
            manifest = objects.get(VIRTUAL_SERVICE, choice.name, choice.namespace)
            if manifest is not None:
                _remove(choice, manifest, keep, objects)

    def update_hash(self, target: Target[IstioConfig], hashes: Hashes, objects: Objects) -> None:
        """Have the two subsets select the revisions; every other subset and field stays as it is."""
        rule = target.config.rule
        if rule is None:
            return
        found = objects.get(DESTINATION_RULE, rule.name)
        if found is None:
            said = f"DestinationRule `{rule.name}` not found"
            raise NotFound(said, code=404, reason="DestinationRuleNotFound")
        check_rule(target, rule, found)
        told = f"{rule.canary}: {hashes.canary}, {rule.stable}: {hashes.stable}"
        event = Event("UpdatedDestinationRule", f"DestinationRule {rule.name} subset updated ({told})")
        follow(objects.edit(DESTINATION_RULE, rule.name, event), rule, hashes, target)

    def set_weights(self, target: Target[IstioConfig], weights: Weights, objects: Objects) -> None:
        """Share the traffic out on every weighted route, and on the managed mirror routes, which are copies of one."""
        for choice in choices(target):
            manifest = _virtual_service(choice, objects)
            places = [(found.protocol, found.index) for found in weighted(choice, manifest)]
            said = f"VirtualService `{choice.name}` set to desiredWeight '{weights.canary}'"
            edited = objects.edit(VIRTUAL_SERVICE, choice.name, Event(UPDATED, said), choice.namespace)
            for protocol, index in [*places, *_mirrors(choice, edited)]:
                route = routes_of(edited, protocol)[index]
                route["route"] = share_out(destinations_of(route), choice.sides, weights)
            if excess := _excess(choice, [routes_of(edited, protocol)[index] for protocol, index in places], weights):
                objects.edit(VIRTUAL_SERVICE, choice.name, excess, choice.namespace)
        _experiments(target, weights, objects)

    def get_weights(self, target: Target[IstioConfig], objects: Objects) -> Mapping[str, Weights]:
        """The share on every weighted route, by VirtualService; where its routes differ, by route."""
        found: dict[str, Weights] = {}
        for choice in choices(target):
            manifest = objects.get(VIRTUAL_SERVICE, choice.name, choice.namespace)
            place = f"{choice.namespace}/{choice.name}" if choice.namespace else choice.name
            if manifest is not None:
                found |= _carried(choice, manifest, place)
        return found

    def set_header_route(self, target: Target[IstioConfig], route: HeaderRoute, objects: Objects) -> None:
        """Put the route first in `spec.http` of every VirtualService whose HTTP routes carry weights."""
        said = f"set headerRoute '{route.name}'"
        if route.match:
            _insert(target, route.name, lambda model, choice: header_route(route, model, choice), said, objects)
        else:
            _withdraw(target, route.name, objects)

    def set_mirror_route(self, target: Target[IstioConfig], route: MirrorRoute, objects: Objects) -> None:
        """Put the route first in `spec.http` of every VirtualService whose HTTP routes carry weights."""
        said = f"set mirrorRoute '{route.name}'"
        if route.match:
            _insert(target, route.name, lambda model, choice: mirror_route(route, model, choice), said, objects)
        else:
            _withdraw(target, route.name, objects)

    def clean_up(self, target: Target[IstioConfig], objects: Objects) -> None:
        """Everything to stable, managed routes out, labels and marks off the rule.

        Once the Rollout is gone its VirtualServices are left alone: where their requests went is where they go on to go.
        """
        if not target.deleted:
            for choice in choices(target):
                _restore(choice, objects)
        rule = target.config.rule
        if rule is not None and objects.get(DESTINATION_RULE, rule.name) is not None:
            let_go(objects.edit(DESTINATION_RULE, rule.name), target)

    def claims(self, kind: Kind, manifest: Manifest) -> Mapping[str, Mapping[str, Any]]:
        """The Rollouts that have put labels into a DestinationRule.

        The VirtualService in their configs is made up: those of a Rollout that is gone are left alone.
        """
        if kind.kind != DESTINATION_RULE.kind:
            return {}
        name = manifest["metadata"]["name"]
        return {
            rollout: {
                "virtualService": {"name": name},
                "destinationRule": {"name": name, "canarySubsetName": first, "stableSubsetName": second},
            }
            for rollout, (first, second) in claimed(manifest).items()
        }


def _virtual_service(choice: Choice, objects: Objects) -> Manifest:
    found = objects.get(VIRTUAL_SERVICE, choice.name, choice.namespace)
    if found is None:
        said = f"VirtualService `{choice.name}` not found"
        raise NotFound(said, code=404, reason="VirtualServiceNotFound")
    return found


def _mirrors(choice: Choice, manifest: Manifest) -> Iterator[tuple[str, int]]:
    """Where the Rollout's managed mirror routes stand."""
    names = ours(choice, manifest)
    for index, route in enumerate(routes_of(manifest, "http")):
        if route.get("name") in names and "mirror" in route:
            yield "http", index


def _excess(choice: Choice, routes: Sequence[Manifest], weights: Weights) -> Event | None:
    """The warning that subsets of other owners take more than is left; None where they do not."""
    for route in routes:
        entries = destinations_of(route)
        total, reserved = sum(weight_of(entry) for entry in entries), reserved_weight(entries, choice.sides)
        if reserved and total > weights.total:
            said = (
                f"VirtualService `{choice.name}` carries weights of {total}: {reserved} are reserved by "
                f"additionalSubsetNames, and the canary has {weights.canary}; lower one of them"
            )
            return Event("WeightsExceedTotal", said, "Warning")
    return None


def _experiments(target: Target[IstioConfig], weights: Weights, objects: Objects) -> None:
    """Keep the subsets of experiments in step; a rule that is missing is told of by `update_hash`."""
    rule = target.config.rule
    found = objects.get(DESTINATION_RULE, rule.name) if rule else None
    if rule is None or found is None:
        return
    if weights.additional or target.key in read_ledger(found, OWNED_SUBSETS):
        add_experiments(objects.edit(DESTINATION_RULE, rule.name), target.key, weights.additional)


def _carried(choice: Choice, manifest: Manifest, place: str) -> dict[str, Weights]:
    try:
        routes = weighted(choice, manifest)
    except SpecError:
        return {}  # nothing to read; lint tells why
    shares = {
        f"{place} spec.{found.protocol}[{found.index}]": share
        for found in routes
        if (share := carried(destinations_of(found.route), choice.sides)) is not None
    }
    alike = {(share.canary, share.total) for share in shares.values()}
    return {place: next(iter(shares.values()))} if len(alike) == 1 else shares


def _insert(target: Target[IstioConfig], name: str, make: Make, said: str, objects: Objects) -> None:
    """Write a managed route into every VirtualService that has HTTP routes with weights.

    Raises SpecError where there is none: the requests of the route would go on as if it were not there.
    """
    written = False
    for choice in choices(target):
        manifest = _virtual_service(choice, objects)
        model = next((found for found in weighted(choice, manifest) if found.protocol == "http"), None)
        if model is None:
            continue
        if owner := other_owner(name, choice, manifest):
            raise choice.refusal(TAKEN.format(name, owner))
        wanted = with_options(make(model, choice), model, manifest, target.annotations)
        event = Event(UPDATED, f"VirtualService `{choice.name}` {said}")
        insert(objects.edit(VIRTUAL_SERVICE, choice.name, event, choice.namespace), wanted, choice)
        written = True
    if not written:
        raise SpecError(target.path, NO_HTTP.format(name), value=f'"{name}"')


def _withdraw(target: Target[IstioConfig], name: str, objects: Objects) -> None:
    """Remove one managed route wherever it is ours."""
    for choice in choices(target):
        manifest = objects.get(VIRTUAL_SERVICE, choice.name, choice.namespace)
        if manifest is not None:
            _remove(choice, manifest, frozenset(ours(choice, manifest)) - {name}, objects)


def _remove(choice: Choice, manifest: Manifest, keep: frozenset[str], objects: Objects) -> None:
    names = frozenset(ours(choice, manifest)) - keep
    there = sorted(str(route["name"]) for route in routes_of(manifest, "http") if route.get("name") in names)
    if not there and not names & set(read_ledger(manifest, MANAGED_ROUTES).get(choice.who, ())):
        return
    kept = any(route.get("name") in keep for route in routes_of(manifest, "http"))
    said = f"removed managed routes {', '.join(there)}" if kept else "removed all managed routes."
    event = Event(UPDATED, f"VirtualService `{choice.name}` {said}") if there else None
    remove(objects.edit(VIRTUAL_SERVICE, choice.name, event, choice.namespace), names, choice)


def _restore(choice: Choice, objects: Objects) -> None:
    """One VirtualService as it is without the Rollout: no managed routes, everything to stable."""
    manifest = objects.get(VIRTUAL_SERVICE, choice.name, choice.namespace)
    if manifest is None:
        return
    event = Event(UPDATED, f"VirtualService `{choice.name}` set to desiredWeight '0'")
    edited = objects.edit(VIRTUAL_SERVICE, choice.name, event, choice.namespace)
    remove(edited, frozenset(ours(choice, edited)), choice)
    try:
        routes = weighted(choice, edited)
    except SpecError:
        return  # somebody has rebuilt the routes; there are no weights of ours left to take back
    for found in routes:
        found.route["route"] = share_out(destinations_of(found.route), choice.sides, Weights(0))
