"""The facade: it asks exactly the owner, trusts no answer, writes with a precondition and names who is at fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from tidegate.errors import Conflict, OwnershipError, Pending, PluginError, Retry, SpecError, Transient
from tidegate.hooks import (
    Destination,
    Hashes,
    HeaderRoute,
    Kind,
    Match,
    MirrorRoute,
    Objects,
    Ref,
    Rule,
    Target,
    TrafficRouter,
    Weights,
    hookimpl,
)
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import LONGEST_WAIT_S, SHORTEST_WAIT_S, written_before
from tidegate_testkit.memory import MemoryCluster

NAME = "example.com/routes"
AnyTarget = Target[BaseModel]
MakeFacade = Callable[..., Facade]
MakeRoute = Callable[..., dict[str, Any]]


def shares(cluster: MemoryCluster, kind: Kind) -> dict[str, int]:
    found = {name: cluster.find(kind, "shop", name) for name in ("web", "admin")}
    return {name: route["spec"]["canary"] for name, route in found.items() if route}


def test_weights_reach_every_object(
    facade: Facade, target: AnyTarget, cluster: MemoryCluster, route_kind: Kind
) -> None:
    done = facade.set_weights(NAME, target, Weights(25), cluster)
    assert shares(cluster, route_kind) == {"web": 25, "admin": 25}
    assert done.wrote
    assert [event.message for event in done.events] == ["web to 25", "admin to 25"]
    assert [written.body for written in cluster.written] == [{"spec": {"canary": 25}}] * 2


def test_a_second_identical_call_writes_nothing(facade: Facade, target: AnyTarget, cluster: MemoryCluster) -> None:
    facade.set_weights(NAME, target, Weights(25), cluster)
    done = facade.set_weights(NAME, target, Weights(25), cluster)
    assert (done.wrote, done.changes, done.events) == (False, (), ())
    assert len(cluster.written) == 2


def test_only_the_router_that_is_named_is_asked(
    facade_of: MakeFacade, routes: type, target: AnyTarget, cluster: MemoryCluster
) -> None:
    def refuse(self: object, target: object, weights: object, objects: object) -> None:
        raise AssertionError("the other router was asked")

    other = type("Other", (routes,), {"name": "other", "set_weights": refuse})
    facade = facade_of(routes=routes, other=other, zebra=type("Zebra", (other,), {"name": "zebra"}))
    assert facade.set_weights(NAME, target, Weights(5), cluster).wrote


def test_a_stale_cache_is_overcome_by_a_live_read(
    facade: Facade, target: AnyTarget, cluster: MemoryCluster, route_kind: Kind, naps: list[float]
) -> None:
    cluster.freeze()
    cluster.edit(route_kind, "shop", "web", {"spec": {"team": "a"}})
    facade.set_weights(NAME, target, Weights(25), cluster)
    web = cluster.find(route_kind, "shop", "web")
    assert web is not None
    assert web["spec"] == {"canary": 25, "team": "a"}
    assert len(naps) == 1
    assert SHORTEST_WAIT_S <= naps[0] <= LONGEST_WAIT_S


def test_what_was_written_before_the_conflict_is_not_written_again(
    facade: Facade, target: AnyTarget, cluster: MemoryCluster, route_kind: Kind
) -> None:
    cluster.freeze()
    cluster.edit(route_kind, "shop", "admin", {"spec": {"team": "a"}})
    done = facade.set_weights(NAME, target, Weights(25), cluster)
    assert [written.name for written in cluster.written] == ["web", "admin"]
    assert [change.name for change in done.changes] == ["web", "admin"]


def test_five_repeats_then_conflict(
    facade: Facade, target: AnyTarget, cluster: MemoryCluster, naps: list[float]
) -> None:
    cluster.fail("patch", Conflict("modified"), times=100)
    with pytest.raises(Conflict, match="still so after 5 repeats"):
        facade.set_weights(NAME, target, Weights(25), cluster)
    assert len(naps) == 5
    assert cluster.written == []


def test_one_object_out_of_reach_does_not_keep_the_others_at_their_weight(
    facade: Facade, target: AnyTarget, cluster: MemoryCluster, route_kind: Kind
) -> None:
    cluster.fail("patch", Transient("etcd is away"))
    with pytest.raises(Transient, match="etcd is away") as caught:
        facade.set_weights(NAME, target, Weights(25), cluster)
    assert shares(cluster, route_kind) == {"web": 0, "admin": 25}
    assert [change.events[0].message for change in written_before(caught.value)] == ["admin to 25"]


class Creates:
    """Verbs for a router that makes its own Route `made`."""

    kind = Kind("example.com", "v1", "Route", "routes")

    def set_weights(self, target: AnyTarget, weights: Weights, objects: Objects) -> None:
        if objects.get(self.kind, "made") is None:
            owners = {"name": "made", "ownerReferences": [target.owner]}
            objects.create(self.kind, {"metadata": owners, "spec": {"canary": weights.canary}})
        else:
            objects.edit(self.kind, "made")["spec"]["canary"] = weights.canary

    def get_weights(self, target: AnyTarget, objects: Objects) -> dict[str, Weights]:
        made = objects.get(self.kind, "made")
        return {"made": Weights(made["spec"]["canary"])} if made else {}

    def clean_up(self, target: AnyTarget, objects: Objects) -> None:
        objects.delete(self.kind, "made")


@pytest.fixture
def creating(facade_of: MakeFacade, routes: type) -> Facade:
    verbs = {verb: getattr(Creates, verb) for verb in ("set_weights", "get_weights", "clean_up")}
    return facade_of(routes=type("Creating", (routes,), {**verbs, "kind": Creates.kind}))


def test_a_create_that_finds_the_object_goes_on_as_an_edit(
    creating: Facade, target: AnyTarget, cluster: MemoryCluster, make_route: MakeRoute, route_kind: Kind
) -> None:
    cluster.freeze()
    cluster.apply(make_route("made", ownerReferences=[target.owner]))
    creating.set_weights(NAME, target, Weights(25), cluster)
    made = cluster.find(route_kind, "shop", "made")
    assert made is not None
    assert made["spec"] == {"canary": 25}


def test_an_object_of_another_rollout_is_never_written(
    creating: Facade, target: AnyTarget, cluster: MemoryCluster, make_route: MakeRoute
) -> None:
    cluster.apply(make_route("made", ownerReferences=[{**target.owner, "name": "other", "uid": "u-9"}]))
    with pytest.raises(OwnershipError, match=r'routes.example.com "made".*controlled by Rollout other \(uid u-9\)'):
        creating.set_weights(NAME, target, Weights(25), cluster)
    with pytest.raises(OwnershipError):
        creating.clean_up(NAME, target, cluster)
    assert cluster.written == []


class Adopting(Creates):
    def set_weights(self, target: AnyTarget, weights: Weights, objects: Objects) -> None:
        objects.edit(self.kind, "made")["metadata"]["ownerReferences"] = [target.owner]


@pytest.mark.parametrize(("owner", "adopted"), [("demo", True), ("other", False)])
def test_only_an_object_of_a_former_rollout_of_the_same_name_can_be_adopted(
    facade_of: MakeFacade,
    routes: type,
    target: AnyTarget,
    cluster: MemoryCluster,
    make_route: MakeRoute,
    owner: str,
    adopted: bool,
) -> None:
    facade = facade_of(routes=type("Adopts", (routes,), {"set_weights": Adopting.set_weights, "kind": Creates.kind}))
    cluster.apply(make_route("made", ownerReferences=[{**target.owner, "name": owner, "uid": "u-before"}]))
    if adopted:
        assert facade.set_weights(NAME, target, Weights(0), cluster).wrote
    else:
        with pytest.raises(OwnershipError):
            facade.set_weights(NAME, target, Weights(0), cluster)


def test_an_object_that_nobody_controls_is_not_deleted(
    creating: Facade, target: AnyTarget, cluster: MemoryCluster, make_route: MakeRoute
) -> None:
    cluster.apply(make_route("made"))
    with pytest.raises(OwnershipError, match="controlled by nobody"):
        creating.clean_up(NAME, target, cluster)


def test_clean_up_ends_when_there_is_nothing_left(creating: Facade, target: AnyTarget, cluster: MemoryCluster) -> None:
    creating.set_weights(NAME, target, Weights(25), cluster)
    assert creating.clean_up(NAME, target, cluster).wrote
    assert not creating.clean_up(NAME, target, cluster).wrote


def test_clean_up_leaves_what_the_spec_still_names(
    facade_of: MakeFacade, routes: type, target: AnyTarget, make_route: MakeRoute, route_kind: Kind
) -> None:
    facade, ours = facade_of(routes=routes), [target.owner]
    cluster = MemoryCluster([make_route(name, ownerReferences=ours) for name in ("web", "admin")])
    facade.clean_up(NAME, target, cluster, keep=[Ref(route_kind, "web")])
    assert shares(cluster, route_kind) == {"web": 0}


def test_clean_up_leaves_what_the_spec_still_selects_by_label(
    facade_of: MakeFacade, routes: Any, target: AnyTarget, route_kind: Kind, make_route: MakeRoute
) -> None:
    facade, ours = facade_of(routes=routes), [target.owner]
    web = make_route("web", ownerReferences=ours, labels={"team": "shop"})
    cluster = MemoryCluster([web, make_route("admin", ownerReferences=ours, labels={"team": "bank"})])
    facade.clean_up(NAME, target, cluster, keep=[Ref(route_kind, "", required=False, labels={"team": "shop"})])
    assert shares(cluster, route_kind) == {"web": 0}


def test_clean_up_keeps_nothing_for_a_selection_in_another_namespace(
    facade_of: MakeFacade, routes: Any, target: AnyTarget, route_kind: Kind, make_route: MakeRoute
) -> None:
    facade, labels = facade_of(routes=routes), {"team": "shop"}
    cluster = MemoryCluster([make_route("web", ownerReferences=[target.owner], labels=labels)])
    elsewhere = Ref(route_kind, "", required=False, labels=labels, namespace="gateways")
    assert facade.clean_up(NAME, target, cluster, keep=[elsewhere]).wrote
    assert shares(cluster, route_kind) == {}


def test_the_read_back_after_a_conflict_does_not_trust_the_stale_cache(
    facade: Facade, target: AnyTarget, cluster: MemoryCluster, route_kind: Kind
) -> None:
    cluster.freeze()
    cluster.edit(route_kind, "shop", "web", {"spec": {"canary": 25}})  # our own write, not yet in the cache
    facade.set_weights(NAME, target, Weights(25), cluster)
    assert [written.name for written in cluster.written] == ["admin"]


def test_a_weight_that_does_not_come_back_is_not_believed(
    facade: Facade, target: AnyTarget, cluster: MemoryCluster
) -> None:
    def meddle(manifest: dict[str, Any]) -> dict[str, Any]:
        return {**manifest, "spec": {**manifest["spec"], "canary": 0}}

    cluster.admission = meddle
    with pytest.raises(Retry, match="web carries 0 of 100 after 25 of 100 was written"):
        facade.set_weights(NAME, target, Weights(25), cluster)


def test_a_preview_shows_the_changes_and_writes_nothing(
    facade: Facade, target: AnyTarget, cluster: MemoryCluster
) -> None:
    done = facade.preview("set_weights", NAME, target, cluster, weights=Weights(25))
    assert [(change.name, change.patch) for change in done.changes] == [
        ("web", {"spec": {"canary": 25}}),
        ("admin", {"spec": {"canary": 25}}),
    ]
    assert cluster.written == []


@pytest.mark.parametrize("answer", [0, False, "", Weights(1)], ids=repr)
def test_c05_a_void_verb_that_answers_is_a_fault_of_the_plugin(
    facade_of: MakeFacade, routes: type, target: AnyTarget, cluster: MemoryCluster, answer: object
) -> None:
    bad = type("Bad", (routes,), {"set_weights": lambda self, target, weights, objects: answer})
    with pytest.raises(PluginError, match=r"plugin routes \(local==0\), set_weights of router .* answered with"):
        facade_of(routes=bad).set_weights(NAME, target, Weights(5), cluster)


@pytest.mark.parametrize(
    ("verb", "answer"),
    [("reads", None), ("reads", ["web"]), ("lint", None), ("lint", ["bad"]), ("get_weights", {"web": 5})],
)
def test_c05_a_wrong_answer_is_a_fault_of_the_plugin(
    facade_of: MakeFacade, routes: type, target: AnyTarget, cluster: MemoryCluster, verb: str, answer: object
) -> None:
    answers = {
        "reads": lambda self, target: answer,
        "lint": lambda self, target, objects: answer,
        "get_weights": lambda self, target, objects: answer,
    }
    facade = facade_of(routes=type("Bad", (routes,), {verb: answers[verb]}))
    ask = facade.get_weights if verb == "get_weights" else facade.problems
    with pytest.raises(PluginError, match=f"{verb} of router .* answered with") as caught:
        ask(NAME, target, cluster)
    assert (caught.value.plugin, caught.value.distribution, caught.value.verb) == ("routes", "local==0", verb)


def test_a_plugin_that_breaks_is_named_with_its_distribution(
    facade_of: MakeFacade, routes: type, target: AnyTarget, cluster: MemoryCluster
) -> None:
    def set_weights(self: object, target: object, weights: object, objects: object) -> None:
        raise KeyError("missing")

    facade = facade_of(routes=type("Bad", (routes,), {"set_weights": set_weights}))
    with pytest.raises(PluginError, match=r"plugin routes \(local==0\), .* raised KeyError: 'missing'") as caught:
        facade.set_weights(NAME, target, Weights(5), cluster)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    "error", [SpecError("a.b", "no"), Pending("later"), Transient("503"), OwnershipError("theirs")]
)
def test_what_a_router_may_raise_passes_unchanged(
    facade_of: MakeFacade, routes: type, target: AnyTarget, cluster: MemoryCluster, error: Exception
) -> None:
    def set_weights(self: object, target: object, weights: object, objects: object) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        facade_of(routes=type("Bad", (routes,), {"set_weights": set_weights})).set_weights(
            NAME, target, Weights(5), cluster
        )
    assert caught.value is error


def test_a_verb_that_only_reads_must_not_write(
    facade_of: MakeFacade, routes: type, target: AnyTarget, cluster: MemoryCluster, route_kind: Kind
) -> None:
    def lint(self: object, target: object, objects: Objects) -> Sequence[object]:
        objects.edit(route_kind, "web")["spec"]["canary"] = 99
        return []

    with pytest.raises(PluginError, match=r'wrote to routes.example.com "web"; lint only reads'):
        facade_of(routes=type("Bad", (routes,), {"lint": lint})).problems(NAME, target, cluster)


def test_what_a_router_does_not_do_answers_its_default(
    facade: Facade, target: AnyTarget, cluster: MemoryCluster
) -> None:
    assert facade.verify_weights(NAME, target, Weights(5), cluster).value.verified is None
    assert not facade.update_hash(NAME, target, Hashes("b", "a"), cluster).wrote


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda f, t, c: f.set_mirror_route(NAME, t, MirrorRoute("m"), c), 'mirror route "m"'),
        (lambda f, t, c: f.set_weights(NAME, t, Weights(5, total=1000), c), "weights out of 1000"),
        (
            lambda f, t, c: f.set_weights(NAME, t, Weights(5, additional=(Destination("x", 1),)), c),
            "destinations beside",
        ),
        (lambda f, t, c: f.preview("set_weights", NAME, t, c, weights=Weights(5, total=1000)), "weights out of 1000"),
    ],
    ids=["mirror", "total", "experiment", "preview"],
)
def test_a_capability_that_is_not_declared_is_an_error_never_a_silent_no_op(
    facade: Facade, target: AnyTarget, cluster: MemoryCluster, ask: Callable[..., object], said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        ask(facade, target, cluster)
    assert said in str(caught.value)
    assert caught.value.path == target.path
    assert cluster.written == []


def test_header_routes_come_and_go(facade: Facade, target: AnyTarget, cluster: MemoryCluster, route_kind: Kind) -> None:
    route = HeaderRoute("beta", (("X-Beta", Match(exact="yes")),))
    assert facade.set_header_route(NAME, target, route, cluster).wrote
    assert not facade.remove_managed_routes(NAME, target, frozenset({"beta"}), cluster).wrote
    assert facade.remove_managed_routes(NAME, target, frozenset(), cluster).wrote
    web = cluster.find(route_kind, "shop", "web")
    assert web is not None
    assert web["spec"] == {"canary": 0}


def test_missing_objects_come_before_what_lint_finds(
    facade_of: MakeFacade, routes: type, target: AnyTarget, cluster: MemoryCluster, route_kind: Kind
) -> None:
    problem = type(facade_of(routes=routes).unknown("x", "y"))
    lint = lambda self, target, objects: [problem("spec.x", "is odd", '"x"')]  # noqa: E731
    facade = facade_of(routes=type("Fussy", (routes,), {"lint": lint}))
    cluster.remove(route_kind, "shop", "admin")
    found = facade.problems(NAME, target, cluster)
    assert [each.text for each in found] == [
        f'{target.path}.routes[1]: Invalid value: "admin": routes.example.com "admin" not found',
        'spec.x: Invalid value: "x": is odd',
    ]
    assert [each.missing for each in found] == [True, False]


def test_config_faults_carry_full_field_paths(facade: Facade) -> None:
    configured = facade.configure(NAME, {"routes": ["web", 7], "extra": 1}, "spec.x")
    assert configured.config is None
    assert [problem.text for problem in configured.problems] == [
        "spec.x.routes[1]: Invalid value: 7: Input should be a valid string",
        "spec.x.extra: Invalid value: 1: Extra inputs are not permitted",
    ]
    assert facade.configure(NAME, {}, "spec.x").problems[0].text == "spec.x.routes: Required value: Field required"
    assert "is an object, found list" in facade.configure(NAME, [], "spec.x").problems[0].detail


def test_a_config_model_that_breaks_is_a_fault_of_the_plugin(facade_of: MakeFacade, routes: type) -> None:
    class Breaks(BaseModel):
        routes: list[str]

        @field_validator("routes")
        @classmethod
        def _break(cls, value: list[str]) -> list[str]:
            raise KeyError(value[0])

    facade = facade_of(routes=type("Bad", (routes,), {"config": Breaks}))
    with pytest.raises(PluginError, match=r"plugin routes \(local==0\), config of router .* raised KeyError: 'web'"):
        facade.configure(NAME, {"routes": ["web"]}, "spec.x")


def test_c06_an_unknown_router_is_told_what_there_is_and_what_to_install(facade: Facade) -> None:
    (problem,) = facade.configure("traefik", {}, "spec.strategy.canary.trafficRouting.traefik").problems
    assert problem.text == (
        'spec.strategy.canary.trafficRouting.traefik: Invalid value: "traefik": traffic router "traefik" is configured '
        "but no installed plugin provides it; have example.com/routes; try: pip install tidegate-traefik "
        "(a vendor's may be called tidegate-<vendor>-traefik)"
    )
    assert 'did you mean "example.com/routes"?' in facade.unknown("example.com/route", "x").detail
    assert facade.view("traefik", (problem,)).can == frozenset()


def test_rights_of_all_plugins_are_merged(facade_of: MakeFacade, routes: type) -> None:
    needs = (Rule("example.com", "routes", "delete get"), Rule("", "services", "watch get"))
    other = type("Other", (routes,), {"name": "other", "needs": needs})
    assert facade_of(routes=routes, other=other).rules() == (
        Rule("", "services", "get watch"),
        Rule("example.com", "routes", "get list watch patch delete"),
    )


class Guard:
    """A wrapper plugin: notes every weight and freezes changes on demand."""

    def __init__(self) -> None:
        self.audit: list[tuple[str, int, str]] = []
        self.freeze: Exception | None = None

    @hookimpl(wrapper=True)
    def set_weights(self, target: AnyTarget, weights: Weights) -> Iterator[None]:
        if self.freeze is not None:
            raise self.freeze
        result = yield
        self.audit.append((target.router, weights.canary, "done"))
        return result


@pytest.mark.parametrize("error", [Pending("frozen until Monday"), SpecError("spec", "not on Fridays")], ids=repr)
def test_a_wrapper_plugin_audits_and_vetoes(
    facade_of: MakeFacade, routes: type, target: AnyTarget, cluster: MemoryCluster, route_kind: Kind, error: Exception
) -> None:
    guard = Guard()
    facade = facade_of(routes=routes, guard=guard)
    facade.set_weights(NAME, target, Weights(5), cluster)
    guard.freeze = error
    with pytest.raises(type(error)) as caught:
        facade.set_weights(NAME, target, Weights(50), cluster)
    assert caught.value is error
    assert guard.audit == [(NAME, 5, "done")]
    assert shares(cluster, route_kind) == {"web": 5, "admin": 5}


def test_a_broken_wrapper_is_named_instead_of_the_router(
    facade_of: MakeFacade, routes: type, target: AnyTarget, cluster: MemoryCluster
) -> None:
    guard = Guard()
    guard.freeze = ZeroDivisionError("oops")
    with pytest.raises(PluginError) as caught:
        facade_of(routes=routes, guard=guard).set_weights(NAME, target, Weights(50), cluster)
    assert caught.value.plugin == "guard"


def test_a_router_that_breaks_inside_a_wrapper_is_named_itself(
    facade_of: MakeFacade, routes: type, target: AnyTarget, cluster: MemoryCluster
) -> None:
    def set_weights(self: object, target: object, weights: object, objects: object) -> None:
        raise RuntimeError("mine")

    facade = facade_of(routes=type("Bad", (routes,), {"set_weights": set_weights}), guard=Guard())
    with pytest.raises(PluginError) as caught:
        facade.set_weights(NAME, target, Weights(50), cluster)
    assert caught.value.plugin == "routes"


def test_concurrent_calls_do_not_mix(
    facade_of: MakeFacade, routes: type, target: AnyTarget, make_route: MakeRoute, route_kind: Kind
) -> None:
    facade = facade_of(routes=routes, guard=Guard())
    clusters = [MemoryCluster([make_route("web"), make_route("admin")]) for _ in range(20)]

    def walk(index: int) -> dict[str, int]:
        for weight in (0, 10, index):
            facade.set_weights(NAME, target, Weights(weight), clusters[index])
        return shares(clusters[index], route_kind)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(walk, range(20)))
    assert found == [{"web": index, "admin": index} for index in range(20)]


def test_an_unloaded_router_cannot_be_asked(facade: Facade, target: AnyTarget, cluster: MemoryCluster) -> None:
    with pytest.raises(PluginError, match='traffic router "gone" is configured'):
        facade.set_weights("gone", target, Weights(5), cluster)


def test_the_base_class_offers_every_verb_of_the_list() -> None:
    from tidegate.hooks.router import VERBS

    assert all(callable(getattr(TrafficRouter, verb)) for verb in VERBS)
