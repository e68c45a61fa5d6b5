"""What a real API server makes of the kinds in deploy/crds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from realcluster.control_plane import ControlPlane, NotReady
from realcluster.rest import MERGE_PATCH, Api, ApiError

_ROOT = Path(__file__).parents[2]
_DATA = _ROOT / "core" / "tests" / "crds" / "data"
_PLURALS = {
    "Rollout": "rollouts",
    "AnalysisTemplate": "analysistemplates",
    "ClusterAnalysisTemplate": "clusteranalysistemplates",
    "AnalysisRun": "analysisruns",
    "Experiment": "experiments",
}

Manifest = dict[str, Any]


@pytest.fixture
def api(plane: ControlPlane) -> Api:
    """The API server as admin."""
    return plane.api()


@pytest.fixture
def rollouts(namespace: str) -> str:
    """The path of the test's Rollouts."""
    return f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts"


def a_rollout(name: str = "web", **canary: object) -> Manifest:
    """A small Rollout with a canary strategy."""
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name},
        "spec": {**spec, "strategy": {"canary": canary}},
    }


def documents(name: str) -> list[Manifest]:
    """Objects of a data file that have a spec."""
    read: list[Manifest] = list(yaml.safe_load_all((_DATA / name).read_text(encoding="utf-8")))
    return [one for one in read if "spec" in one]


