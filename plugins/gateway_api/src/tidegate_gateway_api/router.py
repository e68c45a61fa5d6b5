"""The router for the Gateway API: weights of backendRefs, and rules for headers and mirrors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tidegate.hooks import (
    Capability,
    Event,
    HeaderRoute,
    Kind,
    Manifest,
    MirrorRoute,
    Objects,
    Problem,
    Ref,
    Rule,
    SpecError,
    TrafficRouter,
    Verdict,
    Weights,
)
from tidegate_gateway_api.config import GatewayConfig
from tidegate_gateway_api.kinds import GROUP
from tidegate_gateway_api.lint import problems_of
from tidegate_gateway_api.managed import present, replace
from tidegate_gateway_api.matches import Unsayable
from tidegate_gateway_api.opened import Opened
from tidegate_gateway_api.record import rollouts_in
from tidegate_gateway_api.routes import KEYS, GatewayTarget, Route, refs_of, routes_of
from tidegate_gateway_api.rules import header_rules, mirror_rules
from tidegate_gateway_api.splitting import ports_of, split, weights_of
from tidegate_gateway_api.status import doubts, spoken

ROUTE_RIGHTS = "get list watch patch"
READ_RIGHTS = "get list watch"


class GatewayApi(TrafficRouter[GatewayConfig]):
    """Shifts traffic through routes of the Gateway API, whoever implements it.

    Routes are the users' and are edited in place: weights of the two Services in every rule that has both, and rules of
    this router's own while a header or mirror route is in force. What else a rule says is never touched.
    """

    name = "argoproj-labs/gatewayAPI"
    title = "GatewayAPI"
    config = GatewayConfig
    can = frozenset(
        {
            *(Capability.WEIGHTS, Capability.TOTAL, Capability.EXPERIMENT, Capability.PING_PONG, Capability.VERIFY),
            *(Capability.HEADER, Capability.HEADER_PREFIX, Capability.HEADER_REGEX, Capability.MIRROR),
        }
    )
    needs = (
        *(Rule(GROUP, plural, ROUTE_RIGHTS) for plural in ("httproutes", "grpcroutes", "tcproutes", "tlsroutes")),
        Rule(GROUP, "referencegrants", READ_RIGHTS),
        Rule("", "services", READ_RIGHTS),
    )
    marks = tuple(kind.kind for kind in KEYS.values())

    def reads(self, target: GatewayTarget) -> Sequence[Ref]:
        """The routes; the ReferenceGrants where they live in another namespace; the canary Service for its ports."""
        return tuple(refs_of(target))

    def lint(self, target: GatewayTarget, objects: Objects) -> Sequence[Problem]:
        """Routes that are not split, a selector that finds none, a namespace that does not grant, weights too high."""
        return tuple(problems_of(target, objects))

    def set_weights(self, target: GatewayTarget, weights: Weights, objects: Objects) -> None:
        """Write the weights into every rule that has both Services, and mark the routes while there is a canary."""
        for route in routes_of(target, objects):
            at = _edited(target, route, objects, f"set to desiredWeight '{weights.canary}'")
            split(at, weights, ports_of(at, weights, objects))
            at.close()

    def get_weights(self, target: GatewayTarget, objects: Objects) -> Mapping[str, Weights]:
        """The weights in the routes, by their names; a route that is not split is left out."""
        found: dict[str, Weights] = {}
        for at in _opened(target, objects):
            for name, weights in _read(at).items():
                found[name if name not in found else f"{at.route.kind.noun} {name}"] = weights
        return found

    def verify_weights(self, target: GatewayTarget, weights: Weights, objects: Objects) -> Verdict:
        """Whether every parent has accepted the routes as they are now; None where no parent says so much."""
        told, said = False, list[str]()
        for at in _opened(target, objects):
            behind = [
                each for each in _read(at).values() if (each.canary, each.total) != (weights.canary, weights.total)
            ]
            said += [f"{at.route.title}: the weights just written are not to be seen yet"] if behind else doubts(at)
            told = told or bool(spoken(at))
        if said:
            return Verdict(False, "; ".join(said))
        return Verdict(True) if told else Verdict(None, "no parent of the routes says which generation it has seen")

    def set_header_route(self, target: GatewayTarget, route: HeaderRoute, objects: Objects) -> None:
        """Put rules for the headers before the rules that are split, in every route that takes header routes."""
        taking = [each for each in routes_of(target, objects) if each.headers]
        if not taking and route.match:
            said = (
                f"no route takes header route {route.name}; set useHeaderRoutes on an entry of httpRoutes or grpcRoutes"
            )
            raise SpecError(target.path, said, value=f'"{route.name}"')
        for each in taking:
            _manage(_edited(target, each, objects, f"set headerRoute '{route.name}'"), route)

    def set_mirror_route(self, target: GatewayTarget, route: MirrorRoute, objects: Objects) -> None:
        """Put rules that copy requests to the canary before the rules that are split, in every HTTP and GRPC route."""
        taking = [each for each in routes_of(target, objects) if each.kind.matches]
        if not taking and route.match:
            said = f"no route takes mirror route {route.name}: only an HTTPRoute or a GRPCRoute can copy; name one"
            raise SpecError(target.path, said, value=f'"{route.name}"')
        for each in taking:
            _manage(_edited(target, each, objects, f"set mirrorRoute '{route.name}'"), route)

    def remove_managed_routes(self, target: GatewayTarget, keep: frozenset[str], objects: Objects) -> None:
        """Take out the rules of every managed route that is not to stay."""
        for found in _opened(target, objects):
            unwanted = [name for name in present(found) if name not in keep]
            if not unwanted:
                continue
            at = _edited(target, found.route, objects, f"removed managed routes {', '.join(unwanted)}")
            for name in unwanted:
                replace(at, name, [])
            at.close()

    def clean_up(self, target: GatewayTarget, objects: Objects) -> None:
        """Give every request back to stable, and take out what is this Rollout's: rules, destinations, marks."""
        for found in _opened(target, objects):
            at = _edited(target, found.route, objects, "given back")
            for name in present(at):
                replace(at, name, [])
            if _read(at):
                split(at, Weights(0, target.total), {})
            at.record.backends.clear()
            at.close()

    def claims(self, kind: Kind, manifest: Manifest) -> Mapping[str, Mapping[str, str]]:
        """The Rollouts of the route's own namespace whose canary or rules it still has."""
        metadata = manifest["metadata"]
        field = next(each.field for each in KEYS.values() if each.noun == kind.kind)
        owners = (key.partition("/") for key in rollouts_in(manifest))
        return {name: {field: metadata["name"]} for home, _, name in owners if home == metadata.get("namespace")}


def _edited(target: GatewayTarget, route: Route, objects: Objects, said: str) -> Opened:
    """A route to be edited; the event is sent if it differs in the end. Raises NotFound."""
    event = Event(f"Updated{route.kind.noun}", f"{route.title} {said}")
    return Opened(route, target, objects.edit(route.kind.kind, route.name, event, route.namespace))


def _opened(target: GatewayTarget, objects: Objects) -> Iterator[Opened]:
    """The routes that exist, to be looked at."""
    for route in routes_of(target, objects):
        if (manifest := route.read(objects)) is not None:
            yield Opened(route, target, manifest)


def _read(at: Opened) -> dict[str, Weights]:
    """The weights of a route; empty for one that is not split: that is for lint and for a write to say."""
    try:
        return weights_of(at)
    except SpecError:
        return {}


def _manage(at: Opened, route: HeaderRoute | MirrorRoute) -> None:
    """Bring one managed route of one route to what it should be."""
    try:
        fresh: list[Manifest] = []
        if route.match:
            fresh = header_rules(at, route) if isinstance(route, HeaderRoute) else mirror_rules(at, route)
    except Unsayable as error:
        raise at.fault(f"managed route {route.name}: {error}") from error
    replace(at, route.name, fresh)
    at.close()
