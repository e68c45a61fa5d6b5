"""The acceptance table of SMI, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.errors import Forbidden, NotFound, OwnershipError
from tidegate.hooks import Capability, Destination, Event, Weights
from tidegate.hooks.flush import told_by
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import PluginSelection
from tidegate_smi import Smi
from tidegate_smi.split import kind_of, number_of

PATH = "spec.strategy.canary.trafficRouting.smi"
OWNER = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "name": "demo",
    "uid": "u-1",
    "controller": True,
    "blockOwnerDeletion": True,
}
Build = Callable[..., Any]


def a_split(version: str = "v1alpha2", owner: dict[str, Any] | None = OWNER, **spec: Any) -> dict[str, Any]:
    backends = [{"service": "demo-canary", "weight": 0}, {"service": "demo-stable", "weight": 100}]
    return {
        "apiVersion": f"split.smi-spec.io/{version}",
        "kind": "TrafficSplit",
        "metadata": {"name": "demo", "namespace": "shop", **({"ownerReferences": [owner]} if owner else {})},
        "spec": {"service": "demo-stable", "backends": backends, **spec},
    }


def test_s01_the_first_weight_creates_the_split(shop: Any) -> None:
    done = shop.weigh(0)
    assert shop.written() == [("create", a_split())]
    assert done.events == (Event("TrafficSplitCreated", "TrafficSplit `demo` created"),)


def test_s02_a_new_weight_patches_the_backends(shop: Any) -> None:
    shop.weigh(0)
    shop.written()
    done = shop.weigh(25)
    backends = [{"service": "demo-canary", "weight": 25}, {"service": "demo-stable", "weight": 75}]
    assert shop.written() == [("patch", {"spec": {"backends": backends}})]
    assert done.events == (), "a changed weight has no event"


def test_s03_the_same_weight_writes_nothing(shop: Any) -> None:
    shop.weigh(25)
    shop.written()
    shop.weigh(25)
    assert shop.written() == []


@pytest.mark.parametrize("form", ["25", 25, "25.0", "25000m"])
def test_s03_a_weight_in_other_words_is_the_same(shop_with: Build, form: object) -> None:
    shop = shop_with(apiVersion="v1alpha1")
    shop.weigh(25)
    shop.change({"backends": [{"service": "demo-canary", "weight": form}, {"service": "demo-stable", "weight": "75"}]})
    shop.written()
    shop.weigh(25)
    assert shop.written() == []
    assert shop.weights() == {"demo": Weights(25)}


def test_s04_weights_of_v1alpha1_are_texts(shop_with: Build) -> None:
    shop = shop_with(apiVersion="v1alpha1")
    shop.weigh(25)
    assert shop.backends() == [("demo-canary", "25"), ("demo-stable", "75")]


def test_s04_v1alpha1_is_the_default(shop_with: Build) -> None:
    shop = shop_with()
    shop.weigh(25)
    assert shop.split()["apiVersion"] == "split.smi-spec.io/v1alpha1"
    assert shop.backends() == [("demo-canary", "25"), ("demo-stable", "75")]


def test_s04_a_mesh_may_want_numbers_in_v1alpha1(shop_with: Build) -> None:
    shop = shop_with(apiVersion="v1alpha1", v1alpha1Weight="int")
    shop.weigh(25)
    assert shop.backends() == [("demo-canary", 25), ("demo-stable", 75)]


@pytest.mark.parametrize("version", ["v1alpha2", "v1alpha3", "v1alpha4"])
def test_s04_later_versions_have_numbers(shop_with: Build, version: str) -> None:
    shop = shop_with(apiVersion=version)
    shop.weigh(25)
    assert shop.split()["apiVersion"] == f"split.smi-spec.io/{version}"
    assert shop.backends() == [("demo-canary", 25), ("demo-stable", 75)]


def a_root() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "demo-root", "namespace": "shop"}, "spec": {}}


def test_s05_root_and_name_are_as_configured(shop: Any) -> None:
    shop.cluster.apply(a_root())
    shop.given = {"rootService": "demo-root", "trafficSplitName": "ts"}
    shop.weigh(25)
    assert shop.split("ts")["spec"]["service"] == "demo-root"


def test_s05_a_root_that_changed_is_followed(shop: Any) -> None:
    shop.weigh(25)
    shop.cluster.apply(a_root())
    shop.given = {"rootService": "demo-root"}
    shop.written()
    shop.weigh(25)
    assert shop.written() == [("patch", {"spec": {"service": "demo-root"}})]


def test_s06_further_destinations_stand_between_canary_and_stable(shop: Any) -> None:
    shop.weigh(25, Destination("demo-exp", 5))
    assert shop.backends() == [("demo-canary", 25), ("demo-exp", 5), ("demo-stable", 70)]
    assert shop.weights() == {"demo": Weights(25, additional=(Destination("demo-exp", 5),))}
    shop.weigh(25)
    assert shop.backends() == [("demo-canary", 25), ("demo-stable", 75)]


def test_a_root_that_is_not_there_is_told(shop: Any) -> None:
    """The mesh would split nobody's requests, without a word."""
    shop.given = {"rootService": "demo-root"}
    (problem,) = shop.problems()
    assert (problem.path, problem.missing) == (f"{PATH}.rootService", True)
    with pytest.raises(NotFound, match="demo-root"):
        shop.weigh(25)
    assert shop.written() == []


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param({**OWNER, "uid": "u-2"}, id="another-uid"),
        pytest.param({**OWNER, "kind": "Canary", "uid": "u-3"}, id="another-kind"),
        pytest.param(None, id="nobody"),
    ],
)
def test_s07_a_split_of_somebody_else_is_left_alone(shop: Any, owner: dict[str, Any] | None) -> None:
    shop.cluster.apply(a_split(owner=owner))
    with pytest.raises(OwnershipError, match=r"^Rollout does not own TrafficSplit `demo`"):
        shop.weigh(25)
    assert shop.written() == []
    (problem,) = shop.problems()
    assert problem.path == f"{PATH}.trafficSplitName"
    assert not shop.clean_up()


