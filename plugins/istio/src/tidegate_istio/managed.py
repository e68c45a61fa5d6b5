"""Header and mirror routes: what they look like, in which order they stand, how they go again. Pure."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

from tidegate.hooks import HeaderRoute, Manifest, Match, MirrorMatch, MirrorRoute
from tidegate_istio.destinations import Side, first, host_of, subset_of
from tidegate_istio.ledger import MANAGED_ROUTES, note, read_ledger
from tidegate_istio.routes import Choice, Found, destinations_of, routes_of

INHERIT = "tidegate.io/istio.inherit-match"  # "true": managed routes match only what the weighted route matches
TEMPLATE = "tidegate.io/istio.route-template"  # a route's name, or ANY, whose settings managed routes take over
ANY = "*"  # the route that carries the weights, whatever its name
SETTINGS = ("rewrite", "timeout", "retries", "headers", "corsPolicy")  # what #3155 misses on managed routes

# What a managed route of ours, or of Argo Rollouts, has at most; a route with more is somebody's own.
SHAPE = frozenset({"name", "match", "route", "mirror", "mirrorPercentage"})


def header_route(route: HeaderRoute, model: Found, choice: Choice) -> Manifest:
    """Requests with one of the headers go to the canary. `model` is the route that carries the weights.

    The weight is written out: a route whose weights add up to nothing is refused by Istio's webhook (#3141).
    """
    matches = [{"headers": {name: _comparison(match)}} for name, match in route.match]
    entry = {"destination": _canary(model, choice), "weight": 100}
    return {"name": route.name, "match": matches, "route": [entry]}


def mirror_route(route: MirrorRoute, model: Found, choice: Choice) -> Manifest:
    """Requests that match are shared out as on the weighted route, and copied to the canary."""
    return {
        "name": route.name,
        "match": [_mirror_match(match) for match in route.match],
        "route": copy.deepcopy(destinations_of(model.route)),
        "mirror": _canary(model, choice),
        "mirrorPercentage": {"value": route.percentage},
    }


def with_options(wanted: Manifest, model: Found, manifest: Manifest, annotations: Mapping[str, str]) -> Manifest:
    """The managed route with what the Rollout's annotations ask for beside; unchanged without any."""
    if annotations.get(INHERIT) == "true":
        wanted = {**wanted, "match": _narrowed(wanted["match"], model.route.get("match") or [])}
    name = annotations.get(TEMPLATE, "")
    pattern = model.route if name == ANY else _named(routes_of(manifest, "http"), name)
    settings = {key: copy.deepcopy(pattern[key]) for key in SETTINGS if name and pattern and key in pattern}
    return {**settings, **wanted}


def insert(manifest: Manifest, wanted: Manifest, choice: Choice) -> None:
    """Put a managed route in its place, instead of every route of that name.

    Managed routes stand first: by Rollout, and each Rollout's in the order of its managedRoutes, so that two Rollouts
    with one VirtualService agree on the order. All others keep their order and their number.
    """
    routes = [wanted, *(route for route in routes_of(manifest, "http") if route.get("name") != wanted["name"])]
    here = {route.get("name") for route in routes}
    mine = sorted(ours(choice, manifest), key=lambda name: _rank(choice.managed, name))
    note(manifest, MANAGED_ROUTES, choice.who, tuple(name for name in mine if name in here))
    manifest["spec"]["http"] = _ordered(routes, read_ledger(manifest, MANAGED_ROUTES))


def remove(manifest: Manifest, names: Collection[str], choice: Choice) -> bool:
    """Take managed routes away and forget them; whether one of them was there."""
    routes = routes_of(manifest, "http")
    left = [route for route in routes if route.get("name") not in names]
    if len(left) != len(routes):
        manifest["spec"]["http"] = left
    recorded = read_ledger(manifest, MANAGED_ROUTES).get(choice.who, ())
    note(manifest, MANAGED_ROUTES, choice.who, tuple(name for name in recorded if name not in names))
    return len(left) != len(routes)


