"""Every check of the kit catches the router that breaks it; a good router passes all of them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from tidegate.errors import TidegateError
from tidegate.hooks import (
    Capability,
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
    Verdict,
    Weights,
)
from tidegate_sandbox.dataplane.endpoints import RESOURCES, Endpoints
from tidegate_sandbox.dataplane.routes import (
    Cluster,
    HeaderMatch,
    Host,
    PathKind,
    PathMatch,
    Route,
    RouteTable,
    Share,
    ValueKind,
    World,
)
from tidegate_testkit.sabotage import SABOTAGES, TrafficProof, caught
from tidegate_testkit.traffic import MemoryCluster, Neighbour, TrafficCase, TrafficConformance

APEX = Kind("example.com", "v1", "Apex", "apexes")
SPLIT = Kind("example.com", "v1", "Split", "splits")
COLOUR = "example.com/colour"


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    apex: str


class Good(TrafficRouter[Config]):
    """Writes shares, hashes and managed routes into an Apex that several Rollouts share, and a Split of its own."""

    name = "example.com/good"
    config = Config
    marks = (APEX,)
    can = frozenset(set(Capability) - {Capability.NO_SERVICES})
    needs = (
        Rule("example.com", "apexes", "get list watch patch"),
        Rule("example.com", "splits", "get list watch create patch delete"),
    )

    def reads(self, target: Target[Config]) -> Sequence[Ref]:
        split = Ref(SPLIT, target.name, required=False)
        return [Ref(APEX, target.config.apex, path=f"{target.path}.apex"), split]

    def lint(self, target: Target[Config], objects: Objects) -> Sequence[Problem]:
        apex = objects.get(APEX, target.config.apex)
        return [] if apex is None or apex["spec"]["host"] else [Problem(f"{target.path}.apex", "has no host")]

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        if target.annotations.get(COLOUR, "red") not in ("red", "blue"):
            raise SpecError(f"metadata.annotations[{COLOUR}]", "must be red or blue")
        if objects.get(APEX, target.config.apex) is None:
            raise NotFound(f"apexes.example.com {target.config.apex} not found")
        share_out(target, weights, objects)
        a_split(target, {"canary": weights.canary, "total": weights.total}, objects)

    def get_weights(self, target: Target[Config], objects: Objects) -> Mapping[str, Weights]:
        split = objects.get(SPLIT, target.name)
        return {target.name: Weights(split["spec"]["canary"], total=split["spec"]["total"])} if split else {}

    def verify_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> Verdict:
        split = objects.get(SPLIT, target.name) or {}
        in_force = split.get("status", {}).get("canary")
        return Verdict(in_force == weights.canary, f"{in_force} is in force")

    def update_hash(self, target: Target[Config], hashes: Hashes, objects: Objects) -> None:
        spec = objects.edit(APEX, target.config.apex)["spec"]
        ours = {target.canary_service: hashes.canary or None, target.stable_service: hashes.stable or None}
        spec["hashes"] = {name: value for name, value in {**spec.get("hashes", {}), **ours}.items() if value} or None

    def set_header_route(self, target: Target[Config], route: HeaderRoute, objects: Objects) -> None:
        headers = [{"name": name, **forms(match)} for name, match in route.match]
        put_route(target, route.name, {"headers": headers} if headers else None, objects)

    def set_mirror_route(self, target: Target[Config], route: MirrorRoute, objects: Objects) -> None:
        put_route(target, route.name, {"percent": route.percentage} if route.match else None, objects)

    def remove_managed_routes(self, target: Target[Config], keep: frozenset[str], objects: Objects) -> None:
        apex = objects.get(APEX, target.config.apex)
        for name in [each["name"] for each in (apex or {"spec": {}})["spec"].get("routes") or []]:
            if name in target.managed_routes and name not in keep:
                put_route(target, name, None, objects)

    def clean_up(self, target: Target[Config], objects: Objects) -> None:
        objects.delete(SPLIT, target.name)
        if objects.get(APEX, target.config.apex) is not None:
            self.update_hash(target, Hashes("", ""), objects)
            self.remove_managed_routes(target, frozenset(), objects)
            spec = objects.edit(APEX, target.config.apex)["spec"]
            spec["shares"] = [each for each in spec.get("shares", []) if each["by"] != target.name] or None

    def claims(self, kind: Kind, manifest: Manifest) -> Mapping[str, Mapping[str, Any]]:
        entries = manifest["spec"].get("shares", []) if kind == APEX else []
        return {each["by"]: {"apex": manifest["metadata"]["name"]} for each in entries}


def forms(match: Any) -> dict[str, str]:
    return {form: getattr(match, form) for form in ("exact", "prefix", "regex") if getattr(match, form) is not None}


def share_out(target: Any, weights: Weights, objects: Objects) -> None:
    """Bring our entries to their weights in place: what others put beside a weight stays."""
    spec = objects.edit(APEX, target.config.apex)["spec"]
    wanted = {target.canary_service: weights.canary, target.stable_service: weights.stable}
    wanted |= {extra.service: extra.weight for extra in weights.additional}
    shares = [each for each in spec.get("shares", []) if each["by"] != target.name or each["service"] in wanted]
    for service, weight in wanted.items():
        ours = next((each for each in shares if each["service"] == service), None)
        if ours is None:
            shares.append({"service": service, "weight": weight, "by": target.name})
        else:
            ours["weight"] = weight
    spec["shares"] = shares


def put_route(target: Any, name: str, route: Manifest | None, objects: Objects) -> None:
    """Write or remove one managed route; the managed ones stand first, in their order."""
    spec = objects.edit(APEX, target.config.apex)["spec"]
    routes = {each["name"]: each for each in spec.get("routes") or []}
    routes.pop(name, None)
    if route is not None:
        routes[name] = {"name": name, **route}
    managed = [routes.pop(each) for each in target.managed_routes if each in routes]
    spec["routes"] = [*managed, *routes.values()] or None


def a_split(target: Any, spec: dict[str, Any], objects: Objects) -> None:
    """The Split of the Rollout with this spec."""
    if objects.get(SPLIT, target.name) is None:
        objects.create(SPLIT, {"metadata": {"name": target.name, "ownerReferences": [target.owner]}, "spec": spec})
    else:
        objects.edit(SPLIT, target.name)["spec"] = spec


def shares(cluster: MemoryCluster, rollout: str) -> dict[str, int]:
    apex = cluster.find(APEX, "default", "web") or {"spec": {}}
    return {each["service"]: each["weight"] for each in apex["spec"].get("shares", []) if each["by"] == rollout}


def share(rollout: str) -> Callable[[MemoryCluster], float | None]:
    """The canary's share as both objects have it; None where they disagree."""

    def observe(cluster: MemoryCluster) -> float | None:
        split, seen = cluster.find(SPLIT, "default", rollout), shares(cluster, rollout)
        if split is None or not seen:
            return None
        in_apex = 100 * seen[f"{rollout}-canary"] / sum(seen.values())
        if "demo-exp" in seen or in_apex == 100 * split["spec"]["canary"] / split["spec"]["total"]:
            return in_apex
        # Ping and pong have changed places: the Split counts what the role has, the Apex what the Service has.
        return in_apex if in_apex == 100 - split["spec"]["canary"] else None

    return observe


