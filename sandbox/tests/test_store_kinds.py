"""Defaults and refusals of the built-in kinds, as a real server's clients see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest, Invalid
from tidegate_sandbox.store import Store

Deployments = Callable[..., Manifest]


def causes_of(store: Store, resource: str, manifest: Manifest) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        store.create(resource, manifest)
    return {cause.field: cause.message for cause in caught.value.causes}


def ingress(*paths: Manifest) -> Manifest:
    return {"metadata": {"name": "i"}, "spec": {"rules": [{"host": "a.b", "http": {"paths": list(paths)}}]}}


def service(**spec: Any) -> Manifest:
    return {"metadata": {"name": "web"}, "spec": spec}


def test_a_deployment_gets_its_defaults(store: Store, a_deployment: Deployments) -> None:
    spec = store.create("deployments.apps", a_deployment())["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    pod = spec["template"]["spec"]
    assert (pod["restartPolicy"], pod["terminationGracePeriodSeconds"], pod["dnsPolicy"]) == (
        "Always",
        30,
        "ClusterFirst",
    )
    assert pod["containers"][0]["terminationMessagePath"] == "/dev/termination-log"


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("app", "Always"),
        ("app:latest", "Always"),
        ("app:1", "IfNotPresent"),
        ("host:5000/app", "Always"),
        ("app@sha256:0", "IfNotPresent"),
    ],
)
def test_only_floating_images_are_always_pulled(store: Store, image: str, policy: str) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": image}]}}
    assert store.create("pods", pod)["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_a_pod_starts_pending(store: Store) -> None:
    limits = {"cpu": "1", "memory": "1Gi"}
    container = {"name": "c", "image": "i", "resources": {"limits": limits, "requests": limits}}
    made = store.create("pods", {"metadata": {"name": "p"}, "spec": {"containers": [container]}})
    assert made["status"] == {"phase": "Pending", "qosClass": "Guaranteed"}


def test_probes_and_ports_get_their_defaults(store: Store) -> None:
    container = {
        "name": "c",
        "image": "i",
        "ports": [{"containerPort": 80}],
        "readinessProbe": {"httpGet": {"port": 80}},
        "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    }
    spec = {"containers": [container], "volumes": [{"name": "v"}, {"name": "w", "configMap": {"name": "x"}}]}
    made = store.create("pods", {"metadata": {"name": "p"}, "spec": spec})["spec"]
    kept = made["containers"][0]
    assert kept["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert kept["readinessProbe"]["httpGet"] == {"port": 80, "path": "/", "scheme": "HTTP"}
    assert kept["readinessProbe"]["failureThreshold"] == 3
    assert kept["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert made["volumes"] == [
        {"name": "v", "emptyDir": {}},
        {"name": "w", "configMap": {"name": "x", "defaultMode": 420}},
    ]


def test_services_get_different_addresses_and_keep_them(store: Store) -> None:
    first = store.create("services", service(ports=[{"port": 80}]))
    other = store.create("services", {"metadata": {"name": "api"}, "spec": {"ports": [{"port": 80}]}})
    assert first["spec"]["clusterIP"] != other["spec"]["clusterIP"]
    assert first["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    again = store.update("services", service(ports=[{"port": 81}]))
    assert again["spec"]["clusterIP"] == first["spec"]["clusterIP"]


def test_a_headless_service_has_no_address(store: Store) -> None:
    assert store.create("services", service(clusterIP="None"))["spec"]["clusterIPs"] == ["None"]


def test_a_node_port_survives_an_update(store: Store) -> None:
    made = store.create("services", service(type="NodePort", ports=[{"port": 80}]))
    port = made["spec"]["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767
    again = store.update("services", service(type="NodePort", ports=[{"port": 80}], selector={"a": "b"}))
    assert again["spec"]["ports"][0]["nodePort"] == port


def test_the_address_of_a_service_never_changes(store: Store) -> None:
    store.create("services", service(ports=[{"port": 80}]))
    with pytest.raises(Invalid, match="may not change once set"):
        store.update("services", service(ports=[{"port": 80}], clusterIP="10.96.200.200"))


def test_string_data_of_a_secret_ends_up_encoded(store: Store) -> None:
    made = store.create("secrets", {"metadata": {"name": "s"}, "stringData": {"key": "value"}})
    assert (made["data"], made["type"]) == ({"key": "dmFsdWU="}, "Opaque")
    assert "stringData" not in made


def test_a_job_selects_its_own_pods(store: Store) -> None:
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}
    made = store.create("jobs.batch", {"metadata": {"name": "j"}, "spec": spec})
    uid = made["metadata"]["uid"]
    assert made["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert made["spec"]["template"]["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "j"
    assert (made["spec"]["completions"], made["spec"]["parallelism"], made["spec"]["backoffLimit"]) == (1, 1, 6)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"replicas": -1}, "spec.replicas", "Invalid value: -1: must be greater than or equal to 0"),
        ({"selector": None}, "spec.selector", "Required value"),
        (
            {"selector": {"matchLabels": {"x": "y"}}},
            "spec.template.metadata.labels",
            'Invalid value: {"app":"web"}: `selector` does not match template `labels`',
        ),
        (
            {"strategy": {"type": "Sudden"}},
            "spec.strategy.type",
            'Unsupported value: "Sudden": supported values: "Recreate", "RollingUpdate"',
        ),
        (
            {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
            "spec.template.spec.containers",
            "Required value",
        ),
        (
            {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}},
            "spec.template.spec.containers[0].image",
            "Required value",
        ),
    ],
    ids=["replicas", "no selector", "selector", "strategy", "no containers", "no image"],
)
def test_a_deployment_is_refused_with_the_field_at_fault(
    store: Store, a_deployment: Deployments, change: Manifest, field: str, message: str
) -> None:
    assert causes_of(store, "deployments.apps", a_deployment(**change))[field] == message


def test_the_selector_of_a_deployment_is_immutable(store: Store, a_deployment: Deployments) -> None:
    store.create("deployments.apps", a_deployment())
    changed = a_deployment()
    changed["spec"]["selector"]["matchLabels"]["x"] = "y"
    changed["spec"]["template"]["metadata"]["labels"] = {"app": "web", "x": "y"}
    with pytest.raises(Invalid, match=r"spec\.selector: .*field is immutable"):
        store.update("deployments.apps", changed)


def test_a_running_pod_changes_its_images_alone(store: Store) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    made = store.create("pods", pod)
    made["spec"]["containers"][0]["image"] = "i:2"
    made = store.update("pods", made)
    made["spec"]["containers"][0]["command"] = ["sh"]
    with pytest.raises(Invalid, match="pod updates may not change fields other than"):
        store.update("pods", made)


@pytest.mark.parametrize(
    ("manifest", "field", "message"),
    [
        (service(), "spec.ports", "Required value"),
        (
            service(ports=[{"port": 0}]),
            "spec.ports[0].port",
            "Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (service(ports=[{"port": 1}, {"port": 2}]), "spec.ports[1].name", "Required value"),
        (service(type="ExternalName"), "spec.externalName", "Required value"),
        (
            service(ports=[{"port": 1, "targetPort": "Http"}]),
            "spec.ports[0].targetPort",
            'Invalid value: "Http": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        ),
    ],
    ids=["no ports", "port 0", "unnamed", "external", "target port"],
)
def test_a_service_is_refused_with_the_field_at_fault(
    store: Store, manifest: Manifest, field: str, message: str
) -> None:
    assert causes_of(store, "services", manifest)[field] == message


BACKEND = {"service": {"name": "web", "port": {"number": 80}}}


@pytest.mark.parametrize(
    ("manifest", "field", "message"),
    [
        ({"metadata": {"name": "i"}, "spec": {}}, "spec", "either `defaultBackend` or `rules` must be specified"),
        (
            ingress({"path": "/", "backend": BACKEND}),
            "spec.rules[0].http.paths[0].pathType",
            "pathType must be specified",
        ),
        (
            ingress({"path": "x", "pathType": "Prefix", "backend": BACKEND}),
            "spec.rules[0].http.paths[0].path",
            "must be an absolute path",
        ),
        (
            ingress({"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web"}}}),
            "spec.rules[0].http.paths[0].backend",
            "port name or number is required",
        ),
    ],
    ids=["nothing", "path type", "relative", "port"],
)
def test_an_ingress_is_refused_with_the_field_at_fault(
    store: Store, manifest: Manifest, field: str, message: str
) -> None:
    assert causes_of(store, "ingresses.networking.k8s.io", manifest)[field].endswith(message)


def test_a_job_must_not_restart_always(store: Store) -> None:
    spec = {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}
    causes = causes_of(store, "jobs.batch", {"metadata": {"name": "j"}, "spec": spec})
    assert causes["spec.template.spec.restartPolicy"] == 'Required value: valid values: "OnFailure", "Never"'


@pytest.mark.parametrize(
    ("resource", "name", "problem"),
    [
        ("configmaps", "Bad_Name", "a lowercase RFC 1123 subdomain must consist of"),
        ("namespaces", "a.b", "must not contain dots"),
        ("services", "1web", "a DNS-1035 label must consist of"),
        ("configmaps", "", "name or generateName is required"),
    ],
)
def test_names_are_judged_by_kind(store: Store, resource: str, name: str, problem: str) -> None:
    manifest = {"metadata": {"name": name}, "spec": {"ports": [{"port": 1}]} if resource == "services" else {}}
    assert problem in causes_of(store, resource, manifest)["metadata.name"]


def test_labels_are_judged(store: Store) -> None:
    manifest = {"metadata": {"name": "c", "labels": {"a": "not ok"}}}
    assert (
        "a valid label must be an empty string or consist of"
        in causes_of(store, "configmaps", manifest)["metadata.labels"]
    )


def test_a_value_of_a_wrong_type_is_a_bad_request(store: Store, a_deployment: Deployments) -> None:
    with pytest.raises(BadRequest, match=r"cannot unmarshal string into Go struct field spec\.replicas of type int32"):
        store.create("deployments.apps", a_deployment(replicas="two"))


def test_an_immutable_config_map_stays_as_it_is(store: Store) -> None:
    store.create("configmaps", {"metadata": {"name": "c"}, "data": {"a": "1"}, "immutable": True})
    with pytest.raises(Invalid, match="field is immutable when `immutable` is set"):
        store.update(
            "configmaps", {"metadata": {"name": "c", "namespace": "default"}, "data": {"a": "2"}, "immutable": True}
        )


def test_several_causes_are_listed_in_one_message(store: Store, a_deployment: Deployments) -> None:
    with pytest.raises(
        Invalid, match=r'^Deployment\.apps "web" is invalid: \[spec\.replicas: .*, spec\.strategy\.type: .*\]$'
    ):
        store.create("deployments.apps", a_deployment(replicas=-1, strategy={"type": "x"}))