def without_nulls(value: Any) -> Any:
    """Without fields that are null: the API server drops them, but keeps them below an open object."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def test_all_five_kinds_are_served_under_their_short_names(plane: ControlPlane) -> None:
    listed = plane.kubectl("api-resources", "--api-group=argoproj.io", "--no-headers").splitlines()
    assert sorted(line.split()[:2] for line in listed) == [
        ["analysisruns", "ar"],
        ["analysistemplates", "at"],
        ["clusteranalysistemplates", "cat"],
        ["experiments", "exp"],
        ["rollouts", "ro"],
    ]


def test_kubectl_get_shows_the_columns(plane: ControlPlane, api: Api, rollouts: str, namespace: str) -> None:
    api.call("POST", rollouts, a_rollout())
    counts = {"replicas": 3, "updatedReplicas": 1, "availableReplicas": 2}
    api.call("PATCH", f"{rollouts}/web/status", {"status": counts}, MERGE_PATCH)
    head, row = (line.split() for line in plane.kubectl("get", "ro", "-n", namespace).splitlines())
    assert head == ["NAME", "DESIRED", "CURRENT", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row[:5] == ["web", "2", "3", "1", "2"]


def test_runs_show_their_phase_and_have_no_status_subresource(plane: ControlPlane, api: Api, namespace: str) -> None:
    runs = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/analysisruns"
    run = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {"name": "run"},
        "spec": {"metrics": []},
        "status": {"phase": "Running"},
    }
    # Spec and status in one call, as clients do.
    api.call("POST", runs, run)
    api.call("PATCH", f"{runs}/run", {"spec": {"terminate": True}, "status": {"phase": "Failed"}}, MERGE_PATCH)
    assert plane.kubectl("get", "ar", "-n", namespace, "--no-headers").split()[:2] == ["run", "Failed"]


def test_a_write_to_the_object_leaves_status_alone(api: Api, rollouts: str) -> None:
    api.call("POST", rollouts, a_rollout() | {"status": {"phase": "Healthy"}})
    assert "status" not in api.call("GET", f"{rollouts}/web")
    api.call("PATCH", f"{rollouts}/web", {"status": {"phase": "Healthy"}}, MERGE_PATCH)
    assert "status" not in api.call("GET", f"{rollouts}/web")


def test_a_write_to_status_leaves_the_spec_alone_and_the_generation_too(api: Api, rollouts: str) -> None:
    api.call("POST", rollouts, a_rollout())
    body = {"spec": {"replicas": 9}, "status": {"phase": "Paused", "abort": True}}
    written = api.call("PATCH", f"{rollouts}/web/status", body, MERGE_PATCH)
    assert written["status"] == {"phase": "Paused", "abort": True}
    assert written["spec"]["replicas"] == 2
    assert written["metadata"]["generation"] == 1
    changed = api.call("PATCH", f"{rollouts}/web", {"spec": {"replicas": 3}}, MERGE_PATCH)
    assert changed["metadata"]["generation"] == 2
    assert changed["status"] == {"phase": "Paused", "abort": True}


def test_kubectl_scale_and_autoscalers_use_the_scale_subresource(
    plane: ControlPlane, api: Api, rollouts: str, namespace: str
) -> None:
    api.call("POST", rollouts, a_rollout())
    api.call("PATCH", f"{rollouts}/web/status", {"status": {"HPAReplicas": 4, "selector": "app=web"}}, MERGE_PATCH)
    plane.kubectl("scale", "rollout/web", "--replicas=5", "-n", namespace)
    assert api.call("GET", f"{rollouts}/web")["spec"]["replicas"] == 5
    scale = api.call("GET", f"{rollouts}/web/scale")
    assert scale["kind"] == "Scale"
    assert scale["spec"] == {"replicas": 5}
    assert scale["status"] == {"replicas": 4, "selector": "app=web"}


def test_the_selector_cannot_change(api: Api, rollouts: str) -> None:
    api.call("POST", rollouts, a_rollout())
    with pytest.raises(ApiError, match=r"\.spec\.selector is immutable") as refused:
        api.call("PATCH", f"{rollouts}/web", {"spec": {"selector": {"matchLabels": {"app": "other"}}}}, MERGE_PATCH)
    assert refused.value.code == 422


def test_a_selector_may_be_added_later(api: Api, rollouts: str) -> None:
    borrowed = a_rollout()
    del borrowed["spec"]["selector"]
    api.call("POST", rollouts, borrowed)
    added = api.call("PATCH", f"{rollouts}/web", {"spec": {"selector": {"matchLabels": {"app": "web"}}}}, MERGE_PATCH)
    assert added["spec"]["selector"] == {"matchLabels": {"app": "web"}}


@pytest.mark.parametrize("value", [3, "25%", "2"], ids=str)
def test_numbers_and_texts_are_both_taken(api: Api, rollouts: str, value: int | str) -> None:
    made = api.call("POST", rollouts, a_rollout(maxSurge=value, steps=[{"pause": {"duration": value}}]))
    canary = made["spec"]["strategy"]["canary"]
    assert canary == {"maxSurge": value, "steps": [{"pause": {"duration": value}}]}


def test_a_value_of_the_wrong_type_is_refused_with_its_path(api: Api, rollouts: str) -> None:
    with pytest.raises(ApiError, match=r"spec\.strategy\.canary\.trafficRouting\.nginx\.stableIngresses") as refused:
        api.call("POST", rollouts, a_rollout(trafficRouting={"nginx": {"stableIngresses": "web"}}))
    assert refused.value.code == 422


def test_a_misspelt_field_is_refused_by_kubectl(plane: ControlPlane, namespace: str) -> None:
    manifest = json.dumps(a_rollout(stepps=[]))
    with pytest.raises(NotReady, match=r'unknown field "spec\.strategy\.canary\.stepps"'):
        plane.kubectl("apply", "-n", namespace, "-f", "-", stdin=manifest)


def test_a_router_that_nobody_knows_here_survives(api: Api, rollouts: str) -> None:
    routing = {
        "contour": {"httpProxies": ["web"], "deep": [{"er": [1, None, "x"]}]},
        "plugins": {"example.com/mesh": {"anything": {"goes": [True]}}},
        "nginx": {"stableIngress": "web", "newerField": {"a": 1}},
    }
    made = api.call("POST", f"{rollouts}?fieldValidation=Strict", a_rollout(trafficRouting=routing))
    assert made["spec"]["strategy"]["canary"]["trafficRouting"] == routing


def _path(one: Manifest, namespace: str) -> str:
    scope = "" if one["kind"] == "ClusterAnalysisTemplate" else f"namespaces/{namespace}/"
    return f"/apis/argoproj.io/v1alpha1/{scope}{_PLURALS[one['kind']]}"


@pytest.mark.parametrize("source", ["recorded.yaml", "every-field.yaml"])
def test_no_field_of_a_manifest_is_lost(api: Api, namespace: str, source: str) -> None:
    lost = {}
    for number, one in enumerate(documents(source)):
        # Some names in the recordings are symbols; only the fields matter here.
        wanted = {**one, "metadata": {"name": f"object-{number}"}}
        made = api.call("POST", f"{_path(one, namespace)}?fieldValidation=Strict&dryRun=All", wanted)
        if without_nulls(made["spec"]) != without_nulls(one["spec"]):
            lost[f"{one['kind']} {one['metadata']['name']}"] = made["spec"]
    assert lost == {}


def test_no_field_of_a_status_is_lost(api: Api, rollouts: str) -> None:
    read = yaml.safe_load_all((_DATA / "recorded.yaml").read_text(encoding="utf-8"))
    recorded = [one["status"] for one in read if one["kind"] == "Rollout" and "status" in one]
    complete = [one["status"] for one in documents("every-field.yaml") if "status" in one and one["kind"] == "Rollout"]
    assert recorded
    assert complete
    api.call("POST", rollouts, a_rollout())
    path = f"{rollouts}/web/status?fieldValidation=Strict&dryRun=All"
    written = [api.call("PATCH", path, {"status": one}, MERGE_PATCH)["status"] for one in [*recorded, *complete]]
    assert written == [*recorded, *complete]


def test_null_means_absent(api: Api, rollouts: str) -> None:
    nulls = a_rollout(analysis=None, maxSurge=None)
    nulls["spec"] |= {"restartAt": None, "workloadRef": None, "paused": None}
    nulls["spec"]["template"]["metadata"]["creationTimestamp"] = None
    made = api.call("POST", f"{rollouts}?fieldValidation=Strict", nulls)
    assert set(made["spec"]) == {"replicas", "selector", "template", "strategy"}
    assert made["spec"]["strategy"] == {"canary": {}}


def test_two_appliers_of_one_pod_template_share_its_containers(
    plane: ControlPlane, api: Api, rollouts: str, namespace: str
) -> None:
    plane.kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=json.dumps(a_rollout()))
    sidecar = a_rollout()
    sidecar["spec"] = {"template": {"spec": {"containers": [{"name": "proxy", "image": "proxy:1"}]}}}
    args = ["apply", "--server-side", "--field-manager=sidecars", "-n", namespace, "-f", "-"]
    plane.kubectl(*args, stdin=json.dumps(sidecar))
    containers = api.call("GET", f"{rollouts}/web")["spec"]["template"]["spec"]["containers"]
    assert {one["name"]: one["image"] for one in containers} == {"web": "web:1", "proxy": "proxy:1"}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("rollout.spec.strategy.canary.steps", ["setWeight", "pause", "setCanaryScale", "Share of the traffic"]),
        ("rollout.spec.strategy.canary.trafficRouting.nginx", ["stableIngress", "ingress-nginx"]),
        ("analysistemplate.spec.metrics.provider.prometheus", ["query", "rangeQuery"]),
        ("experiment.spec.templates.template.spec.containers", ["image", "readinessProbe"]),
    ],
)
def test_kubectl_explains(plane: ControlPlane, field: str, expected: list[str]) -> None:
    explained = " ".join(plane.kubectl("explain", field).split())
    assert [word for word in expected if word not in explained] == []