def test_s08_another_version_is_refused_when_the_plugin_is_loaded() -> None:
    selection = PluginSelection(settings={"smi": {"apiVersion": "v1beta1"}})
    (record,) = load_objects({"smi": Smi}, selection).plugins
    assert "Unsupported TrafficSplit API version `v1beta1`" in record.error


def test_s09_matches_are_preserved(shop_with: Build) -> None:
    shop = shop_with(apiVersion="v1alpha3")
    matches = [{"kind": "HTTPRouteGroup", "name": "ios-users", "apiGroup": "specs.smi-spec.io"}]
    shop.cluster.apply(a_split("v1alpha3", matches=matches))
    shop.weigh(25)
    assert shop.split()["spec"]["matches"] == matches
    assert shop.backends() == [("demo-canary", 25), ("demo-stable", 75)]


def test_s09_what_others_put_on_a_backend_is_preserved(shop: Any) -> None:
    shop.weigh(0)
    shop.change(
        {"backends": [{"service": "demo-canary", "weight": 0, "x": 1}, {"service": "demo-stable", "weight": 100}]}
    )
    shop.weigh(25)
    assert shop.split()["spec"]["backends"][0] == {"service": "demo-canary", "weight": 25, "x": 1}


def test_s10_a_forbidden_creation_is_told_and_writes_nothing(shop: Any) -> None:
    shop.cluster.fail("create", Forbidden("trafficsplits.split.smi-spec.io is forbidden", code=403))
    with pytest.raises(Forbidden, match=r"trafficsplits\.split\.smi-spec\.io") as caught:
        shop.weigh(0)
    assert shop.written() == []
    said = "TrafficSplit `demo` failed creation: trafficsplits.split.smi-spec.io is forbidden"
    assert told_by(caught.value) == (Event("TrafficSplitNotCreated", said, "Warning"),)


