"""The acceptance table of Ambassador, and what its section of the specification says besides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.errors import NotFound, OwnershipError, Pending, Rejected, SpecError
from tidegate.hooks import Capability, Weights
from tidegate_ambassador import Ambassador
from tidegate_ambassador.draining import SINCE
from tidegate_ambassador.mapping import MAPPING, canary_name
from tidegate_testkit.stage import Stage
from tidegate_testkit.traffic import TrafficCase

README = Path(__file__).parents[1] / "README.md"
NOON = "2026-01-01T12:00:00.000+00:00"
Manifest = dict[str, Any]
Begin = Callable[..., Stage]


def a_mapping(name: str = "web", service: str = "demo-stable:80", **spec: Any) -> Manifest:
    metadata = {"name": name, "namespace": "default"}
    whole = {"host": "web.example", "prefix": "/", "service": service, **spec}
    return {"apiVersion": "getambassador.io/v2", "kind": "Mapping", "metadata": metadata, "spec": whole}


def a_service(name: str) -> Manifest:
    spec = {"selector": {"app": "app"}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def a_rollout() -> Manifest:
    """A canary of the Mapping `web` that stays at 25 until it is told otherwise."""
    canary = {
        "stableService": "demo-stable",
        "canaryService": "demo-canary",
        "trafficRouting": {"ambassador": {"mappings": ["web"]}},
        "steps": [{"setWeight": 25}, {"pause": {}}],
    }
    pods = {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": [{"name": "main", "image": "app:v1"}]}}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "app"}},
        "template": pods,
        "strategy": {"canary": canary},
    }
    metadata = {"name": "app", "namespace": "default"}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": metadata, "spec": spec}


@pytest.fixture
def begin(noon: Any, timed: Any) -> Begin:
    """`begin(mapping, …)`: the mappings, in front of the router, which has no rights but its own, at noon."""

    def build(*mappings: Manifest, **changes: Any) -> Stage:
        given = mappings or (a_mapping(),)
        names = [each["metadata"]["name"] for each in given]
        stage = TrafficCase(timed(noon), {"mappings": names, **changes}, given, lambda _: None).start()
        stage.cluster.rules = stage.facade.rules()
        return stage

    return build


def canary(stage: Stage, mapping: str = "web") -> Manifest | None:
    return stage.cluster.find(MAPPING, "default", canary_name(mapping))


def spec_of(stage: Stage, mapping: str = "web") -> Manifest:
    found = canary(stage, mapping)
    assert found is not None, f"no canary of {mapping}"
    return dict(found["spec"])


def verbs(stage: Stage) -> list[tuple[str, str]]:
    return [(each.verb, each.name) for each in stage.written()]


def test_m01_the_canary_is_closed_then_awaited_for_5_s_then_deleted(begin: Begin, noon: Any) -> None:
    stage = begin()
    stage.weigh(25)
    stage.written()
    stage.weigh(0)
    (closed,) = stage.written()
    assert (closed.verb, closed.body) == ("patch", {"spec": {"weight": 0}, "metadata": {"annotations": {SINCE: NOON}}})
    with pytest.raises(Pending) as caught:
        stage.weigh(0)
    assert caught.value.after_s == 5
    noon.advance(4.9)
    with pytest.raises(Pending) as caught:
        stage.weigh(0)
    assert caught.value.after_s == pytest.approx(0.1)
    assert stage.written() == []
    noon.advance(0.1)
    stage.weigh(0)
    assert verbs(stage) == [("delete", "web-canary")]
    stage.weigh(0)
    assert stage.written() == []


def test_m01_the_wait_is_the_queues_and_not_the_workers(shop: Any) -> None:
    """Through a whole controller: the pass that waits ends at once, and is made again when the 5 s are over."""
    mapping = {**a_mapping(), "apiVersion": "getambassador.io/v3alpha1"}
    shop.sandbox.apply([a_service("demo-stable"), a_service("demo-canary"), mapping, a_rollout()])
    shop.start()
    shop.until(lambda: shop.phase() == "Healthy", tick_s=1)
    assert shop.weight() is None, "a canary without a share has a Mapping"
    shop.edit(lambda rollout: rollout["spec"]["template"]["spec"]["containers"][0].update(image="app:v2"))
    shop.until(lambda: shop.weight() == 25, tick_s=1)
    assert shop.get(MAPPING.resource, "web-canary")["apiVersion"] == "getambassador.io/v3alpha1"

    shop.edit(lambda rollout: rollout["status"].update(abort=True), "status")
    shop.until(lambda: shop.weight() == 0)
    closed = shop.sandbox.clock.now()
    assert shop.engine.queue.wait_idle(5), "a worker is kept waiting"
    shop.sandbox.advance(4.9)
    assert shop.engine.queue.wait_idle(5)
    assert shop.weight() == 0, "deleted before its time"
    shop.until(lambda: shop.weight() is None, tick_s=0.1)
    assert (shop.sandbox.clock.now() - closed).total_seconds() < 6


def test_a_canary_is_a_copy_with_the_canary_service_and_a_weight(begin: Begin) -> None:
    stage = begin(a_mapping(timeout_ms=4000, labels={"ambassador": []}))
    stage.weigh(25)
    (made,) = stage.written()
    assert (made.verb, made.name) == ("create", "web-canary")
    assert made.body["metadata"]["ownerReferences"] == [stage.target.owner]
    expected = {"host": "web.example", "prefix": "/", "timeout_ms": 4000, "labels": {"ambassador": []}}
    assert made.body["spec"] == {**expected, "service": "demo-canary:80", "weight": 25}


def test_a_new_weight_is_one_patch_and_the_same_one_is_nothing(begin: Begin) -> None:
    stage = begin()
    stage.weigh(25)
    stage.written()
    stage.weigh(50)
    assert [each.body for each in stage.written()] == [{"spec": {"weight": 50}}]
    stage.weigh(50)
    assert stage.written() == []


def test_a_weight_of_0_without_a_canary_makes_none(begin: Begin) -> None:
    stage = begin()
    stage.weigh(0)
    assert stage.written() == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("demo-stable", "demo-canary", id="name"),
        pytest.param("https://demo-stable:443", "https://demo-canary:443", id="scheme-and-port"),
        pytest.param("demo-stable.default", "demo-canary.default", id="namespace"),
        pytest.param(
            "demo-stable.default.svc.cluster.local:80", "demo-canary.default.svc.cluster.local:80", id="domain"
        ),
    ],
)
def test_the_service_is_replaced_wherever_it_is_in_the_address(begin: Begin, given: str, expected: str) -> None:
    stage = begin(a_mapping(service=given))
    stage.weigh(25)
    assert spec_of(stage)["service"] == expected


@pytest.mark.parametrize("given", ["demo-stable-2:80", "x-demo-stable", "demo-stable.shop:80", "", "shop:80"])
def test_a_mapping_that_leads_elsewhere_is_refused(begin: Begin, given: str) -> None:
    stage = begin(a_mapping(service=given))
    with pytest.raises(SpecError, match="Mapping web leads to"):
        stage.weigh(25)
    assert [problem.path for problem in stage.problems()] == [f"{stage.path}.mappings[0]"]
    assert stage.written() == []


@pytest.mark.parametrize("weight", [0, 10])
def test_a_mapping_that_has_a_weight_is_refused(begin: Begin, weight: int) -> None:
    stage = begin(a_mapping("api"), a_mapping("web", weight=weight))
    with pytest.raises(SpecError, match='Ambassador mapping "web" can not define weight'):
        stage.weigh(25)
    (problem,) = stage.problems()
    assert problem.path == f"{stage.path}.mappings[1]"
    assert problem.detail.startswith('Ambassador mapping "web" can not define weight')
    assert stage.written() == []


def test_a_mapping_that_is_missing_is_told_and_awaited(begin: Begin) -> None:
    stage = begin(a_mapping("api"), a_mapping("web"))
    stage.cluster.remove(MAPPING, "default", "web")
    (problem,) = stage.problems()
    assert problem.missing
    assert problem.path == f"{stage.path}.mappings[1]"
    with pytest.raises(NotFound, match=r'mappings\.getambassador\.io "web" not found'):
        stage.weigh(25)
    assert stage.written() == []


def test_a_canary_whose_mapping_is_gone_is_still_closed(begin: Begin) -> None:
    stage = begin()
    stage.weigh(25)
    stage.cluster.remove(MAPPING, "default", "web")
    stage.weigh(0)
    assert spec_of(stage)["weight"] == 0


@pytest.mark.parametrize("owner", [None, {"kind": "Rollout", "name": "other", "uid": "u-9", "controller": True}])
def test_a_canary_of_somebody_else_is_left_alone(begin: Begin, owner: Manifest | None) -> None:
    stage = begin()
    theirs = a_mapping("web-canary", weight=7)
    theirs["metadata"]["ownerReferences"] = [owner] if owner else []
    stage.cluster.apply(theirs)
    for weight in (25, 0):
        with pytest.raises(OwnershipError, match="Mapping `web-canary` is controlled by"):
            stage.weigh(weight)
    assert [problem.path for problem in stage.problems()] == [f"{stage.path}.mappings[0]"]
    assert stage.clean_up() == 0
    assert stage.written() == []


def test_all_mappings_are_driven_although_one_cannot_be_written(begin: Begin) -> None:
    stage = begin(a_mapping("api"), a_mapping("web"))
    stage.weigh(25)
    stage.written()
    stage.cluster.fail("patch", Rejected("not on a Friday", code=422, reason="Invalid"))
    with pytest.raises(Rejected, match="not on a Friday"):
        stage.weigh(50)
    assert verbs(stage) == [("patch", "web-canary")]


def test_a_canary_that_is_late_is_closed_while_another_waits(begin: Begin, noon: Any) -> None:
    stage = begin(a_mapping("api"), a_mapping("web"))
    stage.weigh(25)
    stage.weigh(0)
    noon.advance(2)
    stage.cluster.edit(MAPPING, "default", "web-canary", {"spec": {"weight": 25}})
    stage.written()
    stage.weigh(0)
    assert verbs(stage) == [("patch", "web-canary")]
    with pytest.raises(Pending) as caught:
        stage.weigh(0)
    assert caught.value.after_s == 3, "the nearer of the two moments"
    noon.advance(3)
    stage.weigh(0)
    assert [each for each in verbs(stage) if each[0] == "delete"] == [("delete", "api-canary")]


def test_a_weight_within_the_5_s_opens_the_same_canary_again(begin: Begin, noon: Any) -> None:
    stage = begin()
    stage.weigh(25)
    stage.weigh(0)
    stage.written()
    noon.advance(3)
    stage.weigh(10)
    (opened,) = stage.written()
    assert opened.body == {"spec": {"weight": 10}, "metadata": {"annotations": {SINCE: None}}}
    stage.weigh(0)
    with pytest.raises(Pending) as caught:
        stage.weigh(0)
    assert caught.value.after_s == 5, "the 5 s begin anew"


@pytest.mark.parametrize(
    "note",
    [
        pytest.param({}, id="none"),
        pytest.param({SINCE: "yesterday"}, id="nonsense"),
        pytest.param({SINCE: "2026-01-01T11:00:00"}, id="no-zone"),
        pytest.param({SINCE: "2099-01-01T00:00:00+00:00"}, id="the-future"),
    ],
)
def test_a_canary_at_0_of_which_nobody_knows_since_when_waits_from_now(begin: Begin, note: dict[str, str]) -> None:
    stage = begin()
    found = a_mapping("web-canary", service="demo-canary:80", weight=0)
    found["metadata"] |= {"ownerReferences": [stage.target.owner], "annotations": note}
    stage.cluster.apply(found)
    stage.weigh(0)
    assert verbs(stage) == [("patch", "web-canary")]
    with pytest.raises(Pending) as caught:
        stage.weigh(0)
    assert caught.value.after_s == 5


def test_a_new_process_goes_on_from_the_note(begin: Begin, noon: Any, timed: Any) -> None:
    first = begin()
    first.weigh(25)
    first.weigh(0)
    noon.advance(5)
    second = TrafficCase(timed(noon), {"mappings": ["web"]}, [], lambda _: None).start()
    second.cluster = first.cluster
    second.weigh(0)
    assert canary(second) is None


def test_a_canary_follows_its_mapping(begin: Begin) -> None:
    stage = begin()
    stage.weigh(25)
    stage.cluster.edit(MAPPING, "default", "web", {"spec": {"prefix": "/shop/", "service": "demo-stable:81"}})
    stage.written()
    stage.weigh(25)
    assert [each.body for each in stage.written()] == [{"spec": {"prefix": "/shop/", "service": "demo-canary:81"}}]


def test_labels_that_hosts_select_by_are_copied_and_those_of_tools_are_not(begin: Begin) -> None:
    base = a_mapping()
    base["metadata"]["labels"] = {"host": "web", "app.kubernetes.io/instance": "shop", "helm.sh/chart": "shop-1"}
    base["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    stage = begin(base)
    stage.weigh(25)
    found = canary(stage)
    assert found is not None
    assert found["metadata"]["labels"] == {"host": "web"}
    assert "annotations" not in found["metadata"]


def test_a_long_name_is_cut_before_the_suffix() -> None:
    assert canary_name("m" * 250) == "m" * 246 + "-canary"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        pytest.param(["m" * 250, "m" * 251], "would be the one of", id="two-of-one-name"),
        pytest.param(["web", "web-canary"], "would be the one of", id="a-canary-that-is-listed"),
        pytest.param(["m" * 245 + ".mm"], "no valid name", id="a-dot-at-the-cut"),
    ],
)
def test_canaries_that_cannot_be_called_so_are_refused(begin: Begin, names: list[str], said: str) -> None:
    stage = begin(*map(a_mapping, names))
    with pytest.raises(SpecError, match=said):
        stage.weigh(25)
    assert said in stage.problems()[0].detail
    assert stage.written() == []


@pytest.mark.parametrize(
    "mappings", [[], ["web", "web"], ["Web"], [""], ["a" * 254]], ids=["none", "twice", "capital", "empty", "long"]
)
def test_a_config_that_cannot_be_is_refused_with_its_field(begin: Begin, mappings: list[str]) -> None:
    stage = begin()
    (problem,) = stage.facade.configure("ambassador", {"mappings": mappings}, stage.path).problems
    assert problem.path == f"{stage.path}.mappings"


def test_the_weights_are_read_back(begin: Begin) -> None:
    stage = begin(a_mapping("api"), a_mapping("web"))
    stage.weigh(25)
    read = stage.facade.get_weights(stage.name, stage.target, stage.cluster)
    assert read == {"api-canary": Weights(25), "web-canary": Weights(25)}
    stage.cluster.edit(MAPPING, "default", "web-canary", {"spec": {"weight": "25"}})
    assert stage.facade.get_weights(stage.name, stage.target, stage.cluster) == {"api-canary": Weights(25)}


def test_clean_up_closes_and_deletes_the_canaries(begin: Begin) -> None:
    stage = begin()
    stage.weigh(25)
    stage.written()
    assert stage.clean_up() == 2
    assert verbs(stage) == [("patch", "web-canary"), ("delete", "web-canary")]


def test_it_can_what_the_capability_matrix_says() -> None:
    assert Ambassador.can == {Capability.WEIGHTS}


def test_the_example_of_the_readme_is_sound() -> None:
    blocks = README.read_text().split("```yaml\n")[1:]
    manifests = [each for block in blocks for each in yaml.safe_load_all(block.partition("```")[0])]
    found = {each["kind"]: each for each in manifests if "kind" in each}
    strategy = found["Rollout"]["spec"]["strategy"]["canary"]
    services = {"stable_service": strategy["stableService"], "canary_service": strategy["canaryService"]}
    config = strategy["trafficRouting"]["ambassador"]
    stage = TrafficCase(Ambassador, config, [found["Mapping"]], lambda _: None, **services).start()
    assert stage.problems() == ()
    assert stage.weigh(25).wrote
