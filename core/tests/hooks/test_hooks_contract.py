"""What a router may declare beyond its own namespace: other namespaces, labels, versions, status fields, marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.errors import NotFound, PluginError
from tidegate.hooks import Capability, Kind, Manifest, Objects, Ref, Target, TrafficRouter, Verdict, Weights
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate_testkit.memory import MemoryCluster

MakeRoute = Callable[..., Manifest]


@pytest.fixture
def world(make_route: MakeRoute) -> MemoryCluster:
    """Routes of the team `shop` in two namespaces, and one of somebody else."""
    return MemoryCluster(
        [
            make_route("web", 5, labels={"team": "shop"}),
            make_route("api", 5, labels={"team": "shop"}),
            make_route("bank", 5, labels={"team": "bank"}),
            make_route("web", 7, namespace="edge", labels={"team": "shop"}),
        ]
    )


@pytest.fixture
def objects(world: MemoryCluster) -> Objects:
    return Objects(world, "shop")


def test_an_object_of_another_namespace_is_apart_from_its_namesake(objects: Objects, route_kind: Kind) -> None:
    objects.edit(route_kind, "web", namespace="edge")["spec"]["canary"] = 9
    near, far = objects.get(route_kind, "web"), objects.get(route_kind, "web", "edge")
    assert near is not None
    assert far is not None
    assert (near["spec"]["canary"], far["spec"]["canary"]) == (5, 9)
    (change,) = objects.changes()
    assert (change.namespace, change.name, change.patch) == ("edge", "web", {"spec": {"canary": 9}})
    assert objects.asked == ((route_kind, "edge", "web"), (route_kind, "shop", "web"))


def test_objects_are_created_and_deleted_where_they_are_named(
    objects: Objects, route_kind: Kind, make_route: MakeRoute
) -> None:
    objects.create(route_kind, {"metadata": {"name": "new"}}, namespace="edge")
    objects.delete(route_kind, "web", namespace="edge")
    created, deleted = objects.changes()
    assert (created.verb, created.namespace, created.patch["metadata"]["namespace"]) == ("create", "edge", "edge")
    assert (deleted.verb, deleted.namespace, deleted.before["spec"]) == ("delete", "edge", {"canary": 7})


def test_a_selection_is_sorted_by_name_and_keeps_to_its_namespace(objects: Objects, route_kind: Kind) -> None:
    found = objects.select(route_kind, {"team": "shop"})
    assert [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in found] == [
        ("shop", "api"),
        ("shop", "web"),
    ]
    assert [each["spec"] for each in objects.select(route_kind, {"team": "shop"}, "edge")] == [{"canary": 7}]


def test_a_selection_sees_the_edits_of_its_unit_of_work(objects: Objects, route_kind: Kind) -> None:
    objects.edit(route_kind, "bank")["metadata"]["labels"] = {"team": "shop"}
    objects.edit(route_kind, "api")["metadata"]["labels"] = {"team": "bank"}
    objects.delete(route_kind, "web")
    objects.create(route_kind, {"metadata": {"name": "new", "labels": {"team": "shop"}}})
    assert [each["metadata"]["name"] for each in objects.select(route_kind, {"team": "shop"})] == ["bank", "new"]


def test_editing_a_selected_copy_changes_nothing(objects: Objects, route_kind: Kind) -> None:
    objects.select(route_kind, {"team": "bank"})[0]["spec"]["canary"] = 99
    assert objects.changes() == ()


def test_a_missing_object_of_another_namespace_is_said_to_be_there() -> None:
    kind = Kind("example.com", "v1", "Route", "routes")
    assert Ref(kind, "web", namespace="edge").missing_text == 'routes.example.com "web" not found in namespace edge'
    assert Ref(kind, "web").missing_text == 'routes.example.com "web" not found'


def test_the_versions_of_a_kind_begin_with_its_own() -> None:
    kind = Kind("example.com", "v1", "Route", "routes", versions=("v1beta1", "v1"))
    assert kind.acceptable == ("v1", "v1beta1")
    assert kind.at("v1beta1").api_version == "example.com/v1beta1"
    assert kind.at("v1") is kind


# --- through the facade ---


class FarConfig(BaseModel):
    namespace: str


class Far(TrafficRouter[FarConfig]):
    """Writes the share into the Route `web` of the namespace that the config names."""

    name = "example.com/far"
    config = FarConfig
    can = frozenset({Capability.WEIGHTS, Capability.VERIFY})
    status_fields = ("far",)
    marks = (Kind("example.com", "v1", "Route", "routes"),)
    answer = Verdict(True, status={"far": 1})
    claimed: Any = None

    def reads(self, target: Target[FarConfig]) -> Sequence[Ref]:
        return [Ref(self.marks[0], "web", namespace=target.config.namespace)]

    def set_weights(self, target: Target[FarConfig], weights: Weights, objects: Objects) -> None:
        route = objects.edit(self.marks[0], "web", namespace=target.config.namespace)
        route["spec"]["canary"] = weights.canary

    def verify_weights(self, target: Target[FarConfig], weights: Weights, objects: Objects) -> Verdict:
        return self.answer

    def clean_up(self, target: Target[FarConfig], objects: Objects) -> None:
        objects.edit(self.marks[0], "web", namespace=target.config.namespace)["spec"].pop("canary", None)

    def claims(self, kind: Kind, manifest: Manifest) -> Mapping[str, Mapping[str, Any]]:
        manifest["metadata"].clear()
        return {"demo": {"namespace": "edge"}} if self.claimed is None else self.claimed


def far_target(namespace: str = "edge") -> Target[BaseModel]:
    config = FarConfig(namespace=namespace)
    return Target(namespace="shop", name="demo", uid="u-1", config=config, router="example.com/far", path="spec.far")


@pytest.fixture
def far(facade_of: Callable[..., Facade]) -> Facade:
    return facade_of(far=Far)


def test_a_verb_writes_in_another_namespace(far: Facade, world: MemoryCluster) -> None:
    done = far.set_weights("example.com/far", far_target(), Weights(20), world)
    assert [(w.verb, w.namespace, w.name) for w in world.written] == [("patch", "edge", "web")]
    assert done.wrote
    assert not far.set_weights("example.com/far", far_target(), Weights(20), world).wrote


def test_an_object_of_another_namespace_that_is_kept_is_not_cleaned_up(
    far: Facade, world: MemoryCluster, route_kind: Kind
) -> None:
    keep = [Ref(route_kind, "web", namespace="edge")]
    assert not far.clean_up("example.com/far", far_target(), world, keep).wrote
    assert not far.clean_up("example.com/far", far_target(), world, [*keep, Ref(route_kind, "web")]).wrote
    assert far.clean_up("example.com/far", far_target(), world, [Ref(route_kind, "web")]).wrote


def test_a_missing_object_of_another_namespace_is_a_problem(far: Facade, world: MemoryCluster) -> None:
    assert far.problems("example.com/far", far_target(), world) == ()
    (problem,) = far.problems("example.com/far", far_target("nowhere"), world)
    assert problem.missing
    with pytest.raises(NotFound):
        far.set_weights("example.com/far", far_target("nowhere"), Weights(20), world)


def test_an_owner_across_namespaces_is_refused(world: MemoryCluster, facade_of: Callable[..., Facade]) -> None:
    class Owning(Far):
        def set_weights(self, target: Target[FarConfig], weights: Weights, objects: Objects) -> None:
            manifest = {"metadata": {"name": "new", "ownerReferences": [target.owner]}}
            objects.create(self.marks[0], manifest, namespace="edge")

    with pytest.raises(PluginError, match="an owner in namespace shop would have it deleted at once"):
        facade_of(far=Owning).set_weights("example.com/far", far_target(), Weights(20), world)
    assert world.written == []


def test_a_verdict_brings_the_declared_status_fields(far: Facade, world: MemoryCluster) -> None:
    done = far.verify_weights("example.com/far", far_target(), Weights(20), world)
    assert done.value.status == {"far": 1}
    assert far.status_fields("example.com/far") == ("far",)


def test_a_verdict_with_a_field_of_the_core_is_a_fault(world: MemoryCluster, facade_of: Callable[..., Facade]) -> None:
    class Greedy(Far):
        answer = Verdict(True, status={"phase": "Healthy"})

    with pytest.raises(PluginError, match=r"answered with status\.phase, which `status_fields` does not declare"):
        facade_of(far=Greedy).verify_weights("example.com/far", far_target(), Weights(20), world)


def test_a_claim_is_asked_on_a_copy(far: Facade, make_route: MakeRoute) -> None:
    (router, kind) = far.marks()[0]
    manifest = make_route("web")
    assert far.claims(router, kind, manifest) == {"demo": {"namespace": "edge"}}
    assert manifest == make_route("web")


@pytest.mark.parametrize("answer", [["demo"], {"demo": "edge"}], ids=["names", "text"])
def test_a_claim_of_another_form_is_a_fault(
    answer: object, make_route: MakeRoute, facade_of: Callable[..., Facade]
) -> None:
    class Wrong(Far):
        claimed = answer

    facade = facade_of(far=Wrong)
    with pytest.raises(PluginError, match=r"claims of router example\.com/far"):
        facade.claims("example.com/far", facade.marks()[0][1], make_route("web"))


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"status_fields": ("phase",)}, "`status_fields` names phase, which belongs to the core"),
        ({"status_fields": ("stableRS",)}, "`status_fields` names stableRS"),
        ({"status_fields": "far"}, "`status_fields` must be a sequence of names"),
        ({"remote": None}, "`remote` must be a label selector, found None"),
        ({"marks": ("routes",)}, "`marks` must be a sequence of Kind"),
        ({"marks": ()}, "claims is there but `marks` names no kind"),
        ({"clean_up": TrafficRouter.clean_up}, "claims is there but clean_up is missing"),
        ({"claims": TrafficRouter.claims}, "`marks` names kinds but claims is missing"),
        ({"can": frozenset({*Far.can, Capability.HEADER_REGEX})}, "HEADER_REGEX without Capability.HEADER"),
    ],
    ids=["core", "alias", "text", "remote", "marks", "no marks", "no clean-up", "no claims", "regex"],
)
def test_a_declaration_that_cannot_work_is_refused_at_load(attributes: dict[str, Any], said: str) -> None:
    router = type("Odd", (Far,), attributes)
    (record,) = load_objects({"odd": router}).plugins
    assert said in record.error