def test_s11_a_version_that_is_not_served_is_an_error_until_it_is(shop: Any) -> None:
    said = "the server could not find the requested resource (post trafficsplits.split.smi-spec.io)"
    shop.cluster.fail("create", NotFound(said, code=404, reason="NotFound"))
    with pytest.raises(NotFound, match="could not find the requested resource") as caught:
        shop.weigh(25)
    told = f"TrafficSplit `demo` failed creation: {said}"
    assert told_by(caught.value) == (Event("TrafficSplitNotCreated", told, "Warning"),)
    shop.weigh(25)
    assert [verb for verb, _ in shop.written()] == ["create"]


def test_s12_an_edit_by_hand_is_repaired(shop: Any) -> None:
    shop.weigh(20)
    shop.change({"backends": [{"service": "demo-canary", "weight": 1}, {"service": "demo-stable", "weight": 99}]})
    shop.written()
    shop.weigh(20)
    backends = [{"service": "demo-canary", "weight": 20}, {"service": "demo-stable", "weight": 80}]
    assert shop.written() == [("patch", {"spec": {"backends": backends}})]


def test_s12_and_s13_the_split_is_watched(shop: Any) -> None:
    (ref,) = shop.facade.reads("smi", shop.target)
    assert (ref.kind, ref.name, ref.required) == (kind_of("v1alpha2"), "demo", False)


def test_s13_a_deleted_split_comes_back_at_its_weight(shop: Any) -> None:
    shop.weigh(25)
    shop.cluster.remove(kind_of("v1alpha2"), "shop", "demo")
    shop.written()
    shop.weigh(25)
    assert [verb for verb, _ in shop.written()] == ["create"]
    assert shop.backends() == [("demo-canary", 25), ("demo-stable", 75)]


def test_s14_an_experiment_is_one_patch_without_an_event(shop: Any) -> None:
    shop.weigh(20)
    shop.written()
    done = shop.weigh(20, Destination("demo-exp", 5))
    assert [verb for verb, _ in shop.written()] == ["patch"]
    assert shop.backends() == [("demo-canary", 20), ("demo-exp", 5), ("demo-stable", 75)]
    assert done.events == ()


def test_it_can_what_the_capability_matrix_says() -> None:
    assert Smi.can == {Capability.WEIGHTS, Capability.EXPERIMENT}


def test_clean_up_deletes_the_split(shop: Any) -> None:
    shop.weigh(25)
    assert shop.clean_up()
    assert shop.cluster.contents() == {}
    assert not shop.clean_up()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, 0, id="missing"),
        pytest.param("500m", 0.5, id="milli"),
        pytest.param("25.5", 25.5, id="decimal"),
        pytest.param("1k", None, id="suffix"),
        pytest.param(True, None, id="boolean"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_weight_counts_what_the_mesh_counts(value: object, expected: float | None) -> None:
    assert number_of(value) == expected


def test_weights_that_are_no_whole_numbers_are_not_read_back(shop: Any) -> None:
    shop.weigh(25)
    shop.change({"backends": [{"service": "demo-canary", "weight": "500m"}, {"service": "demo-stable", "weight": 1}]})
    assert shop.weights() == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"rootService": "a.b"}, "must be the name of a Service", id="root"),
        pytest.param({"trafficSplitName": "Demo"}, "must be the name of an object", id="name"),
    ],
)
def test_names_that_cannot_be_are_refused(shop: Any, given: dict[str, str], said: str) -> None:
    shop.given = given
    (text,) = shop.texts()
    assert text.startswith(f"{PATH}.{next(iter(given))}: ")
    assert said in text


def test_the_canary_as_root_is_refused(shop: Any) -> None:
    shop.given = {"rootService": "demo-canary"}
    assert ["the root is what clients call" in problem.detail for problem in shop.problems()] == [False, True]