def settle(cluster: MemoryCluster) -> None:
    """What a mesh of this kind would do: say in its status what it follows."""
    split = cluster.find(SPLIT, "default", "demo")
    assert split is not None
    cluster.edit(SPLIT, "default", "demo", {"status": {"canary": split["spec"]["canary"]}})


class ApexTranslator:
    """Reads Apexes as their mesh would."""

    resources = ("apexes.example.com", *RESOURCES)

    def translate(self, world: World) -> RouteTable:
        found, hosts, clusters = Endpoints(world), [], {}
        anything = PathMatch(PathKind.PREFIX, "/")
        for apex in world["apexes.example.com"]:
            spec, namespace = apex["spec"], apex["metadata"]["namespace"]
            mine = [each for each in spec.get("shares", []) if each["by"] == "demo"]
            for service in [each["service"] for each in mine]:
                clusters[service] = Cluster(service, found.ready(namespace, service, "80")[0])
            routes = [
                Route(anything, (Share("demo-canary", 1),), tuple(conditions(route["headers"])))
                for route in spec.get("routes", [])
                if "headers" in route
            ]
            routes.append(Route(anything, tuple(Share(each["service"], each["weight"]) for each in mine)))
            hosts.append(Host(spec["host"], tuple(routes)))
        return RouteTable(tuple(hosts), tuple(clusters.values()))