def ours(choice: Choice, manifest: Manifest) -> tuple[str, ...]:
    """The names of this Rollout's managed routes: those that are recorded as its own, and those that its spec lists and
    that are not recorded as another's. Whether a route of that name is there is another matter."""
    ledger = read_ledger(manifest, MANAGED_ROUTES)
    others = {name for who, names in ledger.items() if who != choice.who for name in names}
    return tuple(dict.fromkeys([*ledger.get(choice.who, ()), *(name for name in choice.managed if name not in others)]))


def other_owner(name: str, choice: Choice, manifest: Manifest) -> str:
    """The Rollout that has recorded the name as its own managed route, "" where no other has."""
    ledger = read_ledger(manifest, MANAGED_ROUTES)
    return next((who for who in sorted(ledger) if who != choice.who and name in ledger[who]), "")


def is_foreign(route: Manifest, choice: Choice, manifest: Manifest) -> bool:
    """Whether a route with a managed name is somebody's own: not recorded, and with settings that we do not write."""
    recorded = {name for names in read_ledger(manifest, MANAGED_ROUTES).values() for name in names}
    name = route.get("name")
    return name in choice.managed and name not in recorded and not set(route) <= SHAPE


def _rank(names: Sequence[str], name: str) -> int:
    """The place of a name; one that is not listed any more comes last."""
    return names.index(name) if name in names else len(names)


def _ordered(routes: Sequence[Manifest], ledger: Mapping[str, Sequence[str]]) -> list[Manifest]:
    ranks = {name: rank for rank, name in enumerate(itertools.chain(*(ledger[who] for who in sorted(ledger))))}
    managed = sorted((r for r in routes if r.get("name") in ranks), key=lambda route: ranks[route["name"]])
    return [*managed, *(route for route in routes if route.get("name") not in ranks)]


def _canary(model: Found, choice: Choice) -> Manifest:
    """The canary's destination: host and subset as on the weighted route.

    The port is the canary's own there, or else that of the first destination, as Argo Rollouts takes it.
    """
    entries = destinations_of(model.route)
    canary = first(entries, choice.sides, Side.CANARY) or {}
    found: Manifest = {"host": host_of(canary)}
    if subset := subset_of(canary) or choice.sides.canary_subset:
        found["subset"] = subset
    for entry in (canary, *entries[:1]):
        if port := (entry.get("destination") or {}).get("port"):
            return {**found, "port": copy.deepcopy(port)}
    return found


def _comparison(match: Match) -> Manifest:
    given = {"exact": match.exact, "prefix": match.prefix, "regex": match.regex}
    return {key: value for key, value in given.items() if value}


def _mirror_match(match: MirrorMatch) -> Manifest:
    found: Manifest = {}
    if match.method is not None:
        found["method"] = _comparison(match.method)
    if match.path is not None:
        found["uri"] = _comparison(match.path)
    if match.headers:
        found["headers"] = {name: _comparison(value) for name, value in match.headers.items()}
    return found


def _narrowed(matches: Iterable[Manifest], outer: Sequence[Manifest]) -> list[Manifest]:
    """Each match together with each one of the weighted route. Where both speak of a field or a header, ours counts."""
    if not outer:
        return list(matches)
    return [_both(copy.deepcopy(theirs), own) for own in matches for theirs in outer]


def _both(theirs: Manifest, own: Manifest) -> Manifest:
    headers = {**(theirs.get("headers") or {}), **(own.get("headers") or {})}
    joined = {**theirs, **own}
    joined.pop("name", None)  # the name of a match is for its own route's statistics
    return {**joined, "headers": headers} if headers else joined


def _named(routes: Iterable[Manifest], name: str) -> Manifest | None:
    return next((route for route in routes if name and route.get("name") == name), None)
