"""Every check of the kit catches the router that breaks it; a good router passes all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from tidegate.errors import TidegateError
from tidegate.hooks import (
    Capability,
    HeaderRoute,
    Kind,
    MirrorRoute,
    NotFound,
    Objects,
    Problem,
    Ref,
    Rule,
    Target,
    TrafficRouter,
    Verdict,
    Weights,
)
from tidegate_testkit.traffic import MemoryCluster, TrafficCase, TrafficConformance

APEX = Kind("example.com", "v1", "Apex", "apexes")
SPLIT = Kind("example.com", "v1", "Split", "splits")


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    apex: str


class Good(TrafficRouter[Config]):
    """Makes a Split beside an Apex, and writes managed routes into the Apex."""

    name = "example.com/good"
    config = Config
    can = frozenset({Capability.WEIGHTS, Capability.TOTAL, Capability.VERIFY, Capability.HEADER, Capability.MIRROR})
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
        if objects.get(APEX, target.config.apex) is None:
            raise NotFound(f"apexes.example.com {target.config.apex} not found")
        spec = {"canary": weights.canary, "total": weights.total}
        if objects.get(SPLIT, target.name) is None:
            metadata = {"name": target.name, "ownerReferences": [target.owner]}
            objects.create(SPLIT, {"metadata": metadata, "spec": spec})
        else:
            objects.edit(SPLIT, target.name)["spec"] = spec

    def get_weights(self, target: Target[Config], objects: Objects) -> Mapping[str, Weights]:
        split = objects.get(SPLIT, target.name)
        return {target.name: Weights(split["spec"]["canary"], total=split["spec"]["total"])} if split else {}

    def verify_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> Verdict:
        return Verdict(self.get_weights(target, objects).get(target.name) == weights)

    def set_header_route(self, target: Target[Config], route: HeaderRoute, objects: Objects) -> None:
        spec = objects.edit(APEX, target.config.apex)["spec"]
        spec["routes"] = {**spec.get("routes", {}), route.name: [name for name, _ in route.match]}

    def set_mirror_route(self, target: Target[Config], route: MirrorRoute, objects: Objects) -> None:
        spec = objects.edit(APEX, target.config.apex)["spec"]
        spec["routes"] = {**spec.get("routes", {}), route.name: route.percentage}

    def remove_managed_routes(self, target: Target[Config], keep: frozenset[str], objects: Objects) -> None:
        if objects.get(APEX, target.config.apex) is not None:
            spec = objects.edit(APEX, target.config.apex)["spec"]
            spec["routes"] = {name: value for name, value in spec.get("routes", {}).items() if name in keep} or None

    def clean_up(self, target: Target[Config], objects: Objects) -> None:
        objects.delete(SPLIT, target.name)


def share(cluster: MemoryCluster) -> float | None:
    split = cluster.find(SPLIT, "default", "demo")
    return 100 * split["spec"]["canary"] / split["spec"]["total"] if split else None


def a_case(router: type[TrafficRouter[Any]] = Good) -> TrafficCase:
    manifest = {"apiVersion": "example.com/v1", "kind": "Apex", "metadata": {"name": "web"}, "spec": {"host": "a"}}
    return TrafficCase(router=router, config={"apex": "web"}, manifests=[manifest], observe=share)


class TestGood(TrafficConformance):
    @pytest.fixture
    def case(self) -> TrafficCase:
        return a_case()


def a_split(target: Any, spec: dict[str, Any], objects: Objects) -> None:
    """What `Good.set_weights` does, with another spec."""
    if objects.get(SPLIT, target.name) is None:
        objects.create(SPLIT, {"metadata": {"name": target.name, "ownerReferences": [target.owner]}, "spec": spec})
    else:
        objects.edit(SPLIT, target.name)["spec"] = spec


# One broken router for each check. `original` is the good verb.
original = Good.set_weights


def never_full(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    original(self, target, Weights(min(weights.canary, 99), total=weights.total), objects)


def never_down(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    split = objects.get(SPLIT, target.name)
    canary = max(weights.canary, split["spec"]["canary"] if split else 0)
    a_split(target, {"canary": canary, "total": weights.total}, objects)


def counts_to_100(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    a_split(target, {"canary": weights.canary, "total": 100}, objects)


class Counting(Good):
    """Writes a counter: a second call is never a no-op."""

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        self.calls = getattr(self, "calls", 0) + 1
        a_split(target, {"canary": weights.canary, "total": weights.total, "calls": self.calls}, objects)


class Remembering(Good):
    """Keeps state: a new instance writes again."""

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        if not hasattr(self, "mark"):
            self.mark = id(self)
        a_split(target, {"canary": weights.canary, "total": weights.total, "by": self.mark}, objects)


def replaces_metadata(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    original(self, target, weights, objects)
    split = objects.edit(SPLIT, target.name)
    split["metadata"].update(annotations={}, labels={})


class Stale(Good):
    """Answers from what it saw first: a second look after a conflict changes nothing for it."""

    seen: dict[int, Any] = {}  # noqa: RUF012  (that is the fault)

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        original(self, target, weights, objects)
        split = objects.edit(SPLIT, target.name)
        split["metadata"]["annotations"] = self.seen.setdefault(
            weights.canary, split["metadata"].get("annotations", {})
        )


def silent_when_missing(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    a_split(target, {"canary": weights.canary, "total": weights.total}, objects)


class Drifting(Good):
    """Writes only when its own memory says that the weight has changed."""

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        if getattr(self, "last", None) != (weights, objects.get(SPLIT, target.name) is None):
            original(self, target, weights, objects)
        self.last = (weights, False)


def peeks(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    objects.get(APEX, "another")
    original(self, target, weights, objects)


def without_owner(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    spec = {"canary": weights.canary, "total": weights.total}
    if objects.get(SPLIT, target.name) is None:
        objects.create(SPLIT, {"metadata": {"name": target.name}, "spec": spec})
    else:
        objects.edit(SPLIT, target.name)["spec"] = spec


def in_floats(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    a_split(target, {"canary": float(weights.canary), "total": weights.total}, objects)


def breaks_on_odd_names(self: Any, target: Any, weights: Weights, objects: Objects) -> None:
    target.config.apex.encode("ascii")
    original(self, target, weights, objects)


class Lenient(BaseModel):
    apex: Any = ""


def lost(self: Any, target: Any, objects: Objects) -> dict[str, Weights]:
    return {}


def verifies_by_writing(self: Any, target: Any, weights: Weights, objects: Objects) -> Verdict:
    objects.edit(SPLIT, target.name)["spec"]["canary"] = 0
    return Verdict(True)


def keeps_everything(self: Any, target: Any, keep: frozenset[str], objects: Objects) -> None:
    return None


def unclean(self: Any, target: Any, objects: Objects) -> None:
    if objects.get(SPLIT, target.name) is not None:
        objects.edit(SPLIT, target.name)["spec"]["canary"] = 0


def endless(self: Any, target: Any, objects: Objects) -> None:
    apex = objects.edit(APEX, target.config.apex)
    apex["spec"]["cleaned"] = apex["spec"].get("cleaned", 0) + 1


def impatient(self: Any, target: Any, objects: Objects) -> None:
    objects.edit(APEX, target.config.apex)
    objects.delete(SPLIT, target.name)


def fussy(self: Any, target: Any, objects: Objects) -> list[Problem]:
    return [Problem(target.path, "is never good enough")]


def forgets_the_split(self: Any, target: Any) -> list[Ref]:
    return [Ref(APEX, target.config.apex, path=f"{target.path}.apex")]


def a_field_of_nobody(self: Any, target: Any) -> list[Ref]:
    return [Ref(APEX, target.config.apex, path="spec.elsewhere"), Ref(SPLIT, target.name, required=False)]


WITHOUT_CREATE = (
    Rule("example.com", "apexes", "get list watch patch"),
    Rule("example.com", "splits", "get list watch"),
)
ALL = (Rule("*", "*", "get list watch create patch delete"),)

# check, the router that breaks it, the arguments of the check
Broken = tuple[str, type[TrafficRouter[Any]], dict[str, object]]


def broken(check: str, arguments: dict[str, object] | None = None, **members: object) -> Broken:
    return check, type("Broken", (Good,), members), arguments or {}


BROKEN: list[Broken] = [
    broken("test_the_loader_accepts_it", api_version=99),
    broken("test_the_loader_accepts_it", needs=()),
    broken("test_its_example_has_no_problems", lint=fussy),
    broken("test_junk_in_the_config_is_refused_with_its_field", config=Lenient),
    broken("test_a_weight_is_what_the_data_plane_sees", {"weight": 100}, set_weights=never_full, get_weights=lost),
    broken("test_a_weight_is_what_the_data_plane_sees", {"weight": 100}, set_weights=never_full),
    broken("test_weights_go_up_and_down", set_weights=never_down, get_weights=lost),
    broken("test_a_weight_out_of_a_thousand", set_weights=counts_to_100, get_weights=lost),
    ("test_asking_twice_writes_once", Counting, {}),
    ("test_asking_twice_writes_once", Remembering, {}),
    broken("test_what_others_wrote_is_kept", set_weights=replaces_metadata),
    ("test_a_conflict_is_overcome", Stale, {}),
    broken("test_a_missing_object_is_told_with_its_field", set_weights=silent_when_missing),
    broken("test_a_missing_object_is_told_with_its_field", reads=a_field_of_nobody),
    ("test_drift_is_repaired", Drifting, {}),
    broken("test_it_touches_only_what_it_reads", reads=forgets_the_split),
    broken("test_it_touches_only_what_it_reads", set_weights=peeks),
    broken("test_what_it_creates_goes_with_the_rollout", set_weights=without_owner),
    broken("test_it_writes_plain_json", set_weights=in_floats, get_weights=lost),
    broken("test_its_rights_are_enough", needs=WITHOUT_CREATE),
    broken("test_its_rights_are_enough", needs=ALL),
    broken("test_hostile_values_are_refused_or_harmless", set_weights=breaks_on_odd_names),
    broken("test_it_reads_its_weights_back", get_weights=lost),
    broken("test_verifying_never_writes", verify_weights=verifies_by_writing),
    broken("test_a_header_route_comes_and_goes", remove_managed_routes=keeps_everything),
    broken("test_a_mirror_route_comes_and_goes", remove_managed_routes=keeps_everything),
    broken("test_clean_up_leaves_the_cluster_as_it_was", clean_up=unclean),
    broken("test_clean_up_leaves_the_cluster_as_it_was", clean_up=endless),
    broken("test_clean_up_tolerates_that_everything_is_gone", clean_up=impatient),
]


@pytest.mark.parametrize(
    ("check", "router", "arguments"), BROKEN, ids=[f"{i}-{check[5:]}" for i, (check, _, _) in enumerate(BROKEN)]
)
def test_the_broken_router_is_caught(
    check: str, router: type[TrafficRouter[Any]], arguments: dict[str, object]
) -> None:
    run: Callable[..., None] = getattr(TrafficConformance(), check)
    run(a_case(), **arguments)
    with pytest.raises((AssertionError, TidegateError, pytest.fail.Exception)):
        run(a_case(router), **arguments)


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