def conditions(headers: list[dict[str, str]]) -> list[HeaderMatch]:
    return [HeaderMatch(each["name"].lower(), each["exact"], ValueKind.EXACT) for each in headers if "exact" in each]


def a_case(router: type[TrafficRouter[Any]] = Good) -> TrafficCase:
    spec = {"host": "web.example", "paths": [{"path": "/", "headers": {"x-team": "shop"}}]}
    manifest = {"apiVersion": "example.com/v1", "kind": "Apex", "metadata": {"name": "web"}, "spec": spec}
    return TrafficCase(
        router=router,
        config={"apex": "web"},
        manifests=[manifest],
        observe=share("demo"),
        splits=lambda cluster: [found] if (found := shares(cluster, "demo")) else [],
        routes=lambda cluster: [
            each["name"] for each in (cluster.find(APEX, "default", "web") or {})["spec"]["routes"]
        ],
        neighbour=Neighbour({"apex": "web"}, share("other")),
        settle=settle,
        translator=ApexTranslator,
        annotations={COLOUR: "blue"},
    )


class TestGood(TrafficConformance):
    @pytest.fixture
    def case(self) -> TrafficCase:
        return a_case()


class TestProof(TrafficProof):
    @pytest.fixture
    def case(self) -> TrafficCase:
        return a_case()


def test_a_case_that_looks_at_nothing_proves_nothing() -> None:
    (remembers,) = [each for each in SABOTAGES if each.name == "remembers"]
    assert caught(a_case(), remembers)
    assert caught(replace(a_case(), observe=lambda cluster: 50), remembers) == ""


# One broken router for each check. `original` is the good verb.
original = Good.set_weights


