"""The acceptance table of Traefik, and what its section of the specification says besides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.errors import NotFound, Rejected, SpecError
from tidegate.hooks import Capability, Event, Weights
from tidegate.hooks.flush import told_by
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import PluginSelection
from tidegate_testkit.stage import Stage
from tidegate_testkit.traffic import TrafficCase
from tidegate_traefik import Traefik
from tidegate_traefik.weighted import kind_of

README = Path(__file__).parents[1] / "README.md"
KIND = kind_of("traefik.io")
STABLE = {"name": "demo-stable", "kind": "Service", "port": 80, "weight": 100}
CANARY = {"name": "demo-canary", "port": 80, "weight": 0}
FIELD = "weightedTraefikServiceName"
Manifest = dict[str, Any]


def a_stage(*services: Manifest, **spec: Any) -> Stage:
    """A TraefikService with these entries, in front of the router, which has no rights but its own."""
    manifest = {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "TraefikService",
        "metadata": {"name": "web"},
        "spec": spec or {"weighted": {"services": list(services)}},
    }
    stage = TrafficCase(Traefik, {FIELD: "web"}, [manifest], lambda _: None).start()
    stage.cluster.rules = stage.facade.rules()
    return stage


def entries(stage: Stage) -> list[Manifest]:
    found = stage.cluster.find(KIND, "default", "web")
    assert found is not None
    services: list[Manifest] = found["spec"]["weighted"]["services"]
    return services


def patches(stage: Stage) -> list[Manifest]:
    return [each.body for each in stage.written() if each.verb == "patch"]


def test_t01_a_list_without_the_canary_is_refused_and_nothing_is_written() -> None:
    stage = a_stage(STABLE)
    with pytest.raises(SpecError, match="traefik canary service was not found"):
        stage.weigh(25)
    assert stage.written() == []
    (problem,) = stage.problems()
    assert problem.path == f"{stage.path}.{FIELD}"
    assert problem.detail.startswith("traefik canary service was not found")


def test_a_list_without_stable_is_refused_and_nothing_is_written() -> None:
    stage = a_stage(CANARY)
    with pytest.raises(SpecError, match="traefik stable service was not found"):
        stage.weigh(25)
    assert stage.written() == []


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"mirroring": {"name": "demo-stable"}}, id="another-kind-of-service"),
        pytest.param({"weighted": {}}, id="no-list"),
        pytest.param({"weighted": {"services": []}}, id="empty-list"),
        pytest.param({"weighted": None}, id="null"),
    ],
)
def test_a_service_without_a_weighted_list_is_refused(spec: Manifest) -> None:
    stage = a_stage(**spec)
    with pytest.raises(SpecError, match=r"spec\.weighted\.services was not found in traefik service manifest"):
        stage.weigh(25)
    assert stage.written() == []


def test_a_weight_is_one_patch_of_two_numbers() -> None:
    stage = a_stage(STABLE, CANARY)
    stage.weigh(25)
    services = [{**STABLE, "weight": 75}, {**CANARY, "weight": 25}]
    assert patches(stage) == [{"spec": {"weighted": {"services": services}}}]


def test_the_same_weight_writes_nothing() -> None:
    stage = a_stage(STABLE, CANARY)
    stage.weigh(25)
    stage.written()
    stage.weigh(25)
    assert stage.written() == []


def test_a_canary_without_a_weight_gets_a_0_because_a_missing_one_counts_as_1() -> None:
    stage = a_stage(STABLE, {"name": "demo-canary", "port": 80})
    assert stage.facade.get_weights(stage.name, stage.target, stage.cluster) == {}
    stage.weigh(0)
    assert [each["weight"] for each in entries(stage)] == [100, 0]


def test_entries_of_others_and_what_stands_beside_a_weight_stay() -> None:
    other = {"name": "legacy", "kind": "TraefikService", "weight": 3}
    stage = a_stage(other, {**STABLE, "sticky": {"cookie": {}}}, CANARY)
    stage.weigh(40)
    assert entries(stage) == [other, {**STABLE, "sticky": {"cookie": {}}, "weight": 60}, {**CANARY, "weight": 40}]


@pytest.mark.parametrize(
    "namesake",
    [
        pytest.param({"name": "demo-canary", "kind": "TraefikService", "weight": 7}, id="a-traefik-service"),
        pytest.param({"name": "demo-canary", "namespace": "elsewhere", "port": 80, "weight": 7}, id="a-namespace"),
    ],
)
def test_a_namesake_that_is_another_thing_is_left_alone(namesake: Manifest) -> None:
    stage = a_stage(namesake, STABLE, {**CANARY, "namespace": "default"})
    stage.weigh(25)
    assert [each["weight"] for each in entries(stage)] == [7, 75, 25]


def test_a_service_that_is_listed_twice_is_refused_because_its_share_would_double() -> None:
    stage = a_stage(STABLE, CANARY, {**CANARY, "port": 81})
    with pytest.raises(SpecError, match="stands 2 times"):
        stage.weigh(25)
    assert stage.written() == []


def test_a_service_that_is_missing_is_told_and_awaited() -> None:
    stage = a_stage(STABLE, CANARY)
    stage.cluster.remove(KIND, "default", "web")
    (problem,) = stage.problems()
    assert problem.missing
    assert problem.detail == 'traefikservices.traefik.io "web" not found'
    with pytest.raises(NotFound, match=r'traefikservices\.traefik\.io "web" not found'):
        stage.weigh(25)


def test_a_refused_write_is_told_by_the_event_that_clients_know() -> None:
    stage = a_stage(STABLE, CANARY)
    stage.cluster.fail("patch", Rejected("weights must not change on a Friday", code=422, reason="Invalid"))
    with pytest.raises(Rejected) as caught:
        stage.weigh(25)
    assert told_by(caught.value) == (
        Event("TraefikServiceUpdateError", "weights must not change on a Friday", "Warning"),
    )


def test_the_weights_are_read_back() -> None:
    stage = a_stage(STABLE, CANARY)
    stage.weigh(25)
    assert stage.facade.get_weights(stage.name, stage.target, stage.cluster) == {"web": Weights(25)}


def test_the_former_group_is_an_option_and_another_is_refused_at_start() -> None:
    former = {"apiVersion": "traefik.containo.us/v1alpha1", "kind": "TraefikService", "metadata": {"name": "web"}}
    manifest = {**former, "spec": {"weighted": {"services": [STABLE, CANARY]}}}
    case = TrafficCase(Traefik, {FIELD: "web"}, [manifest], lambda _: None)
    stage = replace(case, settings={"apiGroup": "traefik.containo.us"}).start()
    stage.weigh(25)
    found = stage.cluster.find(kind_of("traefik.containo.us"), "default", "web")
    assert found is not None
    assert found["spec"]["weighted"]["services"][1]["weight"] == 25
    selection = PluginSelection(settings={"traefik": {"apiGroup": "traefik.example"}})
    (record,) = load_objects({"traefik": Traefik}, selection).plugins
    assert "apiGroup" in record.error


def test_clean_up_gives_everything_back_to_stable_and_keeps_the_object() -> None:
    stage = a_stage(STABLE, CANARY)
    stage.weigh(25)
    assert stage.clean_up() == 1
    assert [each["weight"] for each in entries(stage)] == [100, 0]


def test_clean_up_leaves_a_list_alone_that_no_longer_names_both() -> None:
    stage = a_stage(STABLE)
    assert stage.clean_up() == 0


def test_it_can_what_the_capability_matrix_says() -> None:
    assert Traefik.can == {Capability.WEIGHTS}


@pytest.mark.parametrize("name", ["", "Web", "a/b", "a" * 254])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    stage = a_stage(STABLE, CANARY)
    (problem,) = stage.facade.configure("traefik", {FIELD: name}, stage.path).problems
    assert problem.path == f"{stage.path}.{FIELD}"


def test_the_example_of_the_readme_is_sound() -> None:
    blocks = README.read_text().split("```yaml\n")[1:]
    manifests = [each for block in blocks for each in yaml.safe_load_all(block.partition("```")[0])]
    found = {each["kind"]: each for each in manifests if "kind" in each}
    canary = found["Rollout"]["spec"]["strategy"]["canary"]
    services = {"stable_service": canary["stableService"], "canary_service": canary["canaryService"]}
    config = canary["trafficRouting"]["traefik"]
    stage = TrafficCase(Traefik, config, [found["TraefikService"]], lambda _: None, **services).start()
    assert stage.problems() == ()
    assert stage.weigh(25).wrote