def with_split(**changes: Callable[[Weights], object]) -> Callable[..., None]:
    """The good verb with other values in the Split."""

    def set_weights(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
        original(self, target, weights, objects)
        objects.edit(SPLIT, target.name)["spec"] |= {key: value(weights) for key, value in changes.items()}

    return set_weights


def never_full(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    original(self, target, Weights(min(weights.canary, 99), total=weights.total), objects)


def never_down(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    split = objects.get(SPLIT, target.name)
    canary = max(weights.canary, split["spec"]["canary"] if split else 0)
    original(self, target, Weights(canary, total=weights.total), objects)


def forgets_the_apex(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    a_split(target, {"canary": weights.canary, "total": weights.total}, objects)


def forgets_stable(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    original(self, target, weights, objects)
    entries = objects.edit(APEX, target.config.apex)["spec"]["shares"]
    next(each for each in entries if each["service"] == target.stable_service)["weight"] = 100


def takes_everything_for_the_canary(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    """The Split says one thing, the Apex, which the proxy follows, another."""
    share_out(target, Weights(weights.total, total=weights.total), objects)
    a_split(target, {"canary": weights.canary, "total": weights.total}, objects)


class Counting(Good):
    """Writes a counter: a second call is never a no-op."""

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        self.calls = getattr(self, "calls", 0) + 1
        original(self, target, weights, objects)
        objects.edit(SPLIT, target.name)["spec"]["calls"] = self.calls


class Remembering(Good):
    """Keeps state: a new instance writes again."""

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        if not hasattr(self, "mark"):
            self.mark = id(self)
        original(self, target, weights, objects)
        objects.edit(SPLIT, target.name)["spec"]["by"] = self.mark


def replaces_metadata(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    original(self, target, weights, objects)
    objects.edit(SPLIT, target.name)["metadata"].update(annotations={}, labels={})


def makes_entries_anew(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    original(self, target, weights, objects)
    spec = objects.edit(APEX, target.config.apex)["spec"]
    spec["paths"] = [{"path": each["path"], "headers": each["headers"]} for each in spec["paths"]]


def makes_numbers_floats(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    """A round trip through something that knows only floating-point numbers."""
    original(self, target, weights, objects)
    apex = objects.edit(APEX, target.config.apex)
    apex["spec"] = json.loads(json.dumps(apex["spec"]), parse_int=float)
    for each in apex["spec"]["shares"]:
        each["weight"] = int(each["weight"])


class Stale(Good):
    """Answers from what it saw first: a second look after a conflict changes nothing for it."""

    seen: dict[int, Any] = {}  # noqa: RUF012  (that is the fault)

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        original(self, target, weights, objects)
        split = objects.edit(SPLIT, target.name)
        split["metadata"]["annotations"] = self.seen.setdefault(
            weights.canary, split["metadata"].get("annotations", {})
        )


class Drifting(Good):
    """Writes only when its own memory says that the weight has changed."""

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        if getattr(self, "last", None) != (weights, objects.get(SPLIT, target.name) is None):
            original(self, target, weights, objects)
        self.last = (weights, False)


def silent_when_missing(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    if objects.get(APEX, target.config.apex) is not None:
        original(self, target, weights, objects)


def peeks(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    objects.get(APEX, "another")
    original(self, target, weights, objects)


def selects(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    objects.select(SPLIT, {"app": target.name})
    original(self, target, weights, objects)


def without_owner(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    share_out(target, weights, objects)
    spec = {"canary": weights.canary, "total": weights.total}
    if objects.get(SPLIT, target.name) is None:
        objects.create(SPLIT, {"metadata": {"name": target.name}, "spec": spec})
    else:
        objects.edit(SPLIT, target.name)["spec"] = spec


def breaks_on_odd_names(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    target.config.apex.encode("ascii")
    original(self, target, weights, objects)


def breaks_on_odd_colours(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    {"red": 1, "blue": 2}[target.annotations.get(COLOUR, "red")]
    original(self, target, weights, objects)


def breaks_on_odd_headers(self: Any, target: Any, route: HeaderRoute, objects: Objects) -> None:
    for name, _ in route.match:
        name.encode("ascii")
    Good.set_header_route(self, target, route, objects)


class Lenient(BaseModel):
    apex: Any = ""


def lost(self: Any, target: Any, objects: Objects) -> dict[str, Weights]:
    return {}


def verifies_by_writing(self: Any, target: Any, weights: Weights, objects: Objects) -> Verdict:
    objects.edit(SPLIT, target.name)["spec"]["canary"] = 0
    return Verdict(True)


def believes_everything(self: Any, target: Any, weights: Weights, objects: Objects) -> Verdict:
    return Verdict(True)


def believes_nothing(self: Any, target: Any, weights: Weights, objects: Objects) -> Verdict:
    return Verdict(False, "who knows")


def gives_no_reason(self: Any, target: Any, weights: Weights, objects: Objects) -> Verdict:
    return Verdict(Good.verify_weights(self, target, weights, objects).verified)


def keeps_the_experiment(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    before = objects.edit(APEX, target.config.apex)["spec"].get("shares", [])
    left = [each for each in before if each["service"] == "demo-exp"]
    original(self, target, weights, objects)
    if left and not weights.additional:
        objects.edit(APEX, target.config.apex)["spec"]["shares"] += [{**left[0], "weight": 0}]


def ignores_experiments(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    original(self, target, Weights(weights.canary, total=weights.total), objects)


def fixed_roles(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    fixed = replace(target, canary_service="demo-canary", stable_service="demo-stable")
    original(self, target if target.name != "demo" else fixed, weights, objects)


def keeps_everything(self: Any, target: Any, keep: frozenset[str], objects: Objects) -> None:
    return None


def keeps_nothing(self: Any, target: Any, keep: frozenset[str], objects: Objects) -> None:
    Good.remove_managed_routes(self, target, frozenset(), objects)


def only_exact(self: Any, target: Any, route: HeaderRoute, objects: Objects) -> None:
    headers = [{"name": name, "exact": match.exact or match.prefix or match.regex} for name, match in route.match]
    put_route(target, route.name, {"headers": headers} if headers else None, objects)


def matches_everything(self: Any, target: Any, route: HeaderRoute, objects: Objects) -> None:
    headers = [{"name": name, **forms(match)} for name, match in route.match]
    put_route(target, route.name, {"headers": headers}, objects)


def forgets_the_headers(self: Any, target: Any, route: HeaderRoute, objects: Objects) -> None:
    put_route(target, route.name, {"headers": []} if route.match else None, objects)


def drops_routes(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    original(self, target, weights, objects)
    objects.edit(APEX, target.config.apex)["spec"]["routes"] = None


def in_the_order_of_asking(self: Any, target: Any, route: HeaderRoute, objects: Objects) -> None:
    spec = objects.edit(APEX, target.config.apex)["spec"]
    entry = {"name": route.name, "headers": [{"name": name, **forms(match)} for name, match in route.match]}
    if entry not in (spec.get("routes") or []):
        spec["routes"] = [*(each for each in spec.get("routes") or [] if each["name"] != route.name), entry]


def backwards(self: Any, target: Any, route: HeaderRoute, objects: Objects) -> None:
    Good.set_header_route(self, replace(target, managed_routes=target.managed_routes[::-1]), route, objects)


def never_a_new_hash(self: Any, target: Any, hashes: Hashes, objects: Objects) -> None:
    if "hashes" not in objects.edit(APEX, target.config.apex)["spec"]:
        Good.update_hash(self, target, hashes, objects)


def keeps_an_old_hash(self: Any, target: Any, hashes: Hashes, objects: Objects) -> None:
    if hashes.canary:
        Good.update_hash(self, target, hashes, objects)


def no_hash(self: Any, target: Any, hashes: Hashes, objects: Objects) -> None:
    return None


def takes_everything(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    objects.edit(APEX, target.config.apex)["spec"]["shares"] = None
    original(self, target, weights, objects)


def cleans_for_all(self: Any, target: Any, objects: Objects) -> None:
    Good.clean_up(self, target, objects)
    if objects.get(APEX, target.config.apex) is not None:
        objects.edit(APEX, target.config.apex)["spec"]["shares"] = None


class Sharing(Good):
    """Hands the weights from one part of a verb to the next through the instance."""

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        self.weights = weights
        objects.get(APEX, target.config.apex)
        original(self, target, self.weights, objects)


class Caching(Good):
    """Keeps the first copy of the Apex and writes from it: what another has written since is lost."""

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        self.apexes = getattr(self, "apexes", {})
        kept = self.apexes.setdefault(target.name, objects.get(APEX, target.config.apex))
        objects.edit(APEX, target.config.apex)["spec"] = json.loads(json.dumps(kept["spec"])) if kept else {}
        original(self, target, weights, objects)


def unclean(self: Any, target: Any, objects: Objects) -> None:
    if objects.get(SPLIT, target.name) is not None:
        objects.edit(SPLIT, target.name)["spec"]["canary"] = 0


def endless(self: Any, target: Any, objects: Objects) -> None:
    apex = objects.edit(APEX, target.config.apex)
    apex["spec"]["cleaned"] = apex["spec"].get("cleaned", 0) + 1


def endless_when_deleted(self: Any, target: Any, objects: Objects) -> None:
    Good.clean_up(self, target, objects)
    if target.deleted:
        endless(self, target, objects)


def makes_the_apex_anew(self: Any, target: Any, objects: Objects) -> None:
    objects.delete(SPLIT, target.name)


def leaves_routes(self: Any, target: Any, objects: Objects) -> None:
    apex = objects.get(APEX, target.config.apex)
    Good.clean_up(self, target, objects)
    if apex is not None and apex["spec"].get("routes"):
        objects.edit(APEX, target.config.apex)["spec"]["routes"] = apex["spec"]["routes"]


def impatient(self: Any, target: Any, objects: Objects) -> None:
    objects.edit(APEX, target.config.apex)
    Good.clean_up(self, target, objects)


def claims_nothing(self: Any, kind: Kind, manifest: Manifest) -> dict[str, Any]:
    return {}


def claims_elsewhere(self: Any, kind: Kind, manifest: Manifest) -> dict[str, Any]:
    return {name: {"apex": "another"} for name in Good.claims(self, kind, manifest)}


def fussy(self: Any, target: Any, objects: Objects) -> list[Problem]:
    return [Problem(target.path, "is never good enough")]


def forgets_the_split(self: Any, target: Any) -> list[Ref]:
    return [Ref(APEX, target.config.apex, path=f"{target.path}.apex")]


def a_field_of_nobody(self: Any, target: Any) -> list[Ref]:
    return [Ref(APEX, target.config.apex, path="spec.elsewhere"), Ref(SPLIT, target.name, required=False)]


APEXES = Rule("example.com", "apexes", "get list watch patch")
WITHOUT_CREATE = (APEXES, Rule("example.com", "splits", "get list watch patch delete"))
WITHOUT_GET = (Rule("example.com", "apexes", "list watch patch"), *Good.needs[1:])
UPDATING = (Rule("example.com", "apexes", "get list watch patch update"), *Good.needs[1:])
SECRETS = (*Good.needs, Rule("", "secrets", "get"))
ALL = (Rule("*", "*", "get list watch create patch delete"),)

# check, the router that breaks it, the arguments of the check
Broken = tuple[str, type[TrafficRouter[Any]], dict[str, object]]


def broken(check: str, arguments: dict[str, object] | None = None, **members: object) -> Broken:
    return f"test_{check}", type("Broken", (Good,), members), arguments or {}


BROKEN: list[Broken] = [
    broken("the_loader_accepts_it", api_version=99),
    broken("the_loader_accepts_it", needs=()),
    broken("its_example_has_no_problems", lint=fussy),
    broken("it_touches_only_what_it_reads", reads=forgets_the_split),
    broken("it_touches_only_what_it_reads", set_weights=peeks),
    broken("it_touches_only_what_it_reads", set_weights=selects),
    broken("what_it_creates_goes_with_the_rollout", set_weights=without_owner),
    broken("its_rights_are_enough", needs=WITHOUT_CREATE),
    broken("its_rights_are_enough", needs=WITHOUT_GET),
    broken("its_rights_are_enough", needs=ALL),
    broken("none_of_its_rights_is_too_much", needs=UPDATING),
    broken("none_of_its_rights_is_too_much", needs=SECRETS),
    broken("a_weight_is_what_the_data_plane_sees", {"weight": 100}, set_weights=never_full, get_weights=lost),
    broken("a_weight_is_what_the_data_plane_sees", {"weight": 100}, set_weights=never_full),
    broken("a_weight_is_what_the_data_plane_sees", {"weight": 50}, set_weights=forgets_the_apex),
    broken("weights_go_up_and_down", set_weights=never_down, get_weights=lost),
    broken("a_weight_out_of_a_thousand", set_weights=with_split(total=lambda weights: 100), get_weights=lost),
    broken("the_shares_of_a_route_add_up", set_weights=forgets_stable),
    broken("it_writes_plain_json", set_weights=with_split(canary=lambda weights: float(weights.canary))),
    broken("it_reads_its_weights_back", get_weights=lost),
    broken("an_experiment_takes_its_share_and_gives_it_back", set_weights=keeps_the_experiment),
    broken("an_experiment_takes_its_share_and_gives_it_back", set_weights=ignores_experiments),
    broken("ping_and_pong_change_places", set_weights=fixed_roles),
    broken("verifying_never_writes", verify_weights=verifies_by_writing),
    broken("a_weight_that_is_not_in_force_is_not_verified", verify_weights=believes_everything),
    broken("a_weight_that_is_not_in_force_is_not_verified", verify_weights=believes_nothing),
    broken("a_weight_that_is_not_in_force_is_not_verified", verify_weights=gives_no_reason),
    ("test_asking_twice_writes_once", Counting, {}),
    ("test_asking_twice_writes_once", Remembering, {}),
    broken("what_others_wrote_is_kept", set_weights=replaces_metadata),
    broken("unknown_fields_are_kept_byte_for_byte", set_weights=makes_entries_anew),
    broken("unknown_fields_are_kept_byte_for_byte", set_weights=makes_numbers_floats),
    ("test_a_conflict_is_overcome", Stale, {}),
    broken("a_missing_object_is_told_with_its_field", set_weights=silent_when_missing, update_hash=no_hash),
    broken("a_missing_object_is_told_with_its_field", reads=a_field_of_nobody),
    ("test_drift_is_repaired", Drifting, {}),
    broken("a_header_route_comes_and_goes", remove_managed_routes=keeps_everything),
    broken("a_header_route_comes_and_goes", remove_managed_routes=keeps_nothing),
    broken("a_mirror_route_comes_and_goes", remove_managed_routes=keeps_everything),
    broken("header_values_are_compared_as_declared", set_header_route=only_exact),
    broken("an_empty_match_ends_a_route", set_header_route=matches_everything),
    broken("a_route_outlives_a_change_of_weight", set_weights=drops_routes),
    broken("managed_routes_stand_in_the_order_of_the_spec", set_header_route=in_the_order_of_asking),
    broken("managed_routes_stand_in_the_order_of_the_spec", set_header_route=backwards),
    broken("one_route_ends_and_the_other_stays", remove_managed_routes=keeps_nothing),
    broken("hashes_follow_the_revisions", update_hash=never_a_new_hash),
    broken("hashes_follow_the_revisions", update_hash=keeps_an_old_hash),
    broken("two_rollouts_share_an_object", set_weights=takes_everything),
    broken("the_neighbour_keeps_its_part_at_the_end", clean_up=cleans_for_all),
    ("test_two_threads_in_one_router", Sharing, {}),
    ("test_two_threads_in_one_object", Caching, {}),
    broken("junk_in_the_config_is_refused_with_its_field", config=Lenient),
    broken("hostile_values_are_refused_or_harmless", set_weights=breaks_on_odd_names),
    broken("hostile_headers_are_refused_or_harmless", set_header_route=breaks_on_odd_headers),
    broken("hostile_annotations_are_refused_or_harmless", set_weights=breaks_on_odd_colours),
    broken("clean_up_leaves_the_cluster_as_it_was", clean_up=unclean),
    broken("clean_up_leaves_the_cluster_as_it_was", clean_up=endless),
    broken("clean_up_leaves_the_cluster_as_it_was", clean_up=makes_the_apex_anew),
    broken("clean_up_takes_routes_back", clean_up=leaves_routes),
    broken("clean_up_of_a_rollout_that_is_gone_ends", clean_up=endless_when_deleted),
    broken("clean_up_tolerates_that_everything_is_gone", clean_up=impatient),
    broken("marks_lead_back_to_the_rollout", claims=claims_nothing),
    broken("marks_lead_back_to_the_rollout", claims=claims_elsewhere),
    broken("requests_are_shared_out_as_asked", {"weight": 25}, set_weights=takes_everything_for_the_canary),
    broken("requests_follow_a_change", set_weights=never_down, get_weights=lost),
    broken("requests_with_the_header_reach_the_canary", set_header_route=forgets_the_headers),
]


@pytest.mark.parametrize(
    ("check", "router", "arguments"), BROKEN, ids=[f"{i}-{check[5:]}" for i, (check, _, _) in enumerate(BROKEN)]
)
def test_the_broken_router_is_caught(
    check: str, router: type[TrafficRouter[Any]], arguments: dict[str, object]
) -> None:
    run: Callable[..., None] = getattr(TrafficConformance(), check)
    with pytest.raises((AssertionError, TidegateError, pytest.fail.Exception)):
        run(a_case(router), **arguments)


def among_strangers(router: type[TrafficRouter[Any]], where: str) -> TrafficCase:
    """A case with two Services that the router does not read, one of which bears the name of its Apex."""
    case = a_case(router)
    strangers = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
        for name in ("web", "other")
    ]
    both = [*strangers, *case.manifests] if where == "before" else [*case.manifests, *strangers]
    return replace(case, manifests=both)


@pytest.mark.parametrize("where", ["before", "behind"])
@pytest.mark.parametrize(
    "check",
    [
        "test_what_others_wrote_is_kept",
        "test_a_conflict_is_overcome",
        "test_unknown_fields_are_kept_byte_for_byte",
    ],
)
def test_objects_that_the_router_does_not_read_are_no_fault_of_it(check: str, where: str) -> None:
    getattr(TrafficConformance(), check)(among_strangers(Good, where))


@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_lost_field_is_seen_beside_a_namesake_of_another_kind(where: str) -> None:
    anew = type("Anew", (Good,), {"set_weights": makes_entries_anew})
    with pytest.raises(AssertionError, match=r"lost on .*Apex"):
        TrafficConformance().test_unknown_fields_are_kept_byte_for_byte(among_strangers(anew, where))


def test_every_check_has_a_router_that_breaks_it() -> None:
    checks = {
        name for name, _ in inspect.getmembers(TrafficConformance, inspect.isfunction) if name.startswith("test_")
    }
    assert checks == {check for check, _, _ in BROKEN}


def test_what_a_router_does_not_declare_is_skipped() -> None:
    plain = type(
        "Plain", (TrafficRouter,), {"name": "plain", "config": Config, "reads": Good.reads, "set_weights": original}
    )
    for check in ("test_a_header_route_comes_and_goes", "test_it_reads_its_weights_back"):
        with pytest.raises(pytest.skip.Exception, match=r"plain (does not declare|has no)"):
            getattr(TrafficConformance(), check)(replace(a_case(), router=plain))
